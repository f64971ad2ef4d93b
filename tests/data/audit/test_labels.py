"""Burned-in labels are found, and covered, wherever they differ; clean images have none."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from data.audit.association_strength import FEW
from data.audit.labels import BurnedIn, burned_in
from data.decode import decode
from data.synthetic import UNLABELLED, generate
from tests.data.audit.drawn_cells import cell, changed, label, record
from tests.shared import SHARED, needs_shared, pbc_cells

N = 120
Y = np.arange(N) % 3
CLASSES = ["A", "B", "C"]
SHARED_CROPS = SHARED / "data/segmentation-wbc-zheng-2018/Dataset 1"
Mark = Callable[[int, np.ndarray], np.ndarray]

BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (150, 150, 150)
OF_ONE_CLASS: dict[str, Mark] = {
    "black": lambda i, image: label(image, "20 um", BLACK),
    "white": lambda i, image: label(image, "20 um", WHITE),
    "grey": lambda i, image: label(image, "20 um", GREY),
    "another text each": lambda i, image: label(image, f"{10 + i % 83} um", BLACK),
    "upper left": lambda i, image: label(image[::-1, ::-1], "20 um", BLACK)[::-1, ::-1],
}


@cache
def cells() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [cell(rng) for _ in range(N)]


def search(
    images: Sequence[np.ndarray], y: np.ndarray, groups: np.ndarray | None = None
) -> list[BurnedIn]:
    table = np.stack([record(np.ascontiguousarray(image)) for image in images])
    if groups is None:
        groups = np.arange(len(y))
    return burned_in(table["picture"], table["edges"], y, groups, CLASSES, 0)


def covers(found: BurnedIn, plain: Sequence[np.ndarray], marked: Sequence[np.ndarray]) -> bool:
    boxes = np.array([changed(a, b) for a, b in zip(plain, marked, strict=True) if (a != b).any()])
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    inside = found.left <= left and found.top <= top
    inside &= found.right >= right and found.bottom >= bottom
    tight = (found.right - found.left) * (found.bottom - found.top)
    return inside and tight < (right - left) * (bottom - top) + 0.1


@pytest.mark.parametrize("name", OF_ONE_CLASS)
def test_a_label_of_one_class_is_found_covered_and_follows_the_class(name: str) -> None:
    mark = OF_ONE_CLASS[name]
    marked = [mark(i, image) if Y[i] == 1 else image for i, image in enumerate(cells())]
    (found,) = search(marked, Y)
    assert found.follows_class
    assert found.strength > 0.9
    assert covers(found, cells(), marked)
    assert found.share["B"] > 0.9
    assert max(found.share["A"], found.share["C"]) < 0.1
    corner = "upper left" if name == "upper left" else "lower right"
    assert f"follows the class: sharp edges in the {corner} corner of" in found.text


def test_a_label_of_some_images_of_a_class_is_found() -> None:
    some = (Y == 1) & (np.arange(N) % 2 == 0)
    y = np.minimum(Y, 1)  # a quarter of the second class
    marked = [label(image, "20 um") if some[i] else image for i, image in enumerate(cells())]
    (found,) = search(marked, y)
    assert found.share == pytest.approx({"A": 0.0, "B": 0.25}, abs=0.05)
    assert found.follows_class
    assert covers(found, cells(), marked)


def test_a_text_that_differs_between_classes_follows_the_class() -> None:
    marked = [label(image, ("5x", "20 um", "100x")[y]) for image, y in zip(cells(), Y, strict=True)]
    (found,) = search(marked, Y)
    assert found.follows_class
    assert covers(found, cells(), marked)


def test_a_label_of_all_images_is_found_but_does_not_follow_the_class() -> None:
    rng = np.random.default_rng(0)
    for text in ("20 um", None):
        marked = [label(image, text or f"{rng.integers(10, 99)} um") for image in cells()]
        (found,) = search(marked, Y)
        assert not found.follows_class
        assert covers(found, cells(), marked)
        assert "of every class" in found.text


def test_two_labels_are_two_findings() -> None:
    marked = [label(label(image, "20 um")[::-1, ::-1], "4 h")[::-1, ::-1] for image in cells()]
    marked = [each if Y[i] == 0 else cells()[i] for i, each in enumerate(marked)]
    places = {
        (each.left + each.right > 1, each.top + each.bottom > 1) for each in search(marked, Y)
    }
    assert places == {(False, False), (True, True)}


def test_the_label_of_one_patient_is_not_said_to_follow_the_class() -> None:
    patients = np.arange(N) // 40
    y = (patients == 2).astype(int)
    marked = [label(image, "20 um") if y[i] else image for i, image in enumerate(cells())]
    (found,) = search(marked, y, patients)
    assert not found.follows_class
    assert found.share == {"A": 0.0, "B": 1.0}


def dirt(seed: int, n: int = 96, side: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and edges of images with dirt at many places, each on some of them at random."""
    rng = np.random.default_rng(seed)
    edges = rng.integers(1, 6, (n, side, side), np.uint8)
    pictures = rng.integers(190, 220, (n, side, side, 3), np.uint8)
    for row, column in ((1, 1), (1, 8), (1, 15), (7, 1), (7, 15), (15, 7)):
        spot = np.ix_(rng.random(n) < 0.4, range(row, row + 2), range(column, column + 3))
        edges[spot] = rng.integers(20, 60, edges[spot].shape)
        pictures[spot] = rng.integers(60, 120, pictures[spot].shape)
    return pictures, edges


