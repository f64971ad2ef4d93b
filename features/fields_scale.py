"""The scale of a smear field: how many pixels its red cells measure."""

import cv2
import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from features.fields_stain import fill_surround, grown, nuclear_pixels, stained_pixels
from features.segment import optical_density

_LOOKED_AT = 480  # px, longest side of the picture that is measured
_AROUND = 12  # px around nuclei, where cytoplasm would raise the threshold
_FAINT = 0.05  # range of density below which there is nothing but ground
_THICKNESS = 0.86  # the median thickness of red cells, rings and clumps is this of the diameter
_RADII = 3.0 * 1.08 ** np.arange(46)  # px, of the discs that are fitted in
_USUAL = 8.0  # red cells along the longest side of a field, where none can be measured


def red_cell_diameter(field: np.ndarray) -> float:
    """The diameter of the red cells of a field (h, w, 3) uint8 RGB, in its pixels.

    The size of the largest disc that fits into the stained area around each of its points, nuclei
    apart, the median over them: clumps make it a little larger, cells cut by the edge a little
    smaller. On BCCD, which is of one magnification, it varies by 7 % from field to field. A field
    without any red cell gets an eighth of its longest side.
    Source of the granulometry: Matheron 1975, Random Sets and Integral Geometry, Wiley.
    """
    shrink = min(1.0, _LOOKED_AT / max(field.shape[:2]))
    size = max(1, round(field.shape[1] * shrink)), max(1, round(field.shape[0] * shrink))
    small = cv2.resize(np.ascontiguousarray(field), size, interpolation=cv2.INTER_AREA)
    small, _ = fill_surround(small)
    density = optical_density(cv2.GaussianBlur(small, (0, 0), 0.8))
    usual = max(field.shape[:2]) / _USUAL
    nuclei = nuclear_pixels(density, stained_pixels(density)).astype(np.uint8)
    nuclei = cv2.medianBlur(nuclei, 5) > 0
    green = density[..., 1]
    rest = green[~grown(nuclei, _AROUND)]
    if rest.size == 0 or np.ptp(rest) < _FAINT:
        return usual
    tissue = ndimage.binary_fill_holes(green > threshold_otsu(rest)) & ~grown(nuclei, 2)
    tissue = tissue.astype(np.uint8)
    tissue = cv2.morphologyEx(tissue, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    depth = cv2.distanceTransform(tissue, cv2.DIST_L2, 5)
    radii = _RADII[depth.max() > _RADII]
    if radii.size < 2:
        return usual
    share = [_opened_area(tissue, depth, r) / tissue.sum() for r in radii]
    median = float(np.interp(-0.5, -np.array(share), radii))
    return 2.0 * median / _THICKNESS / shrink


def _opened_area(tissue: np.ndarray, depth: np.ndarray, radius: float) -> float:
    """How many pixels of `tissue` discs of `radius` pixels within it reach."""
    outside = (depth < radius).astype(np.uint8)
    reached = cv2.distanceTransform(outside, cv2.DIST_L2, 5) < radius
    return float((reached & (tissue > 0)).sum())
