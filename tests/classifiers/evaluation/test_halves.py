"""Halves keep groups whole, and each cell is judged as often."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classifiers.evaluation.halves import group_halves


@given(n_groups=st.integers(2, 30), seed=st.integers(0, 2**31))
def test_halves_keep_groups_whole_and_judge_each_cell_as_often(n_groups: int, seed: int) -> None:
    codes = np.concatenate(
        [np.arange(n_groups), np.random.default_rng(seed).integers(0, n_groups, 20)]
    )
    halves = list(group_halves(codes, 3, seed))
    assert len(halves) == 6
    for half, other in zip(halves[::2], halves[1::2], strict=True):
        assert (half != other).all() and half.any() and other.any()
        inside = len(np.unique(codes[half]))
        assert inside == n_groups // 2 and inside + len(np.unique(codes[other])) == n_groups
