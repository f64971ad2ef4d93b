"""How alike cells are to the network: the cosine of their embeddings, prepared as for fitting."""

import numpy as np

from classifiers.cells import NO_LABEL, Rows
from classifiers.distances import blocks

READ = 1024  # rows of embeddings at once
OTHER_GROUP = 4  # more than two cosines can lie apart


def nearest_labelled(
    X: Rows, y: np.ndarray, groups: np.ndarray, rows: np.ndarray, count: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """The labelled cells most like each of ``rows``, by the cosine of prepared embeddings.

    Prepared as for the classifiers: signed square root, standardised by the labelled cells. Never
    the cell itself, and cells of its own group (or copies, which share it) only where other groups
    have too few.

    Args:
        X: (n, d) or (n, views, d) float32, read ``READ`` rows at once. y: (n,) codes, -1 where
            unlabelled. groups: (n,).
        rows: (q,) row numbers.

    Returns:
        (q, count) int64 row numbers, nearest first, -1 where there are no more labelled cells; and
        (q, count) float32 cosines.
    """
    labelled = np.flatnonzero(y != NO_LABEL)
    rows = np.asarray(rows, dtype=np.int64)
    found = np.full((len(rows), count), -1, dtype=np.int64)
    likeness = np.full(found.shape, -np.inf, dtype=np.float32)
    if not len(labelled):
        return found, likeness
    centre, spread = centre_and_spread(X, labelled)
    groups = np.unique(groups, return_inverse=True)[1]
    for of_rows in blocks(len(rows), READ):
        asked = rows[of_rows]
        own = unit(features(X, asked), centre, spread)
        names, nearness = found[of_rows], likeness[of_rows]
        for of_labelled in blocks(len(labelled), READ):
            others = labelled[of_labelled]
            near = own @ unit(features(X, others), centre, spread).T
            near[groups[asked][:, None] == groups[others]] -= OTHER_GROUP  # behind all others
            near[asked[:, None] == others] = -np.inf
            near = np.column_stack([nearness, near])
            named = np.column_stack([names, np.broadcast_to(others, (len(asked), len(others)))])
            best = np.argsort(-near, axis=1, kind="stable")[:, :count]
            nearness = np.take_along_axis(near, best, axis=1)
            names = np.take_along_axis(named, best, axis=1)
        found[of_rows] = np.where(np.isfinite(nearness), names, -1)
        likeness[of_rows] = nearness + np.where(nearness < -2, OTHER_GROUP, 0)
    return found, likeness


def features(X: Rows, rows: np.ndarray) -> np.ndarray:
    """(q, d) signed square roots of the embeddings, averaged over the views of a cell."""
    found = np.asarray(X[rows], dtype=np.float32)
    found = np.sign(found) * np.sqrt(np.abs(found))
    return found if found.ndim == 2 else found.mean(axis=1)


def centre_and_spread(X: Rows, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(d,) means and standard deviations of features, 1 where all are alike."""
    total, squares = np.zeros(X.shape[-1]), np.zeros(X.shape[-1])
    for some in blocks(len(rows), READ):
        found = features(X, rows[some]).astype(np.float64)
        total += found.sum(axis=0)
        squares += (found**2).sum(axis=0)
    centre = total / len(rows)
    variance = squares / len(rows) - centre**2
    spread = np.sqrt(np.where(variance > 0, variance, 1))
    return centre.astype(np.float32), spread.astype(np.float32)


def unit(found: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Standardised rows of length 1; a row at the centre stays 0."""
    found = (found - centre) / spread
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(lengths > 0, lengths, 1)


def directions(X: Rows, rows: np.ndarray) -> np.ndarray:
    """(q, d) float32 unit vectors of the rows, standardised by themselves."""
    if not len(rows):
        return np.zeros((0, X.shape[-1]), dtype=np.float32)
    return unit(features(X, rows), *centre_and_spread(X, rows))
