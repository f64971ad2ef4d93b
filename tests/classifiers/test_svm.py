"""The support vector machine: libsvm's answers, whichever way the kernel comes about."""

from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from optuna.trial import FixedTrial
from sklearn.base import BaseEstimator, clone
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers import svm
from classifiers.distances import Distances
from classifiers.nystroem import NystroemSVM
from classifiers.svm import SPEC, SVM
from tests.classifiers.sharing import (
    a_fold,
    assert_first_and_grid_are_points_of_the_search_space,
    assert_sharing_changes_nothing,
    cells,
    random_params,
)


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    if estimator.kernel == "precomputed":
        return {"check_decision_proba_consistency": "fits on features, which are no square matrix"}
    failures = {
        "check_sample_weight_equivalence_on_dense_data": "libsvm ends within a tolerance of the "
        "optimum, at other numbers for repeated rows"
    }
    if estimator.kernel == "linear":
        failures["check_class_weight_classifiers"] = (
            "class_weight is None or balanced; one machine a class against the rest gives a "
            "dictionary of weights no meaning"
        )
    return failures


@parametrize_with_checks(
    [SVM(), SVM(kernel="linear"), SVM(kernel="precomputed")],
    expected_failed_checks=expected_failures,
    xfail_strict=True,
    legacy=True,
)
def test_conformance(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


parameters = {
    "C": st.floats(0.01, 100.0),
    "gamma": st.floats(0.01, 2.0),
    "class_weight": st.sampled_from([None, "balanced"]),
}


def uneven() -> tuple[np.ndarray, np.ndarray]:
    X, y = cells(200, 2)
    kept = (y == 0) | (np.arange(200) % 4 == 1)
    return X[kept], y[kept]


@given(**parameters)
def test_two_classes_are_told_apart_as_libsvm_does(
    C: float, gamma: float, class_weight: str | None
) -> None:
    new = cells(300, 2, seed=1)[0]
    theirs = SVC(C=C, gamma=gamma, class_weight=class_weight).fit(*uneven())
    ours = SVM(C, "rbf", gamma, class_weight).fit(*uneven())
    assert_allclose(ours.decision_function(new), theirs.decision_function(new), atol=1e-6)
    assert_array_equal(ours.predict(new), theirs.predict(new))


@settings(max_examples=25)
@given(C=st.floats(0.01, 10.0), class_weight=parameters["class_weight"])
def test_the_linear_kernel_from_distances_is_libsvms(C: float, class_weight: str | None) -> None:
    new = cells(300, 2, seed=1)[0]
    theirs = SVC(C=C, kernel="linear", class_weight=class_weight).fit(*uneven())
    ours = SVM(C, "linear", None, class_weight).fit(*uneven())
    margins = theirs.decision_function(new)
    assert_allclose(ours.decision_function(new), margins, atol=5e-3)  # both are that far off
    clear = np.abs(margins) > 5e-3
    assert_array_equal(ours.predict(new)[clear], theirs.predict(new)[clear])


def test_several_classes_are_one_machine_each_against_the_rest() -> None:
    X, y = cells(120, 4)
    new = cells(60, 4, seed=1)[0]
    machine = SVM(3.0, gamma=0.2, class_weight="balanced").fit(X, y)
    margins = machine.decision_function(new)
    for code in range(4):
        alone = SVC(C=3.0, gamma=0.2, class_weight="balanced").fit(X, y == code)
        assert_allclose(margins[:, code], alone.decision_function(new), atol=5e-3)
    assert_array_equal(machine.predict(new), margins.argmax(axis=1))
    assert_array_equal(machine.predict_proba(new).argmax(axis=1), margins.argmax(axis=1))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), classes=st.sampled_from([2, 3, 5]))
def test_sharing_distances_changes_nothing(seed: int, classes: int) -> None:
    assert_sharing_changes_nothing(SPEC, a_fold(classes), random_params(SPEC, seed))


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_without_a_gamma_both_routes_take_the_same(kernel: str) -> None:
    params = {"C": 1.0, "kernel": kernel, "gamma": None, "class_weight": None}
    assert_sharing_changes_nothing(SPEC, a_fold(), params)


