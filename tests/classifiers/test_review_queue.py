"""The queue asks for what is doubtful, once, of all patients; neighbours are really the nearest."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from classifiers import likeness
from classifiers import review_queue as module
from classifiers.label_errors import LabelErrors, find_label_errors
from classifiers.review_queue import Queue, review_queue

Sample = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def sample(seed: int = 0, n: int = 120, k: int = 3, unlabelled: float = 0.4) -> Sample:
    """Embeddings, probabilities, labels of which some are wrong, and patients of ten cells."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    X = rng.normal(0, 1, (n, 6)).astype(np.float32)
    X[np.arange(n), truth] += 3
    proba = np.exp(1.5 * X[:, :k]) / np.exp(1.5 * X[:, :k]).sum(axis=1, keepdims=True)
    y = np.where(rng.random(n) < 0.05, (truth + 1) % k, truth)
    y[rng.random(n) < unlabelled] = -1
    return X, proba, y, np.arange(n) // 10


def errors_of(proba: np.ndarray, y: np.ndarray) -> LabelErrors:
    """The errors among the labelled cells, as positions among all."""
    labelled = np.flatnonzero(y >= 0)
    found = find_label_errors(proba[labelled], y[labelled])
    return LabelErrors(labelled[found.rows], found.suggested, found.quality)


def queue_of(cells: Sample, size: int, **changes: object) -> Queue:
    return review_queue(*cells, size, **({"errors": errors_of(*cells[1:3])} | changes))  # type: ignore[arg-type]


def margins(proba: np.ndarray) -> np.ndarray:
    ordered = np.sort(proba, axis=1)
    return ordered[:, -1] - ordered[:, -2]


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000), size=st.integers(0, 150), unlabelled=st.sampled_from([0, 0.4, 1])
)
def test_no_cell_stands_in_a_queue_twice_and_each_says_why(
    seed: int, size: int, unlabelled: float
) -> None:
    cells = sample(seed, unlabelled=unlabelled)
    errors = errors_of(*cells[1:3])
    queue = queue_of(cells, size)
    assert queue.rows.dtype == np.int64
    assert len(queue.rows) == len(set(queue.rows.tolist())) == min(size, 120)
    for row, reason in zip(queue.rows, queue.reasons, strict=True):
        label = "unlabelled" if cells[2][row] < 0 else "doubtful"
        assert reason == ("label error" if row in errors.rows else label)
    again = queue_of(cells, size)
    assert_array_equal(queue.rows, again.rows)
    assert queue.reasons == again.reasons


def test_a_queue_longer_than_its_candidates_has_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 20)
    cells = sample()
    assert sorted(queue_of(cells, 500).rows) == list(range(120))
    assert_array_equal(queue_of(cells, 500).rows[:15], queue_of(cells, 15).rows)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_cells_does_not_matter(seed: int) -> None:
    cells = sample(seed)
    order = np.random.default_rng(seed).permutation(120)
    moved = queue_of(tuple(each[order] for each in cells), 25)  # type: ignore[arg-type]
    assert_array_equal(order[moved.rows], queue_of(cells, 25).rows)


def test_errors_and_doubtful_cells_take_turns_until_one_runs_out() -> None:
    X, proba, y, groups = sample(unlabelled=0.5)
    errors = np.flatnonzero(y >= 0)[:3]
    listed = LabelErrors(errors, np.zeros(3, int), np.zeros(len(y)))
    queue = review_queue(X, proba, y, groups, 10, errors=listed)
    assert [reason == "label error" for reason in queue.reasons] == [True, False] * 3 + [False] * 4
    assert set(queue.rows[:6:2]) == set(errors)
    without = review_queue(X, proba, y, groups, 10, errors=None)
    assert "label error" not in without.reasons


def test_doubtful_cells_come_before_sure_ones() -> None:
    X, proba, y, _ = sample(n=400, unlabelled=1.0)
    queue = review_queue(X, proba, y, np.arange(400), 20, errors=None)
    ranks = margins(proba).argsort().argsort()
    assert ranks[queue.rows].mean() < 100  # of 400; 200 by chance
    assert set(queue.reasons) == {"unlabelled"}


def test_a_cell_without_label_comes_before_an_equally_doubtful_one_with() -> None:
    X = np.eye(8, dtype=np.float32)
    proba = np.tile([0.55, 0.45], (8, 1))
    y = np.array([0, -1] * 4)
    queue = review_queue(X, proba, y, np.arange(8), 8, errors=None)
    assert queue.reasons == ("unlabelled",) * 4 + ("doubtful",) * 4


def test_near_copies_of_a_doubtful_cell_do_not_follow_it() -> None:
    rng = np.random.default_rng(0)
    kinds = rng.normal(0, 1, (10, 40)).astype(np.float32)
    kind = np.repeat(np.arange(10), [60, *[4] * 9])
    X = kinds[kind] + 0.01 * rng.normal(0, 1, (len(kind), 40)).astype(np.float32)
    # The cells of the large kind are the most doubtful.
    proba = np.where(kind[:, None] == 0, [0.5, 0.5], [0.6, 0.4])
    queue = review_queue(X, proba, np.full(len(kind), -1), np.arange(len(kind)), 10, errors=None)
    assert sorted(kind[queue.rows]) == list(range(10))


