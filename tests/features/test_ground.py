import numpy as np
import pytest

from features.ground import clear_ground, is_cut_out
from tests.features.cells import ODD, cell, cut_out, slide


def test_the_ground_is_the_light_of_the_slide() -> None:
    for seed in range(5):
        stain = slide(seed)
        found = clear_ground(cell(stain, seed))
        assert found is not None
        assert found == pytest.approx(stain.background, abs=6)


def test_what_was_cut_out_has_no_ground() -> None:
    image = cut_out(cell(slide()))
    assert is_cut_out(image)
    assert clear_ground(image) is None
    assert not is_cut_out(cell(slide()))


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_have_a_ground_or_none(name: str) -> None:
    found = clear_ground(ODD[name])
    if "black" in name:
        assert found is None
    else:
        assert found is not None
        assert np.isfinite(found).all()
