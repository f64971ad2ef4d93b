"""Likely label errors: cells whose out-of-fold prediction confidently contradicts their label.

Confident learning (Northcutt, Jiang, Chuang 2021, doi:10.1613/jair.1.12125). A cell counts as
confidently of a class where its probability reaches the mean of that class's own cells. Labels
against confident classes are the confident joint, which tells how many labels of each class are
wrong; as many of its cells are pruned, the worst first. Nothing is removed here.
"""

from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-9  # of a mean of probabilities


@dataclass(frozen=True)
class LabelErrors:
    """What a look for label errors found in n cells.

    Attributes:
        rows: (m,) int64 positions of likely errors, most likely first; ties by position.
        suggested: (m,) int64 class codes that these cells look like.
        quality: (n,) float64 label quality of every cell in [0, 1]: the probability of its label
            against that of the likeliest other class. Below 0.5 that other one is likelier.
    """

    rows: np.ndarray
    suggested: np.ndarray
    quality: np.ndarray


def find_label_errors(proba: np.ndarray, y: np.ndarray) -> LabelErrors:
    """Find likely label errors by confident learning, pruned by class.

    Args:
        proba: (n, k) out-of-fold probabilities, k at least 2, rows summing to 1. Those of a model
            that has seen the cell would agree with its label, whatever that is.
        y: (n,) class codes, none of them -1. A class without cells is never suggested.

    Raises:
        ValueError: shapes that do not fit, codes outside the classes, or probabilities that are
            not finite.
    """
    proba, y = np.asarray(proba, dtype=np.float64), np.asarray(y)
    if proba.ndim != 2 or proba.shape[1] < 2 or y.shape != proba.shape[:1]:
        raise ValueError(
            f"probabilities {proba.shape} and labels {y.shape}; expected (n, k >= 2) and (n,)"
        )
    if not np.isfinite(proba).all():
        raise ValueError("probabilities that are not finite")
    if len(y) and (y.min() < 0 or y.max() >= proba.shape[1]):
        raise ValueError(f"class codes {y.min()} to {y.max()}; expected 0 to {proba.shape[1] - 1}")
    given = np.arange(proba.shape[1]) == y[:, None]
    of_label = proba[given]
    sizes = np.bincount(y, minlength=proba.shape[1])
    others = np.where(given | (sizes == 0), -1.0, proba)
    rival = others.argmax(axis=1)
    # Ranks errors planted among real cells, at random or to the likeliest confusion, about as well
    # as self-confidence and better on average than the normalised margin or entropy.
    total = of_label + np.maximum(others.max(axis=1), 0)
    quality = np.divide(of_label, total, out=np.full(len(y), 0.5), where=total > 0)

    joint = _confident_joint(proba, y)
    found = []
    for code, counts in enumerate(joint):
        if counts.sum() == 0:
            continue
        wrong = round(sizes[code] * (1 - counts[code] / counts.sum()))
        doubted = np.flatnonzero((y == code) & (quality < 0.5))
        found.append(doubted[np.argsort(quality[doubted], kind="stable")][:wrong])
    rows = np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
    rows = rows[np.argsort(quality[rows], kind="stable")]
    return LabelErrors(rows, rival[rows], quality)


def _confident_joint(proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(k, k) int64 numbers of cells by label and by the class that they are confidently of."""
    k = proba.shape[1]
    sizes = np.bincount(y, minlength=k)
    own = np.bincount(y, weights=proba[np.arange(len(y)), y], minlength=k)
    # A class without cells has no mean to reach: no cell is confidently of it. Rounding must not
    # keep cells that are all alike from reaching their own mean.
    thresholds = np.divide(own, sizes, out=np.full(k, np.inf), where=sizes > 0)
    reached = np.where(proba >= thresholds - ROUNDING, proba, -1.0)
    likely = reached.argmax(axis=1)
    confident = reached.max(axis=1) >= 0
    joint = np.zeros((k, k), dtype=np.int64)
    np.add.at(joint, (y[confident], likely[confident]), 1)
    return joint
