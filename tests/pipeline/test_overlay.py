"""A heat map can be read without colours."""

import numpy as np
import pytest

from pipeline.overlay import SIDE, overlay, picture_of


def cell() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(60, 200, (90, 120, 3)).astype(np.uint8)


def test_what_speaks_keeps_its_look_and_the_rest_is_pale_and_grey() -> None:
    relevance = np.zeros((8, 8))
    relevance[2:6, 0:4] = 2.5
    shown, plain = overlay(cell(), relevance), picture_of(cell())
    assert shown.shape == (SIDE, SIDE, 3)
    inside = slice(SIDE * 3 // 8, SIDE * 5 // 8), slice(SIDE // 8, SIDE * 3 // 8)
    outside = slice(None), slice(SIDE * 6 // 8, None)
    assert (shown[inside] == plain[inside]).all()
    assert (shown[outside].max(axis=2) == shown[outside].min(axis=2)).all()
    assert shown[outside].mean() > plain[outside].mean() + 40


@pytest.mark.parametrize("sign", [1, -1])
def test_lines_run_around_what_is_strong_whichever_way_it_speaks(sign: int) -> None:
    relevance = np.zeros((8, 8))
    relevance[3:5, 3:5] = sign * 4
    white = np.full((50, 50, 3), 255, np.uint8)
    dark = (overlay(white, relevance) < 60).all(axis=2)
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    middle = SIDE // 2
    for found in (rows, columns):
        assert SIDE // 4 < found.min() < middle - SIDE // 16
        assert middle + SIDE // 16 < found.max() < SIDE * 3 // 4


def test_what_speaks_against_has_another_line_than_what_speaks_for() -> None:
    relevance = np.zeros((8, 8))
    relevance[2:6, 2:6] = 1
    white = np.full((50, 50, 3), 255, np.uint8)
    solid, dashed = (
        np.count_nonzero((overlay(white, sign * relevance) < 60).all(axis=2)) for sign in (1, -1)
    )
    assert 0.3 * solid < dashed < 0.8 * solid


def test_a_map_of_nothing_is_a_pale_cell_without_lines() -> None:
    shown = overlay(cell(), np.zeros((7, 7)))
    assert (shown.max(axis=2) == shown.min(axis=2)).all()
    assert shown.min() > 100


def test_only_proportions_matter() -> None:
    relevance = np.random.default_rng(1).normal(size=(7, 7))
    assert (overlay(cell(), relevance) == overlay(cell(), 2.0**-30 * relevance)).all()
