"""The nucleated cells of a whole smear field.

The steps, on a picture brought to one scale by the size of its own red cells:

1. `fields_stain`: what is stained, and which of it as dark and violet as nuclei.
2. `fields_nuclei`: touching nuclei are parted, lobes of one nucleus joined, platelets left out.
3. `fields_cytoplasm`: the cell around each nucleus, up to ground, red cells and other cells.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from features.fields_cytoplasm import azure_pixels, grow_cells
from features.fields_nuclei import find_nuclei
from features.fields_scale import red_cell_diameter
from features.fields_stain import fill_surround, flattened
from features.segment import optical_density

Box = tuple[int, int, int, int]

_DIAMETER = 40.0  # px of a red cell in the picture that every step sees
# Large platelets look like small nuclei without a cell; in areas of a red cell:
_SMALL_NUCLEUS = 0.55
_SMALL_CELL = 1.0


@dataclass(frozen=True)
class FoundCell:
    """One nucleated cell of a field; lengths in the field's pixels.

    Attributes:
        box: x0, y0, x1, y1 of the whole cell; x1 and y1 are the first outside.
        centre: x, y of the nucleus' centre of mass.
        nucleus_area: square pixels.
        cell_area: square pixels, nucleus included.
        touches_edge: the edge of the field, or of its lit disc, cuts the cell.
    """

    box: Box
    centre: tuple[float, float]
    nucleus_area: float
    cell_area: float
    touches_edge: bool


def find_cells(field: np.ndarray, diameter: float | None = None) -> list[FoundCell]:
    """Find the nucleated cells of a smear field, from top to bottom of their boxes.

    Red cells, platelets and bare debris of their size are no nucleated cells; a smudged nucleus is
    one. Neighbours whose nuclei touch are two cells, the lobes of a granulocyte are one.

    Args:
        field: (h, w, 3) uint8 RGB of any size.
        diameter: of a red cell in pixels; by default it is measured in the field.
    """
    h, w = field.shape[:2]
    scale = _DIAMETER / (diameter or red_cell_diameter(field))
    size = max(1, round(w * scale)), max(1, round(h * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.resize(np.ascontiguousarray(field), size, interpolation=how)
    picture, surround = fill_surround(picture)
    density = optical_density(flattened(cv2.GaussianBlur(picture, (0, 0), 0.8)))
    azure = azure_pixels(density, _DIAMETER)
    nuclei = find_nuclei(density, azure, _DIAMETER)
    cells = grow_cells(nuclei, azure, _DIAMETER)
    across, down = w / size[0], h / size[1]  # the field's pixels in one of the picture's
    red_cell = np.pi / 4 * _DIAMETER**2
    found = []
    for number, where in enumerate(ndimage.find_objects(cells), 1):
        (y0, y1), (x0, x1) = ((side.start, side.stop) for side in where)
        nucleus, cell = nuclei[where] == number, cells[where] == number
        # What lies a pixel from the edge lost its outermost rim to the opening.
        cut = x0 <= 1 or y0 <= 1 or x1 >= size[0] - 1 or y1 >= size[1] - 1
        cut = cut or bool(surround[where].any())
        small = nucleus.sum() < _SMALL_NUCLEUS * red_cell and cell.sum() < _SMALL_CELL * red_cell
        if small and not cut:
            continue
        yc, xc = ndimage.center_of_mass(nucleus)
        found.append(
            FoundCell(
                box=(round(x0 * across), round(y0 * down), round(x1 * across), round(y1 * down)),
                centre=((x0 + xc + 0.5) * across, (y0 + yc + 0.5) * down),
                nucleus_area=float(nucleus.sum()) * across * down,
                cell_area=float(cell.sum()) * across * down,
                touches_edge=cut,
            )
        )
    return sorted(found, key=lambda cell: (cell.box[1], cell.box[0]))
