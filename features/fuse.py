"""From stored embeddings to what classifiers take: one vector an image, or one a view of it."""

from collections.abc import Sequence

import numpy as np

from features.recipe import Recipe


def fuse(blocks: Sequence[np.ndarray], recipes: Sequence[Recipe]) -> np.ndarray:
    """Average each backbone's embeddings over positions, and put backbones side by side.

    Views stay apart: view i of one backbone stands beside view i of the others, and a backbone
    without views is repeated beside each.

    Args:
        blocks: one a backbone, (n, width) or with views, positions or both in between.
        recipes: of the blocks; they say how many views there are.

    Returns:
        (n, sum of widths) float32, or (n, views, sum of widths) where there are several views.

    Raises:
        ValueError: backbones with different numbers of views above one.
    """
    views = max(recipe.views for recipe in recipes)
    if any(recipe.views not in (1, views) for recipe in recipes):
        raise ValueError("backbones with different numbers of views cannot be fused")
    parts = []
    for block, recipe in zip(blocks, recipes, strict=True):
        apart = block.reshape(len(block), recipe.views, -1, block.shape[-1])
        vectors = apart.mean(axis=2, dtype=np.float64) if apart.shape[2] > 1 else apart[:, :, 0]
        parts.append(np.broadcast_to(vectors, (len(block), views, block.shape[-1])))
    fused = np.concatenate(parts, axis=2, dtype=np.float32, casting="same_kind")
    return fused[:, 0] if views == 1 else fused
