"""Masks of one white cell: its nucleus and the whole cell.

The steps, each on a picture brought to one working size so that lengths mean the same everywhere:

1. Optical density against the picture's own clear ground (Beer-Lambert), which cancels a yellow or
   pink ground.
2. Two thresholds by Otsu's method (doi:10.1109/TSMC.1979.4310076) part ground, pale stain
   (cytoplasm and red cells) and dark stain (nuclei).
3. The dark piece that is large and near the centre is the nucleus; pieces a small gap away join it
   (the lobes of a granulocyte).
4. Stain apart from the nucleus shows what red cells look like in this picture, and Fisher's
   discriminant (doi:10.1111/j.1469-1809.1936.tb02137.x) tells them from cytoplasm; a watershed
   (Meyer's flooding, doi:10.1016/0165-1684(94)90060-4) from nucleus, ground and red cells finds
   the edge of the cytoplasm.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from skimage.filters import threshold_multiotsu, threshold_otsu

WORKING_SIDE = 160
"""Longest side, in pixels, of the picture that every step sees."""

# Chosen on the odd-numbered pictures of both sets of Zheng et al. 2018
# (doi:10.1016/j.micron.2018.01.010), then looked at on other sources; lengths in working pixels.
_MIN_STAIN = 0.35  # a stain range below this is bare ground, not a nucleus
_MIN_PIECE = 24  # px; smaller dark pieces are dirt
_BODY = 0.75  # of the median nuclear stain; what is darker than this is never cytoplasm
_NOISE = 3.0  # deviations above the ground from which a pixel counts as stained
_LOBE_GAP = 0.6  # of a piece's side; lobes of one nucleus lie closer than this
_LOBE_SHARE = 0.15  # of the nucleus found so far; smaller neighbours are granules or dark rims
_CENTRE_SPREAD = 0.22  # of the working side; how fast interest falls off from the centre
_RING = 5  # px from the nucleus; stain this near is taken as a sample of cytoplasm
_OUTER = 0.35  # of the far distance; red cells lie on average farther out, cytoplasm nearer
_TAIL = 5  # px; thinner outgrowths of a cell are fibrin, stain and touching edges
_BLACK = 6  # grey level; a ground at or below it was cut out, not photographed


@dataclass(frozen=True)
class CellMask:
    """Where one cell lies: two boolean masks (h, w), the nucleus inside the cell."""

    nucleus: np.ndarray
    cell: np.ndarray

    @property
    def cytoplasm(self) -> np.ndarray:
        """The cell without its nucleus, boolean (h, w)."""
        return self.cell & ~self.nucleus


def to_working_size(image: np.ndarray) -> np.ndarray:
    """Bring the longest side of `image` to `WORKING_SIDE`, keeping its shape.

    Takes and gives (h, w, 3) uint8. Shrinks by pixel area and enlarges by cubic interpolation, so
    equal fields of view give equal lengths.
    """
    h, w = image.shape[:2]
    scale = WORKING_SIDE / max(h, w)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=how)


def optical_density(image: np.ndarray) -> np.ndarray:
    """Optical density of each channel against the clear ground; 0 is clear, 1 a tenth of the light.

    Takes (h, w, 3) uint8 RGB, gives float32 (h, w, 3), never negative. The clear ground is the mean
    of the lightest fifth of the pixels (by green, which the stains absorb most); pictures cut out
    on black have none left and are read against full white.
    Source: Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291-299.
    """
    green = image[..., 1]
    if _cut_out(image) is None:
        clear = image[green >= np.percentile(green, 80)].mean(axis=0)
    else:
        clear = np.full(3, 255.0)
    levels = np.arange(256)[:, None] + 5.0  # the offset keeps the noise of dark pixels small
    table = np.maximum(0.0, np.log10((clear + 5.0) / levels)).astype(np.float32)
    return np.dstack([table[image[..., c], c] for c in range(3)])


def segment(image: np.ndarray) -> CellMask:
    """Find nucleus and whole cell of the nucleated cell nearest the centre.

    `image` is (h, w, 3) uint8 RGB; both masks are boolean (h, w). A picture without a dark nucleus
    gives empty masks; nothing is raised for any picture of that shape and type.
    """
    h, w = image.shape[:2]
    found = segment_working(to_working_size(image))
    if found.nucleus.shape == (h, w):
        return found
    nucleus, cell = (
        cv2.resize(m.astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR) > 0.5
        for m in (found.nucleus, found.cell)
    )
    return CellMask(nucleus, cell | nucleus)


def segment_working(image: np.ndarray) -> CellMask:
    """Do the work of `segment` on a picture that already has the working size."""
    smooth = cv2.GaussianBlur(image, (0, 0), 0.8)
    density = optical_density(smooth)
    cut = _cut_out(image)
    stain = _stain(density)
    if cut is not None:
        stain[~cut] = 0.0
    empty = np.zeros(image.shape[:2], bool)
    if np.ptp(stain) < _MIN_STAIN:
        return CellMask(empty, empty)
    pale, dark = _thresholds(stain, cut)
    stained = _stained(density, stain < pale) if cut is None else cut
    nucleus = _central_pieces(stain > dark, stained)
    if not nucleus.any():
        return CellMask(empty, empty)
    cell = _grow(smooth, density, nucleus, stained)
    return CellMask(nucleus & cell, cell)


def _cut_out(image: np.ndarray) -> np.ndarray | None:
    """Where a picture cut out on black holds something, or None for a photograph."""
    red, green, blue = cv2.split(image)
    lit = cv2.max(cv2.max(red, green), blue) > _BLACK
    return lit if 0.02 < lit.mean() < 0.9 else None


def _stain(density: np.ndarray) -> np.ndarray:
    """One number a pixel, highest in nuclei: red and green density plus saturation.

    Blue density is left out because haemoglobin absorbs blue; saturation sets the violet nucleus
    off from grey-pink red cells.
    """
    red, green, blue = cv2.split(density)
    least, most = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
    saturation = 1.0 - np.exp(-np.log(10.0) * (most - least))
    return red + green + saturation


def _thresholds(stain: np.ndarray, cut: np.ndarray | None) -> tuple[float, float]:
    """Stain levels that part ground from pale stain and pale stain from nucleus."""
    inside = stain.ravel() if cut is None else stain[cut]
    step = max(float(np.percentile(inside, 99.8)), 1e-6) / 63.0
    levels = np.clip(inside / step, 0, 63).astype(np.uint8)
    if np.unique(levels).size < 3:
        return 0.0, step
    pale, dark = (0, threshold_otsu(levels)) if cut is not None else threshold_multiotsu(levels, 3)
    body = np.median(inside[levels > dark])
    return float(pale) * step, min(float(dark) * step, _BODY * float(body))


def _stained(density: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Pixels denser than the noise of the ground, so that the palest cytoplasm counts."""
    total = cv2.GaussianBlur(cv2.transform(density, np.ones((1, 3))), (0, 0), 1.2)
    low, middle = np.percentile(total[ground], (16, 50))
    return total > middle + max(_NOISE * (middle - low), 0.03)


