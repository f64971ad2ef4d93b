"""Nuclei of a whole smear field: dark pieces, touching nuclei parted, lobes of one cell joined.

All lengths are shares of the red cells' diameter, which is the ruler that every smear brings along.
"""

import itertools

import cv2
import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.segmentation import watershed

from features.fields_stain import nuclear_pixels, stained_pixels

# Chosen on the odd-numbered fields of BCCD, lengths in diameters of a red cell.
_LOBE = 0.03  # of a red cell's area; smaller dark pieces are granules and dirt
_WHOLE = 0.45  # inscribed radius of a nucleus by itself; lobes are thinner
_SMALL = 0.36  # the same of a small round nucleus
_ROUND = 1.3  # most area of a round nucleus, in areas of the inscribed circle
_LARGEST = 1.5  # inscribed radius; what is larger is a pen's mark or dirt
_NECK = 0.8  # of the thinner part's radius; touching nuclei meet in a narrower neck
_GAP = 0.3  # between lobes of one nucleus
_BRIDGE = 0.7  # the same where cytoplasm lies between them
_EXTENT = 2.6  # longest nucleus with all its lobes
_MOST = 2.9  # of a red cell's area; lobes of one nucleus are no more together
_LEAST = 0.30  # of a red cell's area; smaller nuclei are platelets
_LEAST_CUT = 0.15  # the same where the field's edge cuts the nucleus


def find_nuclei(density: np.ndarray, azure: np.ndarray, diameter: float) -> np.ndarray:
    """Number the nuclei of a field: int32 (h, w), 0 elsewhere, 1 to n each nucleus with its lobes.

    `density` is the field's optical density, float32 (h, w, 3); `azure` boolean (h, w), where
    cytoplasm may lie; `diameter` that of the red cells in pixels, best about 40. Platelets are left
    out by their size.
    """
    dark = nuclear_pixels(density, stained_pixels(density)).astype(np.uint8)
    dark = ndimage.binary_fill_holes(cv2.medianBlur(dark, 5))
    pieces = _split(dark, diameter)
    small = np.bincount(pieces.ravel()) < _LOBE * _area(diameter)
    pieces[small[pieces]] = 0
    return _large(_joined(pieces, azure, diameter), diameter)


def _area(diameter: float) -> float:
    return float(np.pi / 4 * diameter**2)


def _split(dark: np.ndarray, diameter: float) -> np.ndarray:
    """Number the connected pieces of `dark`, those of several whole nuclei parted at their necks.

    Pieces far larger than any nucleus are left out.

    A watershed on the distance to the edge (Beucher and Lantuejoul 1979).
    """
    _, pieces = cv2.connectedComponents(dark.astype(np.uint8), None, 4)
    framed = np.pad(dark, 1, mode="edge").astype(np.uint8)
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    count = int(pieces.max())
    for number, where in enumerate(ndimage.find_objects(pieces), 1):
        own = pieces[where] == number
        deep = np.where(own, depth[where], 0.0)
        if deep.max() > _LARGEST * diameter:
            pieces[where][own] = 0
            continue
        seeds = _centres(deep, _SMALL * diameter)
        if seeds.max() > 1:
            parts = watershed(-deep, seeds, mask=own)
            further = parts > 1
            pieces[where][further] = parts[further] + (count - 1)
            count += int(parts.max()) - 1
    return pieces


def _centres(depth: np.ndarray, least: float) -> np.ndarray:
    """A seed in each whole nucleus of one piece: int32 (h, w).

    Flooded from its deepest place upwards, a part of the piece is a nucleus by itself when its
    radius is at least `least` and it meets another one only below _NECK of that.
    """
    seeds = np.zeros(depth.shape, np.int32)
    level = float(depth.max())
    while level > _NECK * least:
        level -= 0.5
        labels, _ = ndimage.label(depth >= level)
        for number, where in enumerate(ndimage.find_objects(labels), 1):
            inside = np.where(labels[where] == number, depth[where], 0.0)
            radius = float(inside.max())
            if radius >= least and level <= _NECK * radius and not seeds[where][inside > 0].any():
                seeds[where].flat[int(inside.argmax())] = seeds.max() + 1
    return seeds


def _joined(pieces: np.ndarray, azure: np.ndarray, diameter: float) -> np.ndarray:
    """Give one number to lobes that lie close, nearest first; two whole nuclei stay apart."""
    outlines, whole, area = {}, {}, {}
    for number, where in enumerate(ndimage.find_objects(pieces), 1):
        if where is None:
            continue
        own = np.pad(pieces[where] == number, 1).astype(np.uint8)
        rims, _ = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        corner = np.array((where[1].start - 1, where[0].start - 1))
        outlines[number] = np.concatenate(rims)[:, 0] + corner
        area[number] = int(own.sum())
        radius = float(cv2.distanceTransform(own, cv2.DIST_L2, 5).max())
        round_ = area[number] <= _ROUND * np.pi * radius**2
        whole[number] = radius >= (_SMALL if round_ else _WHOLE) * diameter
    pairs = []
    for a, b in itertools.combinations(outlines, 2):
        gap, there, here = _gap(outlines[a], outlines[b], _BRIDGE * diameter)
        if gap <= _GAP * diameter or (gap <= _BRIDGE * diameter and _joins(azure, there, here)):
            pairs.append((gap, a, b))
    table = np.arange(int(pieces.max()) + 1)
    for _, one, other in sorted(pairs):
        a, b = int(table[one]), int(table[other])
        if a == b or (whole[a] and whole[b]) or area[a] + area[b] > _MOST * _area(diameter):
            continue
        both = np.concatenate([outlines[a], outlines[b]])
        if 2 * cv2.minEnclosingCircle(both.astype(np.float32))[1] <= _EXTENT * diameter:
            table[table == b] = a
            outlines[a], whole[a], area[a] = both, whole[a] or whole[b], area[a] + area[b]
    return table[pieces]


def _gap(a: np.ndarray, b: np.ndarray, most: float) -> tuple[float, np.ndarray, np.ndarray]:
    """The distance between two outlines (n, 2) and where it is least; infinite beyond `most`."""
    apart = np.maximum(a.min(axis=0) - b.max(axis=0), b.min(axis=0) - a.max(axis=0))
    if apart.max() > most:
        return np.inf, a[0], b[0]
    distance, nearest = KDTree(b).query(a)
    closest = int(distance.argmin())
    return float(distance[closest]), a[closest], b[nearest[closest]]


def _joins(azure: np.ndarray, there: np.ndarray, here: np.ndarray) -> bool:
    """Whether the straight line between two points (x, y) runs through cytoplasm."""
    columns, rows = np.linspace(there, here, 20).round().astype(int).T
    return bool(azure[rows, columns].mean() > 0.9)


def _large(nuclei: np.ndarray, diameter: float) -> np.ndarray:
    """Number from 1 the nuclei that are too large for a platelet."""
    area = np.bincount(nuclei.ravel())
    least = np.full(area.size, _LEAST)
    for edge in (nuclei[0], nuclei[-1], nuclei[:, 0], nuclei[:, -1]):
        least[edge] = _LEAST_CUT
    keep = area >= least * _area(diameter)
    keep[0] = False
    return (np.cumsum(keep) * keep).astype(np.int32)[nuclei]
