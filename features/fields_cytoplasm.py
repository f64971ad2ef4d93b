"""Cytoplasm in a smear field, told from red cells by its stain, and shared out among the nuclei.

Red cells take up one stain, eosin, on haemoglobin: all their pixels keep the same proportion of
red, green and blue density. What deviates from it towards violet or blue holds azure too, and that
is a nucleus or the cytoplasm of a nucleated cell, however pale. It is the idea of colour
deconvolution (Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291-299) with the stain vector
measured in the field itself.
"""

import cv2
import numpy as np
from scipy import ndimage

from features.fields_stain import disc, grown, nuclear_pixels, stained_pixels

# Chosen on the odd-numbered fields of BCCD, lengths in diameters of a red cell.
_APART = 2.0  # deviations of red cells and ground from which a pixel holds azure
_REACH = 0.8  # farthest edge of a cell from its nucleus
_TAIL = 0.12  # radius; thinner outgrowths of a cell are rims of red cells and fibrin
_FEW = 500  # pixels; fewer say nothing about red cells or ground
_RED = (0.4, 1.0)  # red and blue density over green where no red cell can be measured


def azure_pixels(density: np.ndarray, diameter: float) -> np.ndarray:
    """Where a field is more violet or blue than its red cells and ground: boolean (h, w).

    `density` is optical density, float32 (h, w, 3); `diameter` that of a red cell in pixels.
    """
    red, green, blue = (cv2.GaussianBlur(density[..., c], (0, 0), 1.5) for c in range(3))
    stained = stained_pixels(density)
    nuclear = nuclear_pixels(density, stained)
    red_cells = stained & ~grown(nuclear, 4) & (green > 0)
    r, b = _RED
    if red_cells.sum() > _FEW:
        r, b = (float(np.median(c[red_cells] / green[red_cells])) for c in (red, blue))
    pieces = cv2.medianBlur(nuclear.astype(np.uint8), 5)
    far = ~grown(pieces, round(_REACH * diameter))
    violet, bluer = _deviation(b * green - blue, far), _deviation(red - r * green, far)
    return (violet > _APART) | (bluer > _APART)


def _deviation(values: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """`values` in robust standard deviations from the middle of those where `usual`."""
    sample = values[usual] if usual.sum() > _FEW else values.ravel()
    middle = np.median(sample)
    spread = 1.4826 * float(np.median(np.abs(sample - middle)))
    return (values - middle) / max(spread, 1e-3)


def grow_cells(nuclei: np.ndarray, azure: np.ndarray, diameter: float) -> np.ndarray:
    """Number the whole cells: int32 (h, w), the numbers of `nuclei`, which they hold.

    `nuclei` is int32 (h, w), 0 where there is none; `azure` boolean (h, w); `diameter` that of a
    red cell in pixels. Between two nuclei each gets what lies nearer to it.
    """
    if not nuclei.any():
        return nuclei
    distance, nearest = ndimage.distance_transform_edt(nuclei == 0, return_indices=True)
    owner = np.where(azure & (distance <= _REACH * diameter), nuclei[tuple(nearest)], 0)
    probe = disc(round(_TAIL * diameter))
    wide = len(probe)
    cells = np.zeros_like(nuclei)
    for number, where in enumerate(ndimage.find_objects(np.maximum(owner, nuclei)), 1):
        own = nuclei[where] == number
        cell = ndimage.binary_fill_holes((owner[where] == number) | own)
        framed = np.pad(cell, wide, mode="edge").astype(np.uint8)
        opened = cv2.morphologyEx(framed, cv2.MORPH_OPEN, probe)[wide:-wide, wide:-wide] > 0
        labels, _ = ndimage.label(opened | own)
        cell = np.isin(labels, np.unique(labels[own])) & np.isin(nuclei[where], (0, number))
        cells[where][cell] = number
    return cells
