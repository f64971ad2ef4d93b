import numpy as np
import pytest

from data.decode import UnreadableImageError, decode
from tests.data.odd_images import ODD_IMAGES
from tests.data.odd_kinds import EMBEDDED, OddImage


@pytest.mark.parametrize("odd", ODD_IMAGES, ids=lambda odd: odd.name)
def test_an_odd_file_is_decoded_or_refused_as_documented(odd: OddImage) -> None:
    content = odd.make()
    if odd.outcome == EMBEDDED:
        assert odd.pixels is not None
        found = decode(content)
        assert found.dtype == np.uint8
        assert found.shape == odd.pixels.shape
        assert np.abs(found.astype(int) - odd.pixels).max() <= odd.tolerance
    else:
        with pytest.raises(UnreadableImageError) as caught:
            decode(content)
        assert caught.value.outcome == odd.outcome
        assert odd.reason in str(caught.value)


def test_the_odd_files_are_many_and_each_a_file_of_its_own() -> None:
    assert len(ODD_IMAGES) >= 50
    assert len({odd.name for odd in ODD_IMAGES}) == len(ODD_IMAGES)
    assert len({odd.make() for odd in ODD_IMAGES}) > 0.9 * len(ODD_IMAGES)
