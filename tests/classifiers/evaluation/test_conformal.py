"""Prediction sets hold the true class as often as they were meant to."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from classifiers.evaluation.conformal import conformal_sets, lac_limits
from classifiers.evaluation.parts import PredictionSets
from classifiers.evaluation.resamples import Resamples

NAMES = ("a", "b", "c")


def cells(n: int, rng: np.random.Generator, rare: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Codes of three classes, one of them rare and hard, and overconfident probabilities."""
    y = rng.choice(3, n, p=[0.5, 0.5 - rare, rare])
    scores = rng.normal(size=(n, 3))
    scores[np.arange(n), y] += np.array([2.0, 2.0, 0.7])[y]
    proba = np.exp(2 * scores)
    return y, proba / proba.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("n", [30, 150])
def test_coverage_is_at_least_the_level_and_hardly_more(level: float, n: int) -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(800):
        limits = lac_limits(*cells(n, rng), level, by_class=False)
        y, proba = cells(200, rng)
        held.append((proba >= limits)[np.arange(200), y].mean())
    error = np.std(held) / np.sqrt(len(held))
    assert level - 3 * error <= np.mean(held) <= level + 1 / (n + 1) + 3 * error


def test_limits_by_class_hold_in_each_class_where_one_limit_does_not() -> None:
    rng = np.random.default_rng(1)
    rare: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(300):
        known, seen = cells(400, rng), cells(400, rng)
        for by_class, held in rare.items():
            members = seen[1] >= lac_limits(*known, 0.9, by_class)
            held.append(members[seen[0] == 2, 2].mean())
    assert np.mean(rare[False]) < 0.8
    assert 0.89 <= np.mean(rare[True]) <= 0.93


def test_too_few_cells_give_every_class() -> None:
    y, proba = np.zeros(8, dtype=int), np.eye(3)[np.zeros(8, dtype=int)]
    assert_array_equal(lac_limits(y, proba, 0.9, by_class=False), -np.inf)
    y, proba = np.zeros(9, dtype=int), np.eye(3)[np.zeros(9, dtype=int)]
    assert_array_equal(lac_limits(y, proba, 0.9, by_class=True), [1, -np.inf, -np.inf])


def chosen(sets: list[PredictionSets], level: float, by_class: bool) -> PredictionSets:
    [found] = [each for each in sets if (each.level, each.by_class) == (level, by_class)]
    return found


def test_the_check_sees_the_coverage_on_other_groups() -> None:
    y, proba = cells(3000, np.random.default_rng(2))
    found = conformal_sets(y, proba, NAMES, Resamples.of(np.arange(3000) // 10, 0), 0)
    assert len(found.sets) == 4 and found.note == ""
    for each in found.sets:
        assert each.coverage.low - 0.01 <= each.level <= each.coverage.high
        assert each.coverage.value == pytest.approx(each.level, abs=0.015)
        assert each.empty + each.single + each.multiple == pytest.approx(1)
        assert 1 <= each.size.low <= each.size.value <= each.size.high <= 3
        assert tuple(each.coverage_by_class) == NAMES
    narrow, wide = chosen(found.sets, 0.9, False), chosen(found.sets, 0.95, False)
    assert narrow.size.value < wide.size.value and narrow.single > wide.single
    assert narrow.coverage_by_class["c"].high < 0.9
    by_class = chosen(found.sets, 0.9, True)
    assert by_class.coverage_by_class["c"].value == pytest.approx(0.9, abs=0.04)


def test_cells_of_one_patient_are_not_taken_for_new_ones() -> None:
    # Each patient's cells are alike: half of the cells say little of the other half's patients.
    rng = np.random.default_rng(4)
    y, proba = (np.repeat(each, 100, axis=0) for each in cells(8, rng))
    found = conformal_sets(y, proba, NAMES, Resamples.of(np.repeat(np.arange(8), 100), 0), 0)
    narrow = chosen(found.sets, 0.9, False)
    assert narrow.coverage.high - narrow.coverage.low > 0.2 or narrow.coverage.value == 1


def test_sets_are_checked_on_groups_that_did_not_calibrate_them() -> None:
    # What suits the easy group is too narrow for the hard one, and the other way round too wide.
    y, hard = np.zeros(100, dtype=int), np.arange(100) < 50
    own = np.where(hard, 0.4, 0.8)
    found = conformal_sets(y, np.column_stack([own, 1 - own]), ("a", "b"), Resamples.of(hard, 0), 0)
    assert chosen(found.sets, 0.9, False).coverage.value == 0.5


def test_a_sure_classifier_gives_single_classes_and_may_be_right_always() -> None:
    y = np.arange(180) % 2
    found = conformal_sets(y, np.eye(2)[y], ("a", "b"), Resamples.of(np.arange(180) // 3, 0), 0)
    for each in found.sets:
        assert each.single == each.coverage.value == each.size.value == 1
        assert each.coverage.low == pytest.approx(0.025 ** (1 / 60))


def test_less_sure_than_any_limit_is_an_empty_set() -> None:
    y = np.arange(200) % 3
    proba = np.eye(3)[y]
    proba[:6] = 1 / 3
    found = conformal_sets(y, proba, NAMES, Resamples.of(np.arange(200), 0), 0)
    assert chosen(found.sets, 0.9, False).empty == pytest.approx(6 / 200)


def test_a_class_without_cells_and_one_group() -> None:
    y, proba = cells(50, np.random.default_rng(5), rare=0)
    found = conformal_sets(y, proba, NAMES, Resamples.of(np.arange(50), 0), 0)
    assert all(each.coverage_by_class["c"].value is None for each in found.sets)
    alone = conformal_sets(y, proba, NAMES, Resamples.of(np.zeros(50), 0), 0)
    assert alone.sets == [] and "one group" in alone.note
    for each in (found, alone):
        assert "NaN" not in each.model_dump_json()
