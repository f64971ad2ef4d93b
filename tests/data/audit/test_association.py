"""Planted shortcuts are named, and only they; one odd patient is none."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.audit.association import MOSTLY, PROPERTIES, Association, associations
from data.audit.association_strength import cramers_v, permuted_classes
from data.errors import BlastlineError
from tests.data.audit.drawn_cells import CLASSES, cell, record

N = 100
Record = Callable[[np.ndarray, bool], np.ndarray]  # an image, whether to plant


def rim(image: np.ndarray, planted: bool) -> np.ndarray:
    marked = image.copy()
    if planted:  # another hue of the same brightness
        cv2.rectangle(marked, (0, 0), (image.shape[1] - 1, image.shape[0] - 1), (230, 180, 215), 2)
    return marked


def vignette(image: np.ndarray, planted: bool) -> np.ndarray:
    marked = image.copy()
    if planted:
        marked[10:20, 30:60] = 0
    return marked


PLANTED: dict[str, Record] = {
    "size": lambda image, planted: record(image[:-6] if planted else image),
    "format": lambda image, planted: record(image, "BMP" if planted else "TIFF"),
    "quality": lambda image, planted: record(image, "JPEG", quality=85 if planted else 90),
    "border": lambda image, planted: record(rim(image, planted)),
    "black": lambda image, planted: record(vignette(image, planted)),
    "bytes": lambda image, planted: record(image, "PNG", compress_level=1 if planted else 9),
    "sharpness": lambda image, planted: record(cv2.blur(image, (9, 9)) if planted else image),
    "colour": lambda image, planted: record(cv2.add(image, (20, 0, 0)) if planted else image),
}


def table_of(plant: Record, planted: np.ndarray) -> np.ndarray:
    return np.stack([plant(cells()[i], bool(each)) for i, each in enumerate(planted)])


@cache
def cells() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [cell(rng) for _ in range(240)]


def named(found: list[Association]) -> set[str]:
    return {each.name for each in found if each.found}


def test_every_property_has_its_planted_case() -> None:
    assert {each.name for each in PROPERTIES} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_shortcut_is_named_and_random_ones_are_not(name: str) -> None:
    y = np.arange(N) % 2
    coin = np.random.default_rng(4).permutation(y)
    by_class, at_random = (table_of(PLANTED[name], bits == 1) for bits in (y, coin))
    found = associations(by_class, y, np.arange(N), CLASSES, 0)
    assert name in named(found)
    told = next(each for each in found if each.name == name)
    assert told.strength > 0.5
    follows = f"{told.title} follows the class: "
    part = "" if told.strength > MOSTLY else " in part"
    readable = f"the class can be read off the {told.title}{part}, perhaps by way of the cells: "
    assert told.text.startswith(follows if told.technical else readable)
    assert named(associations(at_random, y, np.arange(N), CLASSES, 0)) == set()


def test_a_size_that_few_classes_have_is_told_by_their_names() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 5
    odd = (y >= 3) & (rng.random(200) < 0.3)
    found = associations(table_of(PLANTED["size"], odd), y, np.arange(200), list("vwxyz"), 0)
    size = next(each for each in found if each.name == "size")
    assert size.found
    assert size.text.startswith("image size follows the class: 120x114 occurs for y and z only (")
    assert size.p == pytest.approx(len(PROPERTIES) / 1000)  # the least p, by Holm's method
    assert size.by_class["v"] == "120x120 (100 %)"
    assert f"(strength {size.strength:.2f})" in size.text


def test_one_patient_with_another_size_is_no_finding_but_a_class_of_them_is() -> None:
    patients = np.repeat(np.arange(12), 14)
    y = (patients >= 6).astype(int)
    tables = [table_of(PLANTED["size"], odd) for odd in (patients == 8, y == 1)]
    one, all_of_class = ([*associations(each, y, patients, CLASSES, 0)] for each in tables)
    by_name = {each.name: each for each in one}
    assert by_name["size"].strength > 0.25
    assert named(one) == set()
    assert by_name["size"].text.startswith("too few groups to tell whether image size follows")
    assert "size" in named(all_of_class)
    # Cells taken for independent would make the odd patient a finding.
    assert "size" in named(associations(tables[0], y, np.arange(len(y)), CLASSES, 0))


def test_patients_of_mixed_classes_are_judged_too() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(20), 12)
    y = (rng.random(240) < np.where(patients < 10, 0.15, 0.85)).astype(int)
    scanner = table_of(PLANTED["size"], patients < 10)  # of the hospital with most of one class
    assert "size" in named(associations(scanner, y, patients, CLASSES, 0))
    within = table_of(PLANTED["size"], y == 1)
    assert "size" in named(associations(within, y, patients, CLASSES, 0))


def test_images_of_as_many_sizes_are_no_shortcut_by_themselves() -> None:
    rng = np.random.default_rng(1)
    images = [cell(rng, *rng.integers(80, 120, 2)) for _ in range(N)]
    y = np.arange(N) % 2
    smaller = [image[: 80 - i % 20] if i % 2 else image for i, image in enumerate(images)]
    tables = [np.stack([*map(record, each)]) for each in (images, smaller)]
    assert named(associations(tables[0], y, np.arange(N), CLASSES, 0)) == set()
    assert "size" in named(associations(tables[1], y, np.arange(N), CLASSES, 0))


def test_the_same_seed_gives_the_same_and_the_findings_stand_first() -> None:
    y = np.arange(60) % 2
    table = table_of(PLANTED["quality"], y == 1)
    first, second = (associations(table, y, np.arange(60), CLASSES, 3) for _ in range(2))
    assert first == second
    assert [each.found for each in first] == sorted((each.found for each in first), reverse=True)


def test_one_image_a_class_and_a_class_without_images_are_no_finding() -> None:
    table = table_of(PLANTED["size"], np.array([True, False]))
    assert named(associations(table, np.array([0, 2]), np.arange(2), list("abc"), 0)) == set()


def test_columns_that_do_not_fit_are_refused_in_one_line() -> None:
    table = table_of(PLANTED["size"], np.zeros(3, bool))
    for y in (np.zeros(2, int), np.zeros(0, int)):
        with pytest.raises(BlastlineError, match="expected as many of each"):
            associations(table[: len(y) and 3], y, np.arange(len(y)), CLASSES, 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=40))
def test_permuted_groups_take_their_classes_from_one_group(rows: list[tuple[int, int]]) -> None:
    groups, y = np.array(rows).T
    for codes in permuted_classes(y, groups, 3, 0):
        for group in np.unique(groups):
            given_to = set(codes[groups == group].tolist())
            assert any(given_to <= set(y[groups == other].tolist()) for other in groups)


def test_permutations_of_single_images_keep_the_number_of_each_class() -> None:
    y = np.repeat([0, 1, 2], [5, 9, 2])
    for codes in permuted_classes(y, np.arange(16), 20, 0):
        assert np.bincount(codes).tolist() == [5, 9, 2]


def test_strength_is_one_for_a_copy_of_the_class_and_zero_without_any_relation() -> None:
    assert cramers_v(np.diag([50, 30, 40])) == pytest.approx(1.0)
    assert cramers_v(np.full((4, 5), 20)) == 0
    assert cramers_v(np.array([[10, 0], [20, 0]])) == 0  # one value only
    # Bergsma's formula by hand: chi square 20, n 100, two by two.
    known = np.sqrt((0.2 - 1 / 99) / (2 - 1 / 99 - 1))
    counts = np.array([[25 + 5 * np.sqrt(5), 25 - 5 * np.sqrt(5)]] * 1)
    table = np.vstack([counts, counts[:, ::-1]])
    assert cramers_v(table) == pytest.approx(known)
