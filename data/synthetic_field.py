"""Draw synthetic smear fields: many red cells, platelets and nucleated cells of known geometry.

Everything is drawn as in `synthetic_cell`, by its functions and on one of its slides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from data.errors import BlastlineError
from data.synthetic_cell import (
    CELL_CLASSES,
    CLEARANCE_UM,
    KINDS,
    Array,
    Rng,
    Stain,
    add_cell,
    cover,
    draw_outline,
    inside,
    mottle,
    window,
)

PITCH = 0.18  # um a pixel: a red cell measures 39 pixels
_TRIES = 400  # to find a place for a cell
_OVERLAP = 0.5  # um by which touching cells press into each other
_PLATELETS = 1 / 500  # a square um


@dataclass(frozen=True)
class Field:
    """A smear field with its true cells, numbered from 1 in the order of `labels`.

    Attributes:
        image: (h, w, 3) uint8 RGB.
        boxes: (n, 4) int, x0, y0, x1, y1 of the visible part of each cell, x1 and y1 outside.
        cells: (h, w) int32, the number of the cell that is seen, 0 elsewhere.
        nuclei: (h, w) int32, the same for nuclei, which lie within their cells.
        labels: the class of each.
        touches_edge: whether the edge cuts it.
    """

    image: Array
    boxes: Array
    cells: Array
    nuclei: Array
    labels: tuple[str, ...]
    touches_edge: tuple[bool, ...]


def draw_field(
    rng: Rng,
    labels: Sequence[str],
    *,
    stain: Stain | None = None,
    touching: int = 0,
    width: int = 800,
    height: int = 600,
    pitch: float = PITCH,
) -> Field:
    """Draw a field of `width` x `height` pixels that holds one cell of each of the `labels`.

    The first `touching` pairs of cells press against each other, all others stand apart; any may
    be cut by the edge, none by more than half. `stain` is the slide, by default a new one; `pitch`
    is um a pixel. The same state of `rng` gives the same pixels.

    Raises:
        BlastlineError: an unknown class, fewer cells than the pairs need, or a field too small
            for them.
    """
    unknown = [label for label in labels if label not in KINDS]
    if unknown:
        raise BlastlineError(
            f"cell class {unknown[0]!r}: unknown; choose one of {', '.join(CELL_CLASSES)}"
        )
    if 2 * touching > len(labels):
        raise BlastlineError(
            f"synthetic field: {touching} touching pairs need {2 * touching} cells, found "
            f"{len(labels)}; draw more cells or fewer pairs"
        )
    stain = stain or Stain.draw(rng)
    side = max(width, height)
    grid = (np.arange(side) * pitch).astype(np.float32)
    extent = np.array((width, height)) * pitch
    seeds = [int(seed) for seed in rng.integers(2**32, size=len(labels))]
    centres = _places(rng, labels, seeds, stain, touching, extent)

    absorbance = np.zeros((side, side, 3), np.float32)
    _add_red_cells(absorbance, stain, rng, centres, grid, extent)
    _add_platelets(absorbance, stain, rng, centres, grid, extent)
    cells, nuclei = np.zeros((2, side, side), np.int32)
    for number, (label, seed, centre) in enumerate(zip(labels, seeds, centres, strict=True), 1):
        own = np.random.default_rng(seed)
        nucleus, cell = add_cell(absorbance, KINDS[label], stain, own, centre, grid)
        cells[cell], nuclei[cell] = number, 0
        nuclei[nucleus] = number
    cells, nuclei = cells[:height, :width], nuclei[:height, :width]
    seen = (
        cv2.boundingRect((cells == number + 1).astype(np.uint8)) for number in range(len(labels))
    )
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in seen], int).reshape(-1, 4)
    cut = (boxes[:, :2] == 0).any(axis=1) | (boxes[:, 2:] == (width, height)).any(axis=1)
    image = _photographed(absorbance[:height, :width], stain, rng, pitch)
    return Field(image, boxes, cells, nuclei, tuple(labels), tuple(map(bool, cut)))


def _places(
    rng: Rng, labels: Sequence[str], seeds: list[int], stain: Stain, touching: int, extent: Array
) -> list[Array]:
    """The centre (x, y) of each cell, um."""
    centres: list[Array] = []
    for number, (label, seed) in enumerate(zip(labels, seeds, strict=True)):
        partner = number - 1 if number % 2 and number < 2 * touching else None
        for _ in range(_TRIES):
            angle = rng.uniform(0, 2 * math.pi)
            if partner is None:
                place = rng.uniform((0, 0), extent)
            else:
                towards = np.array((math.cos(angle), math.sin(angle)))
                away = _radius(labels[partner], seeds[partner], stain, towards)
                away += _radius(label, seed, stain, -towards) - _OVERLAP
                place = centres[partner] + away * towards
            others = [each for other, each in enumerate(centres) if other != partner]
            inside = (place >= 0).all() and (place <= extent).all()
            if inside and all(np.hypot(*(place - each)) > 2.2 * CLEARANCE_UM for each in others):
                centres.append(place)
                break
        else:
            raise BlastlineError(
                f"synthetic field: no place for cell {number + 1} of {len(labels)} in "
                f"{extent[0]:.0f} x {extent[1]:.0f} um; draw fewer cells or a larger field"
            )
    return centres


def _radius(label: str, seed: int, stain: Stain, towards: Array) -> float:
    """How far the cell of that seed reaches in one direction, um."""
    pitch = 0.1
    grid = (np.arange(180) * pitch).astype(np.float32)
    middle = np.array((9.0, 9.0))
    scratch = np.zeros((180, 180, 3), np.float32)
    _, cell = add_cell(scratch, KINDS[label], stain, np.random.default_rng(seed), middle, grid)
    along = np.arange(0, 8.5, pitch)
    columns, rows = ((middle[:, None] + towards[:, None] * along) / pitch).astype(int)
    return float(along[cell[rows, columns]].max())


def _add_red_cells(
    absorbance: Array, stain: Stain, rng: Rng, centres: list[Array], grid: Array, extent: Array
) -> None:
    """Add red cells, some overlapping, as many an area as around a single drawn cell."""
    pitch = float(grid[1] - grid[0])
    dye = np.array(stain.erythrocyte, np.float32)
    placed = np.zeros((0, 3))
    for _ in range(3 * int(rng.poisson(stain.crowding * extent.prod() / 35.0**2))):
        x, y = rng.uniform(-3.5, extent + 3.5)
        radius = float(rng.normal(3.5, 0.22))
        apart = np.hypot(placed[:, 0] - x, placed[:, 1] - y)
        if any(np.hypot(*(each - (x, y))) < 0.75 * CLEARANCE_UM + radius for each in centres):
            continue
        if (apart < rng.uniform(0.75, 1.1, len(placed)) * (radius + placed[:, 2])).any():
            continue
        placed = np.vstack([placed, (x, y, radius)])
        at, dx, dy = window(grid, x, y, 1.4 * radius)
        depth, distance = inside(draw_outline(rng, radius, 0.035), dx, dy)
        towards_rim = (distance / (distance + depth.clip(0) + 1e-6) / 0.75).clip(0, 1)
        pallor = np.clip(stain.pallor + rng.normal(0, 0.12), 0, 0.95)
        dip = 1 - pallor * (1 - towards_rim**3)
        absorbance[at] += (cover(depth, pitch) * dip)[..., None] * dye


def _add_platelets(
    absorbance: Array, stain: Stain, rng: Rng, centres: list[Array], grid: Array, extent: Array
) -> None:
    """Add platelets, none on a nucleated cell."""
    pitch = float(grid[1] - grid[0])
    dye = np.array(stain.nucleus, np.float32) * np.float32(0.6)
    for _ in range(int(rng.poisson(_PLATELETS * extent.prod()))):
        x, y = rng.uniform((0, 0), extent)
        if any(np.hypot(*(each - (x, y))) < CLEARANCE_UM + 1.5 for each in centres):
            continue
        at, dx, dy = window(grid, x, y, 2.2)
        depth, _ = inside(draw_outline(rng, rng.uniform(0.7, 1.3), 0.15), dx, dy)
        grains = 0.55 + 0.3 * mottle(rng, depth.shape, 0.25 / pitch)
        absorbance[at] += (cover(depth, pitch) * np.clip(grains, 0.1, 1.2))[..., None] * dye


def _photographed(absorbance: Array, stain: Stain, rng: Rng, pitch: float) -> Array:
    """Light through the slide, optics and sensor: uint8 RGB."""
    h, w = absorbance.shape[:2]
    down, along = np.linspace(-1, 1, h), np.linspace(-1, 1, w)
    light = 1 + stain.light[0] * along[None, :] + stain.light[1] * down[:, None]
    image = np.exp(-absorbance) * light[..., None].astype(np.float32)
    image *= np.array(stain.background, np.float32)
    focus = max(stain.focus * rng.uniform(0.7, 1.4) / pitch, 0.3)
    image = cv2.GaussianBlur(image, (0, 0), focus, borderType=cv2.BORDER_REFLECT)
    image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(stain.noise)
    return (image + 0.5).clip(0, 255).astype(np.uint8)
