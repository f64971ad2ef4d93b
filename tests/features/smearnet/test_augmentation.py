"""Augmentation: pictures in, pictures out, by the seed, with all that should vary varied."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.smearnet.augmentation import augment, compressed
from tests.features.smearnet.made_up import disc


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), size=st.sampled_from([32, 96, 128]), strength=st.floats(0.1, 2))
def test_a_variant_is_a_picture_and_its_seed_makes_it(
    seed: int, size: int, strength: float
) -> None:
    image = disc("EO", 0)
    before = image.copy()
    variant = augment(image, np.random.default_rng(seed), size, strength)
    assert (variant.shape, variant.dtype) == ((size, size, 3), np.uint8)
    assert (image == before).all()
    again = augment(image, np.random.default_rng(seed), size, strength)
    assert (variant == again).all()


def test_the_cell_stays_in_the_picture_while_colour_size_and_place_vary() -> None:
    rng = np.random.default_rng(0)
    image = disc("BA", 0)
    variants = [augment(image, rng, 96) for _ in range(60)]
    inner = np.array([each[40:56, 40:56].mean() for each in variants])
    corner = np.array([np.percentile(each, 95) for each in variants])
    assert (inner < corner - 20).mean() > 0.95  # a dark cell in the middle of clear ground
    shares = [(each.mean(axis=2) < (i + c) / 2).mean()
              for each, i, c in zip(variants, inner, corner, strict=True)]  # fmt: skip
    assert max(shares) > 2 * min(shares)
    colours = np.array([each[40:56, 40:56].mean(axis=(0, 1)) for each in variants])
    assert colours.std(axis=0).min() > 8


@pytest.mark.parametrize("strength", [0.05, 1.0])
def test_strength_is_how_much_colours_vary(strength: float) -> None:
    rng = np.random.default_rng(1)
    image = np.full((128, 128, 3), 120, np.uint8)
    means = np.array([augment(image, rng, 32, strength).mean() for _ in range(40)])
    assert (means.std() < 3) == (strength < 1)


def test_compression_keeps_channels_in_place() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = 200
    assert np.abs(compressed(image, 90).astype(int) - image).max() < 12
