"""Nucleated cells of drawn fields of known truth, of fields drawn by hand, and of real ones."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.annotations import MarkedBox, Marks, read_marks
from data.decode import decode
from data.synthetic_cell import CELL_CLASSES
from data.synthetic_field import Field, draw_field
from features.fields import FoundCell, find_cells
from features.fields_crop import (
    Place,
    boxed_places,
    crop_square,
    draw_places,
    marked_places,
    touches_edge,
)
from features.fields_scale import red_cell_diameter
from tests.bench.fields import Box, count_hits, overlap
from tests.shared import BCCD, needs_shared

GROUND, RED_CELL, NUCLEUS = (250, 240, 235), (215, 160, 160), (90, 50, 140)
CYTOPLASM = (200, 175, 215)


def matched(found: Sequence[FoundCell], truth: Sequence[Box]) -> int:
    """How many true boxes are met at an overlap of one half, each by a cell of its own."""
    return count_hits([cell.box for cell in found], truth)


def drawn(seed: int, touching: int = 0, cells: int = 5) -> Field:
    rng = np.random.default_rng(seed)
    labels = [str(label) for label in rng.choice(CELL_CLASSES, cells)]
    return draw_field(rng, labels, touching=touching, width=700, height=500)


@pytest.fixture(scope="module")
def apart() -> list[tuple[Field, list[FoundCell]]]:
    fields = [drawn(seed) for seed in range(100, 108)]
    return [(field, find_cells(field.image)) for field in fields]


def test_cells_of_drawn_fields_are_found_and_nothing_else(
    apart: list[tuple[Field, list[FoundCell]]],
) -> None:
    hits = sum(matched(found, field.boxes.tolist()) for field, found in apart)
    there, told = (sum(map(len, side)) for side in zip(*((f.boxes, c) for f, c in apart),
                                                       strict=True))  # fmt: skip
    assert hits / there >= 0.95
    assert hits / told >= 0.95  # red cells and platelets are many more than these


def test_nuclei_lie_where_they_were_drawn_and_have_their_size(
    apart: list[tuple[Field, list[FoundCell]]],
) -> None:
    ratios = []
    for field, found in apart:
        for cell in found:
            x, y = map(int, cell.centre)
            number = field.nuclei[y, x]
            if number and not cell.touches_edge:
                ratios.append(cell.nucleus_area / (field.nuclei == number).sum())
    assert len(ratios) > 20
    assert 0.85 < np.median(ratios) < 1.2


def test_touching_pairs_are_two_cells() -> None:
    hits, there = 0, 0
    for seed in range(200, 208):
        field = drawn(seed, touching=2, cells=4)
        hits += matched(find_cells(field.image), field.boxes.tolist())
        there += 4
    assert hits / there >= 0.85


def test_cells_that_the_edge_cuts_are_flagged(apart: list[tuple[Field, list[FoundCell]]]) -> None:
    near, far = [], []
    for field, found in apart:
        h, w = field.cells.shape
        for box, cut in zip(field.boxes.tolist(), field.touches_edge, strict=True):
            cell = max(found, key=lambda cell: overlap(cell.box, box))
            if overlap(cell.box, box) < 0.5:
                continue
            if cut:
                near.append(cell.touches_edge)
            elif min(box[0], box[1], w - box[2], h - box[3]) > 8:  # what is nearer may reach it
                far.append(cell.touches_edge)
    assert len(near) > 3
    assert all(near)
    assert len(far) > 20
    assert not any(far)


def hand_drawn(
    nuclei: Sequence[tuple[int, int, int]],
    cells: Sequence[tuple[int, int, int]] = (),
    side: tuple[int, int] = (480, 640),
) -> np.ndarray:
    """Red cells 44 px across on a grid, cells and nuclei as discs (x, y, radius)."""
    image = np.full((*side, 3), GROUND, np.uint8)
    for y in range(30, side[0], 60):
        for x in range(30, side[1], 60):
            if all(np.hypot(x - a, y - b) > r + 26 for a, b, r in (*nuclei, *cells)):
                cv2.circle(image, (x, y), 22, RED_CELL, -1, cv2.LINE_AA)
    for discs, colour in ((cells, CYTOPLASM), (nuclei, NUCLEUS)):
        for x, y, r in discs:
            cv2.circle(image, (x, y), r, colour, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(image, (0, 0), 1.0)


def test_lobes_of_one_granulocyte_are_one_cell_boxed_with_its_cytoplasm() -> None:
    lobes = [(300, 220, 11), (330, 222, 12), (318, 250, 11)]
    (cell,) = find_cells(hand_drawn(lobes, [(315, 232, 42)]))
    assert overlap(cell.box, (273, 190, 358, 275)) > 0.8
    assert cell.nucleus_area == pytest.approx(np.pi * (121 + 144 + 121), rel=0.2)
    assert cell.cell_area > 3 * cell.nucleus_area


def test_two_lymphocytes_side_by_side_are_two_cells() -> None:
    pair = [(300, 240, 24), (345, 240, 24)]  # the nuclei overlap
    found = find_cells(hand_drawn(pair, [(x, y, 28) for x, y, _ in pair]))
    assert len(found) == 2
    assert matched(found, [(272, 212, 322, 268), (323, 212, 373, 268)]) == 2


def test_platelets_and_red_cells_are_no_cells() -> None:
    platelets = [(120, 60, 6), (240, 300, 8), (480, 420, 7)]
    assert find_cells(hand_drawn(platelets)) == []
    assert find_cells(hand_drawn([])) == []


def test_a_small_nucleus_counts_only_within_a_cell() -> None:
    bodies = [(135, 240, 14), (435, 240, 14)]  # a large platelet, and an erythroblast
    (cell,) = find_cells(hand_drawn(bodies, [(435, 240, 27)]))
    assert cell.box[0] > 400


def test_uneven_light_leaves_the_boxes_tight() -> None:
    discs = [(315, 240), (555, 60), (75, 420)]
    image = hand_drawn([(x, y, 25) for x, y in discs], [(x, y, 34) for x, y in discs])
    y, x = np.mgrid[:480, :640]
    vignette = 1 - 0.3 * ((x - 320) ** 2 + (y - 240) ** 2)[..., None] / 400**2
    found = find_cells((image * vignette).astype(np.uint8))
    assert len(found) == 3
    for cell in found:
        drawn_boxes = [(x - 34, y - 34, x + 35, y + 35) for x, y in discs]
        assert max(overlap(cell.box, box) for box in drawn_boxes) > 0.75


def test_a_black_surround_is_no_cell_and_cuts_those_it_meets() -> None:
    image = hand_drawn([(315, 240, 25), (505, 240, 25)], [(315, 240, 34), (505, 240, 34)])
    y, x = np.mgrid[:480, :640]
    lit = np.clip((205 - np.hypot(x - 320, y - 240)) / 8, 0, 1)  # through an eyepiece
    found = find_cells((image * lit[..., None]).astype(np.uint8))
    assert [cell.touches_edge for cell in sorted(found, key=lambda cell: cell.centre)] == [
        False,
        True,
    ]


def test_a_mark_of_a_pen_is_no_cell() -> None:
    image = hand_drawn([(120, 240, 25)], [(120, 240, 34)])
    image[100:380, 320:580] = (40, 30, 60)
    assert [cell.box[0] < 200 for cell in find_cells(image)] == [True]


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_scale_comes_from_the_red_cells(factor: float) -> None:
    image = hand_drawn([(315, 240, 30)], [(315, 240, 40)])
    size = round(640 * factor), round(480 * factor)
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    assert red_cell_diameter(scaled) == pytest.approx(44 * factor, rel=0.25)
    (cell,) = find_cells(scaled)
    assert overlap([round(edge / factor) for edge in cell.box], (275, 200, 355, 280)) > 0.75


@pytest.mark.parametrize("shape", [(1, 1), (2, 90), (90, 2), (64, 64)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_fields_hold_no_cell(shape: tuple[int, int], level: int) -> None:
    assert find_cells(np.full((*shape, 3), level, np.uint8)) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 80), st.integers(1, 80), st.booleans())
def test_any_picture_gives_boxes_inside_it(seed: int, h: int, w: int, smooth: bool) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    if smooth:
        image = cv2.normalize(cv2.GaussianBlur(image, (0, 0), 5), None, 0, 255, cv2.NORM_MINMAX)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_cells(image)
    for cell in found:
        x0, y0, x1, y1 = cell.box
        assert 0 <= x0 < x1 <= w
        assert 0 <= y0 < y1 <= h


BOX = st.tuples(st.integers(0, 90), st.integers(0, 60), st.integers(1, 50), st.integers(1, 40))


@given(BOX, st.floats(0, 1))
def test_a_crop_is_a_square_of_the_field_that_holds_the_box(
    box: tuple[int, int, int, int], margin: float
) -> None:
    field = np.dstack([*np.mgrid[:80, :120], np.zeros((80, 120))]).astype(np.uint8)
    x0, y0, w, h = box
    x1, y1 = min(120, x0 + w), min(80, y0 + h)
    crop = crop_square(field, (x0, y0, x1, y1), margin)
    side = crop.shape[0]
    assert crop.shape == (side, side, 3)
    top, left = int(crop[0, 0, 0]), int(crop[0, 0, 1])
    assert (crop == field[top : top + side, left : left + side]).all()  # photographed, not made up
    if side < 80:
        assert left <= x0 and x1 <= left + side
        assert top <= y0 and y1 <= top + side
    assert crop_square(field, (x0, y0, x1, y1), margin, 32).shape == (32, 32, 3)


def cell_at(x: int, y: int) -> FoundCell:
    return FoundCell((x - 10, y - 10, x + 10, y + 10), (x, y), 100.0, 300.0, False)


def test_marked_centres_make_blasts_and_the_others_stay_unlabelled() -> None:
    found = [cell_at(50, 50), cell_at(62, 50), cell_at(150, 20)]
    marks = Marks("xyc", centres=((59.0, 51.0), (190.0, 95.0), (500.0, 5.0)))
    places = marked_places(found, marks, 15.0, 200, 100)
    assert [place.label for place in places] == ["", "blast", "", "blast"]
    assert places[3].box == (175, 80, 200, 100)  # nothing was found there; cut to the field


def test_red_cells_and_platelets_are_cropped_only_when_asked_for() -> None:
    marks = Marks(
        "voc",
        boxes=(
            MarkedBox("WBC", (-5, 1, 20, 20)),
            MarkedBox("RBC", (1, 1, 9, 9)),
            MarkedBox("Platelets", (1, 1, 3, 3)),
            MarkedBox("WBC", (300, 1, 320, 9)),
        ),
    )
    assert boxed_places(marks, (), 100, 50) == [Place((0, 1, 20, 20), "WBC")]
    assert [place.label for place in boxed_places(marks, ["RBC"], 100, 50)] == ["RBC"]


def test_the_overlay_is_the_field_with_boxes_drawn_in() -> None:
    field = np.full((300, 400, 3), 255, np.uint8)
    places = [Place((50, 60, 120, 130)), Place((0, 200, 40, 260), "blast")]
    picture = draw_places(field, places)
    assert (field == 255).all()
    assert picture.shape == field.shape
    assert (picture[95, 50] != 255).any() and (picture[200, 20] != 255).any()
    assert (picture[200:, 200:] == 255).all()
    assert [touches_edge(place.box, 400, 300) for place in places] == [False, True]
    assert (picture[129, 110] != picture[259, 30]).any()  # another colour where it is cut


@needs_shared
def test_white_cells_of_real_fields_are_found() -> None:
    hits = there = told = 0
    paths = sorted((BCCD / "BCCD/JPEGImages").glob("*[02468].jpg"))[::4]  # not chosen on
    for path in paths:
        marks = read_marks(Path(BCCD, "BCCD/Annotations", f"{path.stem}.xml"))
        truth = [each.box for each in marks.boxes if each.label == "WBC"]
        found = find_cells(decode(path.read_bytes()))
        hits += matched(found, truth)
        there += len(truth)
        told += len(found)
    assert there > 40
    assert hits / there >= 0.9
    assert hits / told >= 0.85  # some white cells at the edge have no box in BCCD
