"""The clear ground of a picture: where light passed the slide and no cell."""

import cv2
import numpy as np

BLACK = 6
"""Grey level at or below which a ground was cut out by a computer, not photographed."""


def is_cut_out(image: np.ndarray) -> bool:
    """Whether the picture shows a cell cut out on black, as those of C-NMC 2019 do.

    Takes (h, w, 3) uint8 RGB.
    """
    return bool(0.02 < lit(image).mean() < 0.9)


def lit(image: np.ndarray) -> np.ndarray:
    """Which pixels of a (h, w, 3) uint8 RGB picture are not black: boolean (h, w)."""
    red, green, blue = cv2.split(image)
    return cv2.max(cv2.max(red, green), blue) > BLACK


def clear_ground(image: np.ndarray) -> np.ndarray | None:
    """RGB of the light that passed no cell: (3,) float64, or None where there is none to see.

    The mean of the lightest fifth of the pixels, by green, which all the stains absorb. A picture
    cut out on black has no ground left, and neither has a black one.
    """
    if is_cut_out(image):
        return None
    green = image[..., 1]
    ground: np.ndarray = image[green >= np.percentile(green, 80)].mean(axis=0)
    return ground if ground.max() > BLACK else None


def outside(image: np.ndarray) -> int:
    """OpenCV's border mode for what lies beyond the picture: its mirror image, or plain black."""
    # OpenCV's mirror without the outermost pixel never ends on a single one in some releases.
    return cv2.BORDER_CONSTANT if is_cut_out(image) else cv2.BORDER_REFLECT
