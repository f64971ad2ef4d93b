"""The gate's figures: how alike two sets of embeddings of the same images are."""

import numpy as np
import pytest

from features.backbones import mean_colour
from features.engine import DescriptorEngine
from features.gate import compare, run_gate
from tests.data.images import MEAN_COLOUR, noise

SHAPES = [(40, 16), (40, 4, 16), (40, 49, 16), (40, 3, 9, 16)]  # plain, views, tokens, both


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equal_embeddings_agree_wholly(shape: tuple[int, ...]) -> None:
    result = compare(normal(1, *shape), normal(1, *shape))
    assert result.images == 40
    assert result.cosine == pytest.approx(1)
    assert result.lowest == pytest.approx(1)
    assert result.neighbours == 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_more_noise_the_less_they_agree(shape: tuple[int, ...]) -> None:
    exact, added = normal(1, *shape), normal(2, *shape)
    results = [compare(exact, exact + level * added) for level in (0, 0.1, 0.3, 1, 3)]
    cosines = [result.cosine for result in results]
    neighbours = [result.neighbours for result in results]
    assert cosines == sorted(cosines, reverse=True)
    assert neighbours == sorted(neighbours, reverse=True)
    assert all(result.lowest <= result.cosine for result in results)
    assert cosines[-1] < 0.5
    assert neighbours[-1] < 0.5


def test_what_all_images_have_in_common_hides_no_difference() -> None:
    exact, other = normal(1, 40, 16), normal(2, 40, 16)
    apart = compare(exact, other)
    offset = compare(exact + 1000, other + 1000)
    assert abs(apart.cosine) < 0.2
    assert offset.cosine == pytest.approx(apart.cosine, abs=1e-3)
    assert offset.neighbours == pytest.approx(apart.neighbours, abs=0.05)


def test_one_image_gone_wrong_shows_in_the_lowest() -> None:
    exact = normal(1, 40, 16)
    reduced = exact.copy()
    reduced[7] *= -1
    result = compare(exact, reduced)
    assert result.lowest < -0.8
    assert result.cosine > 0.9


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_an_overflow_agrees_with_nothing(wrong: float) -> None:
    """NaN is not below any threshold, so that it would pass the gate."""
    exact = normal(1, 40, 16)
    reduced = exact.copy()
    reduced[3, 3] = wrong
    result = compare(exact, reduced)
    assert (result.cosine, result.lowest, result.neighbours) == (-1, -1, 0)


def test_the_gate_embeds_the_same_images_with_both() -> None:
    class Grey(DescriptorEngine):
        def embed(self, prepared: object) -> np.ndarray:
            return super().embed(prepared) * [1, 0, 0]  # type: ignore[arg-type]

    images = [(f"{number:064x}", noise(number)) for number in range(5)]
    exact = DescriptorEngine(MEAN_COLOUR)
    assert run_gate(images, exact, exact).cosine == pytest.approx(1)
    means = np.stack([mean_colour(image) for _, image in images])
    assert run_gate(images, exact, Grey(MEAN_COLOUR)) == compare(means, means * [1, 0, 0])


def test_the_figures_are_one_line_for_people() -> None:
    text = str(compare(normal(1, 40, 16), normal(1, 40, 16)))
    assert text == (
        "centred cosine 1.0000 (lowest 1.0000), nearest neighbour the same for 100% of 40 images"
    )
