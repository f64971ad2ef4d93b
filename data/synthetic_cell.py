"""Draw one synthetic Wright-Giemsa-stained blood cell from its FAB class.

The picture is built as light is lost in a real smear (Beer-Lambert law): each structure adds its
absorbance and the slide's light is multiplied by exp(-absorbance), so that overlapping red cells
darken and every edge stays soft. Lengths are in micrometres until the last step, so that a class
looks the same at any image size.

The classes follow the French-American-British (FAB) description: Bennett et al. 1976,
doi:10.1111/j.1365-2141.1976.tb03563.x. The numbers are drawn from wide, overlapping spreads chosen
by eye to make the classes about as hard as they look; they are no measurement of real cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from data.errors import BlastlineError

CELL_CLASSES: tuple[str, ...] = ("Normal", "Blast", "L1", "L2", "L3")

FIELD_UM = 30.0  # the side of the imaged square
CLEARANCE_UM = 8.4  # no red cell or platelet comes nearer to the cell's centre, whatever its class
ANGLES = 512  # samples of an outline
_TURN = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
_HARMONICS = np.arange(2, 8)
_WAVES = np.concatenate([np.cos(np.outer(_HARMONICS, _TURN)), np.sin(np.outer(_HARMONICS, _TURN))])

Array = np.ndarray
Rng = np.random.Generator


@dataclass(frozen=True)
class Stain:
    """What belongs to a patient's slide and says nothing about the class of a cell.

    The three-number fields are RGB: `background` is light (0-255), the others are absorbance
    (natural logarithm) of the fully stained structure. `light` is the illumination's slope over
    the field in x and y, `focus` the blur's sigma in um, `noise` the sensor's sigma in grey
    levels, `scale` the magnification (1 = nominal), `crowding` the expected number of red cells
    tried per field, `pallor` how much of a red cell's stain is missing at its centre (0-1).
    """

    background: tuple[float, float, float]
    nucleus: tuple[float, float, float]
    cytoplasm: tuple[float, float, float]
    erythrocyte: tuple[float, float, float]
    light: tuple[float, float]
    focus: float
    noise: float
    scale: float
    crowding: float
    pallor: float

    @classmethod
    def draw(cls, rng: Rng) -> Stain:
        """Draw the slide of one patient from `rng`."""

        def dye(red: float, green: float, blue: float, spread: float) -> tuple[float, float, float]:
            strength = np.exp(rng.normal(0, spread))
            r, g, b = np.array([red, green, blue]) * strength * np.exp(rng.normal(0, 0.06, 3))
            return float(r), float(g), float(b)

        beige, lilac = np.array([250.0, 231.0, 205.0]), np.array([232.0, 226.0, 238.0])
        r, g, b = beige + rng.beta(0.8, 2.0) * (lilac - beige) + rng.normal(0, 3, 3)
        return cls(
            background=(min(float(r), 254.0), float(g), float(b)),
            nucleus=dye(1.25, 1.75, 0.62, 0.13),
            cytoplasm=dye(0.95, 0.68, 0.17, 0.15),
            erythrocyte=dye(0.21, 0.40, 0.28, 0.18),
            light=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
            focus=float(rng.uniform(0.08, 0.24)),
            noise=float(rng.uniform(0.8, 2.4)),
            scale=float(np.clip(rng.normal(1, 0.03), 0.92, 1.08)),
            crowding=float(rng.uniform(4, 14)),
            pallor=float(rng.uniform(0.3, 0.85)),
        )


@dataclass(frozen=True)
class _Kind:
    """The spread of one class; a pair is (mean, standard deviation)."""

    diameter: tuple[float, float]  # of the nucleus, um
    nc: tuple[float, float]  # nucleus-to-cell area ratio
    wobble: tuple[float, float]  # relative amplitude of the nuclear outline's harmonics
    cleft: float  # probability of a cleft
    grain: tuple[float, float]  # size of a chromatin clump, um
    clumping: tuple[float, float]  # contrast of the chromatin, relative
    nucleoli: tuple[float, float]  # certain number, and mean of the further ones
    prominence: tuple[float, float]  # share of the chromatin's stain that a nucleolus lacks
    basophilia: tuple[float, float]  # strength of the cytoplasm's blue
    vacuoles: tuple[float, float]  # number


# fmt: off
KINDS: dict[str, _Kind] = {
    #               diameter     nc            wobble          cleft  grain
    #               clumping     nucleoli      prominence      basophilia    vacuoles
    "Normal": _Kind((7.3, 0.7), (0.74, 0.09), (0.025, 0.010), 0.06, (0.50, 0.07),
                    (0.24, 0.05), (0, 0.03), (0.20, 0.05), (0.42, 0.12), (0, 0.5)),
    "Blast": _Kind((9.6, 0.8), (0.80, 0.06), (0.050, 0.015), 0.15, (0.28, 0.05),
                   (0.16, 0.04), (1, 0.15), (0.42, 0.09), (0.60, 0.13), (0, 0.8)),
    "L1": _Kind((8.3, 0.7), (0.88, 0.04), (0.028, 0.010), 0.22, (0.36, 0.06),
                (0.21, 0.05), (0, 0.50), (0.22, 0.07), (0.55, 0.13), (0, 0.8)),
    "L2": _Kind((10.7, 1.1), (0.65, 0.08), (0.085, 0.025), 0.65, (0.33, 0.08),
                (0.19, 0.06), (1, 0.90), (0.48, 0.10), (0.58, 0.16), (1, 1.5)),
    "L3": _Kind((10.4, 0.8), (0.63, 0.07), (0.038, 0.012), 0.08, (0.36, 0.06),
                (0.20, 0.05), (1, 1.60), (0.46, 0.10), (1.10, 0.20), (15, 7.0)),
}
# fmt: on


@dataclass(frozen=True)
class DrawnCell:
    """A picture with its true geometry.

    `image` is (size, size, 3) uint8 RGB; `nucleus` and `cell` are (size, size) bool masks, the
    cell's mask holding the nucleus'.
    """

    image: Array
    nucleus: Array
    cell: Array


def render_cell(cell_class: str, stain: Stain, rng: Rng, size: int = 160) -> np.ndarray:
    """Draw a cell of `cell_class` (one of CELL_CLASSES) on the slide `stain`.

    Returns a (size, size, 3) uint8 RGB image of a field 30 um wide. The same `rng` state gives the
    same pixels. Raises BlastlineError for an unknown class.
    """
    return draw_cell(cell_class, stain, rng, size).image


def draw_cell(cell_class: str, stain: Stain, rng: Rng, size: int = 160) -> DrawnCell:
    """Draw as `render_cell` does, and give the true masks of nucleus and cell too."""
    if cell_class not in KINDS:
        raise BlastlineError(
            f"cell class {cell_class!r}: unknown; choose one of {', '.join(CELL_CLASSES)}"
        )
    pitch = FIELD_UM / (size * stain.scale)  # um per pixel
    grid = ((np.arange(size) - (size - 1) / 2) * pitch).astype(np.float32)
    # Everything that may not depend on the class is drawn before the cell: the same random state
    # then gives the same surroundings to every class.
    noise = rng.standard_normal((size, size, 3), dtype=np.float32) * np.float32(stain.noise)
    focus = stain.focus * rng.uniform(0.7, 1.4) / pitch
    centre = rng.normal(0, 0.45, 2).clip(-1.0, 1.0)
    absorbance = np.zeros((size, size, 3), np.float32)
    _add_surroundings(absorbance, stain, rng, centre, grid)
    nucleus, cell = add_cell(absorbance, KINDS[cell_class], stain, rng, centre, grid)

    along = np.linspace(-1, 1, size, dtype=np.float32)
    light = 1 + stain.light[0] * along[None, :] + stain.light[1] * along[:, None]
    image = np.exp(-absorbance)
    image *= light[..., None] * np.array(stain.background, np.float32)
    image = cv2.GaussianBlur(image, (0, 0), max(focus, 0.3), borderType=cv2.BORDER_REFLECT)
    image += noise
    return DrawnCell((image + 0.5).clip(0, 255).astype(np.uint8), nucleus, cell)


def window(grid: Array, x: float, y: float, reach: float) -> tuple[tuple, Array, Array]:
    """The part of the frame within `reach` um of (x, y), and the offsets from there in um."""
    columns = slice(*np.searchsorted(grid, (x - reach, x + reach)))
    rows = slice(*np.searchsorted(grid, (y - reach, y + reach)))
    return (rows, columns), grid[None, columns] - np.float32(x), grid[rows, None] - np.float32(y)


def aside(rng: Rng, away: float) -> tuple[float, float]:
    """The offsets (x, y) of a point `away` um off, in a random direction."""
    angle = rng.uniform(0, 2 * math.pi)
    return away * math.cos(angle), away * math.sin(angle)


def draw_outline(rng: Rng, radius: float, wobble: float) -> Array:
    """A smooth random closed outline: (ANGLES,) float32 radii, um, of random Fourier harmonics."""
    waves = (wobble * rng.normal(size=len(_WAVES)) / np.tile(_HARMONICS - 1, 2)) @ _WAVES
    return (radius * (1 + waves).clip(0.5, 1.5)).astype(np.float32)


def inside(outline: Array, dx: Array, dy: Array) -> tuple[Array, Array]:
    """How deep (um, negative outside) each point lies within `outline`, and its distance."""
    distance = np.hypot(dx, dy)
    angle = np.arctan2(dy, dx) * (ANGLES / (2 * np.pi))
    return outline[angle.astype(np.int32) % ANGLES] - distance, distance


def cover(depth: Array, pitch: float) -> Array:
    """Anti-aliased coverage (0-1) of the pixels that lie `depth` um inside an outline."""
    return (depth / pitch + 0.5).clip(0, 1)


def mottle(rng: Rng, shape: tuple[int, ...], grain: float) -> Array:
    """Smooth noise of about unit variance with blobs of `grain` pixels."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), max(grain, 0.4))
    return noise / (noise.std() + 1e-6)


