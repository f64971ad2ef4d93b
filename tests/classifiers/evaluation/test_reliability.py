"""Losses are scikit-learn's; probabilities that can be trusted have little calibration error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.metrics import brier_score_loss, log_loss

from classifiers.evaluation.reliability import BINS, calibration, mass_bins
from classifiers.evaluation.resamples import Resamples

CASES = {"n": st.integers(2, 50), "k": st.integers(2, 4), "seed": st.integers(0, 2**31)}


def calibrated(n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes drawn from their own probabilities."""
    rng = np.random.default_rng(seed)
    proba = 0.99 * rng.dirichlet(np.full(k, 0.5), n) + 0.01 / k
    return (proba.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, k - 1), proba


def sharpened(proba: np.ndarray) -> np.ndarray:
    found = proba**3
    return found / found.sum(axis=1, keepdims=True)


def by_hand(p: np.ndarray, happened: np.ndarray) -> float:
    """Expected calibration error, bin by bin."""
    bins, error = mass_bins(p), 0.0
    for each in np.unique(bins):
        inside = bins == each
        error += inside.mean() * abs(p[inside].mean() - happened[inside].mean())
    return error


@settings(max_examples=40)
@given(**CASES)
def test_figures_are_those_of_the_formulas(n: int, k: int, seed: int) -> None:
    y, proba = calibrated(n, k, seed)
    found = calibration(y, proba, None, "temperature", Resamples.of(np.arange(n) // 2, seed))
    after = found.after
    codes = np.arange(k)
    assert after.log_loss.value == pytest.approx(log_loss(y, proba, labels=codes))
    onehot = (codes == y[:, None]).astype(float)
    assert after.brier.value == pytest.approx(
        sum(brier_score_loss(onehot[:, code], proba[:, code], pos_label=1) for code in codes)
    )
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    assert after.ece.value == pytest.approx(by_hand(confidence, right))
    classwise = np.mean([by_hand(proba[:, code], y == code) for code in codes])
    assert after.classwise_ece.value == pytest.approx(classwise)
    assert found.before is None and found.brier_gain is None
    assert sum(each.count for each in after.bins) == n
    means = np.average([each.accuracy.value for each in after.bins],
                       weights=[each.count for each in after.bins])  # fmt: skip
    assert means == pytest.approx(right.mean())
    assert "NaN" not in found.model_dump_json()


@given(n=st.integers(1, 200), levels=st.integers(1, 50), seed=st.integers(0, 2**31))
def test_bins_keep_order_and_equal_values_and_are_evenly_filled(
    n: int, levels: int, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, levels, n) / levels
    bins = mass_bins(values)
    order = np.argsort(values, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    for value in np.unique(values):
        assert len(np.unique(bins[values == value])) == 1
    assert_array_equal(np.unique(bins), np.arange(bins.max() + 1))
    assert bins.max() < BINS


def test_distinct_values_fill_ten_bins_alike() -> None:
    values = np.random.default_rng(0).permutation(1000) / 1000
    assert_array_equal(np.bincount(mass_bins(values)), 100)


def test_calibration_is_seen_and_its_gain_is_sure() -> None:
    y, proba = calibrated(4000, 3, 0)
    groups = np.arange(4000) // 20
    found = calibration(y, proba, sharpened(proba), "temperature", Resamples.of(groups, 0))
    assert found.before is not None and found.brier_gain is not None
    assert found.after.ece.value < 0.02 < 0.08 < found.before.ece.value
    assert found.after.ece.high < found.before.ece.low
    assert found.brier_gain.low > 0 and found.log_loss_gain.low > 0
    gain = found.before.brier.value - found.after.brier.value
    assert found.brier_gain.value == pytest.approx(gain)
    # Before, the surest cells are less often right than they say.
    last = found.before.bins[-1]
    assert last.accuracy.high < last.confidence
    held = [b.accuracy.low <= b.confidence <= b.accuracy.high for b in found.after.bins]
    assert sum(held) >= 8


def test_the_interval_of_a_calibration_error_holds_the_error() -> None:
    for seed in range(10):
        y, proba = calibrated(300, 2, seed)
        ece = calibration(y, proba, None, "none", Resamples.of(np.arange(300), seed)).after.ece
        assert 0 <= ece.low <= ece.value <= ece.high


def test_all_right_and_sure() -> None:
    y = np.arange(30) % 2
    found = calibration(y, np.eye(2)[y], None, "none", Resamples.of(np.arange(30), 0)).after
    assert found.brier.value == found.ece.value == found.classwise_ece.value == 0
    assert found.log_loss.value == 0
    [only] = found.bins
    assert only.count == 30 and only.accuracy.low < 1
    wrong = calibration(y, np.eye(2)[1 - y], None, "none", Resamples.of(np.arange(30), 0)).after
    assert wrong.brier.value == 2 and wrong.ece.value == 1
    assert wrong.log_loss.value == pytest.approx(-np.log(1e-6))
