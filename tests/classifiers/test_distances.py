"""Squared distances and the kernel matrices made of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel

from classifiers.distances import Distances, blocks, distances_of, squared_distances, to_kernel
from classifiers.fold import Fold, Memo


def rows(n: int, width: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n, width)) + shift).astype(np.float32)


sizes = st.integers(1, 300)


@given(n=sizes, m=sizes, width=st.integers(1, 40), seed=st.integers(0, 9))
def test_they_are_those_of_each_pair(n: int, m: int, width: int, seed: int) -> None:
    X, Y = rows(n, width, seed), rows(m, width, seed + 1)
    found = squared_distances(X, Y)
    assert found.dtype == np.float64
    assert_allclose(found, cdist(X.astype(float), Y.astype(float), "sqeuclidean"), atol=1e-10)


@given(n=sizes, width=st.integers(1, 40), shift=st.sampled_from([0.0, 1000.0]))
def test_with_itself_they_are_symmetric_with_a_zero_diagonal(
    n: int, width: int, shift: float
) -> None:
    X = rows(n, width, shift=shift)
    X[n // 2] = X[0]  # rounding must not make equal rows less than 0 apart
    found = squared_distances(X)
    assert (np.diag(found) == 0).all()
    assert (found >= 0).all()
    assert (squared_distances(X, X) >= 0).all()
    assert_array_equal(found, found.T)


@pytest.mark.parametrize("in_place", [True, False])
def test_kernels_are_scikit_learns(in_place: bool) -> None:
    X, Y = rows(300, 7).astype(float), rows(200, 7, 1).astype(float)
    squared = squared_distances(X, Y)
    kept = squared.copy()
    out = None if in_place else np.empty_like(squared)
    found = to_kernel(squared, 0.2, out)
    assert_allclose(found, rbf_kernel(X, Y, 0.2), atol=1e-14)
    assert (found is squared) == in_place
    assert in_place or np.array_equal(squared, kept)

    # The linear kernel, but for terms of one row alone: they vanish between centred rows.
    centred = to_kernel(kept, None)
    for axis in (0, 1):
        centred = centred - centred.mean(axis=axis, keepdims=True)
    assert_allclose(centred, (X - X.mean(axis=0)) @ (Y - Y.mean(axis=0)).T, atol=1e-10)


@given(asked=st.lists(st.sampled_from([0.1, 1.0, None]), max_size=6))
def test_the_last_kernel_kept_is_never_another_one(asked: list[float | None]) -> None:
    X, Y = rows(140, 3), rows(9, 3, 1)
    distances = Distances(X, Y)
    for gamma in asked:
        train, held = distances.gram(gamma)
        assert_array_equal(train, to_kernel(squared_distances(X), gamma))
        assert_array_equal(held, to_kernel(squared_distances(Y, X), gamma))


def test_a_kernel_is_made_once_for_all_penalties(monkeypatch: pytest.MonkeyPatch) -> None:
    distances = Distances(rows(20, 3), rows(5, 3))
    distances.gram(0.5)
    monkeypatch.setattr("classifiers.distances.to_kernel", lambda *_: pytest.fail("made again"))
    distances.gram(0.5)


def test_a_filling_cut_short_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def press_ctrl_c(squared: np.ndarray, gamma: float, out: np.ndarray) -> None:
        if squared is distances.held:
            raise KeyboardInterrupt
        to_kernel(squared, gamma, out)

    distances = Distances(rows(20, 3), rows(5, 3))
    distances.gram(0.5)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("classifiers.distances.to_kernel", press_ctrl_c)
        distances.gram(9.0)
    for found, squared in zip(distances.gram(0.5), (distances.train, distances.held), strict=True):
        assert_array_equal(found, to_kernel(squared.copy(), 0.5))


@pytest.mark.parametrize("room", [True, False])
def test_a_fold_keeps_its_distances_where_there_is_room_for_kernels_too(room: bool) -> None:
    train, held = rows(20, 3), rows(5, 3)
    needed = 2 * 8 * (20 * 20 + 5 * 20)
    memo = Memo(needed if room else needed - 1)
    fold = Fold(0, train, held, np.zeros(20), np.arange(20), memo)
    assert (distances_of(fold) is distances_of(fold)) == room


def test_blocks_cover_every_row_once() -> None:
    for n in (0, 1, 127, 128, 129, 300):
        assert [row for rows in blocks(n) for row in range(n)[rows]] == list(range(n))