def _add_surroundings(
    absorbance: Array, stain: Stain, rng: Rng, centre: Array, grid: Array
) -> None:
    """Add red cells and now and then a platelet, none nearer to `centre` than CLEARANCE_UM."""
    pitch = float(grid[1] - grid[0])
    dye = np.array(stain.erythrocyte, np.float32)
    placed: list[tuple[float, float, float]] = []
    for _ in range(int(rng.poisson(stain.crowding)) * 3):  # most tries find their place taken
        x, y = rng.uniform(-17.5, 17.5, 2)
        radius = float(rng.normal(3.5, 0.22))
        if np.hypot(x - centre[0], y - centre[1]) < CLEARANCE_UM + 1.1 * radius or any(
            np.hypot(x - a, y - b) < rng.uniform(0.75, 1.1) * (radius + c) for a, b, c in placed
        ):
            continue
        placed.append((x, y, radius))
        at, dx, dy = window(grid, x, y, 1.4 * radius)
        depth, distance = inside(draw_outline(rng, radius, 0.035), dx, dy)
        towards_rim = (distance / (distance + depth.clip(0) + 1e-6) / 0.75).clip(0, 1)
        pallor = np.clip(stain.pallor + rng.normal(0, 0.12), 0, 0.95)
        dip = 1 - pallor * (1 - towards_rim**3)
        absorbance[at] += (cover(depth, pitch) * dip)[..., None] * dye
    if rng.random() < 0.3:
        x, y = centre + aside(rng, CLEARANCE_UM + rng.uniform(1.5, 5.0))
        at, dx, dy = window(grid, x, y, 2.2)
        depth, _ = inside(draw_outline(rng, rng.uniform(0.7, 1.3), 0.15), dx, dy)
        grains = 0.55 + 0.3 * mottle(rng, depth.shape, 0.25 / pitch)
        dye = np.array(stain.nucleus, np.float32) * np.float32(0.6)
        absorbance[at] += (cover(depth, pitch) * np.clip(grains, 0.1, 1.2))[..., None] * dye


