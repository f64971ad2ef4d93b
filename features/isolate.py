"""Steps that leave one cell: its surroundings blanked, or the picture cut around its nucleus."""

import cv2
import numpy as np
from skimage.filters import threshold_otsu

from features.ground import is_cut_out, lit, outside
from features.segment import segment as segment_cell
from features.stain import Step


def segment(what: str) -> Step:
    """Blank all but the cell with black, which says nothing of slide and light.

    Where nothing is found the picture is given back as it is.

    Args:
        what: ``cell`` or ``nucleus`` of the white cell nearest the centre (`features.segment`);
            ``hsv`` or ``lab``: all pixels whose saturation (HSV), or whose L*a*b* violet (a* - b*),
            lies above Otsu's threshold (doi:10.1109/TSMC.1979.4310076), without looking at form.

    Raises:
        ValueError: another word.
    """
    masks = {"cell": _cell, "nucleus": _nucleus, "hsv": _saturated, "lab": _violet}
    if what not in masks:
        raise ValueError(f"'{what}' is not one of {', '.join(masks)}")
    find = masks[what]

    def apply(image: np.ndarray) -> np.ndarray:
        mask = find(image)
        return np.where(mask[..., None], image, np.uint8(0)) if mask.any() else image

    return apply


def centre(share: float) -> Step:
    """Cut a square around the nucleus nearest the centre, its side a share of the shorter side.

    What lies beyond the picture is its mirror image, or black where the cell was cut out. Where
    there is no nucleus the picture is given back as it is.

    Raises:
        ValueError: a share outside 0 to 1.
    """
    if not 0 < share <= 1:
        raise ValueError("needs a share of the shorter side, above 0 and at most 1")

    def apply(image: np.ndarray) -> np.ndarray:
        nucleus = _nucleus(image)
        if not nucleus.any():
            return image
        side = max(1, round(share * min(image.shape[:2])))
        top, left = (round(place.mean() - (side - 1) / 2) for place in np.nonzero(nucleus))
        wide = cv2.copyMakeBorder(image, side, side, side, side, outside(image))
        return wide[top + side : top + 2 * side, left + side : left + 2 * side].copy()

    return apply


def _cell(image: np.ndarray) -> np.ndarray:
    return segment_cell(image).cell


def _nucleus(image: np.ndarray) -> np.ndarray:
    return segment_cell(image).nucleus


def _saturated(image: np.ndarray) -> np.ndarray:
    return _above_otsu(image, cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1])


def _violet(image: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    return _above_otsu(image, cv2.subtract(lab[..., 1], lab[..., 2]))


def _above_otsu(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    seen = lit(image) if is_cut_out(image) else np.ones(levels.shape, bool)
    if np.ptp(levels[seen]) == 0:
        return np.zeros(levels.shape, bool)
    return seen & (levels > threshold_otsu(levels[seen]))
