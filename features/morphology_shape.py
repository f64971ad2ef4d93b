"""Size and shape of nucleus and cell: the `SHAPE` part of the morphology table.

Clefts, the nucleus-to-cell ratio and cell size are what Bennett et al. 1976
(doi:10.1111/j.1365-2141.1976.tb03563.x) part L1, L2 and L3 lymphoblasts by.
"""

import cv2
import numpy as np

from features.morphology_cell import Cell, Measure, distance_inside, measure

_FAB = "Bennett et al. 1976, doi:10.1111/j.1365-2141.1976.tb03563.x"
_FOURIER = "Persoon and Fu 1977, doi:10.1109/TSMC.1977.4309681"
_HU = "second moments, Hu 1962, doi:10.1109/TIT.1962.1057692"
_CLEFT = 0.08  # of the nucleus's diameter; shallower dents are the pixel grid


def outline(mask: np.ndarray) -> np.ndarray:
    """The smoothed closed outline of the largest piece of `mask`, float64 (n, 2) as x, y.

    The running mean over five points takes the stairs of the pixel grid away, so that a drawn disc
    has the perimeter of a disc.
    """
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(found, key=len)[:, 0, :].astype(float)
    if len(points) < 10:
        return points
    return sum(np.roll(points, step, axis=0) for step in range(-2, 3)) / 5.0


def circularity(mask: np.ndarray) -> float:
    """4 pi area / perimeter^2 of the largest piece: 1 for a disc, less for anything else."""
    points = outline(mask)
    length = perimeter(points)
    x, y = points.T
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2.0
    return min(1.0, 4.0 * np.pi * area / length**2) if length > 0 else 1.0


def perimeter(points: np.ndarray) -> float:
    """Length of a closed outline (n, 2)."""
    step = points - np.roll(points, 1, axis=0)
    return float(np.hypot(step[:, 0], step[:, 1]).sum())


def hull(mask: np.ndarray) -> np.ndarray:
    """The convex hull of all pieces of `mask`, boolean of the same shape."""
    points = cv2.findNonZero(mask.astype(np.uint8))
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(drawn, cv2.convexHull(points), 1)
    return (drawn > 0) | mask


def solidity(mask: np.ndarray) -> float:
    """Area as a share of the convex hull's: 1 when nothing is notched."""
    return float(mask.sum() / hull(mask).sum())


def eccentricity(mask: np.ndarray) -> float:
    """Eccentricity of the ellipse with the same second moments: 0 round, towards 1 a rod."""
    at = np.argwhere(mask).astype(float)
    if len(at) < 3:
        return 0.0
    minor, major = np.linalg.eigvalsh(np.cov(at.T) + np.eye(2) / 12.0)
    return float(np.sqrt(max(0.0, 1.0 - minor / major)))


def clefts(cell: Cell) -> np.ndarray:
    """Depth of each notch of the nucleus, as a share of its diameter, deepest first.

    A notch is a piece of the convex hull outside the nucleus; its depth is measured from the hull.
    """
    full = hull(cell.nucleus)
    depth = distance_inside(full)
    count, labels = cv2.connectedComponents((full & ~cell.nucleus).astype(np.uint8))
    deepest = np.zeros(count)
    np.maximum.at(deepest, labels.ravel(), depth.ravel())
    shares = np.sort(deepest[1:] / cell.nucleus_diameter)[::-1]
    return shares[shares > _CLEFT]


def roughness(mask: np.ndarray) -> float:
    """Share of the outline's Fourier amplitude in harmonics 4 to 20 (the first is a circle)."""
    points = outline(mask)
    step = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    along = np.concatenate([[0.0], np.cumsum(step)])
    if along[-1] == 0:
        return 0.0
    x, y = np.vstack([points, points[:1]]).T
    at = np.linspace(0.0, along[-1], 64, endpoint=False)
    amplitude = np.abs(np.fft.fft(np.interp(at, along, x) + 1j * np.interp(at, along, y)))
    fine = np.r_[amplitude[4:21], amplitude[-20:-3]]
    return float(np.sqrt((fine**2).sum()) / max(amplitude[1], amplitude[-1], 1e-9))


def radial_variation(mask: np.ndarray) -> float:
    """Standard deviation over mean of the distance from centroid to outline."""
    points = outline(mask)
    radius = np.hypot(*(points - points.mean(axis=0)).T)
    return float(radius.std() / radius.mean()) if radius.mean() > 0 else 0.0


def lobes(cell: Cell) -> float:
    """Number of parts of the nucleus once it is shrunk by half its greatest half-width."""
    core = cell.inner_distance > 0.5 * cell.inner_distance.max()
    return float(cv2.connectedComponents(core.astype(np.uint8))[0] - 1)


