import numpy as np
import pytest

from data.synthetic_cell import draw_cell
from features.isolate import centre, segment
from features.segment import segment as masks
from tests.features.cells import ODD, cell, cut_out, slide

KINDS = ("cell", "nucleus", "hsv", "lab")


@pytest.mark.parametrize("what", KINDS)
def test_all_but_the_cell_is_black_and_the_cell_untouched(what: str) -> None:
    for seed in range(5):
        drawn = draw_cell("L2", slide(seed), np.random.default_rng(seed), 160)
        after = segment(what)(drawn.image)
        kept = after.any(axis=2)
        assert np.array_equal(after[kept], drawn.image[kept])
        wanted = drawn.cell if what == "cell" else drawn.nucleus
        assert (kept & wanted).sum() > 0.75 * wanted.sum()
        ground = np.abs(drawn.image - np.array(slide(seed).background)).max(axis=2) < 8
        assert (kept & ground).sum() < 0.05 * ground.sum()
        if what in ("cell", "nucleus"):  # thresholds alone may take red cells in
            assert (kept & ~drawn.cell).sum() < 0.3 * drawn.cell.sum()


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("name", ["white", "grey", "black", "one pixel"])
def test_where_nothing_is_found_the_picture_stays(what: str, name: str) -> None:
    assert np.array_equal(segment(what)(ODD[name]), ODD[name])


@pytest.mark.parametrize("what", KINDS)
def test_black_that_was_cut_out_stays_black(what: str) -> None:
    image = cut_out(cell(slide()))
    after = segment(what)(image)
    assert not after[image.max(axis=2) == 0].any()
    assert after.any()


@pytest.mark.parametrize(("down", "right"), [(0, 0), (40, 0), (-30, 45), (-48, -48)])
@pytest.mark.parametrize("share", [0.4, 0.7, 1.0])
def test_the_nucleus_comes_to_the_middle(down: int, right: int, share: float) -> None:
    image = np.roll(cell(slide(1), 1), (down, right), axis=(0, 1))
    before = masks(image).nucleus
    after = centre(share)(image)
    side = round(share * 160)
    assert after.shape == (side, side, 3)
    at = [places.mean() for places in np.nonzero(before)]
    # The pixel of the nucleus' middle lies in the middle, and around it the picture is unchanged.
    middle, reach = (side - 1) / 2, 20
    top, left = (round(place - middle) for place in at)
    inside = slice(round(middle) - reach, round(middle) + reach)
    rows = slice(inside.start + top, inside.stop + top)
    columns = slice(inside.start + left, inside.stop + left)
    assert np.array_equal(after[inside, inside], image[rows, columns])


def test_beyond_the_picture_is_its_mirror_image_and_no_black() -> None:
    image = np.roll(cell(slide(1), 1), (50, 50), axis=(0, 1))
    after = centre(1.0)(image)
    assert after.min(axis=2).max() > 100
    assert after[-30:, -30:].max(axis=2).min() > 40
    cut = np.roll(cut_out(cell(slide(1), 1)), (35, 35), axis=(0, 1))
    after = centre(1.0)(cut)
    assert not after[-30:].any()
    assert not after[:, -30:].any()


@pytest.mark.parametrize("name", ["white", "grey", "black", "one pixel"])
def test_without_a_nucleus_nothing_is_cut(name: str) -> None:
    assert np.array_equal(centre(0.5)(ODD[name]), ODD[name])
