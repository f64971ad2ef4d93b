"""Stain and colour of nucleus and cytoplasm: the `COLOUR` part of the morphology table.

All is read against the clear ground, so that lamp and ground colour cancel.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from features.morphology_cell import Cell, Measure, measure

_FAB = "Bennett et al. 1976, doi:10.1111/j.1365-2141.1976.tb03563.x"
_RUIFROK = "Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291-299"
_LAB = "CIE 1976 L*a*b* (ISO/CIE 11664-4), clear ground as white"

_STAINS = np.linalg.inv([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Unmixes red, green and blue density into haematoxylin, eosin and a rest (`_RUIFROK`)."""


def _where(cell: Cell, part: str) -> np.ndarray:
    return cell.nucleus if part == "nucleus" else cell.body


def lab(cell: Cell, part: str, axis: int) -> np.ndarray:
    """One axis (L*, a* or b*) at the pixels of `part`, "nucleus" or "cytoplasm", (n,)."""
    return cell.lab[axis][_where(cell, part)]


def stain(cell: Cell, part: str, which: int) -> np.ndarray:
    """Haematoxylin-like (0) or eosin-like (1) density at the pixels of `part`, (n,)."""
    where = _where(cell, part)
    return np.stack([density[where] for density in cell.density], axis=1) @ _STAINS[:, which]


def basophilia(cell: Cell) -> float:
    """Red minus blue density of the cytoplasm over its sum: high if blue, low if orange."""
    red, _, blue = (float(density[cell.body].mean()) for density in cell.density)
    return (red - blue) / max(float(cell.total[cell.body].mean()), 0.05)


def eosin_granules(cell: Cell) -> float:
    """Share of the cytoplasm whose green density is high and far above its red density."""
    red, green, _ = cell.density
    return float(((green > 0.2) & (green > 2.0 * red))[cell.body].mean())


def dark_granules(cell: Cell) -> float:
    """Share of the cytoplasm at least as dense as three quarters of the nucleus."""
    limit = 0.75 * float(np.median(cell.total[cell.nucleus]))
    return float((cell.total > limit)[cell.body].mean())


def contrast(cell: Cell) -> float:
    """Difference of mean density, nucleus less cytoplasm, over their sum."""
    a, b = float(cell.total[cell.nucleus].mean()), float(cell.total[cell.body].mean())
    return (a - b) / max(a + b, 1e-3)


def _mean_of(cell: Cell, of: Callable[..., np.ndarray], part: str, which: int) -> float:
    return float(cell.once(of, part, which).mean())


def _std_of(cell: Cell, of: Callable[..., np.ndarray], part: str, which: int) -> float:
    return float(cell.once(of, part, which).std())


def _colour_of(part: str) -> tuple[Measure, ...]:
    """The colour rows of one part of the cell; both parts have the same."""
    return tuple(
        measure(f"{part}_{name}", unit, source, meaning, partial(value, of=of, part=part, which=i))
        for name, unit, source, meaning, value, of, i in (
            ("lightness_mean", "L*", _LAB, "how pale it is", _mean_of, lab, 0),
            ("lightness_std", "L*", _LAB, "unevenness of paleness", _std_of, lab, 0),
            ("red_green_mean", "a*", _LAB, "red (high) or green", _mean_of, lab, 1),
            ("yellow_blue_mean", "b*", _LAB, "yellow (high) or blue", _mean_of, lab, 2),
            ("haematoxylin_mean", "density", _RUIFROK, "blue-violet stain", _mean_of, stain, 0),
            ("haematoxylin_std", "density", _RUIFROK, "its unevenness", _std_of, stain, 0),
            ("eosin_mean", "density", _RUIFROK, "pink-orange stain", _mean_of, stain, 1),
            ("eosin_std", "density", _RUIFROK, "its unevenness", _std_of, stain, 1),
        )
    )


COLOUR: tuple[Measure, ...] = (
    *_colour_of("nucleus"),
    *_colour_of("cytoplasm"),
    measure(
        "cytoplasm_basophilia",
        "-1 to 1",
        _FAB,
        "blueness of the cytoplasm (deep in L3)",
        basophilia,
    ),
    measure(
        "eosin_granules",
        "share of cytoplasm",
        "green density above twice the red",
        "orange-red area (eosinophils)",
        eosin_granules,
    ),
    measure(
        "dark_granules",
        "share of cytoplasm",
        "denser than 3/4 of the nucleus",
        "violet-black area (basophils)",
        dark_granules,
    ),
    measure(
        "nucleus_contrast",
        "-1 to 1",
        "Michelson contrast of densities",
        "nucleus against cytoplasm",
        contrast,
    ),
)
"""Colour descriptors in table order."""
