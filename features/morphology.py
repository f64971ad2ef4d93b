"""The `morphology` backbone: named descriptors of one white cell, without weights.

A cell is segmented (`features.segment`) at one working size and measured. Nothing of the ground or
of neighbouring cells is measured, so that a classifier cannot tell laboratories by their slides.
Lengths are in pixels of the working size (longest side 160) and areas in shares of the frame: they
compare only between pictures of the same field of view.
"""

import numpy as np

from features.morphology_cell import Cell, Descriptor, measure
from features.morphology_colour import COLOUR
from features.morphology_shape import SHAPE
from features.morphology_texture import TEXTURE

__all__ = ["DESCRIPTORS", "Descriptor", "describe"]

_FOUND = measure("segmented", "0 or 1", "definition", "1 when a nucleus was found", lambda _: 1.0)
_TABLE = (_FOUND, *SHAPE, *TEXTURE, *COLOUR)

DESCRIPTORS: tuple[Descriptor, ...] = tuple(row.descriptor for row in _TABLE)
"""What each column of `describe` means, in its order."""


def describe(image: np.ndarray) -> np.ndarray:
    """Measure the nucleated cell nearest the centre of `image`.

    `image` is (h, w, 3) uint8 RGB of any size; gives float32 (len(DESCRIPTORS),), always finite.
    If no nucleus is found every value is 0, `segmented` among them. A cell that shows no cytoplasm
    has its cytoplasm's colour taken over the whole cell.
    """
    cell = Cell(image)
    if not cell.segmented:
        return np.zeros(len(_TABLE), np.float32)
    return np.array([row.value(cell) for row in _TABLE], np.float32)