def add_cell(
    absorbance: Array, kind: _Kind, stain: Stain, rng: Rng, centre: Array, grid: Array
) -> tuple[Array, Array]:
    """Add the nucleated cell at `centre`; returns the masks of its nucleus and of the whole."""
    pitch = float(grid[1] - grid[0])
    at, dx, dy = window(grid, centre[0], centre[1], CLEARANCE_UM + 0.5)

    def pick(spread: tuple[float, float], low: float, high: float) -> float:
        return float(np.clip(rng.normal(*spread), low, high))

    radius = pick(kind.diameter, 5.5, 13.5) / 2
    cell_radius = min(radius / math.sqrt(pick(kind.nc, 0.4, 0.95)), CLEARANCE_UM - 0.4)
    wobble = pick(kind.wobble, 0.005, 0.2)

    outline = draw_outline(rng, radius, wobble)
    if rng.random() < kind.cleft:
        notch = rng.uniform(0.12, 0.42) * np.exp(-(((_TURN - np.pi) / rng.uniform(0.1, 0.38)) ** 2))
        outline = outline * (1 - np.roll(notch, rng.integers(ANGLES))).astype(np.float32)
    # An eccentric nucleus: the slack between the outlines is shared unevenly.
    nx, ny = aside(rng, (cell_radius - radius) * rng.uniform(0, 0.95))
    fringe = mottle(rng, (dy.size, dx.size), 0.30 / pitch) * 0.07
    in_nucleus = inside(outline, dx - nx, dy - ny)[0] + fringe
    in_cell, distance = inside(draw_outline(rng, cell_radius, 0.035 + 0.3 * wobble), dx, dy)
    in_cell = np.maximum(in_cell + 1.5 * fringe, in_nucleus + 0.15)
    in_cell = np.minimum(in_cell, CLEARANCE_UM - distance)
    in_nucleus = np.minimum(in_nucleus, in_cell)

    # Chromatin: clumps of stain, a denser rim (the membrane), and paler, bluish nucleoli.
    grain = pick(kind.grain, 0.15, 0.8) / pitch
    clumps = np.tanh(1.3 * mottle(rng, distance.shape, grain))
    clumps += 0.25 * mottle(rng, distance.shape, 3 * grain)
    chromatin = 1 + pick(kind.clumping, 0.05, 0.5) * clumps
    chromatin += 0.12 * np.exp(-((in_nucleus / 0.45) ** 2))
    blue = np.zeros_like(distance)
    for _ in range(int(kind.nucleoli[0] + rng.poisson(kind.nucleoli[1]))):
        lack = pick(kind.prominence, 0.05, 0.8)
        x, y = aside(rng, 0.62 * radius * math.sqrt(rng.random()))
        spot = draw_outline(rng, radius * rng.uniform(0.15, 0.26), 0.09)
        deep, _ = inside(spot, dx - nx - x, dy - ny - y)
        pale = lack * cover(deep, 0.4)
        chromatin -= pale
        chromatin += 0.3 * lack * np.exp(-(((deep + 0.25) / 0.25) ** 2))  # a ring of chromatin
        blue = np.maximum(blue, 0.6 * pale)

    # Cytoplasm: cloudy, a paler halo by the nucleus, a denser outer rim, sharp vacuoles.
    cytoplasm = 1 + 0.12 * mottle(rng, distance.shape, 0.5 / pitch)
    cytoplasm -= 0.3 * rng.random() * np.exp(-((in_nucleus / 0.6) ** 2))
    cytoplasm += 0.25 * rng.random() * np.exp(-((in_cell / 0.5) ** 2))
    cytoplasm *= pick(kind.basophilia, 0.15, 1.7)
    places = np.argwhere((in_cell > 0.3) & (in_nucleus < 0.35 + rng.exponential(0.4)))
    for _ in range(round(max(0, rng.normal(*kind.vacuoles))) if len(places) else 0):
        row, column = places[rng.integers(len(places))]
        hole = np.hypot(dx - dx[0, column], dy - dy[row, 0])
        clear = cover(rng.uniform(0.25, 0.62) - hole, pitch)
        cytoplasm *= 1 - 0.92 * clear
        chromatin *= 1 - 0.45 * clear  # a vacuole over the nucleus shows less

    # Thin chromatin looks pinker: it loses red and blue absorbance faster than green.
    tint = chromatin.clip(0.15, 2)[..., None] ** np.array([1.15, 0.85, 1.2], np.float32)
    nuclear, whole = cover(in_nucleus, pitch)[..., None], cover(in_cell, pitch)[..., None]
    azure = nuclear * blue[..., None] + (1 - nuclear) * cytoplasm[..., None]
    cell = nuclear * tint * np.array(stain.nucleus, np.float32)
    cell += azure * np.array(stain.cytoplasm, np.float32)
    absorbance[at] = (1 - whole) * absorbance[at] + whole * cell
    masks = np.zeros((2, grid.size, grid.size), bool)
    masks[0][at], masks[1][at] = in_nucleus > 0, in_cell > 0
    return masks[0], masks[1]