def _central_pieces(dark: np.ndarray, stained: np.ndarray) -> np.ndarray:
    """The nucleus among the dark pieces: the large one near the centre with its near neighbours."""
    opened = cv2.medianBlur(dark.astype(np.uint8), 5)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(opened)
    area = stats[:, cv2.CC_STAT_AREA].astype(float)
    area[0] = 0.0
    if count < 2 or area.max() < _MIN_PIECE:
        return np.zeros(dark.shape, bool)
    h, w = dark.shape
    off = np.hypot(centres[:, 0] - (w - 1) / 2, centres[:, 1] - (h - 1) / 2)
    near = np.exp(-((off / (_CENTRE_SPREAD * WORKING_SIDE)) ** 2))
    pieces = labels == int(np.argmax(area * near))
    for _ in range(3):
        reach = pieces.astype(np.uint8)  # grows through stain only: bare ground parts two cells
        for _ in range(round(_LOBE_GAP * np.sqrt(pieces.sum()) / 3)):
            reach = cv2.dilate(reach, _disc(3)) & stained
        touched = np.unique(labels[reach > 0])
        grown = np.isin(labels, touched[area[touched] >= _LOBE_SHARE * pieces.sum()])
        if (grown == pieces).all():
            break
        pieces = grown
    return _filled(pieces, 0.03)


