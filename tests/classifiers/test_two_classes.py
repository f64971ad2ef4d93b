"""Rounds of two classes: what the learned threshold decides is what is learned and scored."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression

from classifiers.calibration import Calibrated
from classifiers.metrics import confusion_by_group, from_confusion
from classifiers.selftraining import SelfTraining
from classifiers.threshold import centred, decide


def rare(seed: int, n: int = 700) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One cell in seven is positive, and hard to tell; two in three are unlabelled."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.15).astype(int)
    X = rng.normal(0, 1, (n, 4)) + truth[:, None] * 0.7
    return X, np.where(rng.random(n) < 0.66, -1, truth), truth


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.81])
def test_centred_probabilities_decide_as_the_threshold_does(threshold: float) -> None:
    second = np.random.default_rng(0).random(500)
    proba = np.column_stack([1 - second, second])
    moved = centred(proba, threshold)
    np.testing.assert_allclose(moved.sum(axis=1), 1)
    assert_array_equal(moved.argmax(axis=1), decide(proba, threshold))
    assert_array_equal(np.argsort(moved[:, 1]), np.argsort(second))


def test_three_classes_have_no_threshold() -> None:
    proba = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    assert centred(proba, 0.2) is proba


def test_pseudo_labels_are_what_the_model_decides() -> None:
    moved = 0
    for seed in range(4):
        X, y, _ = rare(seed)
        plain = Calibrated(LogisticRegression()).fit(X[y >= 0], y[y >= 0])
        trainer = SelfTraining(
            Calibrated(LogisticRegression()), threshold=0, growth=1, balanced=False, rounds=1
        ).fit(X, y)
        assert_array_equal(trainer.rounds_[1].pseudo_labels, plain.predict(X[y < 0]))
        moved += plain.threshold_ != 0.5
    assert moved  # or the test shows nothing


def test_rounds_are_scored_by_what_the_model_decides() -> None:
    X, y, _ = rare(1)
    some = y >= 0
    trainer = SelfTraining(Calibrated(LogisticRegression()), rounds=1).fit(X, y)
    plain = Calibrated(LogisticRegression()).fit(X[some], y[some])
    decided = plain.decide(plain.out_of_fold_)
    confusion = confusion_by_group(y[some], decided, np.zeros(some.sum(), dtype=int), 2)[0]
    assert trainer.rounds_[0].score == pytest.approx(from_confusion(confusion)["f1_macro"])
