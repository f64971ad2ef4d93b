"""Views: the symmetries of the square, or augmented copies, as the image's content decides."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.augment import parse_augmentation
from features.views import MAX_VIEWS, SYMMETRIES, make_views
from tests.data.images import noise

digests = st.binary(max_size=8).map(lambda content: hashlib.sha256(content).hexdigest())
sizes = st.integers(1, 9)


def symmetries(image: np.ndarray) -> set[bytes]:
    """What flips along both axes and the swap of the axes make of an image, all combined."""
    found = set()
    for up, left, swap in itertools.product((1, -1), (1, -1), (False, True)):
        turned = image[::up, ::left]
        found.add((turned.transpose(1, 0, 2) if swap else turned).tobytes())
    return found


@given(st.integers(0, 99), sizes, digests, st.integers(1, SYMMETRIES))
def test_the_first_view_is_the_image_itself(seed: int, size: int, sha256: str, count: int) -> None:
    image = noise(seed, size, size)
    views = make_views(image, count, sha256)
    assert views.shape == (count, size, size, 3)
    assert views.dtype == image.dtype
    assert np.array_equal(views[0], image)


@given(st.integers(0, 99), st.integers(2, 9), digests)
def test_eight_views_are_the_eight_symmetries_of_the_square(
    seed: int, size: int, sha256: str
) -> None:
    image = noise(seed, size, size)  # whose every pixel differs
    views = make_views(image, SYMMETRIES, sha256)
    assert len({view.tobytes() for view in views}) == SYMMETRIES
    assert {view.tobytes() for view in views} == symmetries(image)


@given(st.integers(0, 99), digests, st.integers(1, SYMMETRIES))
def test_fewer_views_are_the_first_of_more(seed: int, sha256: str, count: int) -> None:
    image = noise(seed, 5, 5)
    few, all_views = make_views(image, count, sha256), make_views(image, SYMMETRIES, sha256)
    assert np.array_equal(few, all_views[:count])


def order(sha256: str) -> bytes:
    """The order of the views, read off a fixed image."""
    return make_views(noise(1, 4, 4), SYMMETRIES, sha256).tobytes()


@given(digests)
def test_the_content_decides_the_order(sha256: str) -> None:
    assert order(sha256) == order(sha256)


def test_the_order_differs_between_images() -> None:
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(50)]
    assert len({order(sha256) for sha256 in hashes}) > 45


def test_each_symmetry_comes_second_for_some_image() -> None:
    """With two views, no turn is favoured: over a data set, all occur."""
    image = noise(1, 4, 4)
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(200)]
    second = [make_views(image, 2, sha256)[1].tobytes() for sha256 in hashes]
    assert set(second) == symmetries(image) - {image.tobytes()}
    assert max(second.count(each) for each in set(second)) < 60  # about 29 of each


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_views_keep_the_type_of_numbers(dtype: type) -> None:
    assert make_views(noise(0, 3, 3).astype(dtype), 3, "ab").dtype == dtype


AUGMENTATION = parse_augmentation(("flip", "rotate:180", "stain:0.1", "noise:3"))


@given(digests, st.integers(1, MAX_VIEWS))
def test_augmented_views_begin_with_the_image_and_differ(sha256: str, count: int) -> None:
    image = noise(0, 9, 9)
    views = make_views(image, count, sha256, AUGMENTATION)
    assert views.shape == (count, 9, 9, 3)
    assert views.dtype == np.uint8
    assert np.array_equal(views[0], image)
    assert len({view.tobytes() for view in views}) == count


@given(digests, st.integers(1, MAX_VIEWS))
def test_a_view_depends_on_image_and_number_alone(sha256: str, count: int) -> None:
    image = noise(0, 9, 9)
    few = make_views(image, count, sha256, AUGMENTATION)
    assert np.array_equal(few, make_views(image, MAX_VIEWS, sha256, AUGMENTATION)[:count])


def test_augmented_views_differ_between_images() -> None:
    image = noise(0, 9, 9)
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(20)]
    second = {make_views(image, 2, sha256, AUGMENTATION)[1].tobytes() for sha256 in hashes}
    assert len(second) == 20
