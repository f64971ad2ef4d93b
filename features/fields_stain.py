"""What is stained in a smear field, and which of it is nuclear."""

import cv2
import numpy as np
from skimage.filters import threshold_multiotsu, threshold_otsu

from features.segment import optical_density

# Chosen on the odd-numbered fields of BCCD.
_APART = 4.5  # deviations above the red cells from which stain is nuclear
_LEAST = 0.14  # nuclear stain of the palest nucleus
_BLACK = 0.25  # of the brightness of the ground; nuclei are blue and brighter
_LEAST_SURROUND = 0.005  # of a field's area
_RIM = 0.015  # of its longest side; the surround fades over it
_SAMPLE = 4000  # pixels of the ground that its light is measured on
_COMPRESSION = 0.7  # power of the density
_FAINT = 0.05  # range of density below which a field is bare ground


def fill_surround(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A field (h, w, 3) uint8 with its black surround filled, and where that was: boolean (h, w).

    Photographs through an eyepiece are black around a disc. The surround gets the median colour of
    the brighter half of the field, so that it passes for ground.
    """
    brightest = image.max(axis=2)
    black = (brightest < _BLACK * np.percentile(brightest, 90)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(black)
    x, y, w, h, area = stats.T
    outer = (x == 0) | (y == 0) | (x + w == black.shape[1]) | (y + h == black.shape[0])
    outer &= (area > _LEAST_SURROUND * black.size) & (np.arange(count) > 0)
    if not outer.any():
        return image, np.zeros(black.shape, bool)
    surround = grown(outer[labels], round(_RIM * max(black.shape)))
    rest = brightest[~surround]
    filled = image.copy()
    if rest.size:
        filled[surround] = np.median(image[~surround & (brightest >= np.median(rest))], axis=0)
    return filled, surround


def flattened(image: np.ndarray) -> np.ndarray:
    """A field (h, w, 3) uint8 with the light and tint of its ground made even.

    A quadratic surface is fitted to each channel of the ground, and the picture divided by it. One
    with hardly any ground is returned as it is.
    """
    h, w = image.shape[:2]
    ground = ~grown(stained_pixels(optical_density(image)), 3)
    rows, columns = (each[:: max(1, ground.sum() // _SAMPLE)] for each in np.nonzero(ground))
    if len(rows) < _SAMPLE // 10:
        return image
    y, x = np.linspace(-1, 1, h, dtype=np.float32), np.linspace(-1, 1, w, dtype=np.float32)

    def terms(y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
        return [np.ones_like(x + y), x + 0 * y, y + 0 * x, x * y, x * x + 0 * y, y * y + 0 * x]

    known = np.stack(terms(y[rows], x[columns]), axis=1)
    values = np.log(image[rows, columns].astype(np.float32) + 1.0)
    factors = np.linalg.lstsq(known, values, rcond=None)[0]
    # The middle of the ground keeps its colour; the constant term is left out.
    surface = sum(
        term[..., None] * factor
        for term, factor in zip(terms(y[:, None], x[None, :])[1:], factors[1:], strict=True)
    )
    return np.clip((image + 1.0) * np.exp(-surface) - 0.5, 0, 255).astype(np.uint8)


def nuclear_stain(density: np.ndarray) -> np.ndarray:
    """Stain of nuclei in an optical density (h, w, 3): red plus green less blue, float32 (h, w).

    Haemoglobin absorbs blue about as much as green and hardly any red, so red cells nearly vanish;
    the azure and eosin that nuclei bind absorb red and green.
    """
    return density[..., 0] + density[..., 1] - density[..., 2]


def stained_pixels(density: np.ndarray) -> np.ndarray:
    """Where an optical density (h, w, 3) is above the ground: boolean (h, w).

    The lower of two thresholds of Otsu's method (doi:10.1109/TSMC.1979.4310076): with one, a large
    dark cell would count as stain and the red cells as ground.
    """
    green = density[..., 1]
    if np.ptp(green) < _FAINT:
        return np.zeros(green.shape, bool)
    # Compressed, so that the few dark nuclei do not draw both thresholds up to themselves.
    spread = np.maximum(green, 0.0) ** _COMPRESSION
    top = float(np.percentile(spread, 99.8))
    levels = np.clip(spread * (63.0 / max(top, 1e-6)), 0, 63).astype(np.uint8)
    if np.unique(levels).size < 3:
        return np.zeros(green.shape, bool)
    return levels > threshold_multiotsu(levels, 3)[0]


def nuclear_pixels(density: np.ndarray, stained: np.ndarray) -> np.ndarray:
    """Where an optical density (h, w, 3) is that of nuclei or platelets: boolean (h, w).

    `stained` is boolean (h, w), as `stained_pixels` gives it.
    """
    stain = nuclear_stain(density)
    if not stained.any():
        return stained
    tissue = stain[stained]
    middle = np.median(tissue)
    spread = 1.4826 * np.median(np.abs(tissue - middle))
    return stain > max(middle + _APART * spread, threshold_otsu(tissue), _LEAST)


def grown(mask: np.ndarray, radius: int) -> np.ndarray:
    """`mask` with all within `radius` pixels of it."""
    return cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0


def disc(radius: int) -> np.ndarray:
    """A disc of that radius in pixels, uint8, to grow or shrink masks by."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
