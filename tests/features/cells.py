"""Drawn cells on slides that differ in stain and light, and odd pictures, to test steps on."""

from dataclasses import replace

import numpy as np

from data.synthetic_cell import Stain, render_cell

BLACK = np.zeros((24, 30, 3), np.uint8)
ODD = {
    "black": BLACK,
    "white": BLACK + 255,
    "grey": BLACK + 128,
    "red": BLACK + np.array([255, 0, 0], np.uint8),
    "blue": BLACK + np.array([0, 0, 255], np.uint8),
    "one pixel": np.array([[[10, 200, 90]]], np.uint8),
    "one black pixel": np.zeros((1, 1, 3), np.uint8),
    "a row": np.random.default_rng(1).integers(0, 256, (1, 40, 3), dtype=np.uint8),
    "a column": np.random.default_rng(2).integers(0, 256, (40, 1, 3), dtype=np.uint8),
    "two by three": np.random.default_rng(3).integers(0, 256, (2, 3, 3), dtype=np.uint8),
    "noise": np.random.default_rng(4).integers(0, 256, (50, 41, 3), dtype=np.uint8),
    "nearly plain": np.random.default_rng(5).integers(200, 203, (40, 40, 3), dtype=np.uint8),
    "mostly black": np.pad(np.full((4, 4, 3), 90, np.uint8), ((40, 0), (0, 40), (0, 0))),
}


def slide(seed: int = 0, **changes: object) -> Stain:
    """A patient's slide, evenly lit and without noise, so that tests may measure colours."""
    even = {"light": (0.0, 0.0), "noise": 0.0, **changes}
    return replace(Stain.draw(np.random.default_rng(seed)), **even)  # type: ignore[arg-type]


def cell(stain: Stain, seed: int = 0, label: str = "L2", size: int = 160) -> np.ndarray:
    """The same cell on any slide: (size, size, 3) uint8 RGB."""
    return render_cell(label, stain, np.random.default_rng(seed), size)


def cut_out(image: np.ndarray) -> np.ndarray:
    """The middle of a picture, a disc on black."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(y - height / 2, x - width / 2) < height / 4
    return np.where(inside[..., None], image, np.uint8(0))


def restained(stain: Stain, strength: float, light: tuple[float, float, float]) -> Stain:
    """The slide, stained more or less strongly and under another light."""
    dyes = {
        name: tuple(strength * value for value in getattr(stain, name))
        for name in ("nucleus", "cytoplasm", "erythrocyte")
    }
    return replace(stain, background=light, **dyes)  # type: ignore[arg-type]
