"""Cells of patients: overlapping classes, a planted identity, and an estimator with a diary."""

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]  # features, classes, groups


def sample(
    n_patients: int = 30, cells_each: int = 10, share: float = 0.5, seed: int = 0, k: int = 2
) -> Sample:
    """Cells whose classes overlap; ``share`` of the patients are of class 0."""
    rng = np.random.default_rng(seed)
    of_patient = np.where(
        np.arange(n_patients) < share * n_patients, 0, 1 + np.arange(n_patients) % max(1, k - 1)
    )
    groups = np.repeat(np.arange(n_patients), cells_each)
    y = of_patient[groups]
    X = rng.normal(0, 1, (len(y), 6)) + 0.4 * rng.normal(0, 1, (n_patients, 6))[groups]
    X[np.arange(len(y)), y] += 1.0
    return X, y, groups


def planted(n_patients: int = 28, cells_each: int = 8) -> Sample:
    """Cells whose features name the patient and say nothing else of the class."""
    groups = np.repeat(np.arange(n_patients), cells_each)
    of_patient = np.random.default_rng(0).permutation(np.arange(n_patients) % 2)
    return np.eye(n_patients)[groups], of_patient[groups], groups


def with_views(X: np.ndarray, v: int = 3, noise: float = 0.3) -> np.ndarray:
    """(n, v, d) noisy copies of (n, d) cells."""
    rng = np.random.default_rng(5)
    return X[:, None] + noise * rng.normal(size=(len(X), v, X.shape[1]))


class Recorder(ClassifierMixin, BaseEstimator):
    """Writes down which numbers, found in the first feature, it was fitted on and asked about."""

    pages: ClassVar[list[tuple[set[int], set[int]]]] = []

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> "Recorder":
        self.classes_ = np.unique(y)
        self.seen_ = set(X[:, 0].astype(int))
        # All rows of a number are of one group, views of a cell too.
        assert groups is not None
        assert len(set(zip(X[:, 0], groups, strict=True))) == len(self.seen_)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        Recorder.pages.append((self.seen_, set(X[:, 0].astype(int))))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))
