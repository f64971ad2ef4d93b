"""Occlusion hides every place of an image, and its map peaks where the score depends on it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.occlusion import COUNT, FIELDS, PLACES, ground_of, occluded, occlusion_map


@given(st.integers(8, 60), st.integers(8, 60))
def test_a_patch_is_a_quarter_wide_and_together_they_hide_all(height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    ground = np.array([9, 8, 7], np.uint8)
    hidden = np.zeros((height, width), int)
    for place in range(COUNT):
        shown = occluded(image, place, ground)
        changed = (shown == ground).all(axis=2)
        assert ((shown == 0).all(axis=2) | changed).all()
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        assert changed[np.ix_(rows, columns)].all()
        assert abs(len(rows) - height / 4) <= 1
        assert abs(len(columns) - width / 4) <= 1
        hidden += changed
    assert not image.any()
    assert hidden.min() >= 1


def test_small_images_are_hidden_without_an_error() -> None:
    image = np.full((1, 3, 3), 200, np.uint8)
    assert all(occluded(image, n, ground_of(image)).shape == (1, 3, 3) for n in range(COUNT))


def test_the_ground_is_what_most_of_the_image_is() -> None:
    image = np.full((20, 20, 3), (220, 200, 210), np.uint8)
    image[5:14, 5:14] = (90, 40, 120)
    assert ground_of(image).tolist() == [220, 200, 210]


def test_drops_of_one_size_make_an_even_map() -> None:
    np.testing.assert_allclose(occlusion_map(np.full(COUNT, 0.7)), np.full((FIELDS, FIELDS), 0.7))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 7), (7, 0), (3, 5), (6, 2)])
def test_the_map_peaks_at_the_mark_that_the_score_reads(row: int, column: int) -> None:
    image = np.full((80, 80, 3), 220, np.uint8)
    window = slice(10 * row, 10 * row + 10), slice(10 * column, 10 * column + 10)
    image[window] = (30, 60, 200)

    def score(picture: np.ndarray) -> float:
        return float((picture[..., 2].astype(int) - picture[..., 0]).sum())

    ground = ground_of(image)
    drops = [score(image) - score(occluded(image, n, ground)) for n in range(COUNT)]
    found = occlusion_map(np.array(drops))
    assert np.unravel_index(found.argmax(), found.shape) == (row, column)
    assert np.count_nonzero(found) <= 9  # no farther than a patch reaches


def test_places_are_counted_row_by_row() -> None:
    drops = np.zeros(COUNT)
    drops[PLACES - 1] = 1  # the last of the first row
    found = occlusion_map(drops)
    assert found[0, -1] == 1
    assert not found[3:].any()
    assert not found[:, :5].any()
