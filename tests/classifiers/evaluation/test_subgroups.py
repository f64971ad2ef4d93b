"""Subsets of the test cells: what makes one worse, and what does not."""

import numpy as np
import pytest

from classifiers.evaluation.stress_parts import Subset
from classifiers.evaluation.subgroups import LEAST, MOST, THIRDS, by_thirds, subgroups

N, K = 600, 3


def _judged(wrong: np.ndarray, y: np.ndarray, names: np.ndarray, seed: int = 0) -> list[Subset]:
    decided = np.where(wrong, (y + 1) % K, y)
    return subgroups(y, decided, np.arange(len(y)).astype(str), K, {"source": names}, seed)


def test_a_subset_where_errors_gather_is_told() -> None:
    rng = np.random.default_rng(0)
    y, names = rng.integers(K, size=N), np.where(np.arange(N) % 4 == 0, "bad", "good")
    wrong = rng.random(N) < np.where(names == "bad", 0.3, 0.05)
    bad, good = _judged(wrong, y, names)
    assert (bad.name, bad.worse) == ("bad", True)
    assert (good.name, good.worse) == ("good", False)
    assert bad.gap.value < -0.1 < 0 < good.gap.value
    assert bad.n + good.n == N


def test_more_of_a_difficult_class_makes_no_subset_worse() -> None:
    # Half of class 0 is wrong in both subsets alike, but "hard" is mostly class 0.
    y = np.repeat([0, 0, 1, 1], [200, 40, 20, 180])
    names = np.repeat(["hard", "easy", "hard", "easy"], [200, 40, 20, 180])
    wrong = (np.arange(len(y)) % 2 == 0) & (y == 0)
    easy, hard = _judged(wrong, y, names)
    assert hard.accuracy.value < easy.accuracy.value - 0.3
    assert hard.gap.value == pytest.approx(0, abs=1e-12)
    assert not hard.worse


def test_chance_alone_seldom_makes_a_subset_worse() -> None:
    told = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        y, names = rng.integers(K, size=200), rng.integers(4, size=200).astype(str)
        told += any(each.worse for each in _judged(rng.random(200) < 0.15, y, names, seed))
    assert told <= 10  # of 100; 5 would be expected at most of exact intervals


def test_what_all_cells_share_is_no_property_and_small_subsets_are_passed_over() -> None:
    y = np.arange(60) % K
    wrong = np.zeros(60, dtype=bool)
    assert _judged(wrong, y, np.full(60, "one")) == []
    names = np.array(["a"] * 30 + ["b"] * (30 - LEAST + 1) + ["few"] * (LEAST - 1), dtype=object)
    assert [each.name for each in _judged(wrong, y, names)] == ["a", "b"]
    unknown = np.where(np.arange(60) < 30, "a", "").astype(object)
    assert _judged(wrong, y, unknown) == []


def test_of_many_subsets_the_largest_are_shown() -> None:
    sizes = LEAST + np.arange(MOST + 5)
    names = np.repeat([f"s{number}" for number in range(len(sizes))], sizes)
    y = np.arange(len(names)) % K
    shown = {each.name for each in _judged(np.zeros(len(y), dtype=bool), y, names)}
    assert shown == {f"s{number}" for number in range(5, MOST + 5)}


def test_numbers_become_thirds_unless_they_are_few() -> None:
    values = np.random.default_rng(0).normal(size=300)
    names = by_thirds(values)
    middles = [values[names == name].mean() for name in THIRDS]
    assert middles == sorted(middles)
    assert {int((names == name).sum()) for name in THIRDS} == {100}
    few = by_thirds(np.array([90.0, 75.0, np.nan, 90.0]), "\u00a0px")
    assert few.tolist() == ["90\u00a0px", "75\u00a0px", "", "90\u00a0px"]
