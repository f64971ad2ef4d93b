"""Calibration and threshold: what they learn comes from groups that the scoring copy never saw."""

from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers.calibration import Calibrated
from classifiers.calibrators import CALIBRATORS
from classifiers.preparation import PreparedClassifier
from classifiers.scores import class_scores, softmax
from data.splits import grouped_folds
from tests.classifiers.patients import Recorder, planted, sample, with_views

LEARNED = ["temperature", "sigmoid", "isotonic"]
BAYES = GaussianNB()
LINEAR = LogisticRegression()
PREPARED = PreparedClassifier([("scale", StandardScaler()), ("classifier", BAYES)])


def expected_failures(estimator: Calibrated) -> dict[str, str]:
    reason = "one class against the rest may change the order that decision_function gives"
    checks = {"check_classifiers_train": reason}
    return checks if estimator.method == "sigmoid" else {}


@parametrize_with_checks(
    [Calibrated(PREPARED), Calibrated(BAYES, "sigmoid", folds=2)],
    expected_failed_checks=expected_failures,
    xfail_strict=True,
    legacy=True,
)
def test_conformance(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("method", LEARNED)
def test_an_overconfident_classifier_gets_a_lower_log_loss(method: str, k: int) -> None:
    # Every feature four times: naive Bayes counts the same evidence four times.
    (X, y, groups), (X_new, y_new, _) = (sample(60, 12, 1 / k, seed, k) for seed in (0, 1))
    X, X_new = np.tile(X, 4), np.tile(X_new, 4)
    before, after = (Calibrated(GaussianNB(), each).fit(X, y, groups) for each in ("none", method))
    assert after.method_ == method
    assert after.calibrated_ and not before.calibrated_
    losses = [log_loss(y_new, each.predict_proba(X_new)) for each in (before, after)]
    assert losses[1] < 0.9 * losses[0]
    assert log_loss(y, after.out_of_fold_) < log_loss(y, softmax(after.out_of_fold_scores_))


def test_small_classes_get_a_simpler_method() -> None:
    found = []
    for cells_each in (1, 4, 20):
        model = Calibrated(LINEAR, "isotonic").fit(*sample(12, cells_each))
        found.append(model.method_)
        assert (model.temperature_ is None) == (model.method_ != "temperature")
    assert found == ["temperature", "sigmoid", "isotonic"]


# Groups


@pytest.mark.parametrize("method", LEARNED)
def test_a_planted_identity_leaves_nobody_sure(method: str) -> None:
    X, y, groups = planted()
    honest = Calibrated(LINEAR, method).fit(X, y, groups)
    leaking = Calibrated(LINEAR, method).fit(X, y, np.arange(len(y)))
    assert honest.method_ == leaking.method_ == method
    assert honest.predict_proba(X).max(axis=1).mean() < 0.7
    assert leaking.predict_proba(X).max(axis=1).mean() > 0.9
    assert (honest.out_of_fold_.argmax(axis=1) == y).mean() < 0.6
    assert (leaking.out_of_fold_.argmax(axis=1) == y).mean() > 0.9


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("v", [1, 3])
def test_no_copy_scores_a_group_or_a_view_of_a_cell_that_it_was_fitted_on(
    v: int, grouped: bool
) -> None:
    # Without groups every cell has its own number.
    numbers = np.repeat(np.arange(24), 3 if grouped else 1)
    y = numbers % 2
    Recorder.pages.clear()
    X = np.repeat(numbers[:, None, None], v, axis=1) * np.ones(2)
    Calibrated(Recorder()).fit(X, y, numbers if grouped else None)
    assert len(Recorder.pages) == 3
    assert not any(seen & asked for seen, asked in Recorder.pages)
    assert all(seen | asked == set(range(24)) for seen, asked in Recorder.pages)
    assert sorted(each for _, asked in Recorder.pages for each in asked) == list(range(24))


def test_out_of_fold_scores_are_those_of_copies_fitted_without_the_fold() -> None:
    X, y, groups = sample(12, 5)
    model = Calibrated(PREPARED, folds=4, random_state=3).fit(X, y, groups)
    folds = grouped_folds(y, groups, 4, 3)
    for fold in range(4):
        held = folds == fold
        copy = clone(PREPARED).fit(X[~held], y[~held])
        np.testing.assert_array_equal(model.out_of_fold_scores_[held], class_scores(copy, X[held]))
    np.testing.assert_array_equal(model.classes_[model.codes_], y)
    np.testing.assert_array_equal(model.groups_, groups)


# Views


def test_one_view_is_no_view() -> None:
    X, y, groups = sample(12, 6, k=3)
    flat, viewed = (Calibrated(PREPARED).fit(each, y, groups) for each in (X, X[:, None]))
    assert viewed.n_features_in_ == flat.n_features_in_ == 6
    np.testing.assert_array_equal(flat.out_of_fold_, viewed.out_of_fold_)
    np.testing.assert_array_equal(flat.predict_proba(X), viewed.predict_proba(X[:, None]))
    np.testing.assert_array_equal(flat.decision_function(X), viewed.decision_function(X[:, None]))


@pytest.mark.parametrize("method", LEARNED)
def test_the_order_of_views_does_not_matter(method: str) -> None:
    X, y, groups = sample(25, 10)
    views = with_views(X)
    model = Calibrated(PREPARED, method).fit(views, y, groups)
    assert model.out_of_fold_.shape == (len(y), 2)
    turned = views[:, ::-1]
    np.testing.assert_allclose(model.predict_proba(turned), model.predict_proba(views), rtol=1e-9)
    assert not np.allclose(model.predict_proba(views[:, :1]), model.predict_proba(views))


def test_scores_of_views_are_averaged_before_calibration() -> None:
    X, y, groups = sample(12, 6)
    views = with_views(X)
    model = Calibrated(LINEAR).fit(views, y, groups)
    margins = model.estimator_.decision_function(views.reshape(-1, 6)).reshape(-1, 3).mean(axis=1)
    np.testing.assert_allclose(model.decision_function(views), margins)
    expected = 1 / (1 + np.exp(-margins / model.temperature_))
    np.testing.assert_allclose(model.predict_proba(views)[:, 1], expected)


# Few cells, few groups


@pytest.mark.parametrize("method", LEARNED)
@pytest.mark.parametrize("cells", ["one group", "two cells", "a patient a class"])
def test_where_nothing_can_be_learned_the_softmax_stands_in(method: str, cells: str) -> None:
    X, y, groups = sample(8, 4)
    if cells == "one group":
        groups = np.zeros(len(y))
    elif cells == "two cells":
        X, y, groups = X[[0, -1]], y[[0, -1]], groups[[0, -1]]
    else:
        groups = y
    model = Calibrated(LINEAR, method).fit(X, y, groups)
    assert not model.calibrated_
    assert (model.method_, model.threshold_, model.temperature_) == ("none", 0.5, None)
    plain = LogisticRegression().fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("method", LEARNED)
@pytest.mark.parametrize("k", [2, 3])
def test_a_class_of_one_patient_is_scored_as_missed_and_teaches_nothing(
    method: str, k: int
) -> None:
    X, y, groups = sample(12, 6, k=k)
    groups[y == 1] = 100
    model = Calibrated(LINEAR, method).fit(X, y, groups)
    np.testing.assert_array_equal(model.informed_[y == 1], False)
    assert (model.out_of_fold_[y == 1, 1] < 1e-3).all()
    assert np.isfinite(model.out_of_fold_).all()
    # Cells of two classes must have been told apart for anything to be learned.
    assert (model.method_, model.threshold_) == ("temperature" if k == 3 else "none", 0.5)
    assert (model.predict(X)[y == 1] == 1).mean() > 0.5


@pytest.mark.parametrize("method", LEARNED)
def test_rare_and_many_classes(method: str) -> None:
    rng = np.random.default_rng(0)
    y = np.concatenate([np.repeat(np.arange(99), 2), np.repeat(99, 3)])
    X = rng.normal(0, 1, (len(y), 4)) + 3 * rng.normal(0, 1, (100, 4))[y]
    model = Calibrated(GaussianNB(var_smoothing=0.1), method).fit(X, y, np.arange(len(y)) // 3)
    assert model.calibrated_
    for proba in (model.predict_proba(X), model.out_of_fold_):
        assert proba.shape == (len(y), 100)
        np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_three_cells_of_a_class() -> None:
    X, y, groups = sample(20, 5, k=2)
    keep = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[[0, 20, 40]]])
    model = Calibrated(LINEAR, "isotonic").fit(X[keep], y[keep], groups[keep])
    assert model.method_ == "temperature"
    assert set(model.predict(X)) <= {0, 1}


