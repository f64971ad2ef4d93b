"""Chromatin, nucleoli, vacuoles and granules: the `TEXTURE` part of the morphology table.

All is read from optical density against the clear ground, so that lamp and ground colour cancel.
"""

from functools import partial

import cv2
import numpy as np
from skimage.feature import local_binary_pattern

from features.morphology_cell import Cell, Measure, measure

_FAB = "Bennett et al. 1976, doi:10.1111/j.1365-2141.1976.tb03563.x"
_HARALICK = "Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314"
_OJALA = "Ojala et al. 2002, doi:10.1109/TPAMI.2002.1017623"
_MARR = "difference of Gaussians, Marr and Hildreth 1980, doi:10.1098/rspb.1980.0020"
_LEVELS = 16


def cooccurrence(cell: Cell, distance: int) -> np.ndarray:
    """Grey-level co-occurrence in the nucleus, summed over four directions, (16, 16), sum 1.

    Levels are green density over its nuclear median, 0 to 2, so that stain strength cancels.
    """
    green = cell.density[1]
    scale = _LEVELS / 2 / max(float(np.median(green[cell.nucleus])), 1e-3)
    levels = np.clip(green * scale, 0, _LEVELS - 1).astype(np.intp)
    counts = np.zeros(_LEVELS * _LEVELS)
    h, w = levels.shape
    for dy, dx in ((0, distance), (distance, 0), (distance, distance), (distance, -distance)):
        one = slice(0, h - dy), slice(max(0, -dx), w - max(0, dx))
        two = slice(dy, h), slice(max(0, dx), w + min(0, dx))
        both = cell.nucleus[one] & cell.nucleus[two]
        pairs = levels[one][both] * _LEVELS + levels[two][both]
        counts += np.bincount(pairs, minlength=_LEVELS * _LEVELS)
    table = counts.reshape(_LEVELS, _LEVELS)
    table = table + table.T
    return table / max(table.sum(), 1.0)


def haralick(cell: Cell, distance: int) -> dict[str, float]:
    """Contrast, homogeneity, entropy and correlation of the co-occurrence (`_HARALICK`)."""
    table = cooccurrence(cell, distance)
    i, j = np.indices(table.shape)
    mean = (i * table).sum()
    variance = ((i - mean) ** 2 * table).sum()
    return {
        "contrast": float(((i - j) ** 2 * table).sum()),
        "homogeneity": float((table / (1.0 + (i - j) ** 2)).sum()),
        "entropy": _entropy(table),
        "correlation": float(((i - mean) * (j - mean) * table).sum() / max(variance, 1e-6)),
    }


def binary_patterns(cell: Cell) -> np.ndarray:
    """Shares (10,) of the rotation-invariant uniform patterns of radius 1 in the nucleus."""
    grey = np.clip(cell.density[1] * 100.0, 0, 255).astype(np.uint8)
    codes = local_binary_pattern(grey, 8, 1, "uniform")[cell.nucleus].astype(np.intp)
    return np.bincount(codes, minlength=10) / codes.size


def band(channel: np.ndarray, fine: float) -> np.ndarray:
    """Detail of `channel` between `fine` and twice `fine` working px, of the same shape."""
    coarse = cv2.GaussianBlur(channel, (0, 0), 2.0 * fine)
    return cv2.GaussianBlur(channel, (0, 0), fine) - coarse


def grain(channel: np.ndarray, where: np.ndarray, fine: float) -> float:
    """Standard deviation of the detail of that size, over the mean of `channel`."""
    return float(band(channel, fine)[where].std() / max(float(channel[where].mean()), 1e-3))


def spots(pale: np.ndarray, least: int) -> tuple[int, int]:
    """Count and summed area of the pieces of `pale`, boolean (h, w), of at least `least` px."""
    area = cv2.connectedComponentsWithStats(pale.astype(np.uint8), None, 4)[2][1:, cv2.CC_STAT_AREA]
    area = area[area >= least]
    return len(area), int(area.sum())


