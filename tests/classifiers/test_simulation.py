"""Hidden labels stay hidden, whole groups keep theirs, and gains are what they are called."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.cells import NO_LABEL, Cells
from classifiers.preparation import Block
from classifiers.protocol import FeedbackSettings
from classifiers.registry import CLASSIFIERS
from classifiers.simulation import Outcome, Simulation, Simulator, choose_labelled, mean_of
from data.splits import grouped_folds
from tests.classifiers.examples import protocol
from tests.classifiers.examples import settings as tuning

SHARE = 0.25


def made_up(n: int = 180, seed: int = 0) -> Cells:
    """Cells of three overlapping classes in groups of three, four folds; the last 12 unlabelled."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 3)
    X = np.random.default_rng(5).normal(0, 1.2, (3, 6))[y] + rng.normal(0, 1, (n, 6))
    groups = np.array([f"g{i // 3:03d}" for i in range(n)])
    folds = grouped_folds(y, groups, 4, seed)
    y[-12:], folds[-12:] = NO_LABEL, -1
    return Cells(
        X=X.astype(np.float32), blocks=(Block("made up", 6),),
        colour=rng.uniform(0, 255, (n, 3)).astype(np.float32), y=y, groups=groups,
        sha256=np.array([f"{row:064x}" for row in range(n)]), folds=folds,
        test=np.zeros(n, dtype=bool), classes=("a", "b", "c"),
    )  # fmt: skip


def simulator(cells: Cells) -> Simulator:
    how = replace(protocol(tuning(1), rounds=3), feedback=FeedbackSettings(0.6, 2.0, 2))
    return Simulator(cells, [CLASSIFIERS["logistic"]], how, seed=0)


def by_arm(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {each.arm: each for each in outcomes}


@settings(max_examples=50)
@given(
    n=st.integers(20, 120), size=st.integers(1, 5), k=st.integers(2, 4),
    share=st.floats(0.02, 0.9), seed=st.integers(0, 99),
)  # fmt: skip
def test_whole_groups_keep_their_labels(n: int, size: int, k: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, groups = rng.integers(-1, k, n), np.arange(n) // size
    kept = choose_labelled(y, groups, share, 3, seed)
    assert (y[kept] != NO_LABEL).all()
    labelled = y != NO_LABEL
    for group in np.unique(groups[kept]):
        assert kept[labelled & (groups == group)].all()
    for code in np.unique(y[labelled]):
        of_class = y == code
        there = len(np.unique(groups[of_class]))
        assert len(np.unique(groups[of_class & kept])) >= min(3, there)
        assert np.count_nonzero(kept & of_class) >= min(share, 1) * np.count_nonzero(of_class)


def test_the_share_is_met_where_groups_are_single_cells() -> None:
    y = np.repeat([0, 1], [800, 200])
    kept = choose_labelled(y, np.arange(1000), 0.05, 3, 0)
    assert np.bincount(y[kept]).tolist() == [40, 10]


def test_no_arm_knows_a_hidden_label(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = made_up()
    whole = simulator(cells)
    first = by_arm(whole.run(0, SHARE))
    train = np.flatnonzero(cells.folds != 0)
    mask = choose_labelled(cells.y[train], cells.groups[train], SHARE, 3, 0)
    # Which groups keep their labels depends on all labels; here it must not.
    monkeypatch.setattr("classifiers.simulation.choose_labelled", lambda *arguments: mask)
    kept = train[mask]
    hidden = np.setdiff1d(train[cells.y[train] != NO_LABEL], kept)
    assert first["labelled"].labels == len(kept)
    shuffled = cells.y.copy()
    shuffled[hidden] = (shuffled[hidden] + 1) % 3
    second = by_arm(simulator(replace(cells, y=shuffled)).run(0, SHARE))
    for arm in ("labelled", "self_training", "feedback"):
        for figure in ("f1_macro", "accuracy", "round", "labels"):
            assert getattr(first[arm], figure) == getattr(second[arm], figure), (arm, figure)
    # Those that are told more labels are told other ones now.
    assert first["random"].f1_macro != second["random"].f1_macro
    assert first["self_training"].precision_last > second["self_training"].precision_last


def test_review_and_random_are_given_as_many_labels_again() -> None:
    found = by_arm(simulator(made_up()).run(1, SHARE))
    labels = found["labelled"].labels
    assert found["review"].labels == found["random"].labels == 2 * labels
    assert found["self_training"].labels == found["feedback"].labels == labels
    assert set(found) == {"labelled", "self_training", "feedback", "review", "random"}


def test_all_labels_are_an_arm_of_their_own() -> None:
    cells = made_up()
    (outcome,) = simulator(cells).run(2, 1.0)
    assert outcome.arm == "all"
    assert outcome.labels == np.count_nonzero((cells.y != NO_LABEL) & (cells.folds != 2))


def test_a_fixed_test_set_stays_the_test_set() -> None:
    cells = made_up()
    test = cells.folds == 1
    fixed = replace(cells, test=test, folds=np.where(test, -1, cells.folds))
    for seed in (0, 3):
        (outcome,) = simulator(fixed).run(seed, 1.0)
        (expected,) = simulator(cells).run(1, 1.0)
        assert outcome.accuracy == expected.accuracy


def test_gains_are_paired_by_draw() -> None:
    def outcome(seed: int, arm: str, f1: float) -> Outcome:
        return Outcome(
            seed=seed, share=0.1, arm=arm, labels=9, f1_macro=f1, accuracy=f1, selected="svm"
        )  # fmt: skip

    outcomes = [outcome(seed, "labelled", seed / 10) for seed in range(4)]
    outcomes += [outcome(seed, "self_training", seed / 10 + 0.02) for seed in (3, 1, 0, 2)]
    gain = Simulation(depends_on="", outcomes=outcomes).gain("self_training", 0.1)
    assert gain.value == pytest.approx(0.02)
    assert gain.low == pytest.approx(0.02)
    assert gain.high == pytest.approx(0.02)


def test_an_interval_needs_two_values_and_is_students() -> None:
    assert mean_of([0.3]).low is None
    assert mean_of([]).value is None
    found = mean_of([0.0, 1.0, 2.0])
    assert found.value == pytest.approx(1.0)
    assert found.high == pytest.approx(1 + 4.302653 / np.sqrt(3))
