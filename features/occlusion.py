"""Occlusion: how much a score falls while a patch of the image is hidden.

Zeiler and Fergus 2014, doi:10.1007/978-3-319-10590-1_53. Patches are squares of the image's shape
and overlap, so that each field of a chessboard is hidden by up to four of them.
"""

import numpy as np

FIELDS = 8  # a side of the chessboard
PATCH = 2  # fields that the side of a patch covers
PLACES = FIELDS - PATCH + 1  # of a patch, along a side
COUNT = PLACES**2  # of occluded images


def occluded(image: np.ndarray, place: int, ground: np.ndarray) -> np.ndarray:
    """A copy of a (h, w, 3) uint8 image with one patch hidden.

    Args:
        place: of the patch, row by row, below ``COUNT``.
        ground: (3,) uint8 that hides it, as of ``ground_of``.
    """
    row, column = divmod(place, PLACES)
    hidden = image.copy()
    hidden[_span(row, image.shape[0]), _span(column, image.shape[1])] = ground
    return hidden


def ground_of(image: np.ndarray) -> np.ndarray:
    """(3,) uint8 median colour of an image: the ground of a smear.

    Hidden under it, a patch adds no edge where there was no cell.
    """
    return np.median(image.reshape(-1, 3), axis=0).astype(np.uint8)


def _span(place: int, length: int) -> slice:
    return slice(round(place * length / FIELDS), round((place + PATCH) * length / FIELDS))


def occlusion_map(drops: np.ndarray) -> np.ndarray:
    """(FIELDS, FIELDS) float64 mean drop over the patches that hide each field.

    Args:
        drops: (COUNT,) fall of the score under each patch, row by row.
    """
    total, covers = np.zeros((FIELDS, FIELDS)), np.zeros((FIELDS, FIELDS))
    for place, drop in enumerate(drops):
        row, column = divmod(place, PLACES)
        window = slice(row, row + PATCH), slice(column, column + PATCH)
        total[window] += drop
        covers[window] += 1
    return total / covers
