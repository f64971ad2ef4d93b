from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.cards import card_names, load_card
from data.errors import BlastlineError
from features.preprocess import REFERENCES, STEPS, mask, parse_steps, resize, resolve_steps
from tests.data.images import encode, noise
from tests.features.cells import ODD, cell, cut_out, slide

IMAGES = arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(3)))
EXAMPLES = [text for entry in STEPS.values() for text in entry.examples]
every_step = pytest.mark.parametrize("text", EXAMPLES)
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


def apply(text: str, image: np.ndarray) -> np.ndarray:
    for step in parse_steps(tuple(text.split(";"))):
        image = step(image)
    return image


@every_step
def test_a_step_gives_a_picture_and_leaves_what_it_was_given(text: str) -> None:
    for image in (cell(slide()), cut_out(cell(slide())), *ODD.values()):
        before = image.copy()
        after = apply(text, image)
        assert after.dtype == np.uint8
        assert after.ndim == 3
        assert after.shape[2] == 3
        assert min(after.shape) >= 1
        assert np.array_equal(image, before)
        assert resize(after, 16).shape == (16, 16, 3)


@settings(deadline=None, max_examples=15)
@given(image=IMAGES, first=st.sampled_from(EXAMPLES), second=st.sampled_from(EXAMPLES))
def test_steps_follow_each_other_in_any_order(image: np.ndarray, first: str, second: str) -> None:
    after = apply(f"{first};{second}", image)
    assert (after.dtype, after.shape[2]) == (np.uint8, 3)


@every_step
def test_a_step_gives_the_same_in_every_thread(text: str) -> None:
    images = [cell(slide(seed), seed, size=96) for seed in range(4)]
    (step,) = parse_steps((text,))
    alone = [step(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(step, images * 3))
    for one, expected in zip(together, alone * 3, strict=True):
        assert np.array_equal(one, expected)


@every_step
def test_examples_are_shown_where_a_step_is_written_wrongly(text: str) -> None:
    name = text.partition(":")[0]
    with pytest.raises(BlastlineError) as caught:
        parse_steps((f"{name}:1,2,3,4,5,6,7,8,9,10,11,12,13",))
    assert text in str(caught.value)


def test_resizing_is_that_of_the_network_input() -> None:
    image = cell(slide())
    assert np.array_equal(apply("resize:96", image), resize(image, 96))


@pytest.mark.parametrize(
    "text",
    ["resize:0", "resize:100000", "resize:20.5", "median:4", "median:1", "median:99", "nlm:0",
     "nlm:51", "segment", "segment:cells", "centre:0", "centre:1.1", "greyworld:1", "whitepatch:x",
     "macenko:1,2", "reinhard:1,2,3", "macenko:reference.png",
     "macenko:300,1,1,1,0,0,0,1,0,1,1", "macenko:200,200,200,1,0,0,1,0,0,1,1",
     "macenko:200,200,200,1,0,0,0,1,0,0,1", "macenko:200,200,200,9,0,0,0,1,0,1,1",
     "reinhard:200,200,200,50,0,0,-1,1,1", "reinhard:200,200,200,500,0,0,1,1,1"],
)  # fmt: skip
def test_arguments_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(BlastlineError) as caught:
        parse_steps((text,))
    assert f"'{text}'" in str(caught.value)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_image_becomes_numbers_that_need_no_file(name: str, tmp_path: Path) -> None:
    reference, image = cell(slide(1), 1), cell(slide(2), 2)
    (tmp_path / "my slide, 1.png").write_bytes(encode(reference, "PNG"))
    (text,) = resolve_steps((f"{name}:my slide, 1.png",), tmp_path)
    (tmp_path / "my slide, 1.png").unlink()
    assert resolve_steps((text,), Path("elsewhere")) == (text,)
    measured = REFERENCES[name][1](reference)
    assert measured is not None
    assert [float(each) for each in text.partition(":")[2].split(",")] == pytest.approx(
        measured, rel=1e-3
    )
    assert not np.array_equal(apply(text, image), apply(name, image))


@pytest.mark.parametrize("name", REFERENCES)
def test_the_built_in_reference_is_written_out(name: str) -> None:
    (text,) = resolve_steps((name,), Path())
    assert text.startswith(f"{name}:")
    assert np.array_equal(apply(text, cell(slide())), apply(name, cell(slide())))


def test_other_steps_are_resolved_to_themselves() -> None:
    texts = tuple(text for text in EXAMPLES if text.partition(":")[0] not in REFERENCES)
    assert resolve_steps(texts, Path()) == texts


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_that_is_no_use_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(encode(cell(slide()), "PNG")[:200])
    (tmp_path / "white.png").write_bytes(encode(ODD["white"], "PNG"))
    for file in ("gone.png", "broken.png", "white.png", "."):
        with pytest.raises(BlastlineError) as caught:
            resolve_steps((f"{name}:{file}",), tmp_path)
        assert str(caught.value).startswith(f"preprocessing step '{name}:{file}': reference image")


def test_unknown_steps_are_refused_while_references_are_read() -> None:
    with pytest.raises(BlastlineError, match="unknown"):
        resolve_steps(("macenco",), Path())
