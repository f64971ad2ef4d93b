import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from classifiers.cells import Disturbed
from classifiers.evaluation.robustness import examine_robustness

RNG = np.random.default_rng(0)
N, K = 120, 3
Y = RNG.integers(0, K, N)
GROUPS = np.array([f"p{number}" for number in np.arange(N) // 5])


def of(kind: str, decided: np.ndarray, strength: int = 1) -> tuple[Disturbed, np.ndarray]:
    rows = np.arange(len(decided))
    return Disturbed(kind, strength, f"{kind} so", rows, np.zeros((len(rows), 1))), decided


def wrong(decided: np.ndarray, share: float) -> np.ndarray:
    """Some of the decisions turned to the next class."""
    turned = np.random.default_rng(1).random(len(decided)) < share
    return np.where(turned, (decided + 1) % K, decided)


def test_decisions_that_stay_change_nothing() -> None:
    plain = wrong(Y, 0.2)
    part = examine_robustness(Y, GROUPS, plain, [of("blur", plain)], K, 0)
    (found,) = part.perturbed
    assert (found.f1_macro_change.value, found.changed) == (0, 0)
    assert (found.f1_macro_change.low, found.f1_macro_change.high) == (0, 0)
    assert (found.f1_macro, found.accuracy) == (part.f1_macro, part.accuracy)


def test_figures_are_those_of_scikit_learn() -> None:
    plain, then = wrong(Y, 0.1), wrong(Y, 0.5)
    part = examine_robustness(Y, GROUPS, plain, [of("blur", then)], K, 0)
    (found,) = part.perturbed
    assert (part.n, part.n_groups) == (N, N // 5)
    assert part.accuracy.value == pytest.approx(accuracy_score(Y, plain))
    assert found.accuracy.value == pytest.approx(accuracy_score(Y, then))
    before, after = (f1_score(Y, each, average="macro") for each in (plain, then))
    assert found.f1_macro.value == pytest.approx(after)
    assert found.f1_macro_change.value == pytest.approx(after - before)
    assert found.changed == pytest.approx((plain != then).mean())


def test_a_planted_fragility_is_found_and_the_harmless_is_not() -> None:
    plain = wrong(Y, 0.1)
    none = plain.copy()
    none[::40] = (none[::40] + 1) % K
    several = [of("noise", none), of("blur", wrong(plain, 0.6))]
    part = examine_robustness(Y, GROUPS, plain, several, K, 0, "a note")
    harmless, harmful = (each.f1_macro_change for each in part.perturbed)
    assert harmless.low is not None
    assert harmful.high is not None
    assert harmful.high < -0.3 < harmless.low
    assert [(each.kind, each.loss) for each in part.perturbed] == [
        ("noise", False), ("blur", True),
    ]  # fmt: skip
    assert part.note == "a note"


def test_the_change_is_paired_so_that_it_is_surer_than_a_difference_of_two() -> None:
    plain = wrong(Y, 0.3)
    then = plain.copy()
    then[::30] = (Y[::30] + 1) % K
    part = examine_robustness(Y, GROUPS, plain, [of("jpeg", then)], K, 0)
    change, alone = part.perturbed[0].f1_macro_change, part.f1_macro
    assert change.high is not None
    assert alone.high is not None
    assert change.high - change.low < 0.5 * (alone.high - alone.low)  # type: ignore[operator]


def test_one_chance_loss_among_many_disturbances_is_none() -> None:
    """A change that an interval of its own excludes zero for, but not one of eighteen."""
    y, groups = np.zeros(60, dtype=int), np.arange(60)
    y[30:] = 1
    then = y.copy()
    then[:5] = 1
    alone = examine_robustness(y, groups, y, [of("blur", then)], 2, 0).perturbed[0]
    several = [of("blur", then), *(of("noise", y) for _ in range(17))]
    first, *others = examine_robustness(y, groups, y, several, 2, 0).perturbed
    assert alone.loss
    assert first.f1_macro_change == alone.f1_macro_change
    assert first.f1_macro_change.high is not None
    assert first.f1_macro_change.high < 0
    assert not first.loss
    assert not any(each.loss for each in others)


def test_one_group_shows_no_spread() -> None:
    plain = wrong(Y, 0.2)
    part = examine_robustness(Y, np.full(N, "p"), plain, [of("blur", wrong(Y, 0.4))], K, 0)
    assert part.f1_macro.value is not None
    for each in (part.f1_macro, part.perturbed[0].f1_macro_change):
        assert (each.low, each.high) == (None, None)
    assert not part.perturbed[0].loss


def test_few_cells_that_are_all_right_prove_little() -> None:
    part = examine_robustness(Y[:10], GROUPS[:10], Y[:10], [of("blur", Y[:10])], K, 0)
    assert part.accuracy.value == 1
    assert part.accuracy.low is not None
    assert part.accuracy.low < 0.5  # two groups only
