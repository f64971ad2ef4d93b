"""Descriptors on drawn cells whose geometry is known, and on pictures that hold no cell."""

import re
import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.morphology import DESCRIPTORS, describe
from features.morphology_cell import Cell
from features.morphology_shape import circularity, clefts, eccentricity, solidity

NAMES = [d.name for d in DESCRIPTORS]
GROUND, CYTOPLASM, NUCLEUS = (252, 232, 214), (170, 160, 205), (80, 40, 120)
SIDE = 320


def values(image: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, describe(image).tolist(), strict=True))


def drawn(
    nucleus_axes: tuple[int, int] = (48, 48), cell_radius: int = 72, side: int = SIDE, turn: int = 0
) -> np.ndarray:
    """A cell in the middle of the frame, with an elliptic nucleus."""
    image = np.empty((side, side, 3), np.uint8)
    image[:] = GROUND
    middle = (side // 2, side // 2)
    cv2.circle(image, middle, cell_radius, CYTOPLASM, -1)
    cv2.ellipse(image, middle, nucleus_axes, turn, 0, 360, NUCLEUS, -1)
    return image


def mottled(seed: int = 0) -> np.ndarray:
    """A lopsided cell with a textured, off-centre nucleus."""
    image = drawn((56, 40), 76, turn=20)
    cv2.circle(image, (190, 140), 22, NUCLEUS, -1)
    noise = np.random.default_rng(seed).normal(0, 10, image.shape)
    return np.clip(image + cv2.GaussianBlur(noise, (0, 0), 1.5) * 2, 0, 255).astype(np.uint8)


def test_every_descriptor_is_named_described_and_sourced() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 35
    for row in DESCRIPTORS:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", row.name)
        assert row.unit
        assert row.source
        assert row.meaning
        assert "\n" not in row.meaning


def test_the_order_of_the_table_is_pinned_at_its_joints() -> None:
    assert NAMES[0] == "segmented"
    assert NAMES[1] == "nucleus_area"
    starts = ["segmented", "nucleus_area", "chromatin_contrast_1", "nucleus_lightness_mean"]
    at = [NAMES.index(name) for name in starts]
    assert at == sorted(at)
    assert NAMES[-1] == "nucleus_contrast"


@settings(max_examples=20, deadline=None)
@given(st.integers(30, 60), st.integers(14, 40))
def test_areas_and_ratio_of_concentric_discs_are_the_drawn_ones(radius: int, ring: int) -> None:
    found = values(drawn((radius, radius), radius + ring))
    ratio = (radius / (radius + ring)) ** 2
    assert found["segmented"] == 1.0
    assert found["nucleus_area"] == pytest.approx(np.pi * radius**2 / SIDE**2, rel=0.08)
    assert found["nucleus_to_cell_ratio"] == pytest.approx(ratio, rel=0.15)
    assert found["cytoplasm_width"] == pytest.approx(ring / 2, abs=2.5)
    assert found["nucleus_half_width"] == pytest.approx(radius / 2, abs=2.0)


def test_a_disc_is_round_and_its_nucleus_is_in_the_middle() -> None:
    found = values(drawn())
    assert found["nucleus_circularity"] > 0.97
    assert found["cell_circularity"] > 0.97
    assert found["nucleus_solidity"] > 0.95
    assert found["nucleus_eccentricity"] < 0.2
    assert found["nucleus_radial_variation"] < 0.03
    assert found["nucleus_off_centre"] < 0.02
    assert found["nucleus_clefts"] == 0.0
    assert found["nucleus_lobes"] == 1.0
    assert found["nucleoli"] == found["vacuoles"] == 0.0
    assert found["nucleus_perimeter"] == pytest.approx(2 * np.pi * 24, rel=0.06)


@pytest.mark.parametrize(("a", "b"), [(60, 30), (50, 40), (64, 48)])
def test_an_ellipse_has_the_eccentricity_of_its_axes(a: int, b: int) -> None:
    found = values(drawn((a, b), 84))
    assert found["nucleus_eccentricity"] == pytest.approx(np.sqrt(1 - (b / a) ** 2), abs=0.06)


def test_shape_functions_on_plain_masks() -> None:
    square = np.zeros((60, 60), bool)
    square[10:50, 10:50] = True
    assert circularity(square) == pytest.approx(np.pi / 4, abs=0.04)
    assert solidity(square) == pytest.approx(1.0, abs=0.01)
    assert eccentricity(square) == pytest.approx(0.0, abs=1e-6)
    square[10:30, 26:34] = False
    assert solidity(square) == pytest.approx(0.9, abs=0.01)


def test_a_notch_raises_the_cleft_descriptors() -> None:
    image = drawn((52, 52), 80)
    whole = values(image)
    cv2.fillPoly(image, [np.array([[150, 100], [170, 100], [160, 162]])], CYTOPLASM)
    cv2.line(image, (160, 100), (160, 156), CYTOPLASM, 16)
    notched = values(image)
    assert whole["nucleus_cleft_depth"] == 0.0
    assert notched["nucleus_clefts"] >= 1.0
    assert notched["nucleus_cleft_depth"] > 0.2
    assert notched["nucleus_solidity"] < whole["nucleus_solidity"] - 0.03
    assert notched["nucleus_roughness"] > whole["nucleus_roughness"]
    assert len(clefts(Cell(image))) == notched["nucleus_clefts"]


def test_lobes_are_counted() -> None:
    image = drawn((1, 1), 84)
    for at in ((124, 140), (196, 140), (160, 196)):
        cv2.circle(image, at, 22, NUCLEUS, -1)
        cv2.line(image, (160, 160), at, NUCLEUS, 10)
    assert values(image)["nucleus_lobes"] == 3.0


def test_vacuoles_are_counted_in_the_cytoplasm() -> None:
    image = drawn((40, 40), 90)
    for at in ((160, 94), (226, 160), (160, 226)):
        cv2.circle(image, at, 7, (232, 214, 212), -1)  # a fifth of the cytoplasm's density
    found = values(image)
    assert found["vacuoles"] == 3.0
    drawn_share = 3 * 7**2 / (90**2 - 40**2)
    assert found["vacuoles_area"] == pytest.approx(drawn_share, rel=0.6)
    assert found["nucleoli"] == 0.0


def test_nucleoli_are_counted_in_the_nucleus() -> None:
    image = drawn((60, 60), 84)
    for at in ((140, 150), (182, 170)):
        cv2.circle(image, at, 8, (135, 95, 165), -1)
    found = values(image)
    assert found["nucleoli"] == 2.0
    assert 0.01 < found["nucleoli_area"] < 0.08
    assert found["vacuoles"] == 0.0


def test_stain_descriptors_follow_the_stain() -> None:
    blue, orange = drawn(), drawn()
    blue[(blue == CYTOPLASM).all(axis=2)] = (120, 130, 200)
    orange[(orange == CYTOPLASM).all(axis=2)] = (215, 110, 100)
    one, two = values(blue), values(orange)
    assert one["cytoplasm_basophilia"] > two["cytoplasm_basophilia"] + 0.2
    assert two["eosin_granules"] > 0.7 > 0.1 > one["eosin_granules"]
    assert two["cytoplasm_red_green_mean"] > one["cytoplasm_red_green_mean"]
    assert one["nucleus_lightness_mean"] < one["cytoplasm_lightness_mean"]


def test_texture_descriptors_follow_the_texture() -> None:
    smooth, rough = drawn(), drawn()
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 60, (SIDE, SIDE)), (0, 0), 2.0) * 4
    nucleus = (rough == NUCLEUS).all(axis=2)
    rough[nucleus] = np.clip(rough[nucleus] + noise[nucleus][:, None], 5, 150).astype(np.uint8)
    one, two = values(smooth), values(rough)
    for name in ("chromatin_contrast_1", "chromatin_entropy_3", "chromatin_fine_grain"):
        assert two[name] > one[name]
    assert two["chromatin_homogeneity_1"] < one["chromatin_homogeneity_1"]


