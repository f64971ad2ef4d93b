"""The cells that a run works on, and the outer parts that they are split into."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from classifiers.preparation import Block

FINAL = "final"
NO_LABEL = -1


class Rows(Protocol):
    """Embeddings indexed by row numbers: an array, or rows that are read from disk on demand."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, d) or (n, views, d)."""

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray: ...


@dataclass(frozen=True)
class Cells:
    """The rows that a run works on, all arrays of length n.

    Attributes:
        X: (n, d) or (n, views, d) float32 embeddings.
        blocks: the backbones' columns in X.
        colour: (n, 3) float32 mean colour.
        control: embeddings by a network with random weights, or None.
        y: class codes, -1 where unlabelled. groups: group names.
        sha256: content of each image. folds: outer fold, -1 where none.
        test: bool, rows of a fixed test set.
        classes: class names, by code.
    """

    X: Rows
    blocks: tuple[Block, ...]
    colour: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    sha256: np.ndarray
    folds: np.ndarray
    test: np.ndarray
    classes: tuple[str, ...]
    control: Rows | None = None

    @property
    def on_disk(self) -> bool:
        """Whether the embeddings are more than memory is meant to hold."""
        return not isinstance(self.X, np.ndarray)


@dataclass(frozen=True)
class Disturbed:
    """Some cells embedded again after their images were disturbed.

    Attributes:
        kind, strength, setting: what was done, from 1 to 3, and in its units.
        rows: (m,) row numbers of the cells.
        X: (m, d) or (m, views, d) float32, columns as those of ``Cells``.
    """

    kind: str
    strength: int
    setting: str
    rows: np.ndarray
    X: np.ndarray


@dataclass(frozen=True)
class Split:
    """Row numbers of one outer part; no test rows in the final part of a cross-validation."""

    name: str
    train: np.ndarray
    test: np.ndarray


def make_splits(cells: Cells) -> list[Split]:
    """The outer parts: a fixed test set if there is one, else a part a fold and the final one."""
    labelled = (cells.y != NO_LABEL) & ((cells.folds >= 0) | cells.test)
    development = labelled & ~cells.test
    if cells.test.any():
        return [Split(FINAL, np.flatnonzero(development), np.flatnonzero(cells.test))]
    splits = [
        Split(
            f"fold {fold}",
            np.flatnonzero(development & (cells.folds != fold)),
            np.flatnonzero(development & (cells.folds == fold)),
        )
        for fold in range(int(cells.folds.max()) + 1)
    ]
    return [*splits, Split(FINAL, np.flatnonzero(development), np.empty(0, dtype=int))]


def draw_groups(groups: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Row numbers of whole groups in random order until ``limit`` rows are reached, sorted.

    Never of fewer than ten groups, if there are as many: they have to be split further.
    """
    if len(groups) <= limit:
        return np.arange(len(groups))
    codes = np.unique(groups, return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(int(codes.max()) + 1)
    filled = np.cumsum(np.bincount(codes)[order])
    taken = order[: max(10, int(np.searchsorted(filled, limit)) + 1)]
    return np.flatnonzero(np.isin(codes, taken))