@pytest.mark.parametrize("wrong", [{"method": "platt"}, {"decision": "lower"}, {"metric": "kappa"}])
def test_unknown_settings_are_refused(wrong: dict[str, str]) -> None:
    X, y, _ = sample(6, 4)
    value = next(iter(wrong.values()))
    with pytest.raises(ValueError, match=f"'{value}'; expected one of"):
        Calibrated(LINEAR, **wrong).fit(X, y)
    with pytest.raises(ValueError, match=f"'{value}'; expected one of"):
        Calibrated.from_fitted(LogisticRegression().fit(X, y), X, y, **wrong)


# Fitted already


def test_a_fitted_estimator_is_calibrated_as_it_is() -> None:
    X, y, _ = sample(40, 8, 0.8)
    X_held, y_held, groups_held = sample(40, 8, 0.8, seed=1)
    fitted = GaussianNB().fit(np.tile(X, 3), y)
    X_held = np.tile(X_held, 3)
    model = Calibrated.from_fitted(fitted, X_held, y_held, groups_held)
    assert model.estimator_ is fitted
    assert model.calibrated_
    assert model.temperature_ > 1
    np.testing.assert_array_equal(model.out_of_fold_, model.predict_proba(X_held))
    twice = Calibrated.from_fitted(fitted, X_held[:, None], y_held, groups_held)
    np.testing.assert_array_equal(twice.predict(X_held), model.predict(X_held))


