"""The decision threshold between two classes."""

import numpy as np

from classifiers.metrics import from_confusion, gain_and_error

THRESHOLD_METRICS = ("f1_macro", "f1_weighted", "accuracy", "balanced_accuracy")
METRICS = (*THRESHOLD_METRICS, "auroc", "log_loss")  # the last two do not depend on a threshold
DECISIONS = ("learned", "argmax")
LIMITS = 0.01, 0.99


def check_decision(decision: str, metric: str) -> None:
    """Refuse an unknown way to decide.

    Raises:
        ValueError: the decision is neither ``learned`` nor ``argmax``, or the metric is unknown.
    """
    if decision not in DECISIONS:
        raise ValueError(f"decision '{decision}'; expected one of {', '.join(DECISIONS)}")
    if metric not in METRICS:
        raise ValueError(f"metric '{metric}'; expected one of {', '.join(METRICS)}")


def decide(proba: np.ndarray, threshold: float) -> np.ndarray:
    """(n,) predicted codes at (n, k) probabilities: the most probable class.

    Of two classes the second one is predicted where its probability exceeds the threshold.
    """
    if proba.shape[1] != 2:
        return proba.argmax(axis=1)
    # At 0.5 exactly the same as argmax, whatever the rounding.
    return (proba[:, 1] * (1 - threshold) > proba[:, 0] * threshold).astype(np.int64)


def centred(proba: np.ndarray, threshold: float) -> np.ndarray:
    """(n, k) probabilities as they are, but those of two classes with the threshold moved to 0.5.

    The highest one is what ``decide`` predicts, and says how far the cell is from the threshold.
    """
    if proba.shape[1] != 2 or threshold == 0.5:
        return proba
    moved = proba * [threshold, 1 - threshold]
    return moved / moved.sum(axis=1, keepdims=True)


def learn_threshold(codes: np.ndarray, proba: np.ndarray, groups: np.ndarray, metric: str) -> float:
    """The threshold that maximises a metric on cells which no fit on their group scored.

    It is the middle of the widest stretch of best thresholds within ``LIMITS``. 0.5 stays unless
    the gain over it exceeds its standard error: the best of many thresholds always looks better
    than it is.

    Args:
        codes: (n,) class codes. proba: (n, k) out-of-fold probabilities. groups: (n,).
        metric: one of ``METRICS``.

    Returns:
        0.5 for other than two classes, for metrics without a threshold, and where the cells are
        of fewer than two classes or groups.
    """
    several = all(len(np.unique(each)) > 1 for each in (codes, groups))
    if proba.shape[1] != 2 or metric not in THRESHOLD_METRICS or not several:
        return 0.5
    second = proba[:, 1]
    edges = np.unique(np.clip([*LIMITS, *second], *LIMITS))
    middles = (edges[:-1] + edges[1:]) / 2
    below = [np.searchsorted(np.sort(second[codes == code]), middles, "right") for code in (0, 1)]
    above = [np.count_nonzero(codes == code) - below[code] for code in (0, 1)]
    confusion = np.moveaxis(np.array([below, above]), [0, 1, 2], [2, 1, 0])
    values = from_confusion(confusion)[metric]
    best = np.flatnonzero(values >= values.max() - 1e-12)
    stretches = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    ends = np.array([(edges[stretch[0]], edges[stretch[-1] + 1]) for stretch in stretches])
    threshold = float(ends[np.ptp(ends, axis=1).argmax()].mean())
    gain, error = gain_and_error(
        codes, decide(proba, 0.5), decide(proba, threshold), groups, 2, metric
    )
    return threshold if gain > error else 0.5
