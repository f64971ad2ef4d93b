"""Stain normalisation: planted changes of stain and light are undone, ground stays ground."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.decode import decode
from features.stain import (
    MACENKO,
    REINHARD,
    Step,
    macenko,
    measure_macenko,
    measure_reinhard,
    reinhard,
    vary_stains,
)
from tests.features.cells import ODD, cell, cut_out, restained, slide
from tests.shared import needs_shared, pbc_cells

METHODS = {"reinhard": (reinhard, measure_reinhard), "macenko": (macenko, measure_macenko)}
every_method = pytest.mark.parametrize(("make", "measure"), METHODS.values(), ids=METHODS)
Make = Callable[..., Step]
Measure = Callable[[np.ndarray], tuple[float, ...] | None]
CREAM, LILAC = (250.0, 232.0, 206.0), (228.0, 224.0, 240.0)


def difference(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - two).mean())


@every_method
@settings(deadline=None, max_examples=15)
@given(st.integers(0, 999), st.floats(0.75, 1.3).filter(lambda s: abs(s - 1) > 0.12))
def test_two_stains_of_one_cell_come_closer(
    make: Make, measure: Measure, seed: int, strength: float
) -> None:
    stain = replace(slide(seed), background=CREAM)
    one = cell(stain, seed)
    two = cell(restained(stain, strength, LILAC), seed)
    step = make()
    assert difference(step(one), step(two)) < 0.6 * difference(one, two)


@every_method
def test_a_picture_normalised_to_its_own_numbers_stays_nearly_itself(
    make: Make, measure: Measure
) -> None:
    for seed in range(4):
        image = cell(slide(seed), seed)
        numbers = measure(image)
        assert numbers is not None
        assert difference(make(*numbers)(image), image) < 1.5


@every_method
def test_the_numbers_of_a_reference_are_reached(make: Make, measure: Measure) -> None:
    one, two = cell(slide(3), 1), cell(replace(slide(3), background=LILAC), 2)
    wanted = measure(one)
    assert wanted is not None
    reached = measure(make(*wanted)(two))
    assert reached is not None
    assert reached[:3] == pytest.approx(wanted[:3], abs=3)


@every_method
@pytest.mark.parametrize("background", [CREAM, LILAC, (254.0, 250.0, 160.0)])
def test_ground_takes_the_reference_grounds_colour_and_never_a_stains(
    make: Make, measure: Measure, background: tuple[float, float, float]
) -> None:
    stain = replace(slide(5), background=background)
    image = cell(stain, 5)
    ground = np.abs(image - np.array(background)).max(axis=2) < 4
    assert ground.mean() > 0.3
    after = make()(image)[ground]
    assert np.abs(np.median(after, axis=0) - np.array(MACENKO[:3])).max() < 4
    # Nor does any single pixel of it look stained: no halo, no speckle.
    assert np.percentile(np.abs(after - np.array(MACENKO[:3])).max(axis=1), 99) < 16


@every_method
def test_a_cell_cut_out_on_black_is_left_alone(make: Make, measure: Measure) -> None:
    image = cut_out(cell(slide()))
    assert np.array_equal(make()(image), image)


@every_method
def test_a_reference_cut_out_on_black_serves_others_of_its_kind(
    make: Make, measure: Measure
) -> None:
    one = cut_out(cell(slide(1), 1))
    two = cut_out(cell(restained(slide(1), 0.75, slide(1).background), 1))
    wanted = measure(one)
    assert wanted is not None
    assert wanted[:3] == (0, 0, 0)
    after = make(*wanted)(two)
    assert difference(after, one) < 0.6 * difference(two, one)
    assert (after[two.max(axis=2) == 0] == 0).all()
    whole = cell(slide(2))
    assert np.array_equal(make(*wanted)(whole), whole)


@every_method
@pytest.mark.parametrize("name", [name for name in ODD if name not in ("noise", "mostly black")])
def test_without_stain_there_is_nothing_to_normalise(
    make: Make, measure: Measure, name: str
) -> None:
    assert measure(ODD[name]) is None
    assert np.array_equal(make()(ODD[name]), ODD[name])


@pytest.mark.parametrize("seed", range(6))
def test_red_granules_keep_their_colour(seed: int) -> None:
    """A third dye is no mixture of the two stains."""
    image = cell(slide(seed), seed)
    red = np.array([205, 90, 105])
    image[95:101, 76:82] = red  # too few to be one of the two
    after = macenko()(image)[95:101, 76:82].reshape(-1, 3).mean(axis=0)
    assert after[0] - after[1:].max() > 0.6 * (red[0] - red[1:].max())


@needs_shared
def test_built_in_references_are_those_of_real_cells() -> None:
    images = [decode(path.read_bytes()) for path in pbc_cells(24)]
    for built_in, measure in ((REINHARD, measure_reinhard), (MACENKO, measure_macenko)):
        found = np.median([measure(image) or [np.nan] * len(built_in) for image in images], axis=0)
        assert found == pytest.approx(np.array(built_in), rel=0.15, abs=4 if len(found) == 9 else 0)


def test_amounts_that_do_not_change_change_nothing() -> None:
    image = cell(slide(), 0)
    same = vary_stains(image, np.ones(3), np.zeros(2))
    assert np.abs(same.astype(int) - image).max() <= 1


def test_more_of_a_stain_darkens_stained_pixels_and_leaves_the_ground() -> None:
    stain = replace(slide(1), background=CREAM)
    image = cell(stain, 1)
    ground = np.abs(image - np.array(CREAM)).max(axis=2) < 3
    for factors, offsets in (((1.2, 1, 1), (0, 0)), ((1, 1.2, 1), (0, 0)), ((1, 1, 1), (0.3, 0.3))):
        after = vary_stains(image, np.array(factors), np.array(offsets))
        assert after[~ground].mean() < image[~ground].mean() - 1
        assert np.abs(after[ground].astype(int) - image[ground]).max() <= 2


def test_what_was_cut_out_stays_black() -> None:
    image = cut_out(cell(slide()))
    after = vary_stains(image, np.array([0.8, 0.8, 0.8]), np.array([-0.2, 0.2]))
    assert (after[image.max(axis=2) == 0] == 0).all()
    assert not np.array_equal(after, image)
