"""Cells drawn on the spot, with shortcuts planted into them."""

import cv2
import numpy as np

from data.audit.properties import properties
from data.decode import decode
from tests.data.images import encode

SIDE = 120
CLASSES = ["A", "B"]


def cell(rng: np.random.Generator, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """A violet disc on a pale ground, both of varying colour, slightly noisy and soft."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = rng.integers(195, 225, 3)
    centre = tuple((np.array([width, height]) / 2 + rng.normal(0, 4, 2)).astype(int).tolist())
    colour = (rng.integers((70, 30, 100), (120, 80, 160))).tolist()
    cv2.circle(image, centre, int(rng.integers(20, 32)), colour, -1)
    noisy = cv2.GaussianBlur(image, (7, 7), 0) + rng.normal(0, 2, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def label(image: np.ndarray, text: str, colour: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """The image with a text and a scale bar in its lower right corner."""
    marked = image.copy()
    height, width = image.shape[:2]
    x, y = width - 52, height - 16
    cv2.putText(marked, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
    cv2.rectangle(marked, (x, y + 5), (x + 40, y + 7), colour, -1)
    return marked


def changed(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what differs, as shares of width and height."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    height, width = before.shape[:2]
    return (
        columns.min() / width,
        rows.min() / height,
        (columns.max() + 1) / width,
        (rows.max() + 1) / height,
    )


def record(image: np.ndarray, kind: str = "BMP", **options: int) -> np.ndarray:
    """Properties of the image as a file of this kind."""
    content = encode(image, kind, **options)
    return properties(content, decode(content))