def test_held_out_cells_of_an_unknown_class_teach_nothing() -> None:
    X, y, groups = sample(20, 8)
    fitted = LogisticRegression().fit(X, 2 * y)
    alone = Calibrated.from_fitted(fitted, X, 2 * y, groups)
    for unknown in (-1, 1, 3):
        more = np.concatenate([2 * y, np.repeat(unknown, len(y))])
        model = Calibrated.from_fitted(fitted, np.tile(X, (2, 1)), more, np.tile(groups, 2))
        assert model.informed_.sum() == len(y)
        assert (model.temperature_, model.threshold_) == (alone.temperature_, alone.threshold_)


# The same each time, and after a trip to disk


def test_the_seed_decides_the_folds_and_nothing_else_does() -> None:
    X, y, groups = sample(12, 4)
    one, same, other = (
        Calibrated(LINEAR, random_state=seed).fit(X, y, groups) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.out_of_fold_, same.out_of_fold_)
    assert (one.temperature_, one.threshold_) == (same.temperature_, same.threshold_)
    assert not np.array_equal(one.out_of_fold_, other.out_of_fold_)
    np.testing.assert_array_equal(one.decision_function(X), other.decision_function(X))


@pytest.mark.parametrize("method", sorted(CALIBRATORS))
def test_a_dumped_model_gives_the_very_same_probabilities(method: str) -> None:
    X, y, groups = sample(40, 10, 0.6)
    model = Calibrated(PREPARED, method).fit(X, y, groups)
    assert model.method_ == method
    dumped = skops.io.dumps(model)
    ours = ["classifiers.calibration.Calibrated", "classifiers.preparation.PreparedClassifier"]
    assert sorted(skops.io.get_untrusted_types(data=dumped)) == ours
    loaded = skops.io.loads(dumped, trusted=ours)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
