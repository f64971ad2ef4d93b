"""Registration of two images: where one lies on the other, and how alike they are there."""

from typing import NamedTuple

import cv2
import numpy as np

SLACK = 4  # pixels by which a shift may be mended
TILES = 6  # the overlap is compared in so many rows and columns
TILE = 10  # at least so many pixels wide
EMPTY = 3.0  # standard deviation, in grey levels, up to which a tile is empty ground
FAINT = 1.2  # likewise for whole pictures, where a smooth nucleus may be all there is
EVENED = 6.0  # pixels over which contrast is made even
ALIGNED = 0.985  # correlation from which a warp has nothing left to mend
SKEW = 0.04  # shear and turn of a warp beyond which it bends one cell into another
STRETCH = 1.35  # likewise its scale


class Likeness(NamedTuple):
    """How well two images agree where they overlap."""

    similarity: float  # correlation over the overlap, without its slow changes of light
    lowest: float  # of the tiles that bear structure, the lowest fifth's best
    textured: int  # tiles that bear structure

    def reaches(self, needed: "Likeness") -> bool:
        """Whether it is as good in every respect."""
        return all(mine >= least for mine, least in zip(self, needed, strict=True))


NOTHING = Likeness(0.0, 0.0, 0)


def structure(plane: np.ndarray, widest: float = 8.0) -> np.ndarray:
    """(h, w) uint8 to float32 without noise and without changes wider than so many pixels."""
    values = plane.astype(np.float32)
    return cv2.GaussianBlur(values, (0, 0), 1.0) - cv2.GaussianBlur(values, (0, 0), widest)


def likeness(first: np.ndarray, second: np.ndarray, empty: float) -> Likeness:
    """Compare the structure of two overlapping parts, (h, w) float32 each.

    Args:
        empty: standard deviation, in grey levels, up to which a tile is passed over.
    """
    height, width = first.shape
    rows, columns = (max(1, min(TILES, side // TILE)) for side in (height, width))
    even = _evened(first), _evened(second)
    found = []
    for ys in np.array_split(np.arange(height), rows):
        for xs in np.array_split(np.arange(width), columns):
            part = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
            if max(float(first[part].std()), float(second[part].std())) > empty:
                found.append(correlation(even[0][part], even[1][part]))
    lowest = float(np.quantile(found, 0.2)) if found else 0.0
    return Likeness(correlation(*even), lowest, len(found))


def _evened(part: np.ndarray) -> np.ndarray:
    """Divide by the local contrast, so that a bold outline says no more than fine grain."""
    return part / (np.sqrt(cv2.GaussianBlur(part * part, (0, 0), EVENED)) + EMPTY)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's, of two arrays of equal shape; 0 where one is flat."""
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return float(np.vdot(a, b)) / scale if scale > 1e-6 else 0.0


def by_shift(
    first: np.ndarray, second: np.ndarray, shift: tuple[int, int]
) -> tuple[Likeness, tuple[int, int], float]:
    """Lay the second image's structure on the first's, near a shift.

    Args:
        first, second: structure, (h, w) float32; the sizes may differ.
        shift: x, y in the first image of the second's corner.

    Returns:
        Likeness, the mended shift, and the overlap as a share of the smaller image.
    """
    a, b = overlap(first.shape, second.shape, shift)
    pattern = second[b][SLACK:-SLACK, SLACK:-SLACK]
    if min(pattern.shape) >= TILE:
        fit = cv2.matchTemplate(first[a], pattern, cv2.TM_CCOEFF_NORMED)
        y, x = np.unravel_index(int(fit.argmax()), fit.shape)
        shift = (shift[0] + int(x) - SLACK, shift[1] + int(y) - SLACK)
        a, b = overlap(first.shape, second.shape, shift)
    part = first[a]
    if min(part.shape) < TILE:
        return NOTHING, shift, 0.0
    share = part.size / min(first.size, second.size)
    return likeness(part, second[b], EMPTY), shift, share


def overlap(
    first: tuple[int, ...], second: tuple[int, ...], shift: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns that two images share, in each; empty where they do not."""
    a, b = [], []
    for axis, offset in ((0, shift[1]), (1, shift[0])):
        low, high = max(0, offset), max(0, min(first[axis], second[axis] + offset))
        a.append(slice(low, max(low, high)))
        b.append(slice(low - offset, max(low, high) - offset))
    return (a[0], a[1]), (b[0], b[1])


def by_warp(
    first: np.ndarray, second: np.ndarray, steps: int
) -> tuple[Likeness, np.ndarray, float]:
    """Bring the second of two square planes onto the first: a slight crop is a slight warp.

    Enhanced correlation (Evangelidis and Psarakis 2008, doi:10.1109/TPAMI.2008.113).

    Args:
        first, second: structure, float32 of one square shape.

    Returns:
        Likeness, the (2, 3) warp from the first's pixels to the second's, and the overlap as a
        share of the one that shows less.
    """
    warp = np.eye(2, 3, dtype=np.float32)
    if correlation(first, second) >= ALIGNED:
        return likeness(first, second, FAINT), warp, 1.0
    ends = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, steps, 1e-4)
    try:
        _, warp = cv2.findTransformECC(first, second, warp, cv2.MOTION_AFFINE, ends)
    except cv2.error:  # so it says that the two have nothing in common
        return NOTHING, warp, 0.0
    scales, skews = np.abs(np.diag(warp[:, :2])), np.abs(warp[[0, 1], [1, 0]])
    if skews.max() > SKEW or scales.max() > STRETCH or scales.min() < 1 / STRETCH:
        return NOTHING, warp, 0.0
    size = (first.shape[1], first.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(second, warp, size, flags=flags)
    inside = cv2.warpAffine(np.ones_like(second), warp, size, flags=flags) > 0.99
    rows, columns = (
        np.flatnonzero(inside.mean(axis=axis) > 0.8 * inside.mean()) for axis in (1, 0)
    )
    if min(len(rows), len(columns)) < TILE:
        return NOTHING, warp, 0.0
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = float(inside.mean()) * max(1.0, abs(float(np.linalg.det(warp[:, :2]))))
    return likeness(first[part], warped[part], FAINT), warp, min(1.0, share)
