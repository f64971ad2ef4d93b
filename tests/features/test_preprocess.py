import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.cards import card_names, load_card
from data.errors import BlastlineError
from features.preprocess import STEPS, mask, parse_steps, resize
from tests.data.images import noise

IMAGES = arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(3)))
SHARES = st.tuples(*[st.integers(0, 20)] * 4).filter(lambda s: s[0] < s[2] and s[1] < s[3])


@given(IMAGES, SHARES)
def test_a_mask_covers_its_rectangle_and_nothing_else(
    image: np.ndarray, shares: tuple[int, int, int, int]
) -> None:
    before = image.copy()
    left, top, right, bottom = (share / 20 for share in shares)
    height, width = image.shape[:2]
    inside = np.zeros((height, width), bool)
    inside[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ] = True
    (step,) = parse_steps((f"mask:{left},{top},{right},{bottom}",))
    masked = step(image)
    assert np.array_equal(masked[~inside], image[~inside])
    assert (masked[inside] == np.median(image.reshape(-1, 3), axis=0).astype(np.uint8)).all()
    assert masked.dtype == np.uint8
    assert np.array_equal(image, before)


def test_a_masked_label_leaves_no_trace() -> None:
    """Two cells that differ in the burned-in label alone look the same after the mask."""
    plain = np.full((100, 80, 3), (230, 200, 220), np.uint8)
    plain[30:60, 20:50] = (90, 40, 140)
    labelled = plain.copy()
    labelled[88:98, 50:78] = 0
    (step,) = parse_steps(("mask:0.6,0.85,1,1",))
    assert np.array_equal(step(plain), step(labelled))
    assert np.array_equal(step(plain), plain)


def test_steps_apply_in_order() -> None:
    steps = parse_steps(("mask:0,0,0.5,1", "mask:0.5,0,1,1"))
    assert len(steps) == 2
    image = noise()
    for step in steps:
        image = step(image)
    assert (image[:, :12] == image[0, 0]).all()
    assert (image[:, 12:] == image[0, -1]).all()
    assert parse_steps(()) == []


@pytest.mark.parametrize("name", card_names())
def test_the_steps_of_every_card_are_known(name: str) -> None:
    steps = parse_steps(load_card(name).preprocess)
    assert all(step(noise()).shape == noise().shape for step in steps)


@pytest.mark.parametrize(
    "text",
    [
        "blur", "", "Mask:0,0,1,1", "mask", "mask:0,0,1", "mask:0,0,1,1,1", "mask:a,0,1,1",
        "mask:0.5,0,0.5,1", "mask:0,0,1,1.1", "mask:-0.1,0,1,1", "mask:nan,0,1,1", "mask:0;0;1;1",
    ],
)  # fmt: skip
def test_a_bad_step_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(BlastlineError) as caught:
        parse_steps((text,))
    assert f"'{text}'" in str(caught.value)


def test_an_unknown_step_lists_those_that_there_are() -> None:
    with pytest.raises(BlastlineError, match=", ".join(STEPS)):
        parse_steps(("blur",))


def test_a_mask_built_in_code_checks_its_numbers_too() -> None:
    with pytest.raises(ValueError, match="0 <= left < right <= 1"):
        mask(0.5, 0, 0.2, 1)


@settings(deadline=None)
@given(
    st.tuples(*[st.integers(0, 255)] * 3),
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from([8, 32, 33]),
)
def test_a_plain_image_stays_plain_with_its_colours_in_order(
    colour: tuple[int, int, int], height: int, width: int, size: int
) -> None:
    scaled = resize(np.full((height, width, 3), colour, np.uint8), size)
    assert scaled.shape == (size, size, 3)
    assert scaled.dtype == np.uint8
    assert (scaled == np.array(colour, np.uint8)).all()


def test_an_image_of_the_right_size_is_not_changed() -> None:
    image = noise(0, 32, 32)
    assert np.array_equal(resize(image, 32), image)


def test_shrinking_averages_so_that_no_pixel_is_skipped() -> None:
    image = noise(0, 64, 64)
    means = image.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(resize(image, 16) - means).max() <= 0.5 + 1e-9
