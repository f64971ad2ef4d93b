"""Single cells out of a smear field: which places are cropped under which label, and the pixels."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from data.annotations import Marks
from features.fields import Box, FoundCell
from features.preprocess import resize

BLAST, HEALTHY = "blast", "healthy"
NOT_NUCLEATED = frozenset({"rbc", "red blood cell", "platelet", "platelets"})

_INSIDE, _CUT = (0, 70, 200), (230, 120, 0)  # blue and orange, which colour-blind eyes tell apart


@dataclass(frozen=True)
class Place:
    """A cell to crop: its box in the field's pixels, and its label ('' where it is not known)."""

    box: Box
    label: str = ""


def found_places(found: Sequence[FoundCell], label: str = "") -> list[Place]:
    """The places of found cells, all of one label."""
    return [Place(cell.box, label) for cell in found]


def boxed_places(marks: Marks, classes: Collection[str], width: int, height: int) -> list[Place]:
    """The marked boxes of the `classes` (none given: all but red cells and platelets).

    Boxes are cut to the field of `width` x `height`; those outside of it are left out.
    """
    places = []
    for each in marks.boxes:
        if each.label in classes if classes else each.label.lower() not in NOT_NUCLEATED:
            x0, y0, x1, y1 = each.box
            box = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
            if box[0] < box[2] and box[1] < box[3]:
                places.append(Place(box, each.label))
    return places


def marked_places(
    found: Sequence[FoundCell], marks: Marks, diameter: float, width: int, height: int
) -> list[Place]:
    """All found cells, those with a marked centre labelled as blasts; none says 'no blast'.

    A mark belongs to the nearest found cell whose box holds it. Where there is none, the cell was
    missed and gets a box of two `diameter` of a red cell around its mark.
    """
    places = found_places(found)
    missed = []
    for x, y in marks.centres:
        holding = [
            (np.hypot(x - cell.centre[0], y - cell.centre[1]), number)
            for number, cell in enumerate(found)
            if cell.box[0] <= x < cell.box[2] and cell.box[1] <= y < cell.box[3]
        ]
        if holding:
            number = min(holding)[1]
            places[number] = replace(places[number], label=BLAST)
        elif 0 <= x < width and 0 <= y < height:
            box = (
                max(0, round(x - diameter)),
                max(0, round(y - diameter)),
                min(width, round(x + diameter)),
                min(height, round(y + diameter)),
            )
            missed.append(Place(box, BLAST))
    return places + missed


def touches_edge(box: Box, width: int, height: int) -> bool:
    """Whether a box reaches the edge of its field, so that its cell may be cut."""
    return box[0] <= 1 or box[1] <= 1 or box[2] >= width - 1 or box[3] >= height - 1


def crop_square(field: np.ndarray, box: Box, margin: float = 0.2, size: int = 0) -> np.ndarray:
    """The square around a box, (s, s, 3) uint8: its longer side and `margin` of it on each side.

    At the edge of the field the square is moved inwards, so that every pixel was photographed; it
    is never larger than the field's shorter side. `size` is the side it is scaled to, 0 for none.
    """
    h, w = field.shape[:2]
    x0, y0, x1, y1 = box
    side = min(h, w, max(1, round((1 + 2 * margin) * max(x1 - x0, y1 - y0))))
    left = min(max(0, round((x0 + x1 - side) / 2)), w - side)
    top = min(max(0, round((y0 + y1 - side) / 2)), h - side)
    square = field[top : top + side, left : left + side]
    return resize(square, size) if size else square.copy()


def draw_places(field: np.ndarray, places: Sequence[Place]) -> np.ndarray:
    """A copy of the field with the numbered boxes, those that the edge cuts in orange."""
    h, w = field.shape[:2]
    picture = np.ascontiguousarray(field).copy()
    thick = max(1, round(max(h, w) / 400))
    for number, place in enumerate(places, 1):
        colour = _CUT if touches_edge(place.box, w, h) else _INSIDE
        x0, y0, x1, y1 = place.box
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, thick)
        text = f"{number} {place.label}".strip()
        origin = (x0 + 2 * thick, min(h - 2 * thick, y0 + 14 * thick))
        for ink, width in (((255, 255, 255), 3 * thick), (colour, thick)):
            cv2.putText(
                picture, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.45 * thick, ink, width,
                cv2.LINE_AA,
            )  # fmt: skip
    return picture
