import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clean import greyworld, median, nlm, whitepatch
from features.ground import clear_ground
from tests.features.cells import cell, cut_out, slide


@settings(deadline=None, max_examples=15)
@given(st.tuples(*[st.floats(150, 254)] * 3), st.integers(0, 99))
def test_the_clear_ground_becomes_neutral_and_no_darker(
    background: tuple[float, float, float], seed: int
) -> None:
    image = cell(slide(seed, background=background), seed)
    before, after = clear_ground(image), clear_ground(whitepatch()(image))
    assert before is not None
    assert after is not None
    assert np.ptp(after) < 2.5
    assert after.mean() == pytest.approx(before.max(), abs=2.5)


def test_a_grey_world_has_a_grey_mean_as_bright_as_before() -> None:
    image = cell(slide(1, background=(240.0, 220.0, 190.0)), 1)
    after = greyworld()(image).mean(axis=(0, 1))
    assert np.ptp(after) < 2
    assert after.mean() == pytest.approx(image.mean(), abs=2)


@pytest.mark.parametrize("step", [greyworld(), whitepatch()])
def test_without_clear_ground_there_is_no_white_to_balance(step: object) -> None:
    image = cut_out(cell(slide()))
    assert np.array_equal(step(image), image)  # type: ignore[operator]


@pytest.mark.parametrize("step", [median(3), median(5), nlm(12)])
def test_noise_goes_and_the_cell_stays(step: object) -> None:
    clean = cell(slide(), 0)
    grain = np.random.default_rng(0).normal(0, 10, clean.shape)
    noisy = np.clip(clean + grain, 0, 255).astype(np.uint8)
    after = step(noisy)  # type: ignore[operator]
    error = np.abs(noisy.astype(float) - clean).mean()
    assert np.abs(after.astype(float) - clean).mean() < 0.7 * error


def test_the_median_takes_single_pixels_away() -> None:
    image = np.full((20, 20, 3), 200, np.uint8)
    image[10, 10] = 0
    assert (median(3)(image) == 200).all()
