"""A training part with its inner folds: what a study is tuned on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.pipeline import Pipeline

from classifiers.fold import FALLBACK, Fold, Memo
from classifiers.preparation import Block, Preparation
from classifiers.scores import as_rows, per_view
from data.errors import BlastlineError


class TrainingPart:
    """Cells of one training part with their inner folds; each preparation is made once a fold.

    Args:
        X: (n, d) or (n, views, d) float32. y: (n,) class codes. groups: (n,).
        folds: (n,) inner fold of each cell.
        blocks: the backbones' columns.
        limit: bytes kept for shared work.

    Raises:
        BlastlineError: an inner fold would train on a single class.
    """

    def __init__(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray, folds: np.ndarray,
        blocks: Sequence[Block], limit: int = FALLBACK,
    ) -> None:  # fmt: skip
        self.X, self.y, self.groups, self.folds, self.blocks = X, y, groups, folds, blocks
        self.n_folds = int(folds.max()) + 1
        self._memo = Memo(limit)
        for fold in range(self.n_folds):
            if len(np.unique(y[folds != fold])) < 2:
                raise BlastlineError(
                    f"split: too few patients or groups ({len(np.unique(groups))} in a training "
                    "part) to tune on inner folds; expected at least three groups of each class: "
                    "add images, or lower the number of outer folds"
                )

    @property
    def width(self) -> int:
        """Columns of the embeddings."""
        return self.X.shape[-1]

    @property
    def most_components(self) -> int:
        """Principal components that every inner fold can give."""
        smallest = len(self.y) - int(np.bincount(self.folds).max())
        views = 1 if self.X.ndim == 2 else self.X.shape[1]
        return min(smallest * views, self.width)

    def held(self, number: int) -> np.ndarray:
        """(n,) bool: cells that a fold holds out."""
        return self.folds == number

    def fold(self, number: int, preparation: Preparation) -> Fold:
        """One inner fold after a preparation that was fitted on its training cells."""
        key = (number, preparation)
        held = self.held(number)
        X = self.X[~held]

        def prepare() -> tuple[np.ndarray, np.ndarray]:
            steps = Pipeline(preparation.steps())
            return steps.fit_transform(as_rows(X)), steps.transform(as_rows(self.X[held]))

        train, tested = self._memo.get(key, prepare)
        return Fold(
            key, train, tested, per_view(self.y[~held], X), per_view(self.groups[~held], X),
            self._memo,
        )  # fmt: skip

    def fitting(self, preparation: Preparation) -> Preparation:
        """The preparation with no more components than the smallest fold can give."""
        return replace(preparation, pca=min(preparation.pca, self.most_components))