def test_trials_in_turn_on_one_fold_do_not_disturb_each_other() -> None:
    fold = a_fold()
    for seed in (0, 1, 2, 0, 3):
        assert_sharing_changes_nothing(SPEC, fold, random_params(SPEC, seed))


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_distances_are_computed_once_a_fold_if_there_is_room(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    made = []
    monkeypatch.setattr(
        "classifiers.distances.Distances", lambda *of: made.append(of) or Distances(*of)
    )
    fold = a_fold(limit=limit)
    for seed in range(4):
        assert_sharing_changes_nothing(SPEC, fold, random_params(SPEC, seed))
    assert len(made) == (1 if limit else 4)


def test_a_fold_of_many_rows_shares_nothing_and_scores_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(svm, "SHARED_ROWS", 119)
    fold = a_fold()
    assert_sharing_changes_nothing(SPEC, fold, random_params(SPEC, 0))
    assert SPEC.share is not None
    assert SPEC.share(fold, random_params(SPEC, 0), 0)[1] is fold.train


@settings(max_examples=20)
@given(weights=st.lists(st.integers(0, 3), min_size=60, max_size=60))
def test_a_weight_is_so_many_copies_of_a_row(weights: list[int]) -> None:
    X, y = cells(60)
    weights[:3] = [1, 1, 1]  # every class is there
    new = cells(40, seed=1)[0]
    weighed = SVM(2.0).fit(X, y, np.array(weights))
    repeated = SVM(2.0).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert_allclose(weighed.decision_function(new), repeated.decision_function(new), atol=1e-2)


def test_only_support_vectors_are_kept_and_every_row_is_predicted_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = cells(200, 2)
    X[y == 1] += 3  # far apart: most rows do not matter
    machine = SVM(10.0).fit(X, y)
    assert machine.support_vectors_.dtype == X.dtype
    assert len(machine.support_vectors_) < 100
    assert_array_equal(machine.support_vectors_, X[machine.support_])
    whole = machine.decision_function(X)
    monkeypatch.setattr(svm, "PREDICTED", 7)
    assert_allclose(machine.decision_function(X), whole, atol=1e-12)


def test_a_precomputed_kernel_is_scikit_learns_convention() -> None:
    X, y = cells(90)
    new = cells(40, seed=1)[0]
    ready = SVM(3.0, "precomputed").fit(rbf_kernel(X.astype(float), gamma=0.3), y)
    found = ready.decision_function(rbf_kernel(new.astype(float), X.astype(float), gamma=0.3))
    assert_allclose(found, SVM(3.0, gamma=0.3).fit(X, y).decision_function(new), atol=1e-9)
    with pytest.raises(ValueError, match="square"):
        SVM(kernel="precomputed").fit(X, y)


@pytest.mark.parametrize("wrong", [{"kernel": "poly"}, {"gamma": 0.0}, {"gamma": -1.0}])
def test_a_parameter_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        SVM(**wrong).fit(*cells(30))


def test_it_survives_the_disk() -> None:
    X, y = cells(60)
    machine = SVM(3.0).fit(X, y)
    back = skops.io.loads(skops.io.dumps(machine), trusted=["classifiers.svm.SVM"])
    assert_array_equal(back.decision_function(X), machine.decision_function(X))


def test_many_rows_are_approximated_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = cells(90)
    weights = np.arange(90) % 3
    asked = SVM(3.0, gamma=0.2, class_weight="balanced", random_state=5)
    assert not clone(asked).fit(X, y).approximated_
    monkeypatch.setattr(svm, "EXACT_ROWS", 59)
    machine = clone(asked).fit(X, y, weights)  # a third of the rows does not count
    assert machine.approximated_
    other = NystroemSVM(**asked.get_params()).fit(X, y, weights)
    assert_allclose(machine.decision_function(X), other.decision_function(X), atol=1e-5)
    assert_array_equal(machine.predict(X), other.predict(X))
    exact = SVM(kernel="precomputed").fit(np.eye(90), y)  # the matrix is there already
    assert not exact.approximated_
    monkeypatch.setattr(svm, "EXACT_ROWS", 60)
    assert not clone(asked).fit(X, y, weights).approximated_


def test_first_and_grid_are_points_of_the_search_space() -> None:
    assert_first_and_grid_are_points_of_the_search_space(SPEC)


def test_one_range_of_penalties_does_for_both_kernels() -> None:
    """With a small gamma the RBF machine is the linear one that the same C stands for."""
    X, y = cells(150, width=40)
    new = cells(80, width=40, seed=1)[0]
    linear = FixedTrial({"kernel": "linear", "C": 3.0, "class_weight": None})
    # The same C at gamma_times_features 0.1, but both taken towards the limit.
    rbf = SVM(3.0 * 1000, gamma=0.1 / 1000 / 40).fit(X, y)
    found = SPEC.build(SPEC.suggest(linear, 40), 0).fit(X, y).decision_function(new)
    assert_allclose(rbf.decision_function(new), found, atol=0.05)