@pytest.mark.parametrize("turned", ["turn", "half", "left-right", "up-down"])
def test_turning_and_mirroring_change_little(turned: str) -> None:
    image = mottled()
    other = {
        "turn": np.rot90(image),
        "half": np.rot90(image, 2),
        "left-right": image[:, ::-1],
        "up-down": image[::-1],
    }[turned]
    one, two = values(image), values(other)
    for name in NAMES:
        assert two[name] == pytest.approx(one[name], rel=0.05, abs=0.06), name


@settings(max_examples=15, deadline=None)
@given(st.integers(170, 700))
def test_scaling_the_picture_changes_little(side: int) -> None:
    image = drawn((56, 40), 76, turn=20)
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    one, two = values(image), values(small)
    for name in (
        "nucleus_area", "cell_area", "nucleus_to_cell_ratio", "nucleus_circularity",
        "nucleus_eccentricity", "nucleus_solidity", "nucleus_perimeter",
    ):  # fmt: skip
        assert two[name] == pytest.approx(one[name], rel=0.1), name


def test_a_cell_without_cytoplasm_is_measured_whole() -> None:
    image = drawn((60, 60), 60)
    image[(image == GROUND).all(axis=2)] = 0
    found = values(image)
    assert found["nucleus_to_cell_ratio"] > 0.95
    assert found["cytoplasm_width"] < 1.5
    assert found["cytoplasm_haematoxylin_mean"] == pytest.approx(
        found["nucleus_haematoxylin_mean"], rel=0.1
    )


def test_a_cell_at_the_edge_says_so() -> None:
    assert values(drawn())["cell_cut_off"] == 0.0
    assert values(np.roll(drawn(), 100, axis=1))["cell_cut_off"] == 1.0


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 500), (500, 1), (90, 160)])
@pytest.mark.parametrize("level", [0, 90, 255])
def test_pictures_without_a_nucleus_give_zeros(shape: tuple[int, int], level: int) -> None:
    found = describe(np.full((*shape, 3), level, np.uint8))
    assert found.shape == (len(DESCRIPTORS),)
    assert found.dtype == np.float32
    assert not found.any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 50), st.integers(1, 50), st.floats(0.0, 6.0))
def test_noise_gives_finite_numbers_without_warnings(
    seed: int, h: int, w: int, blur: float
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    if blur > 0.3:
        soft = cv2.GaussianBlur(image, (0, 0), blur)
        image = cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = describe(image)
    assert np.isfinite(found).all()


def test_the_same_picture_gives_the_same_numbers_and_is_left_alone() -> None:
    image = mottled()
    before = image.copy()
    assert (describe(image) == describe(image)).all()
    assert (image == before).all()
