"""Steps that clean a picture: noise and the colour of the light."""

import cv2
import numpy as np

from features.ground import clear_ground
from features.stain import Step

STRONGEST = 8.0  # factor on a channel; a stronger cast has no colour left to bring back


def median(side: int) -> Step:
    """Replace each pixel by the median of the square of ``side`` pixels around it, per channel.

    Raises:
        ValueError: an even side, or one outside 3 to 31.
    """
    if side % 2 == 0 or not 3 <= side <= 31:
        raise ValueError("needs an odd side of 3 to 31 pixels")
    return lambda image: cv2.medianBlur(np.ascontiguousarray(image), side)


def nlm(strength: float) -> Step:
    """Non-local means: average each pixel with those whose surroundings look like its own.

    Buades et al. 2005, doi:10.1109/CVPR.2005.38, in L*a*b* as OpenCV does it, windows of 7 and 21
    pixels. ``strength`` is about the noise's standard deviation in grey levels.

    Raises:
        ValueError: a strength outside 0 to 50.
    """
    if not 0 < strength <= 50:
        raise ValueError("needs a strength above 0 and at most 50")
    return lambda image: cv2.fastNlMeansDenoisingColored(
        np.ascontiguousarray(image), None, strength, strength, 7, 21
    )


def greyworld() -> Step:
    """Scale the channels so that the mean of the picture is grey, as bright as before.

    Buchsbaum 1980, doi:10.1016/0016-0032(80)90058-7. The more stain a picture shows, the less it is
    a grey world: ground turns greenish where cells are many. A picture without clear ground (cut
    out on black) is given back as it is.
    """

    def apply(image: np.ndarray) -> np.ndarray:
        if clear_ground(image) is None:
            return image
        mean = image.mean(axis=(0, 1))
        return _scaled(image, mean.mean() / np.maximum(mean, 1.0))

    return apply


def whitepatch() -> Step:
    """Scale the channels so that the clear ground is neutral, as bright as its brightest channel.

    White-patch retinex (Land and McCann 1971, doi:10.1364/JOSA.61.000001) with the clear ground as
    the patch. A picture without one (cut out on black) is given back as it is.
    """

    def apply(image: np.ndarray) -> np.ndarray:
        ground = clear_ground(image)
        if ground is None:
            return image
        return _scaled(image, ground.max() / np.maximum(ground, 1.0))

    return apply


def _scaled(image: np.ndarray, factors: np.ndarray) -> np.ndarray:
    factors = np.minimum(factors, STRONGEST)
    table = np.clip(np.rint(np.arange(256)[:, None] * factors), 0, 255).astype(np.uint8)
    return np.dstack([table[image[..., channel], channel] for channel in range(3)])
