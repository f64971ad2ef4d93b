"""Random variants of a cell: all that a laboratory decides differs, the cell does not."""

import cv2
import numpy as np

ZOOM = (-0.7, 0.5)  # logarithms: 0.5 to 1.65 times
_DENSITY = -np.log((np.arange(256, dtype=np.float32) + 1) / 256)


def augment(
    image: np.ndarray, rng: np.random.Generator, size: int, strength: float = 1.0
) -> np.ndarray:
    """One variant: turned, flipped, stretched, moved, blurred, restained, compressed, noisy.

    Stain and light vary as a random linear map of optical densities, near to a diagonal one, after
    Tellez et al. 2019 (doi:10.1016/j.media.2019.101544); what is turned in from beyond the edge is
    mirrored.

    Args:
        image: (s, s, 3) uint8 RGB.
        rng: all that is random comes from here.
        size: side of the variant in pixels.
        strength: 1 as usual, less for milder changes; the zoom stays as it is.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    turn = _affine(image.shape[0], rng, size, strength)
    image = _unfocused(image, rng, strength)
    image = cv2.warpAffine(
        image, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    if rng.random() < 0.2:
        image = compressed(image, int(rng.integers(20, 90)))
    varied = image.astype(np.float32)
    if rng.random() < 0.9:
        varied = _restained(image, rng, strength)
    if rng.random() < 0.25:
        noise = rng.standard_normal(varied.shape, dtype=np.float32)
        varied = varied + noise * np.float32(rng.uniform(1, 10) * strength)
    return np.clip(varied, 0, 255).astype(np.uint8)


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    """A picture (h, w, 3) uint8 after JPEG of a quality of 1 to 100."""
    # Channels keep their places both ways, so that BGR or RGB makes only the chroma differ.
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))


def _affine(side: int, rng: np.random.Generator, size: int, strength: float) -> np.ndarray:
    scale = size / side * np.exp(rng.uniform(*ZOOM))
    angle = rng.uniform(0, 2 * np.pi)
    stretch = np.exp(rng.normal(0, 0.08) * strength)
    turn = scale * np.array(
        [[np.cos(angle) * stretch, -np.sin(angle)], [np.sin(angle) * stretch, np.cos(angle)]]
    )
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    shift = side / 16 * strength
    centre = (side - 1) / 2 + rng.uniform(-shift, shift, 2)
    return np.column_stack([turn, (size - 1) / 2 - turn @ centre])


def _unfocused(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    if rng.random() < 0.3:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, max(0.5, 2.0 * strength)))
    if rng.random() < 0.2:  # fewer pixels
        side = image.shape[0]
        few = int(rng.uniform(0.31, 0.78) * side)
        small = cv2.resize(image, (few, few), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
    return image


def _restained(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    strengths = (1 + rng.uniform(-0.35, 0.35) * strength) * (
        1 + rng.uniform(-0.25, 0.25, 3) * strength
    )
    mixed = np.diag(strengths) @ (np.eye(3) + rng.normal(0, 0.08 * strength, (3, 3)))
    light = (rng.uniform(-0.06, 0.12) + rng.uniform(-0.06, 0.1, 3)) * strength
    density = cv2.transform(_DENSITY[image], np.column_stack([mixed, light]).astype(np.float32))
    return 256 * cv2.exp(-np.maximum(density, 0)) - 1
