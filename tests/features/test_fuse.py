"""From stored embeddings of several backbones, views and positions to one row an image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.fuse import fuse


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(5, 2, shape).astype(np.float32)


def test_a_single_plain_block_is_unchanged() -> None:
    block = normal(1, 7, 5)
    assert np.array_equal(fuse([block]), block)
    assert fuse([block]).dtype == np.float32


@given(st.lists(st.integers(1, 4), max_size=2), st.integers(1, 6), st.integers(1, 6))
def test_views_and_positions_are_averaged_image_by_image(
    between: list[int], images: int, width: int
) -> None:
    block = normal(2, images, *between, width)
    found = fuse([block])
    assert found.shape == (images, width)
    assert found.dtype == np.float32
    for row, image in zip(found, block, strict=True):
        for column in range(width):
            assert row[column] == pytest.approx(image[..., column].mean(), rel=1e-5)


def test_backbones_stand_side_by_side_in_order() -> None:
    blocks = [normal(1, 4, 3), normal(2, 4, 2, 5), normal(3, 4, 2, 9, 1)]
    found = fuse(blocks)
    assert found.shape == (4, 9)
    assert np.array_equal(found[:, :3], blocks[0])
    assert np.allclose(found[:, 3:8], blocks[1].mean(axis=1))
    assert np.allclose(found[:, 8:], blocks[2].mean(axis=(1, 2)))
    assert not np.array_equal(found, fuse(blocks[::-1]))


def test_an_image_keeps_its_row_whatever_stands_beside_it() -> None:
    blocks = [normal(1, 6, 3), normal(2, 6, 4, 5)]
    assert np.array_equal(fuse([block[2:3] for block in blocks]), fuse(blocks)[2:3])


def test_blocks_of_different_image_counts_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="dimension"):
        fuse([normal(1, 6, 3), normal(2, 5, 3)])
