"""How unlike the training cells a cell is: its distance to them, with a limit."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.distances import blocks, squared_distances
from classifiers.preparation import BlockWeights, SignedSqrt, UnitPCA
from data.splits import grouped_folds

REFERENCES = 4000  # training cells kept
ACCEPTED = 0.95  # of the training cells, each scored without its own group
FOLDS = 5  # of groups, to score them so
ROWS = 512  # of a block of distances
LEAST = 1e-6  # of a limit: among copies of one cell every distance is 0


class Novelty(BaseEstimator):
    """Distance to the k-th nearest training cell of prepared embeddings, and a limit for it.

    After Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors" (ICML,
    arXiv:2204.06507), on embeddings prepared as for a classifier: signed root, standardised, the
    backbones' blocks alike, principal components. They are not brought to unit length as there,
    since frozen embeddings and descriptors lose by it: photographs are told from drawn cells by
    descriptors at an AUROC of 0.997, and of 0.869 at unit length. The limit is learned from
    training cells scored without their own group, because cells of one patient resemble each
    other more than a new patient's will resemble them.

    Args:
        widths: columns of each backbone; None for a single one.
        neighbours: k, or all training cells where there are fewer.
        components: principal components, no more than four fifths of the cells can give.

    Attributes:
        references_: (n, components_) float32 prepared training cells.
        neighbours_: k. training_: (n,) float64 scores of the training cells, each without its own
            group.
        limit_: the score that ``ACCEPTED`` of these do not exceed.
    """

    def __init__(
        self, widths: tuple[int, ...] | None = None, neighbours: int = 5, components: int = 64
    ) -> None:
        self.widths = widths
        self.neighbours = neighbours
        self.components = components

    def fit(self, X: np.ndarray, groups: np.ndarray) -> "Novelty":
        """Fit on (n, d) cells, or (n, v, d) views that are averaged, and their (n,) groups.

        Raises:
            BlastlineError: fewer than two groups: no cell could be scored without its own.
        """
        rows = validate_data(self, mean_of_views(X), dtype=(np.float32, np.float64))
        # The preparation too must not have seen a cell that sets the limit: among few cells,
        # components point at single ones and set them apart from all others.
        folds = grouped_folds(np.zeros(len(rows)), groups, FOLDS, 0, strict=False)
        fewest = len(rows) - int(np.bincount(folds).max())
        self.components_ = max(1, min(self.components, rows.shape[1], fewest - 1))
        self.training_ = np.empty(len(rows))
        for fold in np.unique(folds):
            held = folds == fold
            # The fourth neighbour among four fifths of the cells is as far as the fifth among all.
            nearer = max(1, round(self.neighbours * np.mean(~held)))
            self.training_[held] = self._learn(rows[~held], nearer)._distances(rows[held])
        rank = min(len(rows), int(np.ceil((len(rows) + 1) * ACCEPTED - 1e-9)))
        self.limit_ = max(LEAST, float(np.sort(self.training_)[rank - 1]))
        return self._learn(rows, self.neighbours)

    def _learn(self, rows: np.ndarray, neighbours: int) -> "Novelty":
        """Preparation and references from (n, d) cells."""
        weights = [(width, 1.0) for width in self.widths or (rows.shape[1],)]
        # The exact solver takes many times as long at a network's width, to no other effect.
        pca = UnitPCA(self.components_, svd_solver="randomized", random_state=0)
        self.preparation_ = Pipeline(
            [
                ("root", SignedSqrt()), ("scale", StandardScaler()),
                ("weigh", BlockWeights(tuple(weights))), ("pca", pca),
            ]
        )  # fmt: skip
        with np.errstate(invalid="ignore", divide="ignore"):  # cells that are all alike
            self.references_ = self.preparation_.fit_transform(rows)
        self.neighbours_ = min(neighbours, len(rows))
        return self

    def score(self, X: np.ndarray) -> np.ndarray:
        """(n,) float64 distances of (n, d) cells or (n, v, d) views."""
        check_is_fitted(self)
        rows = validate_data(self, mean_of_views(X), dtype=(np.float32, np.float64), reset=False)
        return self._distances(rows)

    def relative(self, X: np.ndarray) -> np.ndarray:
        """(n,) float64 scores divided by the limit: above 1 a cell is unlike the training cells."""
        return self.score(X) / self.limit_

    def _distances(self, rows: np.ndarray) -> np.ndarray:
        """(n,) float64 distance of each (n, d) row to its k-th nearest reference."""
        prepared, found = self.preparation_.transform(rows), np.empty(len(rows))
        place = self.neighbours_ - 1
        for some in blocks(len(rows), ROWS):
            squared = squared_distances(prepared[some], self.references_)
            found[some] = np.partition(squared, place, axis=1)[:, place]
        return np.sqrt(found)


def mean_of_views(X: np.ndarray) -> np.ndarray:
    """(n, d) cells of (n, d) cells or (n, v, d) views."""
    return X if X.ndim == 2 else X.mean(axis=1)


def draw_references(n: int, seed: int, limit: int = REFERENCES) -> np.ndarray:
    """Sorted row numbers of at most ``limit`` of n cells.

    By lot among all: were classes or groups drawn alike, the limit would be that of another mix of
    cells, and would not accept the promised share of those to come.
    """
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:limit])
