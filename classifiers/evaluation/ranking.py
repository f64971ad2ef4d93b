"""AUROC and average precision of a score, for all resamples of the cells at once."""

import numpy as np

from classifiers.evaluation.resamples import Resamples


def rank_figures(
    positive: np.ndarray, score: np.ndarray, resamples: Resamples
) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC curve and average precision.

    The area is the chance that a positive outscores a negative, ties counting half (Hanley and
    McNeil 1982, doi:10.1148/radiology.143.1.7063747). Average precision is the mean over the
    positives of the precision among the cells that score at least as high, without interpolation.

    Args:
        positive: (n,) bool. score: (n,) float, higher for positives.

    Returns:
        (1 + b,) float64 each; NaN where there are no positives, the area also without negatives.
    """
    order = np.argsort(-score, kind="stable")
    start, end = tie_blocks(score[order])
    rows = np.flatnonzero(positive[order])
    start, end = start[rows], end[rows]
    # Positives before the block of equal scores that each positive lies in, and to its end.
    up_start, up_end = np.searchsorted(rows, [start, end])
    areas, precisions = [], []
    for weight in resamples.weights(order):
        drawn = cumulated(weight)
        up = cumulated(weight[rows])
        above, hits = drawn[end], up[up_end]
        down_end, down_start = above - hits, drawn[start] - up[up_start]
        all_up, all_down = up[-1], drawn[-1] - up[-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            beaten = all_down - (down_start + down_end) / 2
            areas.append((weight[rows] * beaten).sum(0) / (all_up * all_down))
            precision = hits / np.maximum(above, 1)  # 0 where nothing so high was drawn
            precisions.append((weight[rows] * precision).sum(0) / all_up)
    return np.concatenate(areas), np.concatenate(precisions)


def mean_auroc(y: np.ndarray, proba: np.ndarray, resamples: Resamples) -> np.ndarray:
    """(1 + b,) mean over the classes of the AUROC of each against the rest, where defined."""
    each = [rank_figures(y == code, proba[:, code], resamples)[0] for code in range(proba.shape[1])]
    return mean_of_defined(np.stack(each, axis=1))


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """(m,) means of the finite values in each row; NaN where there are none."""
    defined = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0).sum(axis=1) / defined.sum(axis=1)


def tie_blocks(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) first position, and one past the last, of the equal values that each value is among."""
    new = np.diff(ordered, prepend=np.nan) != 0
    edges = np.append(np.flatnonzero(new), len(ordered))
    block = np.cumsum(new) - 1
    return edges[block], edges[block + 1]


def cumulated(weight: np.ndarray) -> np.ndarray:
    """(1 + n, c) sums over the first 0 to n rows of (n, c) values."""
    found = np.zeros((len(weight) + 1, weight.shape[1]))
    np.cumsum(weight, axis=0, out=found[1:])
    return found
