"""From stored embeddings to the rows that classifiers take: one vector an image."""

from collections.abc import Sequence

import numpy as np


def fuse(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Average each backbone's embeddings over views and positions, and put them side by side.

    Every classifier standardises each column by itself, so no backbone outweighs another by the
    scale of its numbers.

    Args:
        blocks: one a backbone, (n, width) or with views, positions or both in between.

    Returns:
        (n, sum of widths) float32.
    """
    vectors = [
        block.reshape(len(block), -1, block.shape[-1]).mean(axis=1, dtype=np.float64)
        if block.ndim > 2
        else block
        for block in blocks
    ]
    return np.concatenate(vectors, axis=1, dtype=np.float32, casting="same_kind")
