"""Thresholds keep what they were asked for, and rates, ratios and predictive values agree."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, roc_curve

from classifiers.estimate import Estimate
from classifiers.evaluation.operating import choose_threshold, operating_point
from classifiers.evaluation.parts import OperatingPoint
from classifiers.evaluation.ranking import rank_figures
from classifiers.evaluation.resamples import Resamples

CASES = {"n": st.integers(2, 60), "seed": st.integers(0, 2**31)}


def decided(
    sick: np.ndarray, p: np.ndarray, threshold: float = 0.5, groups: np.ndarray | None = None,
    prevalences: tuple[float, ...] = (0.01, 0.5),
) -> OperatingPoint:  # fmt: skip
    resamples = Resamples.of(np.arange(len(sick)) if groups is None else groups, 0)
    ranked = rank_figures(sick, p, resamples)
    limits = np.full(len(sick), threshold)
    return operating_point("blast", sick, p > limits, ranked, resamples, prevalences, limits)


@given(**CASES, wish=st.sampled_from([0.01, 0.5, 0.8, 0.95, 1.0]))
def test_the_highest_threshold_that_reaches_a_sensitivity(n: int, seed: int, wish: float) -> None:
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 20, n) / 19
    sick = rng.random(n) < 0.5
    sick[0] = True
    threshold = choose_threshold(sick, p, np.arange(n), wish)
    assert np.mean(p[sick] > threshold) >= wish - 1e-9
    assert np.mean(p[sick] > np.nextafter(threshold, 2)) < wish


def test_a_sensitivity_of_19_in_20_is_met_by_19_of_20() -> None:
    p = np.linspace(0.025, 0.975, 20)
    threshold = choose_threshold(np.ones(20, dtype=bool), p, np.arange(20), 0.95)
    assert np.count_nonzero(p > threshold) == 19


def test_youden_index_is_the_greatest_on_the_roc_curve() -> None:
    rng = np.random.default_rng(1)
    sick = rng.random(2000) < 0.1
    p = 1 / (1 + np.exp(-(rng.normal(size=2000) + 2 * sick - 3)))  # 0.5 calls hardly any sick
    threshold = choose_threshold(sick, p, np.arange(2000))
    false, true, _ = roc_curve(sick, p, drop_intermediate=False)
    found = np.mean(p[sick] > threshold) - np.mean(p[~sick] > threshold)
    assert found == pytest.approx((true - false).max())


def test_without_a_positive_cell_or_with_a_foolish_wish() -> None:
    none = np.zeros(4, dtype=bool)
    assert choose_threshold(none, np.linspace(0, 1, 4), np.arange(4), 0.9) == 0.5
    assert choose_threshold(none, np.linspace(0, 1, 4), np.arange(4)) == 0.5
    for wish in (0.0, 1.5):
        with pytest.raises(ValueError, match="sensitivity"):
            choose_threshold(~none, np.linspace(0, 1, 4), np.arange(4), wish)


@settings(max_examples=40)
@given(**CASES)
def test_rates_and_values_follow_from_the_four_counts(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sick, p = rng.random(n) < 0.5, rng.random(n)
    found = decided(sick, p)
    tn, fp, fn, tp = confusion_matrix(sick, p > 0.5, labels=[False, True]).ravel()
    counts = [found.true_negatives, found.false_positives]
    assert [*counts, found.false_negatives, found.true_positives] == [tn, fp, fn, tp]
    for estimate, hits, of in (
        (found.sensitivity, tp, tp + fn), (found.specificity, tn, tn + fp),
        (found.ppv, tp, tp + fp), (found.npv, tn, tn + fn),
    ):  # fmt: skip
        assert estimate.value == (pytest.approx(hits / of) if of else None)
        assert estimate.value is None or estimate.low <= estimate.value <= estimate.high
    if tp and tn and fp and fn:
        assert found.lr_positive.value == pytest.approx((tp / (tp + fn)) / (fp / (tn + fp)))
        assert found.lr_negative.value == pytest.approx((fn / (tp + fn)) / (tn / (tn + fp)))
    assert "NaN" not in found.model_dump_json() and "Infinity" not in found.model_dump_json()
    json.loads(found.model_dump_json())


@settings(max_examples=40)
@given(**CASES)
def test_by_bayes_the_own_prevalence_gives_the_own_predictive_values(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sick, p = rng.random(n) < 0.5, rng.random(n)
    sick[:2] = True, False
    found = decided(sick, p, prevalences=(float(sick.mean()),))
    at = found.at_prevalence[0]
    for derived, plain in ((at.ppv, found.ppv), (at.npv, found.npv)):
        if plain.value is not None:
            assert derived.value == pytest.approx(plain.value)


def test_a_rare_disease_is_worth_less_trust() -> None:
    sick = np.arange(400) % 2 == 0
    p = np.where(np.arange(400) % 20 < 18, sick, ~sick).astype(float)
    found = decided(sick, p, prevalences=(0.01, 0.5))
    rare, common = found.at_prevalence
    # Sensitivity and specificity of 0.9: of twelve that are called sick, one is.
    assert rare.ppv.value == pytest.approx(1 / 12)
    assert common.ppv.value == pytest.approx(0.9)
    assert rare.ppv.high is not None and rare.ppv.high < 0.2


def test_perfect_decisions_leave_room_for_error() -> None:
    sick = np.arange(40) % 2 == 0
    found = decided(sick, sick.astype(float))
    assert found.sensitivity.value == 1
    assert found.sensitivity.low == pytest.approx(0.025 ** (1 / 20))
    # Infinite, but at least as much as the intervals of both rates allow.
    low = found.sensitivity.low
    assert found.lr_positive.value is None and found.lr_positive.high is None
    assert found.lr_positive.low == pytest.approx(low / (1 - low))
    assert found.lr_negative.value == found.lr_negative.low == 0
    assert found.lr_negative.high == pytest.approx((1 - low) / low)
    rare = found.at_prevalence[0].ppv
    assert rare.value == 1 and rare.low is not None and rare.low < 0.1


def test_an_interval_may_reach_to_infinity() -> None:
    # One false positive among 30: a third of the resamples have none, and an infinite ratio.
    sick = np.arange(60) < 30
    p = np.where(sick, 0.9, 0.1)
    p[:6], p[30] = 0.1, 0.9
    found = decided(sick, p).lr_positive
    resamples = Resamples.of(np.arange(60), 0)
    tp, fp = resamples.sums(np.column_stack([sick & (p > 0.5), ~sick & (p > 0.5)]))[1:].T
    n_sick = resamples.sums(sick[:, None])[1:, 0]
    drawn = np.full(len(tp), np.inf)
    drawn[fp > 0] = ((tp / n_sick)[fp > 0]) / (fp / (60 - n_sick))[fp > 0]
    assert found.value == pytest.approx(0.8 * 30) and found.high is None
    assert np.mean(drawn < found.low) == pytest.approx(0.025, abs=0.001)
    # Where fewer than one in forty are infinite, there is an end.
    p[31:36] = 0.9
    rarely = decided(sick, p).lr_positive
    assert rarely.value == pytest.approx(4)
    assert rarely.high is not None and rarely.low < rarely.value < rarely.high


def test_all_wrong_one_class_and_one_group() -> None:
    sick = np.arange(40) % 2 == 0
    wrong = decided(sick, 1.0 - sick)
    assert wrong.sensitivity.value == wrong.ppv.value == wrong.auroc.value == 0
    ill = decided(np.ones(10, dtype=bool), np.linspace(0, 1, 10))
    assert ill.specificity.value is None and ill.lr_positive.value is None
    assert ill.auroc.value is None and ill.sensitivity.value == 0.5
    alone = decided(sick, sick.astype(float), groups=np.zeros(40))
    assert alone.sensitivity == Estimate(value=1, low=None, high=None)
    assert alone.lr_negative == Estimate(value=0, low=None, high=None)


def test_the_range_of_thresholds_is_told() -> None:
    sick, p = np.array([True, False]), np.array([0.6, 0.3])
    resamples = Resamples.of(np.arange(2), 0)
    limits, ranked = np.array([0.2, 0.7]), rank_figures(sick, p, resamples)
    found = operating_point("blast", sick, p > limits, ranked, resamples, (), limits)
    assert (found.rule, found.threshold_low, found.threshold_high) == ("threshold", 0.2, 0.7)
    argmax = operating_point("blast", sick, p > 0.5, ranked, resamples, (), None)
    assert (argmax.rule, argmax.threshold_low) == ("most probable class", None)
