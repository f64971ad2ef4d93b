"""The gate before a reduced precision: does it tell the user's own images apart as float32 does?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.engine import Engine

IMAGES = 64


@dataclass(frozen=True)
class GateResult:
    """Embeddings in a reduced precision beside float32, over the same images.

    Attributes:
        images: how many were compared.
        cosine: mean cosine between the two embeddings of an image, each set centred on its own
            mean: without centring, what all cells have in common hides what tells them apart.
        lowest: the smallest of these cosines.
        neighbours: share of images whose nearest other image (by that cosine) is the same in both.
    """

    images: int
    cosine: float
    lowest: float
    neighbours: float

    def __str__(self) -> str:
        return (
            f"centred cosine {self.cosine:.4f} (lowest {self.lowest:.4f}), nearest neighbour the "
            f"same for {self.neighbours:.0%} of {self.images} images"
        )


def run_gate(
    images: Sequence[tuple[str, np.ndarray]], exact: Engine, reduced: Engine
) -> GateResult:
    """Embed the same images with two engines and compare.

    Args:
        images: (sha256, (h, w, 3) RGB uint8) of each, two at least.
    """
    prepared = [exact.prepare(image, sha256) for sha256, image in images]
    return compare(exact.embed(prepared), reduced.embed(prepared))


def compare(exact: np.ndarray, reduced: np.ndarray) -> GateResult:
    """Compare two sets of embeddings of the same n images, (n, ..., width) each.

    Where a reduced precision overflowed, nothing agrees: NaN would be below no threshold.
    """
    if not np.isfinite(exact).all() or not np.isfinite(reduced).all():
        return GateResult(len(exact), -1.0, -1.0, 0.0)
    one, two = (_centred(embeddings) for embeddings in (exact, reduced))
    cosines = (one * two).sum(axis=1)
    same = _neighbours(one) == _neighbours(two)
    return GateResult(len(one), float(cosines.mean()), float(cosines.min()), float(same.mean()))


def _centred(embeddings: np.ndarray) -> np.ndarray:
    """Averaged over views and positions, centred, of unit length: (n, width) float64."""
    flat = embeddings.astype(np.float64)
    flat = flat.reshape(len(flat), -1, flat.shape[-1]).mean(axis=1)
    flat -= flat.mean(axis=0)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)


def _neighbours(unit: np.ndarray) -> np.ndarray:
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    return alike.argmax(axis=1)
