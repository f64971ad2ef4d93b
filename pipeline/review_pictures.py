"""Pictures of the review page: cells, their surroundings and neighbours, as data: URIs."""

import base64
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pandas as pd

from data.decode import MAX_BYTES, UnreadableImageError, decode
from data.files import read_regular
from data.images import read_image
from features.preprocess import parse_steps
from features.stain import Step
from pipeline.crop_table import TABLE

SIDE, CONTEXT_SIDE, NEIGHBOUR_SIDE = 360, 320, 112  # pixels at most
LOSSLESS = 128  # pictures up to this side are PNG: of so few pixels each one counts
REACH = 4  # sides of the box that its surroundings are wide
OVERLAYS = "overlays"  # where crop keeps a copy of each field
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Picture:
    """A cell as the page shows it; all empty where its image cannot be read."""

    uri: str = ""
    width: int = 0
    context: str = ""
    context_title: str = ""
    small: str = ""  # for where it is a neighbour of others


class Pictures:
    """Reads the images of a run for the page.

    Args:
        root: the image folder.
        steps: preprocessing of the run; if it cuts the cell out, so does the page.

    Attributes:
        failed: path -> why that image cannot be shown.
    """

    def __init__(self, root: Path, steps: tuple[str, ...]) -> None:
        self.failed: dict[str, str] = {}
        self._root = root
        cuts = tuple(text for text in steps if text.partition(":")[0] == "centre")
        self._cuts: list[Step] = parse_steps(cuts)
        self._places = _places(root)
        self._field = lru_cache(maxsize=1)(self._read_field)

    def field_of(self, path: str) -> str:
        """The field that a cell was cropped from; empty where that is not known."""
        return self._places[path][0] if path in self._places else ""

    def read(self, path: str, sha256: str) -> Picture:
        """The picture of a cell; why there is none goes into ``failed``."""
        try:
            image = read_image(self._root, path, sha256)
        except (OSError, UnreadableImageError) as error:
            self.failed[path] = (getattr(error, "strerror", None) or str(error)).lower()
            return Picture()
        cell = image
        for cut in self._cuts:
            cell = cut(cell)
        context, title = self._surroundings(path)
        if not context and self._cuts:
            context, title = _uri(_shrunk(image, CONTEXT_SIDE)), "The whole image"
        shown = _shrunk(cell, SIDE)
        small = _uri(_shrunk(cell, NEIGHBOUR_SIDE), quality=80)
        return Picture(_uri(shown), shown.shape[1], context, title, small)

    def _surroundings(self, path: str) -> tuple[str, str]:
        if path not in self._places:
            return "", ""
        name, box = self._places[path]
        field = self._field(name)
        if field is None or not _inside(box, field):
            return "", ""
        return _uri(_around(field, box)), f"In its field {name}"

    def _read_field(self, name: str) -> np.ndarray | None:
        """A field by the name that its crops give it; None if it cannot be read."""
        if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
            return None
        for path in (self._root / name, self._root / OVERLAYS / f"{name}.jpg"):
            try:
                return decode(read_regular(path, MAX_BYTES))
            except (OSError, ValueError, UnreadableImageError):
                continue
        return None


def _places(root: Path) -> Mapping[str, tuple[str, Box]]:
    """Path of each crop -> its field and box, if a table of crops lies in the image folder."""
    try:
        table = pd.read_csv(root / TABLE, dtype=str, keep_default_na=False, sep=None,
                            engine="python", encoding="utf-8-sig")  # fmt: skip
        boxes = table[["x0", "y0", "x1", "y1"]].astype(int).itertuples(index=False, name=None)
        return dict(zip(table.path, zip(table.field, boxes, strict=True), strict=True))
    except (OSError, ValueError, KeyError, AttributeError, csv.Error):
        return {}  # a table of another kind, or none: the cells are shown without their fields


def _inside(box: Box, field: np.ndarray) -> bool:
    x0, y0, x1, y1 = box
    return 0 <= x0 < x1 <= field.shape[1] and 0 <= y0 < y1 <= field.shape[0]


def _around(field: np.ndarray, box: Box) -> np.ndarray:
    """The surroundings of a box, with the box drawn."""
    h, w = field.shape[:2]
    x0, y0, x1, y1 = box
    side = min(h, w, max(1, REACH * max(x1 - x0, y1 - y0)))
    left = min(max(0, (x0 + x1 - side) // 2), w - side)
    top = min(max(0, (y0 + y1 - side) // 2), h - side)
    around = _shrunk(field[top : top + side, left : left + side], CONTEXT_SIDE).copy()
    scale = around.shape[0] / side
    first, last = (
        (round((x - left) * scale), round((y - top) * scale)) for x, y in (box[:2], box[2:])
    )
    # White within black stands out from every ground.
    for colour, width in (((0, 0, 0), 5), ((255, 255, 255), 2)):
        cv2.rectangle(around, first, last, colour, width)
    return around


def _shrunk(image: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    h, w = (max(1, round(scale * each)) for each in image.shape[:2])
    return cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)


def _uri(image: np.ndarray, quality: int = 88) -> str:
    lossless = max(image.shape[:2]) <= LOSSLESS and quality > 80
    kind, options = ("png", []) if lossless else ("jpeg", [cv2.IMWRITE_JPEG_QUALITY, quality])
    content = cv2.imencode(f".{kind}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1]
    return f"data:image/{kind};base64,{base64.b64encode(content.tobytes()).decode('ascii')}"
