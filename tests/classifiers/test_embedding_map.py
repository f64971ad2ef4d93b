"""The map of the embeddings: who is shown, where, and what is said of the neighbourhoods."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from classifiers.cells import NO_LABEL
from classifiers.embedding_map import FEWEST, NEIGHBOURS, choose_cells, mixing, project
from classifiers.preparation import Block


def clouds(n: int = 60, width: int = 12, k: int = 3, seed: int = 0) -> tuple[np.ndarray, ...]:
    """n rows in k clouds far apart, and the cloud of each."""
    rng = np.random.default_rng(seed)
    cloud = np.arange(n) % k
    X = rng.normal(0, 6, (k, width))[cloud] + rng.normal(0, 1, (n, width))
    return X.astype(np.float32), cloud


def block(X: np.ndarray) -> tuple[Block, ...]:
    return (Block("made up", X.shape[-1]),)


def nearest(X: np.ndarray) -> np.ndarray:
    return NearestNeighbors(n_neighbors=NEIGHBOURS).fit(X).kneighbors(return_distance=False)


class Reader:
    """Rows that are read on demand; what was asked for is noted."""

    def __init__(self, X: np.ndarray) -> None:
        self._X, self.shape = X, X.shape
        self.asked: list[np.ndarray] = []

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        self.asked.append(rows)
        return self._X[rows]


@given(
    counts=st.lists(st.integers(1, 120), min_size=1, max_size=12),
    unlabelled=st.integers(0, 200),
    most=st.integers(80, 200),
)
@settings(max_examples=60, deadline=None)
def test_the_sample_keeps_the_shares_of_classes_and_a_few_of_each(
    counts: list[int], unlabelled: int, most: int
) -> None:
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(-1, len(counts)), [unlabelled, *counts]))
    rows = choose_cells(y, most)
    assert len(rows) <= most
    assert (np.diff(rows) > 0).all()
    found = np.bincount(y[rows] + 1, minlength=len(counts) + 1)
    assert 4 * found[0] <= len(rows)
    total, shown = sum(counts), int(found[1:].sum())
    assert shown == min(total, most - min(unlabelled, most // 4))
    room = shown - sum(min(each, FEWEST) for each in counts)  # after a few of each are kept
    for had, has in zip(counts, found[1:], strict=True):
        assert has >= min(had, FEWEST)
        assert has <= had * shown / total + FEWEST + 1
        if room == total - sum(min(each, FEWEST) for each in counts):
            assert has == had


def test_another_seed_draws_other_cells_and_the_same_one_the_same() -> None:
    y = np.repeat([0, 1, NO_LABEL], 200)
    assert (choose_cells(y, 90, 1) == choose_cells(y, 90, 1)).all()
    assert (choose_cells(y, 90, 1) != choose_cells(y, 90, 2)).any()


def test_planted_clouds_stay_apart_on_the_plane_and_the_map_is_repeatable() -> None:
    X, cloud = clouds()
    told: list[tuple[int, int]] = []
    found = project(X, np.arange(len(X)), block(X), on_step=lambda *step: told.append(step))
    assert found.method == "t-SNE"
    assert told and told == sorted(told) and {total for _, total in told} == {1000}
    assert found.xy.min() == 0 and found.xy.max() == 1
    far = np.linalg.norm(found.xy[:, None] - found.xy[None], axis=2)
    np.fill_diagonal(far, np.inf)
    assert (cloud[far.argmin(axis=1)] == cloud).all()
    assert (cloud[found.nearest] == cloud[:, None]).all()
    assert found.kept is not None and found.kept > 2 * NEIGHBOURS / len(X)
    again = project(X, np.arange(len(X)), block(X))
    assert (again.xy == found.xy).all()


def test_only_the_rows_that_are_shown_are_read_and_views_count_once() -> None:
    X, _ = clouds(50)
    noise = np.random.default_rng(1).normal(0, 1, (50, 1, 12)).astype(np.float32)
    reader = Reader(np.stack([X - noise[:, 0], X + noise[:, 0]], axis=1))
    rows = np.arange(3, 45, 2)
    found = project(reader, rows, block(X))
    assert (np.concatenate(reader.asked) == rows).all()
    plain = project(X[rows], np.arange(len(rows)), block(X))
    assert (found.nearest == plain.nearest).all()


def test_no_backbone_outweighs_another_by_its_width() -> None:
    X, cloud = clouds(60, width=4)
    noise = np.random.default_rng(2).normal(0, 1, (60, 400)).astype(np.float32)
    both = np.concatenate([X, noise], axis=1)
    fair = project(both, np.arange(60), (Block("a", 4), Block("b", 400)))
    drowned = project(both, np.arange(60), (Block("all", 404),))
    agreement = [(cloud[each.nearest] == cloud[:, None]).mean() for each in (fair, drowned)]
    assert agreement[0] > 0.95 > agreement[1] + 0.1


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_few_cells_are_laid_out_by_components_alone(n: int) -> None:
    X, _ = clouds(n)
    found = project(X, np.arange(n), block(X))
    assert "principal components" in found.method
    assert found.xy.shape == (n, 2) and np.isfinite(found.xy).all()
    assert found.nearest.shape == (n, min(NEIGHBOURS, n - 1))
    assert found.kept is None


@pytest.mark.parametrize("width", [1, 5])
def test_cells_that_are_all_the_same_lie_in_the_middle(width: int) -> None:
    X = np.ones((30, width), np.float32)
    found = project(X, np.arange(30), block(X))
    assert (found.xy == 0.5).all()


def test_a_single_column_and_copies_of_cells_still_give_a_map() -> None:
    X = np.repeat(np.arange(4, dtype=np.float32), 8)[:, None]
    found = project(X, np.arange(32), block(X))
    assert np.isfinite(found.xy).all() and np.ptp(found.xy, axis=0).max() == 1


def test_mixing_tells_patients_from_classes() -> None:
    rng = np.random.default_rng(0)
    n = 240
    y = np.arange(n) % 2
    patients = np.array([f"P{(number // 2) % 6}" for number in range(n)])
    number = np.array([int(name[1:]) for name in patients])
    by_class = rng.normal(0, 1, (n, 6)) + 12 * y[:, None]
    found = mixing(nearest(by_class), y, patients)
    assert found.same_class == 1
    assert found.class_chance == pytest.approx(119 / 239)
    assert found.patient_chance == pytest.approx(19 / 119)
    assert found.same_patient == pytest.approx(19 / 119, abs=0.05)
    clumped = by_class + 5 * rng.normal(0, 1, (6, 6))[number]
    found = mixing(nearest(clumped), y, patients)
    assert found.same_patient is not None and found.same_patient > 0.9


def test_mixing_leaves_out_what_is_not_known() -> None:
    beside = np.array([[1, 2], [0, 3], [0, 3], [2, 1]])
    nobody = np.full(4, "")
    found = mixing(beside, np.array([0, 0, 1, NO_LABEL]), nobody)
    assert found.same_class == pytest.approx(2 / 4)  # 0-1, 1-0 of 0-1, 0-2, 1-0, 2-0
    assert found.class_chance == pytest.approx((1 / 2 * 3 + 0) / 4)
    assert found.same_patient is None and found.patient_chance is None
    found = mixing(beside, np.full(4, NO_LABEL), nobody)
    assert found.same_class is None and found.class_chance is None
    found = mixing(beside, np.zeros(4, int), np.array(["a", "a", "b", ""]))
    assert found.same_patient == pytest.approx(2 / 4)  # of 0-1, 0-2, 1-0, 2-0
    found = mixing(np.empty((1, 0), int), np.zeros(1, int), np.array(["a"]))
    assert found.same_class is None and found.same_patient is None
