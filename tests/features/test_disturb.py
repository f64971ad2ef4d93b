from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.errors import BlastlineError
from features.disturb import DISTURBANCES, STRENGTHS, disturb, disturbed
from features.preprocess import parse_steps
from tests.features.cells import ODD, cell, cut_out, slide

EVERY = [(kind, strength) for kind in DISTURBANCES for strength in STRENGTHS]
every_one = pytest.mark.parametrize(("kind", "strength"), EVERY)
every_kind = pytest.mark.parametrize("kind", DISTURBANCES)
IMAGES = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))
PLAIN = ("white", "grey")


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@every_one
def test_a_disturbance_gives_a_picture_of_the_same_kind(kind: str, strength: int) -> None:
    apply = disturb(kind, strength)
    for image in (cell(slide()), cut_out(cell(slide())), *ODD.values()):
        before = image.copy()
        after = apply(image)
        assert (after.shape, after.dtype) == (image.shape, np.uint8)
        assert np.array_equal(image, before)
        assert not np.shares_memory(after, image)
        assert np.array_equal(apply(image.copy()), after)


@settings(deadline=None, max_examples=25)
@given(image=IMAGES, one=st.sampled_from(EVERY))
def test_any_picture_can_be_disturbed_also_one_that_is_a_view(
    image: np.ndarray, one: tuple[str, int]
) -> None:
    after = disturb(*one)(image[:, ::-1])
    assert (after.shape, after.dtype) == (image.shape, np.uint8)
    assert np.array_equal(disturb(*one)(image[:, ::-1].copy()), after)


@every_kind
def test_higher_strengths_lead_further_away(kind: str) -> None:
    for number in range(4):
        image = cell(slide(number), number)
        found = [distance(disturb(kind, strength)(image), image) for strength in STRENGTHS]
        assert 0 < found[0] < found[1] < found[2], (number, found)


@pytest.mark.parametrize(("kind", "strength"), [one for one in EVERY if one[0] != "rotation"])
def test_a_disturbed_cell_is_nearer_to_itself_than_to_others(kind: str, strength: int) -> None:
    cells = [cell(slide(1), number, label) for number, label in enumerate(("L1", "L3", "Normal"))]
    moved = [disturb(kind, strength)(each) for each in cells]
    apart = [[distance(one, other) for other in cells] for one in moved]
    assert all(row[number] == min(row) for number, row in enumerate(apart))


@every_one
def test_a_picture_is_disturbed_alike_in_every_thread(kind: str, strength: int) -> None:
    images = [cell(slide(seed), seed, size=96) for seed in range(3)]
    apply = disturb(kind, strength)
    alone = [apply(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for one, expected in zip(pool.map(apply, images * 4), alone * 4, strict=True):
            assert np.array_equal(one, expected)


@pytest.mark.parametrize("kind", ["noise", "stain"])
def test_what_is_drawn_differs_between_pictures(kind: str) -> None:
    images = [cell(slide(1), number) for number in range(12)]
    moved = [disturb(kind, 2)(image).astype(int) - image for image in images]
    signs = {tuple(np.sign(change.mean(axis=(0, 1))).astype(int)) for change in moved}
    assert len(signs) > 1
    assert not np.array_equal(moved[0], moved[1])


@pytest.mark.parametrize("kind", ["noise", "stain"])
def test_the_black_around_a_cell_that_was_cut_out_stays_black(kind: str) -> None:
    image = cut_out(cell(slide()))
    black = (image == 0).all(axis=2)
    assert (disturb(kind, 3)(image)[black] == 0).all()


@pytest.mark.parametrize("kind", [kind for kind in DISTURBANCES if kind != "noise"])
def test_clear_ground_stays_as_it_is(kind: str) -> None:
    for name in PLAIN:
        assert distance(disturb(kind, 3)(ODD[name]), ODD[name]) <= 1, name


@every_one
def test_a_disturbance_is_a_step_and_tells_its_setting(kind: str, strength: int) -> None:
    (step,) = parse_steps((f"disturb:{kind},{strength}",))
    image = cell(slide())
    assert np.array_equal(step(image), disturb(kind, strength)(image))
    assert f"{DISTURBANCES[kind].amounts[strength - 1]:g}" in DISTURBANCES[kind].told(strength)


@pytest.mark.parametrize("text", ["blur", "blur,0", "blur,4", "blur,1.5", "fog,1", "blur,1,1"])
def test_what_is_no_disturbance_is_refused(text: str) -> None:
    with pytest.raises(BlastlineError) as caught:
        parse_steps((f"disturb:{text}",))
    assert f"'disturb:{text}'" in str(caught.value)
    assert "disturb:blur,2" in str(caught.value)


def test_a_disturbance_comes_first_but_for_masks_of_burned_in_labels() -> None:
    masks = ("mask:0.6,0.85,1,1", "mask:0,0,0.1,0.1")
    assert disturbed((), "blur", 1) == ("disturb:blur,1",)
    assert disturbed(("macenko", masks[0]), "jpeg", 2) == ("disturb:jpeg,2", "macenko", masks[0])
    assert disturbed((*masks, "centre:0.6"), "rotation", 3) == (
        *masks, "disturb:rotation,3", "centre:0.6",
    )  # fmt: skip
    assert disturbed(masks, "noise", 1) == (*masks, "disturb:noise,1")
