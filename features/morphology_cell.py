"""What the measurements of `features.morphology` look at: one cell, its masks and its stain."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from features.segment import CellMask, optical_density, segment_working, to_working_size

_MARGIN = 3  # px kept around the cell, so that filters see its surroundings
_LEAST = 12  # px; a cytoplasm smaller than this has no colour of its own


@dataclass(frozen=True)
class Descriptor:
    """One column of the morphology backbone."""

    name: str
    unit: str
    source: str
    """Paper with DOI, or the standard definition."""
    meaning: str


@dataclass(frozen=True)
class Measure:
    """A descriptor with the function that takes its value from a cell with a nucleus."""

    descriptor: Descriptor
    value: Callable[["Cell"], float]


def measure(
    name: str, unit: str, source: str, meaning: str, value: Callable[["Cell"], float]
) -> Measure:
    """One row of the table: what the descriptor is and how it is taken, side by side."""
    return Measure(Descriptor(name, unit, source, meaning), value)


class Cell:
    """One segmented cell at the working size, cropped to its box; masks are boolean (h, w)."""

    def __init__(self, image: np.ndarray) -> None:
        """Segment `image`, (h, w, 3) uint8 RGB of any size."""
        whole = to_working_size(image)
        found = segment_working(whole)
        self.frame_area = float(found.cell.size)
        self.segmented = bool(found.nucleus.any())
        edge = np.ones_like(found.cell)
        edge[1:-1, 1:-1] = False
        self.cut_off = bool((found.cell & edge).any())
        box = _box(found.cell)
        self.nucleus, self.cell = found.nucleus[box], found.cell[box]
        ring = CellMask(self.nucleus, self.cell).cytoplasm
        self.cytoplasm = ring
        self.body = ring if ring.sum() >= _LEAST else self.cell
        """Where cytoplasm is measured: the ring, or the whole cell if it shows none."""
        self._known: dict[Any, Any] = {}
        self._density = np.ascontiguousarray(optical_density(whole)[box])

    def once(self, compute: Callable[..., Any], *rest: Any) -> Any:
        """`compute(self, *rest)`, kept so that several rows share one computation."""
        key = (compute, rest)
        if key not in self._known:
            self._known[key] = compute(self, *rest)
        return self._known[key]

    @cached_property
    def density(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Optical density of red, green and blue, each float32 (h, w)."""
        red, green, blue = cv2.split(self._density)
        return red, green, blue

    @cached_property
    def lab(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """CIE L*, a*, b* with the clear ground as white, each float32 (h, w)."""
        through = np.exp(-np.log(10.0) * self._density).astype(np.float32)
        light, a, b = cv2.split(cv2.cvtColor(through, cv2.COLOR_RGB2Lab))
        return light, a, b

    @cached_property
    def total(self) -> np.ndarray:
        """Optical density summed over the three channels, float32 (h, w)."""
        red, green, blue = self.density
        return red + green + blue

    @cached_property
    def inner_distance(self) -> np.ndarray:
        """Distance of each nuclear pixel to the edge of the nucleus, working px, (h, w)."""
        return distance_inside(self.nucleus)

    @cached_property
    def nucleus_diameter(self) -> float:
        """Diameter of the disc with the area of the nucleus, working px."""
        return float(np.sqrt(4.0 * self.nucleus.sum() / np.pi))

    @cached_property
    def cell_diameter(self) -> float:
        """Diameter of the disc with the area of the cell, working px."""
        return float(np.sqrt(4.0 * self.cell.sum() / np.pi))


def distance_inside(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel of `mask` to the nearest pixel outside it; the frame's rim is outside.

    Takes boolean (h, w), gives float32 (h, w) in pixels.
    """
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    """The bounding box of `mask` with a margin; the whole frame if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return slice(None), slice(None)
    return (
        slice(max(0, rows[0] - _MARGIN), rows[-1] + 1 + _MARGIN),
        slice(max(0, columns[0] - _MARGIN), columns[-1] + 1 + _MARGIN),
    )