def closed(density: np.ndarray, radius: int) -> np.ndarray:
    """`density` with its pale spots up to `radius` px filled (grey closing, Serra 1982)."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.morphologyEx(density, cv2.MORPH_CLOSE, disc)


def nucleoli(cell: Cell) -> tuple[float, float]:
    """Pale spots inside the nucleus: count, and share of nuclear area.

    A spot is a fifth less dense than what lies around it, after smoothing away the net of the
    chromatin, and at least 10 px large.
    """
    red = cv2.GaussianBlur(cell.density[0], (0, 0), 1.5)
    around = closed(red, 5)
    count, area = spots((cell.inner_distance > 3.0) & (around - red > 0.2 * around), 10)
    return float(count), area / float(cell.nucleus.sum())


def vacuoles(cell: Cell) -> tuple[float, float]:
    """Bright holes inside the cytoplasm: count, and share of the cytoplasm.

    A hole is less than half as dense as the cytoplasm's median, has cytoplasm of ordinary density
    on all sides and at least 4 px.
    """
    usual = float(np.median(cell.total[cell.body]))
    inside = cv2.erode(cell.cell.astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0) > 0
    held = closed(cell.total, 4) > 0.8 * usual
    pale = inside & cell.cytoplasm & held & (cell.total < 0.5 * usual)
    count, area = spots(pale, 4)
    return float(count), area / max(float(cell.cytoplasm.sum()), 1.0)


def _entropy(shares: np.ndarray) -> float:
    present = shares[shares > 0]
    return float(-(present * np.log2(present)).sum())


def _haralick_part(cell: Cell, distance: int, part: str) -> float:
    return float(cell.once(haralick, distance)[part])


TEXTURE: tuple[Measure, ...] = (
    *(
        measure(
            f"chromatin_{part}_{distance}",
            unit,
            _HARALICK,
            f"{meaning} of chromatin at {distance} working px",
            partial(_haralick_part, distance=distance, part=part),
        )
        for distance in (1, 3)
        for part, unit, meaning in (
            ("contrast", "squared grey levels", "unevenness"),
            ("homogeneity", "0 to 1", "smoothness"),
            ("entropy", "bits", "disorder"),
            ("correlation", "-1 to 1", "regularity"),
        )
    ),
    measure(
        "chromatin_pattern_entropy",
        "bits",
        _OJALA,
        "variety of local binary patterns in the nucleus",
        lambda c: _entropy(c.once(binary_patterns)),
    ),
    measure(
        "chromatin_spots",
        "share of nucleus",
        _OJALA,
        "local binary patterns that are pale or dark spots",
        lambda c: c.once(binary_patterns)[[0, 8]].sum(),
    ),
    measure(
        "chromatin_fine_grain",
        "share of mean density",
        _MARR,
        "chromatin detail of 1 to 2 working px",
        lambda c: grain(c.density[1], c.nucleus, 1.0),
    ),
    measure(
        "chromatin_coarse_grain",
        "share of mean density",
        _MARR,
        "chromatin detail of 2 to 4 working px",
        lambda c: grain(c.density[1], c.nucleus, 2.0),
    ),
    measure(
        "nucleoli",
        "count",
        _FAB,
        "pale spots inside the nucleus (L2, L3)",
        lambda c: c.once(nucleoli)[0],
    ),
    measure(
        "nucleoli_area",
        "share of nucleus",
        _FAB,
        "area of the pale spots",
        lambda c: c.once(nucleoli)[1],
    ),
    measure(
        "vacuoles",
        "count",
        _FAB,
        "bright holes in the cytoplasm (L3)",
        lambda c: c.once(vacuoles)[0],
    ),
    measure(
        "vacuoles_area",
        "share of cytoplasm",
        _FAB,
        "area of the bright holes",
        lambda c: c.once(vacuoles)[1],
    ),
    measure(
        "cytoplasm_fine_grain",
        "share of mean density",
        _MARR,
        "granules of 1 to 2 working px",
        lambda c: grain(c.total, c.body, 1.0),
    ),
    measure(
        "cytoplasm_coarse_grain",
        "share of mean density",
        _MARR,
        "granules of 2 to 4 working px",
        lambda c: grain(c.total, c.body, 2.0),
    ),
)
"""Texture descriptors in table order."""
