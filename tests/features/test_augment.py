"""Augmentations: the same draw gives the same pixels, within its range, and no black corners."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BlastlineError
from features.augment import (
    APPEARANCE,
    AUGMENTATIONS,
    GEOMETRY,
    Augmentation,
    Draw,
    parse_augmentation,
)
from features.clean import whitepatch
from features.engine import NetworkEngine
from features.ground import clear_ground
from features.named import Named
from features.preprocess import resize
from features.recipe import Recipe
from features.segment import segment
from features.views import make_views
from tests.features.cells import ODD, cell, cut_out, slide

EXAMPLES = [text for entry in AUGMENTATIONS.values() for text in entry.examples]
every_augmentation = pytest.mark.parametrize("text", EXAMPLES)


def vary(image: np.ndarray, *texts: str, seed: int = 0, aspect: float = 1.0) -> np.ndarray:
    augmentation = parse_augmentation(texts)
    assert augmentation is not None
    return augmentation(image, np.random.default_rng(seed), aspect)


def ranges(text: str, value: str) -> str:
    """The same augmentation with another range."""
    name, _, number = text.partition(":")
    return f"{name}:{value}" if number else name


@every_augmentation
def test_a_copy_has_the_same_form_and_the_image_is_left_alone(text: str) -> None:
    odd = [resize(image, 17) for image in ODD.values()]
    for image in (cell(slide(), size=64), cut_out(cell(slide())), *odd, odd[0][:1, :1]):
        before = image.copy()
        for seed in range(3):
            after = vary(image, text, seed=seed)
            assert (after.shape, after.dtype) == (image.shape, np.uint8)
            assert np.array_equal(image, before)


@every_augmentation
def test_one_draw_gives_the_same_pixels_in_every_thread(text: str) -> None:
    augmentation = parse_augmentation((text,))
    assert augmentation is not None
    image = cell(slide(), size=96)

    def draw(seed: int) -> bytes:
        return augmentation(image, np.random.default_rng(seed)).tobytes()

    alone = [draw(seed) for seed in range(6)]
    assert len(set(alone)) > 1
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, [*range(6)] * 3)) == alone * 3


@pytest.mark.parametrize("text", [text for text in EXAMPLES if ":" in text])
@pytest.mark.parametrize("aspect", [1.0, 0.7, 49.0])
def test_a_range_of_nothing_changes_nothing(text: str, aspect: float) -> None:
    image = cell(slide(), size=96)
    after = vary(image, ranges(text, "0"), aspect=aspect)
    exact = text.partition(":")[0] not in ("stain", "hsv")  # which go there and back
    assert np.abs(after.astype(int) - image).max() <= (0 if exact else 1)


@every_augmentation
def test_values_out_of_range_are_refused_with_the_way_to_write_it(text: str) -> None:
    name = text.partition(":")[0]
    for bad in (f"{name}:-1", f"{name}:1000", f"{name}:nan", f"{name}:1,2", f"{name}:much"):
        with pytest.raises(BlastlineError) as caught:
            parse_augmentation((bad,))
        assert str(caught.value).startswith(f"augmentation '{bad}': ")
        assert text in str(caught.value)


def test_an_unknown_augmentation_lists_those_that_there_are() -> None:
    with pytest.raises(BlastlineError, match=", ".join(AUGMENTATIONS)):
        parse_augmentation(("rotation:10",))
    assert parse_augmentation(()) is None


def matrices(name: str, number: float, count: int = 200) -> np.ndarray:
    entry: Named[Draw] = GEOMETRY[name]
    draw = entry.make(number) if name != "flip" else entry.make()
    return np.stack([draw(np.random.default_rng(seed)) for seed in range(count)])


@given(st.floats(0.1, 180))
@settings(max_examples=20)
def test_rotations_stay_in_their_range_and_fill_it(degrees: float) -> None:
    found = matrices("rotate", degrees)
    angles = np.degrees(np.arctan2(found[:, 1, 0], found[:, 0, 0]))
    assert np.linalg.det(found) == pytest.approx(1.0)
    assert np.abs(angles).max() <= degrees + 1e-6
    assert angles.min() < -0.8 * degrees
    assert angles.max() > 0.8 * degrees


@given(st.floats(0.01, 1.0))
@settings(max_examples=20)
def test_zooms_stay_in_their_range_and_shrink_as_often_as_they_enlarge(share: float) -> None:
    factors = matrices("zoom", share)[:, 0, 0]
    assert factors.max() <= 1 + share + 1e-9
    assert factors.min() >= 1 / (1 + share) - 1e-9
    assert 0.35 < (factors > 1).mean() < 0.65


@given(st.floats(0.5, 45.0))
@settings(max_examples=20)
def test_shears_stay_in_their_range(degrees: float) -> None:
    found = matrices("shear", degrees)
    assert np.abs(np.degrees(np.arctan(found[:, 0, 1]))).max() <= degrees + 1e-6
    assert np.linalg.det(found) == pytest.approx(1.0)


def test_flips_are_the_eight_symmetries_pixel_by_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (15, 15, 3), dtype=np.uint8)
    turned = [np.rot90(image, times) for times in range(4)]
    expected = {each.tobytes() for each in (*turned, *(each[:, ::-1] for each in turned))}
    assert {vary(image, "flip", seed=seed).tobytes() for seed in range(80)} == expected


def test_turns_of_a_plain_centre_only_move_what_lies_around() -> None:
    image = cell(slide(3), 3, size=160)
    nucleus = segment(image).nucleus
    for seed in range(5):
        after = segment(vary(image, "rotate:180", seed=seed)).nucleus
        assert after.sum() == pytest.approx(nucleus.sum(), rel=0.05)
        bigger = segment(vary(image, "zoom:0.3", seed=seed)).nucleus
        factor = matrices("zoom", 0.3, 5)[seed, 0, 0] ** 2
        assert bigger.sum() == pytest.approx(factor * nucleus.sum(), rel=0.08)


@given(st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_no_corner_is_black_and_no_colour_is_new(seed: int) -> None:
    image = cell(slide(seed % 7), seed % 11, size=64)
    after = vary(image, "rotate:180", "zoom:0.5", "shear:30", seed=seed)
    corners = after[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.min() >= int(image.min())
    assert abs(np.median(after) - np.median(image)) < 30


def test_beyond_a_cell_cut_out_there_is_nothing() -> None:
    image = np.roll(cut_out(cell(slide(), size=160)), 38, axis=1)  # close to the right border
    for seed in range(8):
        after = vary(image, "zoom:1", seed=seed)
        count, _, stats, _ = cv2.connectedComponentsWithStats((after.max(axis=2) > 6).astype("u1"))
        assert (stats[1:, cv2.CC_STAT_AREA] > 10).sum() == 1, count


def test_geometry_is_one_resampling_however_many_there_are() -> None:
    """Each resampling blurs: a turn and the turn back, in one matrix, lose nothing."""
    image = cell(slide(), size=96)
    there = GEOMETRY["rotate"].make(180.0)(np.random.default_rng(0))
    both = Augmentation([lambda _: there, lambda _: np.linalg.inv(there)], [])
    assert np.array_equal(both(image, np.random.default_rng(0)), image)


@pytest.mark.parametrize("aspect", [0.5, 2.0])
def test_pictures_that_are_not_square_turn_as_they_were(aspect: float) -> None:
    """A disc in an oblong picture, squeezed into a square, is a disc again when stretched back."""
    height, width = (80, 160) if aspect == 2 else (160, 80)
    y, x = np.mgrid[:height, :width]
    away = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2)
    disc, inside = away < 25, away < 38  # farther out its mirror images come in
    picture = np.dstack([np.where(disc, 60, 220).astype(np.uint8)] * 3)
    for seed in range(5):
        turned = vary(resize(picture, 128), "rotate:90", seed=seed, aspect=aspect)
        back = cv2.resize(turned[..., 0], (width, height), interpolation=cv2.INTER_AREA) < 140
        back &= inside
        assert (back & disc).sum() / (back | disc).sum() > 0.9


@pytest.mark.parametrize("text", ["stain:0.1", "stain:0.3"])
def test_stain_changes_the_cell_and_not_the_light(text: str) -> None:
    image = cell(slide(2), 2)
    ground = clear_ground(image)
    assert ground is not None
    for seed in range(5):
        after = vary(image, text, seed=seed)
        assert clear_ground(after) == pytest.approx(ground, abs=4)
        assert not np.array_equal(after, image)


def test_more_range_is_more_change() -> None:
    image = cell(slide(), size=96)
    for name, few, many in (
        ("stain", 0.05, 0.3), ("hsv", 0.02, 0.2), ("blur", 0.5, 3), ("noise", 2, 20),
        ("rotate", 5, 90), ("zoom", 0.05, 0.6), ("shear", 2, 30),
    ):  # fmt: skip
        change = [
            np.mean([
                np.abs(vary(image, f"{name}:{size}", seed=seed).astype(int) - image).mean()
                for seed in range(6)
            ])
            for size in (few, many)
        ]  # fmt: skip
        assert change[1] > 1.3 * change[0] > 0


def test_appearance_keeps_every_pixel_in_place() -> None:
    image = cell(slide(), 0)
    nucleus = segment(image).nucleus
    for text in (text for entry in APPEARANCE.values() for text in entry.examples):
        after = segment(vary(image, text, seed=3)).nucleus
        assert 2 * (after & nucleus).sum() / (after.sum() + nucleus.sum()) > 0.95


@pytest.mark.parametrize(
    ("name", "range_", "expected"),
    [
        ("flip", (), [[0, 1], [1, 0]]),
        ("rotate", (90.0,), [[0.9238, -0.383], [0.383, 0.9238]]),
        ("zoom", (0.2,), [[1.0467, 0], [0, 1.0467]]),
        ("shear", (9.0,), [[1, 0.0393], [0, 1]]),
    ],
)
def test_draws_are_pinned_for_the_sake_of_stores_on_disk(
    name: str, range_: tuple[float, ...], expected: list[list[float]]
) -> None:
    """Whoever changes what a text means makes stores wrong in silence: rename it instead."""
    drawn = GEOMETRY[name].make(*range_)(np.random.default_rng(7))
    assert drawn == pytest.approx(np.array(expected), abs=1e-4)


class _Still(NetworkEngine):
    """An engine that embeds nothing, to see what it is given."""

    network_batch, images_a_call, streams, description = 1, 8, 1, "none"

    def _run(self, images: np.ndarray) -> np.ndarray:
        return images.mean(axis=(1, 2))


def test_an_engine_takes_steps_then_its_size_then_views() -> None:
    texts = ("rotate:180", "noise:4")
    image = np.ascontiguousarray(cell(slide())[:100])  # oblong
    recipe = Recipe("vgg16", "random", "0", ("whitepatch",), 48, views=20, augment=texts)
    found = _Still(recipe).prepare(image, "ab")
    small = resize(whitepatch()(image), 48)
    expected = make_views(small, 20, "ab", parse_augmentation(texts), 160 / 100)
    assert np.array_equal(found, expected)
    assert found.shape == (20, 48, 48, 3)
