"""The nearest neighbours, searched anew or looked up in a shared graph."""

from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers.knn import KNN, SPEC
from tests.classifiers.sharing import (
    a_fold,
    assert_first_and_grid_are_points_of_the_search_space,
    assert_sharing_changes_nothing,
    cells,
    random_params,
)


@parametrize_with_checks([KNN(), KNN(weights="distance", metric="cosine")], legacy=True)
def test_conformance(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000), classes=st.sampled_from([2, 3, 5]))
def test_sharing_neighbours_changes_nothing(seed: int, classes: int) -> None:
    assert_sharing_changes_nothing(SPEC, a_fold(classes), random_params(SPEC, seed))


def test_neighbours_are_searched_once_a_fold_and_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(
        "classifiers.knn.NearestNeighbors", lambda **of: made.append(of) or NearestNeighbors(**of)
    )
    fold = a_fold()
    for seed in range(8):
        assert_sharing_changes_nothing(SPEC, fold, random_params(SPEC, seed))
    assert len(made) == 2


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_votes_are_scikit_learns(metric: str, weights: str) -> None:
    X, y = cells(100)
    new = cells(50, seed=1)[0]
    found = KNN(7, weights, metric).fit(X, y).predict_proba(new)
    if metric == "cosine":
        X, new = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, new))
    theirs = KNeighborsClassifier(7, weights=weights).fit(X, y).predict_proba(new)
    assert found.dtype == np.float64
    assert_allclose(found, theirs, atol=1e-6)


def test_the_length_of_a_row_does_not_matter_to_the_cosine() -> None:
    X, y = cells(60)
    new = cells(30, seed=1)[0]
    machine = KNN(3, metric="cosine").fit(X, y)
    assert_array_equal(machine.predict(new), machine.predict(4 * new))
    assert np.isfinite(machine.predict_proba(np.zeros((1, 6)))).all()


@pytest.mark.parametrize("shared", [True, False])
def test_where_rows_are_few_all_of_them_vote(shared: bool) -> None:
    X, y = cells(7)
    new = cells(5, seed=1)[0]
    fold = a_fold()
    fold.train, fold.held, fold.y = X, new, y
    params = {"n_neighbors": 50, "weights": "uniform", "metric": "euclidean"}
    assert SPEC.share is not None
    machine, train, held = SPEC.share(fold, params, 0) if shared else (KNN(**params), X, new)
    proba = machine.fit(train, y).predict_proba(held)
    assert_allclose(proba, np.tile(np.bincount(y) / 7, (5, 1)))
    assert machine.get_params()["n_neighbors"] == 50


def test_the_first_class_wins_a_tie() -> None:
    machine = KNN(2).fit([[0.0], [1.0], [9.0]], ["b", "a", "a"])
    assert_array_equal(machine.predict([[0.4]]), ["a"])


def test_precomputed_distances_are_scikit_learns_convention() -> None:
    X, y = cells(60)
    new = cells(30, seed=1)[0]

    def distances(rows: np.ndarray) -> np.ndarray:
        return np.linalg.norm(rows[:, None] - X[None], axis=2)

    ready = KNN(5, "distance", "precomputed").fit(distances(X), y)
    plain = KNN(5, "distance").fit(X, y)
    assert_allclose(ready.predict_proba(distances(new)), plain.predict_proba(new), atol=1e-5)


@pytest.mark.parametrize("wrong", [{"metric": "hamming"}, {"n_neighbors": 0}, {"weights": "x"}])
def test_a_parameter_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        KNN(**wrong).fit(*cells(30))


def test_it_survives_the_disk() -> None:
    X, y = cells(60)
    machine = KNN(3).fit(X, y)
    back = skops.io.loads(skops.io.dumps(machine), trusted=["classifiers.knn.KNN"])
    assert_array_equal(back.predict_proba(X), machine.predict_proba(X))


def test_first_and_grid_are_points_of_the_search_space() -> None:
    assert_first_and_grid_are_points_of_the_search_space(SPEC)
