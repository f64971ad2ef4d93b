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
    # Beside the other cells, not beside all of which they are a part.
    assert bad.expected == pytest.approx(good.accuracy.value, abs=0.01)
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


def test_a_few_easy_images_do_not_make_the_others_worse() -> None:
    """24 of 320 cells without an error: the others are most of what is called accuracy."""
    y, names = np.arange(320) % K, np.where(np.arange(320) < 24, "few", "most")
    few, most = _judged((names == "most") & (np.arange(320) % 13 == 0), y, names)
    assert (few.worse, most.worse) == (False, False)
    assert most.gap.high is not None
    assert most.gap.high < 0
    # All right, yet no surer than 24 cells can be: 0.975 as the power of 24 leaves 14 %.
    assert few.accuracy.low == pytest.approx(0.858, abs=0.001)
    assert few.gap.low is not None
    assert few.gap.low < 0 < few.gap.value


def test_classes_that_only_the_subset_has_say_nothing_of_it() -> None:
    y = np.repeat([0, 1, 2], 60)
    names = np.repeat(["one", "two", "both"], [60, 60, 60])
    wrong = (y == 2) & (np.arange(180) % 2 == 0)
    for each in _judged(wrong, y, names):
        assert (each.expected, each.gap.value, each.worse) == (None, None, False)
    # Shared classes alone make the gap: class 2, hopeless, is found in one of the subsets only.
    shared = np.where((y == 2) | (np.arange(180) % 2 == 0), "one", "two")
    one, two = _judged(wrong, y, shared)
    assert one.gap.value == two.gap.value == 0
    assert one.expected == one.accuracy.value


@pytest.mark.parametrize("share", [0.08, 0.4])
def test_chance_alone_seldom_makes_an_uneven_subset_worse(share: float) -> None:
    told = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        y, names = rng.integers(K, size=240), np.where(rng.random(240) < share, "few", "most")
        told += any(each.worse for each in _judged(rng.random(240) < 0.08, y, names, seed))
    assert told <= 8  # of 100


def test_chance_alone_seldom_makes_one_of_many_subsets_worse() -> None:
    told = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        y, names = rng.integers(K, size=500), rng.integers(10, size=500).astype(str)
        told += any(each.worse for each in _judged(rng.random(500) < 0.15, y, names, seed))
    assert told <= 12  # of 100; 16 without the correction for ten comparisons


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
