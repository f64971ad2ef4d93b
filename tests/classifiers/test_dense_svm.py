"""The support vector machine on a dense network's features."""

from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers import dense_svm
from classifiers.dense import Dense
from classifiers.dense_svm import SPEC, DenseSVM
from classifiers.svm import SVM
from tests.classifiers.sharing import (
    a_fold,
    assert_first_and_grid_are_points_of_the_search_space,
    assert_sharing_changes_nothing,
    cells,
    random_params,
)


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    return {
        "check_class_weight_classifiers": "class_weight is None or balanced; one machine a class "
        "against the rest gives a dictionary of weights no meaning",
        "check_methods_subset_invariance": "a float32 product depends in its seventh digit on how "
        "many rows are asked for together",
    }


@parametrize_with_checks(
    [DenseSVM(hidden=(16,), epochs=20)], expected_failed_checks=expected_failures, legacy=True
)
def test_conformance(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), classes=st.sampled_from([2, 3, 5]))
def test_sharing_the_network_changes_nothing(seed: int, classes: int) -> None:
    assert_sharing_changes_nothing(SPEC, a_fold(classes), random_params(SPEC, seed))


@pytest.mark.parametrize("rows", [119, 120])
def test_a_network_is_trained_once_a_fold_and_seed(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(dense_svm, "SHARED_ROWS", rows)  # with and without shared distances
    trained = []
    monkeypatch.setattr(
        "classifiers.dense_svm.Dense", lambda **of: trained.append(of) or Dense(**of)
    )
    fold = a_fold()
    assert SPEC.share is not None
    params = [random_params(SPEC, seed) for seed in range(8)]
    found = [SPEC.share(fold, each, 3) for each in params for _ in range(2)]
    assert all((train.shape[1] == 120) == (rows == 120) for _, train, _ in found)
    assert [each["hidden"] for each in trained] in ([(64,), (128,)], [(128,), (64,)])
    SPEC.share(fold, params[0], 4)
    assert [each["random_state"] for each in trained] == [3, 3, 4]
    assert_sharing_changes_nothing(SPEC, fold, params[0])


def test_it_is_the_machine_on_standardised_features() -> None:
    X, y = cells(120)
    new = cells(50, seed=1)[0]
    groups = np.arange(120) // 6
    machine = DenseSVM((16,), C=2.0, gamma=0.1, random_state=5).fit(X, y, groups)
    dense = Dense((16,), random_state=5).fit(X, y, groups)
    scaler = StandardScaler().fit(dense.hidden_features(X))
    svm = SVM(2.0, gamma=0.1).fit(scaler.transform(dense.hidden_features(X)), y)
    expected = svm.decision_function(scaler.transform(dense.hidden_features(new)))
    assert_allclose(machine.decision_function(new), expected, atol=1e-9)
    assert_array_equal(machine.predict(new), expected.argmax(axis=1))
    assert_allclose(machine.predict_proba(new).sum(axis=1), 1, atol=1e-12)


def test_early_stopping_gets_the_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = cells(120)
    groups = np.arange(120) // 6
    seen = []

    class Watched(Dense):
        def fit(self, X: np.ndarray, y: np.ndarray, groups: Any = None) -> "Watched":
            seen.append(groups)
            return super().fit(X, y, groups)

    monkeypatch.setattr(dense_svm, "Dense", Watched)
    DenseSVM((16,), epochs=2).fit(X, y, groups)
    fold = a_fold()
    assert SPEC.share is not None
    SPEC.share(fold, random_params(SPEC, 0), 0)
    assert_array_equal(seen[0], groups)
    assert_array_equal(seen[1], fold.groups)


def test_it_survives_the_disk() -> None:
    X, y = cells(60)
    machine = DenseSVM((16,), epochs=5).fit(X, y)
    names = [f"classifiers.{name}" for name in ("dense.Dense", "dense_svm.DenseSVM", "svm.SVM")]
    back = skops.io.loads(skops.io.dumps(machine), trusted=names)
    assert_array_equal(back.decision_function(X), machine.decision_function(X))


def test_first_and_grid_are_points_of_the_search_space() -> None:
    assert_first_and_grid_are_points_of_the_search_space(SPEC)
