"""From stored embeddings of several backbones, views and positions to one row a view."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.fuse import fuse
from features.recipe import Recipe


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(5, 2, shape).astype(np.float32)


def recipe(views: int = 1) -> Recipe:
    return Recipe("densenet169", "random", "seed", views=views)


def test_a_single_plain_block_is_unchanged() -> None:
    block = normal(1, 7, 5)
    assert np.array_equal(fuse([block], [recipe()]), block)
    assert fuse([block], [recipe()]).dtype == np.float32


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
def test_positions_are_averaged_and_views_stay_apart(
    views: int, positions: int, images: int, width: int
) -> None:
    block = normal(2, images, *([views] if views > 1 else []), positions, width)
    found = fuse([block], [recipe(views)])
    assert found.shape == ((images, width) if views == 1 else (images, views, width))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, block.mean(axis=-2), rtol=1e-5)


def test_backbones_stand_side_by_side_in_order() -> None:
    blocks = [normal(1, 4, 3), normal(2, 4, 2, 5), normal(3, 4, 2, 9, 1)]
    found = fuse(blocks, [recipe(), recipe(2), recipe(2)])
    assert found.shape == (4, 2, 9)
    for view in range(2):
        assert np.array_equal(found[:, view, :3], blocks[0])  # repeated beside each view
        assert np.array_equal(found[:, view, 3:8], blocks[1][:, view])
        assert np.allclose(found[:, view, 8:], blocks[2][:, view].mean(axis=1))


def test_an_image_keeps_its_row_whatever_stands_beside_it() -> None:
    blocks, recipes = [normal(1, 6, 3), normal(2, 6, 4, 5)], [recipe(), recipe()]
    assert np.array_equal(
        fuse([block[2:3] for block in blocks], recipes), fuse(blocks, recipes)[2:3]
    )


def test_blocks_that_do_not_fit_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="dimension"):
        fuse([normal(1, 6, 3), normal(2, 5, 3)], [recipe(), recipe()])
    with pytest.raises(ValueError, match="numbers of views"):
        fuse([normal(1, 6, 2, 3), normal(2, 6, 3, 3)], [recipe(2), recipe(3)])