def _disc(radius: int) -> np.ndarray:
    """A disc of that radius in pixels, to grow or shrink masks by."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _filled(mask: np.ndarray, share: float) -> np.ndarray:
    """`mask` with its holes filled, save those larger than `share` of its area."""
    holes, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), None, 4)
    x, y, w, h, area = stats.T
    inner = (x > 0) & (y > 0) & (x + w < mask.shape[1]) & (y + h < mask.shape[0])
    small = inner & (area <= share * mask.sum()) & (np.arange(holes) > 0)
    return mask | small[labels]


def _grow(
    smooth: np.ndarray, density: np.ndarray, nucleus: np.ndarray, stained: np.ndarray
) -> np.ndarray:
    """The whole cell: the stained surroundings of `nucleus` up to ground and red cells."""
    stained = stained | nucleus
    distance = cv2.distanceTransform((~nucleus).astype(np.uint8), cv2.DIST_L2, 5)
    far = 0.68 * float(np.sqrt(nucleus.sum())) + 6.0
    red = _red_cells(density, stained, distance, far)
    own = _opened(stained & ~red & (distance < far), 2)
    markers = np.zeros(nucleus.shape, np.int32)
    markers[~stained] = 2
    markers[red] = 3
    markers[own | (stained & (distance < 2))] = 1
    # The flooding never labels the outermost pixels, hence the border of one.
    bordered = cv2.copyMakeBorder(markers, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    cv2.watershed(cv2.copyMakeBorder(smooth, 1, 1, 1, 1, cv2.BORDER_REPLICATE), bordered)
    cell = _opened((bordered[1:-1, 1:-1] == 1) | nucleus, _TAIL) | nucleus
    _, labels = cv2.connectedComponents(cell.astype(np.uint8))
    return _filled(np.isin(labels, np.unique(labels[nucleus])), 1.0)


def _red_cells(
    density: np.ndarray, stained: np.ndarray, distance: np.ndarray, far: float
) -> np.ndarray:
    """Stain that belongs to red cells, told from cytoplasm by Fisher's linear discriminant.

    The red cells are learnt from stain not joined to the nucleus (in a crowd: from stain beyond
    `far`), the cytoplasm from the ring around the nucleus.
    """
    none = np.zeros(stained.shape, bool)
    _, labels = cv2.connectedComponents(stained.astype(np.uint8))
    outside = stained & (labels != np.bincount(labels[distance == 0]).argmax())
    if outside.sum() < 300:
        outside = stained & (distance > far)
    ring = stained & (distance > 1) & (distance < _RING)
    if outside.sum() < 100 or ring.sum() < 10:
        return none
    away, near = density[outside], density[ring]
    there, here = np.median(away, axis=0), np.median(near, axis=0)
    spread = (np.cov(away.T) + np.cov(near.T)) / 2 + 2e-4 * np.eye(3)
    axis = np.linalg.solve(spread, there - here)
    red = _opened(stained & ((density - (there + here) / 2) @ axis > 0), 2)
    count, labels = cv2.connectedComponents(red.astype(np.uint8))
    if count < 2:
        return none
    total = np.bincount(labels.ravel(), distance.ravel(), count)
    mean_distance = total / np.bincount(labels.ravel(), minlength=count)
    return red & (mean_distance[labels] > _OUTER * far)


def _opened(mask: np.ndarray, radius: int) -> np.ndarray:
    """`mask` without the parts too thin to hold a disc of `radius` pixels."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(radius)) > 0
