"""Images made on the spot and encoded in memory, for the tests of this room."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from features.backbones import mean_colour
from features.recipe import Recipe

MEAN_COLOUR = Recipe("mean_colour", "none", "revision 1", engine="opencv", pooling="none")


def noise(seed: int = 0, height: int = 20, width: int = 24) -> np.ndarray:
    """An RGB image whose every pixel differs."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode(image: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        stream, kind, **options
    )
    return stream.getvalue()


def write_images(root: Path, count: int, start: int = 0) -> list[tuple[str, str]]:
    """Write small distinct images below ``root``; (sha256, path) of each."""
    root.mkdir(parents=True, exist_ok=True)
    images = []
    for number in range(start, start + count):
        content = encode(noise(number, 8, 8), "PNG")
        path = f"{number:05d}.png"
        (root / path).write_bytes(content)
        images.append((hashlib.sha256(content).hexdigest(), path))
    return images


def expected_means(root: Path, images: list[tuple[str, str]]) -> np.ndarray:
    """Mean colours of images, computed without the code under test's reader."""
    means = [mean_colour(np.asarray(Image.open(root / path).convert("RGB"))) for _, path in images]
    return np.stack(means)
