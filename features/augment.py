"""Augmentations by name, part of the recipe: what the further views of an image vary in.

Each is given a range and draws its own value for each view. Changes of geometry are multiplied
into one matrix, so that however many there are, pixels are resampled once. A new augmentation is
one function and one entry in ``GEOMETRY`` or ``APPEARANCE``.
"""

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from features.ground import outside
from features.named import Named, call
from features.stain import vary_stains

Draw = Callable[[np.random.Generator], np.ndarray]  # a (2, 2) matrix, x first
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def flip() -> Draw:
    """One of the eight symmetries of the square: quarter turns, mirrored or not."""

    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    mirror = np.diag([-1.0, 1.0])

    def draw(rng: np.random.Generator) -> np.ndarray:
        turned = np.linalg.matrix_power(quarter, int(rng.integers(4)))
        return turned @ mirror if rng.integers(2) else turned

    return draw


def rotate(degrees: float) -> Draw:
    """Turn by up to so many degrees to either side; 180 is any angle."""
    _within(degrees, 180, "degrees")

    def draw(rng: np.random.Generator) -> np.ndarray:
        angle = math.radians(rng.uniform(-degrees, degrees))
        return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    return draw


def zoom(share: float) -> Draw:
    """Enlarge or shrink by a factor of up to 1 + ``share``."""
    _within(share, 1, "share")

    def draw(rng: np.random.Generator) -> np.ndarray:
        return np.eye(2) * (1.0 + share) ** rng.uniform(-1.0, 1.0)

    return draw


def shear(degrees: float) -> Draw:
    """Slant upright lines by up to so many degrees."""
    _within(degrees, 45, "degrees")

    def draw(rng: np.random.Generator) -> np.ndarray:
        return np.array([[1.0, math.tan(math.radians(rng.uniform(-degrees, degrees)))], [0.0, 1.0]])

    return draw


def stain(share: float) -> Change:
    """Change the amount of each stain by a factor and an offset, both by up to ``share``."""
    _within(share, 0.5, "share")
    return lambda image, rng: vary_stains(
        image, rng.uniform(1 - share, 1 + share, 3), rng.uniform(-share, share, 2)
    )


def hsv(share: float) -> Change:
    """Change hue, saturation and value by up to ``share`` of the circle or of themselves."""
    _within(share, 0.5, "share")

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        turn, *factors = rng.uniform(-share, share, 3)
        found = cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2HSV)
        found[..., 0] = (found[..., 0] + 360.0 * turn) % 360.0
        found[..., 1:] = np.minimum(found[..., 1:] * (1.0 + np.array(factors)), 1.0)
        return _to_uint8(cv2.cvtColor(found, cv2.COLOR_HSV2RGB) * 255.0)

    return change


def blur(sigma: float) -> Change:
    """Blur by a Gaussian of up to ``sigma`` pixels of the network's input."""
    _within(sigma, 20, "pixels")

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        drawn = rng.uniform(0.0, sigma)
        if drawn < 0.05:  # nothing to see, and zero would mean 'choose one' to OpenCV
            return image
        return cv2.GaussianBlur(image, (0, 0), drawn, borderType=outside(image))

    return change


def noise(sigma: float) -> Change:
    """Add Gaussian noise of up to ``sigma`` grey levels to each pixel and channel."""
    _within(sigma, 100, "grey levels")

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        drawn = rng.uniform(0.0, sigma)
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(drawn)
        return _to_uint8(image + grain)

    return change


GEOMETRY: dict[str, Named[Draw]] = {
    "flip": Named(flip, ("flip",)),
    "rotate": Named(rotate, ("rotate:180",)),
    "zoom": Named(zoom, ("zoom:0.15",)),
    "shear": Named(shear, ("shear:8",)),
}
APPEARANCE: dict[str, Named[Change]] = {
    "stain": Named(stain, ("stain:0.1",)),
    "hsv": Named(hsv, ("hsv:0.03",)),
    "blur": Named(blur, ("blur:1",)),
    "noise": Named(noise, ("noise:4",)),
}
AUGMENTATIONS: dict[str, Named[Any]] = {**GEOMETRY, **APPEARANCE}


class Augmentation:
    """Augmentations to be drawn together: geometry first, then appearance, each in order."""

    def __init__(self, draws: list[Draw], changes: list[Change]) -> None:
        self._draws, self._changes = draws, changes

    def __call__(
        self, image: np.ndarray, rng: np.random.Generator, aspect: float = 1.0
    ) -> np.ndarray:
        """A varied copy of one image.

        Args:
            image: (size, size, 3) uint8 RGB.
            aspect: width by height of the picture before it was made square; shapes are turned as
                they were then.

        Returns:
            (size, size, 3) uint8; what lies beyond the picture is its mirror image, or black
            where the cell was cut out on black.
        """
        matrix = np.eye(2)
        for draw in self._draws:
            matrix = draw(rng) @ matrix
        stretch = np.diag([aspect, 1.0])
        image = _warp(image, np.linalg.inv(stretch) @ matrix @ stretch)
        for change in self._changes:
            image = change(image, rng)
        return image


def parse_augmentation(texts: tuple[str, ...]) -> Augmentation | None:
    """What texts, ``name`` or ``name:number``, ask for together; None where there are none.

    Raises:
        BlastlineError: an unknown augmentation or an unfit number.
    """
    if not texts:
        return None
    made = {text: call(AUGMENTATIONS, text, "augmentation") for text in texts}
    geometric = [text for text in texts if text.partition(":")[0] in GEOMETRY]
    return Augmentation(
        [made[text] for text in geometric],
        [made[text] for text in texts if text not in geometric],
    )


def _warp(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Move each point by ``matrix`` (2, 2) about the middle of the image."""
    if np.allclose(matrix, np.eye(2), rtol=0, atol=1e-9):
        return image
    height, width = image.shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    affine = np.column_stack([matrix, middle - matrix @ middle])
    # Cubic, so that views are about as sharp as the image itself.
    return cv2.warpAffine(
        np.ascontiguousarray(image), affine, (width, height),
        flags=cv2.INTER_CUBIC, borderMode=outside(image),
    )  # fmt: skip


def _within(value: float, most: float, what: str) -> None:
    if not 0 <= value <= most:
        raise ValueError(f"needs 0 to {most} {what}")


def _to_uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