def test_dirt_that_knows_nothing_of_the_class_seldom_follows_it() -> None:
    boxes, follow = 0, 0
    for seed in range(20):
        y = np.random.default_rng(100 + seed).permutation(96) % 3
        found = burned_in(*dirt(seed), y, np.arange(96), CLASSES, seed)
        boxes += len(found)
        follow += any(each.follows_class for each in found)
    assert boxes > 60
    assert follow <= 3  # one in twenty is to be expected


def test_p_is_that_of_many_images_too() -> None:
    """Of more images than are permuted."""
    pictures, edges = dirt(0, n=FEW + 500)
    y = np.arange(len(edges)) % 3
    clean = burned_in(pictures, edges, y, np.arange(len(y)), CLASSES, 0)
    assert len(clean) > 3
    assert not any(each.follows_class for each in clean)
    edges[y == 1, 1:3, 1:4] = 3
    found = burned_in(pictures, edges, y, np.arange(len(y)), CLASSES, 0)
    assert [each.follows_class for each in found if each.left + each.top < 0.1] == [True]


def test_the_step_blanks_the_rectangle() -> None:
    marked = [label(image, "20 um") if Y[i] == 1 else image for i, image in enumerate(cells())]
    (found,) = search(marked, Y)
    numbers = [float(each) for each in found.step.removeprefix("mask:").split(",")]
    assert numbers == [found.left, found.top, found.right, found.bottom]
    blanked = []
    for image in marked:
        height, width = image.shape[:2]
        copy = image.copy()
        rows = slice(round(found.top * height), round(found.bottom * height))
        copy[rows, round(found.left * width) : round(found.right * width)] = np.median(
            image.reshape(-1, 3), axis=0
        )
        blanked.append(copy)
    assert search(blanked, Y) == []


def test_clean_images_have_no_label() -> None:
    assert search(cells(), Y) == []
    assert search(cells()[:6], Y[:6]) == []
    ringed = [np.maximum(image, 1) for image in cells()]
    for image in ringed:  # the black rim of a microscope's field is no label
        height, width = image.shape[:2]
        y, x = np.ogrid[:height, :width]
        image[(y - height / 2) ** 2 + (x - width / 2) ** 2 > (0.48 * width) ** 2] = 0
    assert search(ringed, Y) == []


def test_synthetic_cells_have_no_label(tmp_path: Path) -> None:
    generate(tmp_path / "set", patients=8, cells=12, unlabelled=0, size=96)
    paths = [p for p in sorted(tmp_path.rglob("*.png")) if p.parent.name != UNLABELLED]
    y = np.array([len(path.parent.name) % 3 for path in paths])
    patients = np.array([path.stem.split("_")[0] for path in paths])
    assert search([decode(path.read_bytes()) for path in paths], y, patients) == []


@needs_shared
def test_real_cells_have_no_label_until_one_is_drawn() -> None:
    paths = pbc_cells(96)
    images = [decode(path.read_bytes()) for path in paths]
    y = np.arange(len(images)) % 8 // 3
    assert search(images, y) == []
    marked = [label(image, "20 um") if y[i] == 2 else image for i, image in enumerate(images)]
    found = search(marked, y)
    assert [each.follows_class for each in found] == [True]
    assert covers(found[0], images, marked)


@needs_shared
def test_real_crops_of_another_laboratory_have_no_label() -> None:
    paths = sorted(SHARED_CROPS.glob("*.bmp"))[::5]
    images = [decode(path.read_bytes()) for path in paths]
    assert search(images, np.arange(len(images)) % 2) == []
