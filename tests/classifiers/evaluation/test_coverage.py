"""What is left of the cells when only the sure ones are accepted, judged on unseen groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from classifiers.estimate import Estimate
from classifiers.evaluation.coverage import (
    _verdict,
    areas,
    coverage_against_risk,
    lowest_confidence,
)
from classifiers.evaluation.resamples import Resamples

CASES = {"n": st.integers(2, 60), "levels": st.integers(1, 30), "seed": st.integers(0, 2**31)}


def planted(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of two classes drawn from their own probabilities."""
    rng = np.random.default_rng(seed)
    p = rng.beta(0.3, 0.3, n)
    return (rng.random(n) < p).astype(int), np.column_stack([1 - p, p])


@given(**CASES)
def test_the_area_is_the_mean_error_over_all_coverages(n: int, levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    wrong = (rng.random(n) < 0.4).astype(float)
    confidence = rng.integers(0, levels, n) / levels
    resamples = Resamples.of(rng.integers(0, 5, n), seed)
    found = areas(wrong, confidence, resamples)
    for column in range(min(4, len(found))):
        times = resamples.draws[resamples.codes, column].astype(int)
        w, c = np.repeat(wrong, times), np.repeat(confidence, times)
        assert_allclose(found[column], np.mean([w[c >= each].mean() for each in c]))


@given(**CASES, wish=st.sampled_from([0.0, 0.05, 0.3, 1.0]))
def test_no_lower_confidence_keeps_the_wish(n: int, levels: int, seed: int, wish: float) -> None:
    rng = np.random.default_rng(seed)
    wrong, confidence = (rng.random(n) < 0.3).astype(float), rng.integers(0, levels, n) / levels
    lowest = lowest_confidence(wrong, confidence, wish)
    if np.isfinite(lowest):
        accepted = wrong[confidence >= lowest]
        assert (accepted.sum() + 1) / (len(accepted) + 1) <= wish
    for each in np.unique(confidence[confidence < lowest]):
        accepted = wrong[confidence >= each]
        assert (accepted.sum() + 1) / (len(accepted) + 1) > wish


def test_the_surer_the_better_and_the_end_is_the_plain_error() -> None:
    y, proba = planted(3000, 0)
    found = coverage_against_risk(y, proba, Resamples.of(np.arange(3000) // 10, 0), 0)
    assert len(found.curve) <= 101
    assert found.curve[-1].coverage == 1
    assert found.curve[-1].error == pytest.approx(found.error.value)
    assert found.curve[0].error < found.curve[50].error < found.curve[-1].error
    assert found.aurc.low < found.aurc.value < found.aurc.high < found.error.low
    confidence, wrong = proba.max(axis=1), proba.argmax(axis=1) != y
    for point in found.curve:
        accepted = confidence >= point.confidence
        assert point.coverage == pytest.approx(accepted.mean())
        assert point.error == pytest.approx(wrong[accepted].mean())
    coverages = [point.coverage for point in found.curve]
    assert coverages == sorted(set(coverages))


def test_wishes_are_kept_on_groups_that_did_not_set_the_confidence() -> None:
    y, proba = planted(6000, 1)
    found = coverage_against_risk(y, proba, Resamples.of(np.arange(6000) // 10, 0), 0)
    assert [each.wish for each in found.wishes] == [0.01, 0.02, 0.05]
    for each in found.wishes:
        assert each.found == 1 and each.verdict in ("met", "met within the interval")
        assert each.error.value == pytest.approx(each.wish, rel=0.25)
        assert each.coverage.low < each.coverage.value < each.coverage.high
        assert each.error.low < each.wish < each.error.high
    shares = [each.coverage.value for each in found.wishes]
    assert shares == sorted(shares)


def test_a_promise_learned_by_heart_is_not_believed() -> None:
    # Confidence says nothing: in sample some confidence always keeps the wish for a few cells.
    rng = np.random.default_rng(3)
    y, p = rng.integers(0, 2, 600), rng.random(600)
    found = coverage_against_risk(
        y, np.column_stack([1 - p, p]), Resamples.of(np.arange(600) // 4, 0), 0
    )
    for each in found.wishes:
        assert each.verdict in ("not reachable", "not met") and each.coverage.value < 0.05


def test_all_right_all_wrong_and_one_group() -> None:
    y = np.arange(400) % 2
    groups = np.arange(400) // 4
    right = coverage_against_risk(y, np.eye(2)[y], Resamples.of(groups, 0), 0)
    assert right.error.value == right.aurc.value == 0 and right.error.high > 0
    for each in right.wishes:
        assert (each.verdict, each.coverage.value, each.error.value) == ("met", 1, 0)
        assert each.error.high == pytest.approx(1 - 0.025**0.01)
    wrong = coverage_against_risk(y, np.eye(2)[1 - y], Resamples.of(groups, 0), 0)
    for each in wrong.wishes:
        assert (each.found, each.verdict, each.confidence) == (0, "not reachable", None)
        assert each.coverage.value == 0 and each.error.value is None
    alone = coverage_against_risk(y, np.eye(2)[y], Resamples.of(np.zeros(400), 0), 0)
    assert alone.wishes == [] and "one group" in alone.note
    for each in (right, wrong, alone):
        assert "NaN" not in each.model_dump_json()


def test_few_cells_cannot_promise_much() -> None:
    # Of 100 cells, all right, each half has 50: enough for 2 %, not for 1 %.
    y = np.arange(100) % 2
    found = coverage_against_risk(y, np.eye(2)[y], Resamples.of(np.arange(100), 0), 0)
    assert [each.verdict for each in found.wishes] == ["not reachable", "met", "met"]


def test_a_wish_is_judged_by_what_new_groups_keep() -> None:
    # Two groups are wrong throughout: a half without them accepts them in the other half.
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 50)
    bad = np.isin(groups, rng.permutation(60)[:2])
    p = np.where(bad, 0.99, 0.01)
    y = np.zeros(3000, dtype=int)
    found = coverage_against_risk(y, np.column_stack([1 - p, p]), Resamples.of(groups, 0), 0)
    two, five = found.wishes[1:]
    assert five.verdict == "met" and five.coverage.value > 0.7
    # Halves with both groups, or with one, promise nothing.
    assert two.verdict == "not reachable" and 0 < two.found < 0.5
    assert two.error.value > 0.02


@pytest.mark.parametrize(
    ("low", "value", "share", "verdict"),
    [
        (0.01, 0.02, 1.0, "met"),
        (0.02, 0.03, 1.0, "met within the interval"),
        (0.03, 0.04, 1.0, "not met"),
        (0.01, 0.02, 0.4, "not reachable"),
    ],
)
def test_verdicts(low: float, value: float, share: float, verdict: str) -> None:
    assert _verdict(Estimate(value=value, low=low, high=0.1), 0.02, share) == verdict