def off_centre(cell: Cell) -> float:
    """Distance between the centroids of nucleus and cell over the cell's diameter."""
    apart = np.argwhere(cell.nucleus).mean(axis=0) - np.argwhere(cell.cell).mean(axis=0)
    return float(np.hypot(*apart) / cell.cell_diameter)


def ring_widths(cell: Cell) -> np.ndarray:
    """Distance to the nucleus, working px, of each pixel on the cell's edge."""
    away = cv2.distanceTransform((~cell.nucleus).astype(np.uint8), cv2.DIST_L2, 5)
    inside = distance_inside(cell.cell)
    return away[(inside > 0) & (inside < 1.5)]


SHAPE: tuple[Measure, ...] = (
    measure(
        "nucleus_area",
        "share of frame",
        _FAB,
        "size of the nucleus",
        lambda c: c.nucleus.sum() / c.frame_area,
    ),
    measure(
        "cell_area",
        "share of frame",
        _FAB,
        "size of the cell",
        lambda c: c.cell.sum() / c.frame_area,
    ),
    measure(
        "nucleus_to_cell_ratio",
        "ratio of areas",
        _FAB,
        "high when cytoplasm is scanty (L1)",
        lambda c: c.nucleus.sum() / c.cell.sum(),
    ),
    measure(
        "cell_cut_off",
        "0 or 1",
        "definition",
        "1 when the frame's edge cuts the cell",
        lambda c: float(c.cut_off),
    ),
    measure(
        "nucleus_perimeter",
        "working px",
        "definition",
        "outline length of the largest piece",
        lambda c: perimeter(outline(c.nucleus)),
    ),
    measure(
        "nucleus_circularity",
        "ratio, 1 is a disc",
        "4 pi area / perimeter^2",
        "roundness of the largest nuclear piece",
        lambda c: circularity(c.nucleus),
    ),
    measure(
        "nucleus_solidity",
        "ratio of areas",
        "area over convex hull area",
        "low when the nucleus is notched or lobed",
        lambda c: solidity(c.nucleus),
    ),
    measure(
        "nucleus_eccentricity",
        "0 to 1",
        _HU,
        "elongation of the nucleus",
        lambda c: eccentricity(c.nucleus),
    ),
    measure(
        "nucleus_half_width",
        "working px",
        "largest inscribed disc",
        "radius of the thickest part of the nucleus",
        lambda c: c.inner_distance.max(),
    ),
    measure(
        "cell_circularity",
        "ratio, 1 is a disc",
        "4 pi area / perimeter^2",
        "roundness of the cell",
        lambda c: circularity(c.cell),
    ),
    measure(
        "cell_solidity",
        "ratio of areas",
        "area over convex hull area",
        "low when the cell has outgrowths or dents",
        lambda c: solidity(c.cell),
    ),
    measure(
        "cell_eccentricity", "0 to 1", _HU, "elongation of the cell", lambda c: eccentricity(c.cell)
    ),
    measure(
        "nucleus_clefts",
        "count",
        _FAB,
        "notches of the nuclear outline (L2)",
        lambda c: float(len(c.once(clefts))),
    ),
    measure(
        "nucleus_cleft_depth",
        "share of nuclear diameter",
        _FAB,
        "depth of the deepest notch",
        lambda c: float(c.once(clefts).max(initial=0.0)),
    ),
    measure(
        "nucleus_roughness",
        "share of the first harmonic",
        _FOURIER,
        "unevenness of the nuclear outline",
        lambda c: roughness(c.nucleus),
    ),
    measure(
        "nucleus_radial_variation",
        "ratio",
        "standard deviation over mean radius",
        "departure of the nuclear outline from a circle",
        lambda c: radial_variation(c.nucleus),
    ),
    measure(
        "nucleus_lobes",
        "count",
        "parts left by erosion, Serra 1982, ISBN 0126372403",
        "segments of the nucleus",
        lobes,
    ),
    measure(
        "nucleus_off_centre",
        "share of cell diameter",
        "definition",
        "how far the nucleus sits from the middle of the cell",
        off_centre,
    ),
    measure(
        "cytoplasm_width",
        "working px",
        _FAB,
        "mean width of the cytoplasmic ring",
        lambda c: c.once(ring_widths).mean(),
    ),
    measure(
        "cytoplasm_width_variation",
        "working px",
        "standard deviation",
        "unevenness of the cytoplasmic ring",
        lambda c: c.once(ring_widths).std(),
    ),
)
"""Shape descriptors in table order."""
