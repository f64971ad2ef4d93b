"""Logistic regression: scikit-learn's, with a choice of penalty, quiet and in float64."""

from typing import Any

import numpy as np
import optuna
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers.logistic import SAGA_FEATURES, SPEC, Logistic
from tests.classifiers.sharing import (
    assert_first_and_grid_are_points_of_the_search_space,
    cells,
    random_params,
)


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    if estimator.solver == "lbfgs":
        return {}
    reason = "SAGA draws rows at random, others where rows are repeated"
    return {
        "check_sample_weight_equivalence_on_dense_data": reason,
        "check_sample_weight_equivalence_on_sparse_data": reason,
    }


@parametrize_with_checks(
    [Logistic(), Logistic(l1_ratio=0.5, solver="saga", max_iter=500, random_state=0)],
    expected_failed_checks=expected_failures,
    xfail_strict=True,
    legacy=True,
)
def test_conformance(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_scikit_learns_with_probabilities_in_float64(classes: int, dtype: type) -> None:
    X, y = cells(100, classes)
    X = X.astype(dtype)
    ours, theirs = Logistic(C=0.1).fit(X, y), LogisticRegression(C=0.1).fit(X, y)
    proba = ours.predict_proba(X)
    assert proba.dtype == ours.decision_function(X).dtype == np.float64
    assert_allclose(proba, theirs.predict_proba(X), atol=1e-5)
    assert_allclose(proba.sum(axis=1), 1, atol=1e-12)
    assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_it_says_without_a_warning_when_it_did_not_converge(l1_ratio: float) -> None:
    X, y = cells(100)
    solver = "saga" if l1_ratio else "lbfgs"
    short, long = (
        Logistic(max_iter=rounds, l1_ratio=l1_ratio, solver=solver, tol=1e-3, random_state=0)
        for rounds in (1, 1000)
    )
    assert not short.fit(X, y).converged_
    assert long.fit(X, y).converged_


def asked_for(width: int) -> set[float]:
    return {random_params(SPEC, seed, width)["l1_ratio"] for seed in range(40)}


def test_the_elastic_net_is_tried_where_features_are_few() -> None:
    assert len(asked_for(SAGA_FEATURES)) > 2
    assert asked_for(SAGA_FEATURES + 1) == {0.0}


@pytest.mark.parametrize("l1_ratio", [0.1, 0.5, 0.9])
def test_an_elastic_net_drops_features_that_say_nothing(l1_ratio: float) -> None:
    X, y = cells(200)
    X = np.hstack([X, np.random.default_rng(5).normal(size=(200, 30)).astype(np.float32)])
    params = {"C": 0.05, "class_weight": None}
    net = SPEC.build(params | {"l1_ratio": l1_ratio}, 3).fit(X, y)
    ridge = SPEC.build(params | {"l1_ratio": 0.0}, 3).fit(X, y)
    assert (ridge.coef_ != 0).all()
    assert (net.coef_[:, 6:] == 0).mean() > 0.1
    assert net.score(*cells_with_noise(1)) > 0.6


def cells_with_noise(seed: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = cells(200, seed=seed)
    noise = np.random.default_rng(seed + 9).normal(size=(200, 30))
    return np.hstack([X, noise.astype(np.float32)]), y


def test_the_same_seed_gives_the_same_model() -> None:
    X, y = cells(100)
    params = {"C": 0.1, "class_weight": "balanced", "l1_ratio": 0.5}
    once, again = (SPEC.build(params, 7).fit(X, y) for _ in range(2))
    assert once.random_state == 7
    assert_array_equal(once.coef_, again.coef_)


def test_it_survives_the_disk() -> None:
    X, y = cells(60)
    machine = Logistic().fit(X, y)
    back = skops.io.loads(skops.io.dumps(machine), trusted=["classifiers.logistic.Logistic"])
    assert_array_equal(back.predict_proba(X), machine.predict_proba(X))


def test_first_and_grid_are_points_of_the_search_space() -> None:
    assert_first_and_grid_are_points_of_the_search_space(SPEC)


def test_the_first_guess_fits_any_width() -> None:
    for width in (SAGA_FEATURES, SAGA_FEATURES + 1):
        found = SPEC.suggest(optuna.trial.FixedTrial(SPEC.first), width)
        assert found == SPEC.first
