"""Linear machines on chunks against scikit-learn's, and the Nystroem machine on top of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers import linear, nystroem
from classifiers.chunks import RowChunks
from classifiers.linear import LinearFit, fit_linear
from classifiers.nystroem import NystroemSVM

TIGHT = {"tol": 1e-8, "max_iter": 2000}


def labelled(n: int, d: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """float64 rows of k overlapping classes, not alike in number, columns of unequal scale."""
    rng = np.random.default_rng(seed)
    y = np.minimum(rng.geometric(0.5, n) - 1, k - 1)
    y[:k] = np.arange(k)
    centres = np.random.default_rng(99).normal(0, 1, (k, d))
    return (rng.normal(size=(n, d)) + centres[y]) * np.linspace(0.3, 3.0, d), y


def rows_of(X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> RowChunks:
    return RowChunks(X, np.arange(len(X)), y, weights, chunk=37)


def fitted_svc(X: np.ndarray, y: np.ndarray, C: float, weights: np.ndarray) -> list[LinearSVC]:
    """scikit-learn's machine of each class against the rest; a large intercept is as good as
    unpenalised."""
    targets = [y == 1] if y.max() == 1 else [y == name for name in range(y.max() + 1)]
    return [
        LinearSVC(C=C, dual=False, intercept_scaling=100, **TIGHT).fit(X, target, weights)
        for target in targets
    ]


PROBLEMS = st.tuples(
    st.integers(30, 120), st.integers(1, 6), st.integers(2, 4), st.integers(0, 99),
    st.sampled_from([0.01, 1.0, 30.0]), st.booleans(),
)  # fmt: skip


@given(PROBLEMS, st.sampled_from([None, "balanced"]))
@settings(max_examples=12)
def test_softmax_finds_the_optimum_of_logistic_regression(
    problem: tuple[int, int, int, int, float, bool], class_weight: str | None
) -> None:
    n, d, k, seed, C, weighted = problem
    X, y = labelled(n, d, k, seed)
    weights = np.random.default_rng(seed).uniform(0.1, 3, n) if weighted else None
    theirs = LogisticRegression(
        C=C, class_weight=class_weight, solver="newton-cholesky", tol=1e-10
    ).fit(X, y, weights)
    ours = fit_linear(rows_of(X, y, weights), "softmax", C, class_weight, **TIGHT)
    assert np.allclose(ours.coef, theirs.coef_, atol=2e-3, rtol=2e-3)
    found = ours.intercept - ours.intercept.mean() if k > 2 else ours.intercept
    wanted = theirs.intercept_ - theirs.intercept_.mean() if k > 2 else theirs.intercept_
    assert np.allclose(found, wanted, atol=2e-3, rtol=2e-3)


@given(PROBLEMS)
@settings(max_examples=12)
def test_squared_hinge_finds_the_optimum_of_one_machine_a_class(
    problem: tuple[int, int, int, int, float, bool],
) -> None:
    n, d, k, seed, C, weighted = problem
    X, y = labelled(n, d, k, seed)
    weights = np.random.default_rng(seed).uniform(0.1, 3, n) if weighted else np.ones(n)
    ours = fit_linear(rows_of(X, y, weights), "squared_hinge", C, **TIGHT)
    for row, machine in enumerate(fitted_svc(X, y, C, weights)):
        assert np.allclose(ours.coef[row], machine.coef_[0], atol=3e-3, rtol=3e-3)
        assert np.allclose(ours.intercept[row], machine.intercept_, atol=3e-3, rtol=3e-3)


def test_balanced_weighs_each_class_like_all_the_others_together() -> None:
    X, y = labelled(150, 4, 3)
    ours = fit_linear(rows_of(X, y), "squared_hinge", 1.0, "balanced", **TIGHT)
    for row in range(3):
        theirs = LinearSVC(dual=False, intercept_scaling=100, class_weight="balanced", **TIGHT)
        theirs.fit(X, y == row)
        assert np.allclose(ours.coef[row], theirs.coef_[0], atol=3e-3)


@pytest.fixture
def small_sample() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "SAMPLE", 200)
        yield


def passes(patch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each pass from now on."""
    seen: list[int] = []
    call = linear._Problem.__call__

    def counted(self: Any, variables: np.ndarray) -> Any:
        seen.append(sum(len(each.X) for each in self.rows))
        return call(self, variables)

    patch.setattr(linear._Problem, "__call__", counted)
    return seen


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_a_first_solution_on_a_sample_changes_no_optimum(
    small_sample: None, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    X, y = labelled(600, 5, 3)
    monkeypatch.setattr(linear, "SAMPLE", 600)
    alone: LinearFit = fit_linear(rows_of(X, y), loss, 1.0, **TIGHT)
    monkeypatch.setattr(linear, "SAMPLE", 200)
    ours = fit_linear(rows_of(X, y), loss, 1.0, **TIGHT)
    assert np.allclose(alone.coef, ours.coef, atol=1e-3)


def test_badly_scaled_rows_take_few_passes(
    small_sample: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    X, y = labelled(3000, 12, 3)
    X = X @ rng.normal(size=(12, 12)) * np.logspace(-1, 1, 12)
    seen = passes(monkeypatch)
    fit_linear(rows_of(X.astype(np.float32), y), "softmax", 1.0)
    assert seen.count(3000) < 40  # scikit-learn takes over a thousand


def test_a_class_that_the_sample_lacks_is_learned(small_sample: None) -> None:
    X, y = labelled(3000, 3, 2)
    X[-2:], y[-2:] = 50.0, 2
    ours = fit_linear(rows_of(X, y), "squared_hinge", 1.0)
    assert ours.coef.shape == (3, 3)
    assert (X[-2:] @ ours.coef.T + ours.intercept).argmax(axis=1).tolist() == [2, 2]


def test_what_cannot_be_fitted_is_said() -> None:
    X, y = labelled(60, 3, 2)
    with pytest.raises(ValueError, match="class_weight 'even'; expected None, 'balanced'"):
        fit_linear(rows_of(X, y), "softmax", 1.0, "even")
    with pytest.warns(ConvergenceWarning, match="no convergence after 1 steps"):
        fit_linear(rows_of(X, y), "softmax", 1.0, tol=1e-9, max_iter=1)
    with pytest.raises(ValueError, match="kernel 'cubic'; expected rbf or linear"):
        NystroemSVM(kernel="cubic").fit(X, y)


# The Nystroem machine


@pytest.mark.parametrize("k", [2, 3])
def test_it_is_a_linear_machine_on_the_nystroem_map(k: int) -> None:
    X, y = labelled(200, 4, k)
    ours = NystroemSVM(C=3.0, gamma=0.1, components=20).fit(X, y)
    assert len(np.unique(ours.landmarks_, axis=0)) == 20
    assert all((row == X).all(axis=1).any() for row in ours.landmarks_)
    its_map = Nystroem(gamma=0.1, n_components=20).fit(ours.landmarks_)
    machines = fitted_svc(its_map.transform(X), y, 3.0, np.ones(200))
    theirs = np.column_stack([each.decision_function(its_map.transform(X)) for each in machines])
    assert np.allclose(ours.decision_function(X).reshape(200, -1), theirs, atol=0.02)


def test_with_all_rows_as_landmarks_it_is_the_kernel_machine() -> None:
    X, y = labelled(60, 3, 2)
    ours = NystroemSVM(C=2.0, gamma=0.5, components=1000).fit(X, y)
    kernel = rbf_kernel(X, gamma=0.5)
    factor = np.linalg.cholesky(kernel + 1e-10 * np.eye(60))
    theirs = fitted_svc(factor, y, 2.0, np.ones(60))[0].decision_function(factor)
    assert np.allclose(ours.decision_function(X), theirs, atol=0.01)


def test_copies_among_the_landmarks_do_no_harm() -> None:
    X, y = labelled(80, 3, 2)
    once = NystroemSVM(components=1000).fit(X, y, np.full(80, 2.0))
    twice = NystroemSVM(components=1000).fit(np.vstack([X, X]), np.concatenate([y, y]))
    assert np.allclose(once.decision_function(X), twice.decision_function(X), atol=0.01)


def test_rows_of_no_weight_are_as_good_as_absent() -> None:
    X, y = labelled(90, 3, 2)
    weights = (np.arange(90) % 3 > 0).astype(float)
    there = weights > 0
    ours = NystroemSVM(components=10).fit(X, y, weights)
    without = NystroemSVM(components=10).fit(X[there], y[there])
    assert np.array_equal(ours.decision_function(X), without.decision_function(X))


def test_a_linear_kernel_needs_no_landmarks() -> None:
    X, y = labelled(200, 4, 3)
    ours = NystroemSVM(kernel="linear").fit(X, y)
    machines = fitted_svc(X, y, 1.0, np.ones(200))
    theirs = np.column_stack([each.decision_function(X) for each in machines])
    assert np.allclose(ours.decision_function(X), theirs, atol=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mapped_rows_that_are_not_kept_give_the_same(
    dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = labelled(300, 4, 3)
    X = X.astype(dtype)
    kept = NystroemSVM(components=50).fit(X, y)
    monkeypatch.setattr(nystroem, "KEEP", 0)
    monkeypatch.setattr(nystroem, "ROWS", 64)
    again = NystroemSVM(components=50).fit(X, y)
    assert np.allclose(kept.decision_function(X), again.decision_function(X), atol=1e-4)


def test_the_same_seed_draws_the_same_landmarks() -> None:
    X, y = labelled(200, 4, 2)
    one, same, other = (NystroemSVM(components=9, random_state=s).fit(X, y) for s in (1, 1, 2))
    assert np.array_equal(one.landmarks_, same.landmarks_)
    assert np.array_equal(one.decision_function(X), same.decision_function(X))
    assert not np.array_equal(one.landmarks_, other.landmarks_)


def test_the_most_probable_class_is_the_predicted_one() -> None:
    for k in (2, 3):
        X, y = labelled(150, 4, k)
        names = np.array(["b", "a", "c"])[y]
        machine = NystroemSVM(components=40).fit(X, names)
        proba = machine.predict_proba(X)
        assert proba.dtype == np.float64
        assert np.allclose(proba.sum(axis=1), 1.0)
        assert np.array_equal(machine.classes_[proba.argmax(axis=1)], machine.predict(X))
        assert machine.score(X, names) > 0.8


@parametrize_with_checks(
    [NystroemSVM(tol=1e-8), NystroemSVM(kernel="linear", tol=1e-8)], legacy=True
)
def test_conformance(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)
