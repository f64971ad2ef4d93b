"""Halves of the groups: what is set on one is judged on the other."""

from collections.abc import Iterator

import numpy as np


def group_halves(codes: np.ndarray, halvings: int, seed: int) -> Iterator[np.ndarray]:
    """Random halves of the groups, each followed by the other half.

    Args:
        codes: (n,) int64 group of each cell, 0 to g - 1, g at least 2.

    Yields:
        2 * halvings times (n,) bool: cells of the half that something is set on.
    """
    g = int(codes.max()) + 1
    rng = np.random.default_rng(seed)
    for _ in range(halvings):
        half = np.isin(np.arange(g), rng.permutation(g)[: g // 2])[codes]
        yield half
        yield ~half