def test_many_slight_doubts_do_not_outweigh_a_great_one() -> None:
    X = np.eye(21, dtype=np.float32)
    X[:20] = X[0]
    proba = np.tile([0.85, 0.15], (21, 1))
    proba[20] = 0.5
    queue = review_queue(X, proba, np.full(21, -1), np.arange(21), 2, errors=None)
    assert queue.rows[0] == 20
    assert queue.rows[1] < 20


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_no_patient_floods_the_queue(seed: int) -> None:
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(11), [300, *[8] * 10])
    X = rng.normal(0, 1, (len(patient), 12)).astype(np.float32)
    first = np.where(patient == 0, 0.5, 0.52) + rng.uniform(0, 0.02, len(patient))
    proba = np.column_stack([first, 1 - first])
    y = np.full(len(patient), -1)
    queue = review_queue(X, proba, y, patient, 44, errors=None)
    shares = Counter(patient[queue.rows].tolist())
    assert len(shares) == 11
    assert max(shares.values()) <= 8
    seen = [len(set(patient[queue.rows[:count]].tolist())) for count in (11, 22)]
    assert seen[0] >= 8
    assert seen[1] == 11


def test_patients_take_turns_among_label_errors_too() -> None:
    X, proba, y, _ = sample(unlabelled=0.0)
    rows = np.array([*range(10), 105, 110])
    patient = np.full(120, 2)  # has no errors, but doubtful cells
    patient[rows] = [0] * 10 + [1] * 2
    listed = LabelErrors(rows, np.zeros(12, int), np.zeros(120))
    proba[rows] = [0.1, 0.1, 0.8]
    y[rows] = 0
    queue = review_queue(X, proba, y, patient, 8, errors=listed)
    assert patient[queue.rows[::2]].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("views", [1, 4])
def test_views_of_a_cell_count_together(views: int) -> None:
    X, proba, y, groups = sample()
    of_views = np.repeat(X[:, None], views, axis=1)
    assert_array_equal(queue_of((of_views, proba, y, groups), 30).rows,
                       queue_of((X, proba, y, groups), 30).rows)  # fmt: skip
    rows = np.arange(20)
    assert_array_equal(nearest_labelled(of_views, y, groups, rows),
                       nearest_labelled(X, y, groups, rows))  # fmt: skip


@pytest.mark.parametrize("proba", [[0.0, 1.0], [0.5, 0.5], [0.0, 0.0]])
def test_cells_that_are_all_alike_are_asked_in_the_order_of_the_seed(proba: list[float]) -> None:
    X, groups, y = np.ones((30, 4), np.float32), np.arange(30), np.full(30, -1)
    once, again, other = (
        review_queue(X, np.tile(proba, (30, 1)), y, groups, 12, errors=None, seed=seed).rows
        for seed in (0, 0, 1)
    )
    assert_array_equal(once, again)
    assert len(set(once.tolist())) == 12
    assert (once != other).any()


def test_lengths_that_differ_are_refused() -> None:
    X, proba, y, groups = sample()
    with pytest.raises(ValueError, match="119 labels"):
        review_queue(X, proba, y[:-1], groups, 5, errors=None)


def nearest_labelled(*said: Any) -> np.ndarray:
    """The names alone; test_likeness.py tests how alike they are."""
    return likeness.nearest_labelled(*said)[0]


def plain_nearest(cells: Sample, row: int, count: int) -> list[int]:
    """By definition: one pair of cells after the other."""
    X, _, y, groups = cells
    rooted = np.sign(X) * np.sqrt(np.abs(X)).astype(np.float64)
    labelled = y >= 0
    ready = (rooted - rooted[labelled].mean(axis=0)) / rooted[labelled].std(axis=0)
    near = ready @ ready[row] / np.linalg.norm(ready, axis=1) / np.linalg.norm(ready[row])
    rest = [each for each in np.argsort(-near).tolist() if labelled[each] and each != row]
    return sorted(rest, key=lambda each: groups[each] == groups[row])[:count]


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), read=st.sampled_from([7, 1024]), count=st.integers(1, 100))
def test_neighbours_are_the_nearest_labelled_cells(seed: int, read: int, count: int) -> None:
    cells = sample(seed)
    X, _, y, groups = cells
    rows = np.random.default_rng(seed).permutation(120)[:20]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likeness, "READ", read)
        found = nearest_labelled(X, y, groups, rows, count)
    assert found.shape == (20, count)
    for row, names in zip(rows, found, strict=True):
        expected = plain_nearest(cells, row, count)
        assert names.tolist() == expected + [-1] * (count - len(expected))


def test_a_copy_in_the_same_group_is_a_neighbour_only_if_there_is_no_other() -> None:
    X = np.array([[1, 0], [1, 0], [0.9, 0.1], [0, 1]], np.float32)
    y, groups = np.array([0, 0, 0, 1]), np.array(["a", "a", "b", "c"])
    assert_array_equal(nearest_labelled(X, y, groups, np.array([0]), 2), [[2, 3]])
    assert_array_equal(nearest_labelled(X, y, groups, np.array([0]), 5), [[2, 3, 1, -1, -1]])
    none = nearest_labelled(X, np.full(4, -1), groups, np.array([0]), 2)
    assert_array_equal(none, [[-1, -1]])


def test_a_feature_that_never_changes_says_nothing() -> None:
    X, _, y, groups = sample(n=1100, unlabelled=0.0)
    y[1000:] = -1
    # The variance of a thousand of these is rounded to a little more than 0.
    constant = np.column_stack([X, np.full((1100, 1), 3.3, np.float32)])
    constant[1000:, -1] *= 1.0001  # where there is no label it differs hardly
    rows = np.arange(980, 1020)
    assert_array_equal(nearest_labelled(constant, y, groups, rows),
                       nearest_labelled(X, y, groups, rows))  # fmt: skip
