"""A threshold is learned where it pays, and stays at one half where that may be luck."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.naive_bayes import GaussianNB

from classifiers.calibration import Calibrated
from classifiers.threshold import METRICS, decide, learn_threshold
from tests.classifiers.patients import sample

BAYES, LINEAR = GaussianNB(), LogisticRegression()

two = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, 1)),
        # Few values, so that there are ties, at 0.5 too.
        arrays(np.float64, n, elements=st.integers(0, 20).map(lambda i: i / 20)),
        arrays(np.int64, n, elements=st.integers(0, 6)),
    )
)


@given(two, st.sampled_from(METRICS[:4]))
def test_a_learned_threshold_is_the_best_or_stays(
    each: tuple[np.ndarray, np.ndarray, np.ndarray], metric: str
) -> None:
    codes, second, groups = each
    assume(len(set(codes)) == 2)
    proba = np.column_stack([1 - second, second])
    threshold = learn_threshold(codes, proba, groups, metric)
    assert 0.01 < threshold < 0.99

    def value(t: float) -> float:
        predicted = decide(proba, t)
        hits = np.array([np.sum((codes == c) & (predicted == c)) for c in (0, 1)])
        f1 = 2 * hits / (np.bincount(codes, minlength=2) + np.bincount(predicted, minlength=2))
        return {
            "accuracy": hits.sum() / len(codes),
            "balanced_accuracy": np.mean(hits / np.bincount(codes)),
            "f1_macro": np.mean(f1),
            "f1_weighted": np.average(f1, weights=np.bincount(codes)),
        }[metric]

    if threshold != 0.5:
        best = max(value(t) for t in np.arange(1, 40) / 40)
        assert value(threshold) == pytest.approx(best)
        assert value(threshold) > value(0.5)


def test_the_threshold_stands_in_the_middle_of_the_widest_best_stretch() -> None:
    second = np.repeat([0.1, 0.2, 0.3, 0.45], 50)
    codes = np.repeat([0, 0, 1, 1], 50)
    proba = np.column_stack([1 - second, second])
    groups = np.arange(200)
    assert learn_threshold(codes, proba, groups, "f1_macro") == pytest.approx(0.25)
    codes = np.repeat([0, 1, 0, 1], 50)  # as good between 0.1 and 0.2 as between 0.3 and 0.45
    assert learn_threshold(codes, proba, groups, "accuracy") == pytest.approx(0.375)


def test_a_gain_that_hangs_on_one_patient_is_luck() -> None:
    # Between 0.1 and 0.4 stand 10 cells of one patient that would be gained, 5 that would be lost.
    second = np.repeat([0.1, 0.4], [85, 15])
    codes = np.repeat([0, 1, 0], [85, 10, 5])
    proba = np.column_stack([1 - second, second])
    cells = np.arange(100)
    patients = np.repeat([*range(17), 17, 18], [5] * 17 + [10, 5])
    assert learn_threshold(codes, proba, cells, "accuracy") == pytest.approx(0.25)
    assert learn_threshold(codes, proba, patients, "accuracy") == 0.5
    assert learn_threshold(codes, proba, np.zeros(100), "accuracy") == 0.5


@given(arrays(np.float64, (20, 2), elements=st.floats(0.001, 1)))
def test_deciding_at_one_half_is_taking_the_most_probable_class(weights: np.ndarray) -> None:
    weights[:3] = weights[:3, :1]
    proba = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(decide(proba, 0.5), proba.argmax(axis=1))


# Of a classifier


def test_a_learned_threshold_improves_rare_classes_on_new_cells() -> None:
    gains = []
    for seed in range(8):
        X, y, groups = sample(60, 8, 0.88, seed)
        X_new, y_new, _ = sample(100, 8, 0.88, 100 + seed)
        model = Calibrated(BAYES, random_state=seed).fit(X, y, groups)
        proba = model.predict_proba(X_new)
        plain = f1_score(y_new, proba.argmax(axis=1), average="macro")
        gains.append(f1_score(y_new, model.predict(X_new), average="macro") - plain)
    assert np.mean(gains) > 0.02


def test_a_threshold_comes_from_out_of_fold_cells_alone() -> None:
    X, y, groups = sample(40, 8, 0.85)
    model = Calibrated(LINEAR).fit(X, y, groups)
    assert model.threshold_ == learn_threshold(y, model.out_of_fold_, groups, "f1_macro") != 0.5
    held = Calibrated.from_fitted(LogisticRegression().fit(X, y), *sample(40, 8, 0.85, 7))
    other = Calibrated.from_fitted(LogisticRegression().fit(X, y), *sample(40, 8, 0.85, 8))
    assert held.threshold_ != other.threshold_


@pytest.mark.parametrize(
    "settings_", [{"decision": "argmax"}, {"metric": "auroc"}, {"metric": "log_loss"}, {"folds": 0}]
)
def test_a_threshold_that_is_not_asked_for_stays(settings_: dict[str, Any]) -> None:
    X, y, groups = sample(40, 8, 0.85)
    model = Calibrated(LINEAR, **settings_).fit(X, y, groups)
    assert model.threshold_ == 0.5
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X).argmax(axis=1))


def test_predict_decides_by_the_threshold() -> None:
    X, y, groups = sample(40, 8, 0.85)
    names = np.array(["common", "rare"])
    model = Calibrated(LINEAR).fit(X, names[y], groups)
    proba = model.predict_proba(X)
    above = (proba[:, 1] > model.threshold_).astype(int)
    assert (above != proba.argmax(axis=1)).any()
    np.testing.assert_array_equal(model.decide(proba), above)
    np.testing.assert_array_equal(model.predict(X), names[above])
