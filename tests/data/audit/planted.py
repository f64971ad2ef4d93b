"""Pairs of images that are known to show the same, planted among images that do not."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from data.audit.fingerprint import fingerprint, pack
from data.audit.pairs import Pair, find_pairs

Rng = np.random.Generator
Change = Callable[[np.ndarray, Rng], np.ndarray]


class Crops(NamedTuple):
    """Two crops of one field."""

    first: np.ndarray
    second: np.ndarray
    shift: tuple[int, int]  # x, y in the first of the second's corner
    share: float  # of a crop that both show


def smear(rng: Rng, height: int = 480, width: int = 640) -> np.ndarray:
    """A field of pale discs and some dark grained ones, no two alike, RGB uint8."""
    scale = 2  # drawn large, so that edges are soft
    canvas = np.full((height * scale, width * scale, 3), (235, 225, 230), np.float32)
    for _ in range(height * width // 2500):
        middle = (int(rng.integers(width * scale)), int(rng.integers(height * scale)))
        axes = (int(rng.integers(24, 44)), int(rng.integers(24, 44)))
        angle, tone = float(rng.uniform(0, 180)), rng.normal((205, 150, 165), 8)
        cv2.ellipse(canvas, middle, axes, angle, 0, 360, tone.tolist(), -1)
        pale = (int(axes[0] * rng.uniform(0.2, 0.5)), int(axes[1] * rng.uniform(0.2, 0.5)))
        cv2.ellipse(canvas, middle, pale, angle, 0, 360, (tone + 25).tolist(), -1)
        if rng.random() < 0.15:
            cv2.ellipse(canvas, middle, (axes[1], axes[0]), angle, 0, 360, (95, 50, 120), -1)
    canvas = cv2.resize(cv2.GaussianBlur(canvas, (0, 0), 3), (width, height))
    grain = cv2.GaussianBlur(rng.normal(0, 40, (height, width)).astype(np.float32), (0, 0), 2.5)
    canvas += grain[..., None] + rng.normal(0, 2, canvas.shape)
    return canvas.clip(0, 255).astype(np.uint8)


def two_crops(field: np.ndarray, side: int, share: float, rng: Rng) -> Crops:
    """Two square crops that share so much of their ground, each saved for itself."""
    height, width = field.shape[:2]
    along = float(rng.uniform(share, 1))
    x, y = round(side * (1 - along)), round(side * (1 - share / along))
    left, top = int(rng.integers(width - side - x + 1)), int(rng.integers(height - side - y + 1))
    corners = [(left, top), (left + x, top + y)]
    if rng.random() < 0.5:
        corners = [(left + x, top), (left, top + y)]
    parts = [
        saved(field[v : v + side, u : u + side], int(rng.integers(70, 96))) for u, v in corners
    ]
    (u, v), (s, t) = corners
    overlap = (side - abs(s - u)) * (side - abs(t - v)) / side**2
    return Crops(parts[0], parts[1], (s - u, t - v), overlap)


def saved(image: np.ndarray, quality: int) -> np.ndarray:
    """The image after it was saved as JPEG."""
    kept, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert kept
    return np.ascontiguousarray(cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1])


def _scaled(image: np.ndarray, rng: Rng) -> np.ndarray:
    size = int(image.shape[1] * rng.uniform(0.35, 0.9))
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


def _brightness(image: np.ndarray, rng: Rng) -> np.ndarray:
    values = image * rng.uniform(0.7, 1.15) + rng.uniform(-25, 25)
    return values.clip(0, 255).astype(np.uint8)


def _hue(image: np.ndarray, rng: Rng) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(rng.integers(10, 40))  # wraps, as hue does
    hsv[..., 1] = (hsv[..., 1] * rng.uniform(0.6, 1.2)).clip(0, 255).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)


def _cropped(image: np.ndarray, rng: Rng) -> np.ndarray:
    height, width = image.shape[:2]
    top, bottom, left, right = rng.integers(0, height // 16, 4).tolist()
    return image[top : height - bottom, left : width - right]


def _zoomed(image: np.ndarray, rng: Rng) -> np.ndarray:
    return cv2.resize(_cropped(image, rng), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


CHANGES: dict[str, Change] = {
    "recompressed": lambda image, rng: saved(image, 50),
    "scaled": _scaled,
    "brightness and contrast": _brightness,
    "hue and saturation": _hue,
    "grey": lambda image, rng: cv2.cvtColor(
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB
    ),
    "channels swapped": lambda image, rng: image[..., ::-1],
    "cropped": _cropped,
    "cropped and scaled back": _zoomed,
    "mirrored": lambda image, rng: image[:, ::-1],
    "turned": lambda image, rng: np.rot90(image, int(rng.integers(1, 4))),
    "mirrored and turned": lambda image, rng: np.rot90(image[::-1], int(rng.integers(0, 4))),
}


def changed(image: np.ndarray, name: str, rng: Rng) -> np.ndarray:
    """The same picture after one of CHANGES, saved as JPEG once more."""
    return saved(np.ascontiguousarray(CHANGES[name](image, rng)), int(rng.integers(70, 96)))


def found_in(images: list[np.ndarray]) -> dict[tuple[int, int], Pair]:
    """What is found among images, by their numbers."""
    prints = pack([fingerprint(image) for image in images])
    return {(pair.first, pair.second): pair for pair in find_pairs(prints, images.__getitem__)}


def near_copies(images: list[np.ndarray], rng: Rng) -> Iterator[tuple[str, int, np.ndarray]]:
    """A changed copy of each image, its change and the number of its original, in turns."""
    for number, image in enumerate(images):
        name = list(CHANGES)[number % len(CHANGES)]
        yield name, number, changed(image, name, rng)
