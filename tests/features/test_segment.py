"""Segmentation on drawn cells of known geometry and on real cells with hand-drawn masks."""

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.segment import WORKING_SIDE, optical_density, segment, to_working_size

SHARED = Path(__file__).resolve().parents[3] / "shared"
ZHENG = SHARED / "data" / "segmentation-wbc-zheng-2018"

PINK, YELLOW = (252, 232, 214), (254, 253, 150)
CYTOPLASM, NUCLEUS, RED_CELL = (170, 160, 205), (80, 40, 120), (205, 165, 150)


def disc(side: int, centre: tuple[float, float], radius: float) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return np.hypot(x - centre[0], y - centre[1]) <= radius


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2.0 * (a & b).sum() / max(1, a.sum() + b.sum())


def drawn_cell(
    side: int = 160, ground: tuple[int, ...] = PINK, inner: float = 0.14, outer: float = 0.22
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture, nucleus mask and cell mask of two concentric discs, colours tinted by the ground."""
    middle = ((side - 1) / 2, (side - 1) / 2)
    nucleus, cell = disc(side, middle, inner * side), disc(side, middle, outer * side)
    image = np.empty((side, side, 3), np.uint8)
    image[:] = ground
    tint = np.array(ground) / np.array(PINK)
    image[cell] = np.clip(np.array(CYTOPLASM) * tint, 0, 255)
    image[nucleus] = np.clip(np.array(NUCLEUS) * tint, 0, 255)
    return image, nucleus, cell


@pytest.mark.parametrize("ground", [PINK, YELLOW, (255, 255, 255), (225, 225, 235)])
@pytest.mark.parametrize("side", [120, 160, 300])
def test_concentric_discs_are_found_on_any_ground_at_any_size(
    ground: tuple[int, ...], side: int
) -> None:
    image, nucleus, cell = drawn_cell(side, ground)
    found = segment(image)
    assert dice(found.nucleus, nucleus) > 0.96
    assert dice(found.cell, cell) > 0.93


@settings(max_examples=25, deadline=None)
@given(st.floats(0.07, 0.2), st.floats(1.25, 1.8))
def test_nucleus_lies_in_the_cell_and_both_fit_the_drawing(inner: float, growth: float) -> None:
    image, nucleus, cell = drawn_cell(160, PINK, inner, min(0.4, inner * growth))
    found = segment(image)
    assert not (found.nucleus & ~found.cell).any()
    assert (found.cytoplasm == (found.cell & ~found.nucleus)).all()
    assert dice(found.nucleus, nucleus) > 0.92
    assert dice(found.cell, cell) > 0.85  # a rim of one working pixel on the smallest cells


def test_touching_red_cells_stay_outside_the_cell() -> None:
    image, nucleus, cell = drawn_cell(160)
    red = np.zeros_like(cell)
    for x, y in ((79.5, 22), (138, 79.5), (20, 20), (20, 140), (140, 140)):
        red |= disc(160, (x, y), 22)
    image[red & ~cell] = RED_CELL
    found = segment(image)
    assert dice(found.nucleus, nucleus) > 0.95
    assert dice(found.cell, cell) > 0.9


def test_lobes_with_a_small_gap_are_one_nucleus() -> None:
    image, nucleus, _ = drawn_cell(160, outer=0.3)
    image[nucleus] = CYTOPLASM
    lobes = disc(160, (64, 70), 12) | disc(160, (96, 70), 12) | disc(160, (80, 98), 12)
    image[lobes] = NUCLEUS
    assert dice(segment(image).nucleus, lobes) > 0.94


def test_the_cell_nearest_the_centre_is_taken() -> None:
    image, nucleus, _ = drawn_cell(160, inner=0.1, outer=0.15)
    other = disc(160, (20, 20), 18)
    image[other] = NUCLEUS
    found = segment(image)
    assert dice(found.nucleus, nucleus) > 0.95
    assert not (found.nucleus & other).any()


def test_a_cell_cut_out_on_black_is_taken_whole() -> None:
    image, nucleus, cell = drawn_cell(160)
    image[~cell] = 0
    found = segment(image)
    assert dice(found.cell, cell) > 0.98
    assert dice(found.nucleus, nucleus) > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 700), (700, 1), (40, 40), (161, 90)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_pictures_give_empty_masks(shape: tuple[int, int], level: int) -> None:
    found = segment(np.full((*shape, 3), level, np.uint8))
    assert found.nucleus.shape == found.cell.shape == shape
    assert not found.nucleus.any()
    assert not found.cell.any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60))
def test_noise_raises_and_warns_nothing(seed: int, h: int, w: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = segment(image)
    assert found.nucleus.shape == (h, w)
    assert found.nucleus.dtype == found.cell.dtype == bool
    assert not (found.nucleus & ~found.cell).any()


def test_the_working_size_has_its_longest_side_and_keeps_the_shape() -> None:
    assert to_working_size(np.zeros((360, 180, 3), np.uint8)).shape == (WORKING_SIDE, 80, 3)
    assert to_working_size(np.zeros((20, 40, 3), np.uint8)).shape == (80, WORKING_SIDE, 3)


def test_density_is_zero_on_the_ground_whatever_its_colour() -> None:
    image, _, cell = drawn_cell(ground=YELLOW)
    density = optical_density(image)
    assert density.dtype == np.float32
    assert np.abs(density[~cell]).max() < 1e-3
    assert density[cell].min() >= 0.0
    assert density[80, 80].sum() > 1.0


def scores(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Nucleus and cell Dice of the even-numbered pictures, which no parameter was chosen on."""
    if not (ZHENG / folder).is_dir():
        pytest.skip(f"shared/data/{ZHENG.name}/{folder} with hand-drawn masks is not here")
    pairs = []
    for path in sorted((ZHENG / folder).glob("*[02468].bmp")):
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        drawn = cv2.imread(str(path.with_suffix(".png")), cv2.IMREAD_GRAYSCALE)
        assert drawn is not None
        found = segment(image)
        pairs.append((dice(found.nucleus, drawn > 191), dice(found.cell, drawn > 63)))
    nucleus, cell = np.array(pairs).T
    return nucleus, cell


@pytest.mark.parametrize(
    ("folder", "number", "nucleus_least", "cell_least"),
    [("Dataset 1", 150, 0.92, 0.92), ("Dataset 2", 50, 0.94, 0.90)],
)
def test_real_nuclei_and_cells_match_masks_drawn_by_hand(
    folder: str, number: int, nucleus_least: float, cell_least: float
) -> None:
    nucleus, cell = scores(folder)
    assert len(nucleus) == number
    assert nucleus.mean() >= nucleus_least
    assert cell.mean() >= cell_least
