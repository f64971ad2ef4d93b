"""Figures of merit with 95 % bootstrap intervals over groups, all resamples at once."""

from collections.abc import Iterator

import numpy as np

from classifiers.estimate import Estimate
from classifiers.result import ClassMetrics, Metrics

RESAMPLES = 2000
COVERAGE = 0.95
TAIL = (1 - COVERAGE) / 2
CHUNK = 100  # resamples handled at a time: bounds memory
MIN_GROUPS = 2  # a bootstrap over one group has no spread to show


def resample_groups(groups: np.ndarray, seed: int) -> np.ndarray:
    """How often each group is drawn in each bootstrap resample, (RESAMPLES, n_groups) int64.

    Whole groups are drawn with replacement, because cells of one patient resemble each other
    (cluster bootstrap: Davison and Hinkley 1997, chapter 3.8).
    """
    return np.stack(list(drawn_groups(len(np.unique(groups)), seed)))


def drawn_groups(n_groups: int, seed: int) -> Iterator[np.ndarray]:
    """The rows of ``resample_groups`` one by one, (n_groups,) int64 each."""
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):  # ten times as fast as multinomial draws of many groups
        yield np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups)


def confusion_by_group(
    y: np.ndarray, predicted: np.ndarray, groups: np.ndarray, k: int
) -> np.ndarray:
    """(n_groups, k, k) counts: group, true class, predicted class."""
    codes = np.unique(groups, return_inverse=True)[1]
    flat = (codes * k + y) * k + predicted
    n_groups = int(codes.max()) + 1
    return np.bincount(flat, minlength=n_groups * k * k).reshape(n_groups, k, k)


def resampled_confusion(counts: np.ndarray, by_group: np.ndarray) -> np.ndarray:
    """(b, k, k) confusion of each resample, from (b, g) draws and (g, k, k) counts.

    In float64, which holds such counts exactly and multiplies many times faster than integers.
    """
    flat = by_group.reshape(len(by_group), -1).astype(np.float64)
    return (counts.astype(np.float64) @ flat).reshape(-1, *by_group.shape[1:])


def from_confusion(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Label-based figures of a stack of confusion matrices.

    Args:
        confusion: (..., k, k) counts, rows true.

    Returns:
        accuracy, balanced_accuracy, f1_macro, f1_weighted of shape (...); precision, recall, f1
        of shape (..., k), NaN for a class with no cells. A class that is never predicted has
        precision 0, as in scikit-learn. Averages are over the classes that occur.
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    support, called = confusion.sum(-1), confusion.sum(-2)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        present = np.where(support > 0, 1.0, np.nan)
        recall = hits / support
        precision = np.where(called > 0, hits / called, 0.0) * present
        f1 = 2 * hits / (support + called) * present
        total = support.sum(-1)
        return {
            "accuracy": hits.sum(-1) / total,
            "balanced_accuracy": np.nanmean(recall, -1),
            "f1_macro": np.nanmean(f1, -1),
            "f1_weighted": np.nansum(f1 * support, -1) / total,
            "precision": precision,
            "recall": recall,
            "f1": f1,
        }


def weighted_auroc(positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for many weightings of the same cells.

    The area is the chance that a positive outscores a negative, ties counting half (Hanley and
    McNeil 1982, doi:10.1148/radiology.143.1.7063747).

    Args:
        positive: (n,) bool. score: (n,) float. weight: (b, n) non-negative.

    Returns:
        (b,) float64; NaN where positives or negatives have no weight.
    """
    _, rank = np.unique(score, return_inverse=True)
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(np.diff(rank[order], prepend=-1))
    weight = weight[:, order].astype(np.float64)
    up = np.add.reduceat(weight * positive[order], starts, axis=1)
    down = np.add.reduceat(weight * ~positive[order], starts, axis=1)
    below = np.cumsum(down, axis=1) - down / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return (up * below).sum(1) / (up.sum(1) * down.sum(1))


def _aurocs(y: np.ndarray, proba: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(b, k) AUROC of each class against the rest."""
    return np.stack(
        [weighted_auroc(y == code, proba[:, code], weight) for code in range(proba.shape[1])],
        axis=1,
    )


def estimate(value: float, resampled: np.ndarray) -> Estimate:
    """A figure with the percentile interval of its resampled values, NaN as None."""
    finite = resampled[np.isfinite(resampled)]
    if not np.isfinite(value):
        return Estimate(value=None, low=None, high=None)
    if len(finite) == 0:
        return Estimate(value=float(value), low=None, high=None)
    tail = 50 * (1 - COVERAGE)
    low, high = np.percentile(finite, [tail, 100 - tail])
    return Estimate(value=float(value), low=float(low), high=float(high))


def no_surer_than(found: Estimate, trials: int) -> Estimate:
    """The estimate; of a share of 0 or 1 with the exact interval of so many independent trials.

    Every resample of cells that are all right is all right, which proves nothing; the exact
    interval (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404) tells how many there were.
    Trials are groups, because cells of one patient may be right or wrong together.
    """
    if found.value not in (0.0, 1.0) or found.low is None:
        return found
    surely = float(TAIL ** (1 / trials))
    low, high = (surely, 1.0) if found.value else (0.0, 1 - surely)
    return Estimate(value=found.value, low=low, high=high)


def with_spread(found: Estimate) -> Estimate:
    """The estimate; at its end of 0 or 1 without an interval that resamples could not widen."""
    if found.value in (0.0, 1.0) and found.low == found.high:
        return Estimate(value=found.value, low=None, high=None)
    return found


def evaluate(
    y: np.ndarray, proba: np.ndarray, predicted: np.ndarray, groups: np.ndarray,
    classes: tuple[str, ...], seed: int,
) -> Metrics:  # fmt: skip
    """All figures of one classifier on one set of cells.

    Args:
        y: (n,) class codes. proba: (n, k). predicted: (n,) class codes.
        groups: (n,) what the bootstrap resamples: patient, block or image.
        classes: k names.
        seed: of the bootstrap; the same seed gives paired resamples for the same groups.
    """
    k = len(classes)
    by_group = confusion_by_group(y, predicted, groups, k)
    counts = resample_groups(groups, seed)
    if len(by_group) < MIN_GROUPS:
        counts = counts[:0]
    whole = from_confusion(by_group.sum(0))
    drawn = from_confusion(resampled_confusion(counts, by_group))

    codes = np.unique(groups, return_inverse=True)[1]
    auroc = _aurocs(y, proba, np.ones((1, len(y))))[0]
    parts = [
        _aurocs(y, proba, counts[start : start + CHUNK, codes])
        for start in range(0, len(counts), CHUNK)
    ]
    drawn_auroc = np.concatenate([np.empty((0, k)), *parts])

    def mean(values: np.ndarray) -> np.ndarray:
        defined = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            return np.where(defined, values, 0).sum(-1) / defined.sum(-1)

    def of(value: float, resampled: np.ndarray) -> Estimate:
        return with_spread(estimate(value, resampled))

    # Shares of cells: how many groups have such cells.
    trials = {
        "recall": np.count_nonzero(by_group.sum(axis=2), axis=0),
        "precision": np.count_nonzero(by_group.sum(axis=1), axis=0),
    }
    names = ("balanced_accuracy", "f1_macro", "f1_weighted")
    right = estimate(float(whole["accuracy"]), drawn["accuracy"])
    return Metrics(
        n=len(y),
        n_groups=len(by_group),
        accuracy=no_surer_than(right, len(by_group)),
        **{name: of(float(whole[name]), drawn[name]) for name in names},
        auroc=of(float(mean(auroc)), mean(drawn_auroc)),
        per_class={
            name: ClassMetrics(
                **{
                    key: no_surer_than(
                        estimate(float(whole[key][code]), drawn[key][:, code]),
                        max(1, int(trials[key][code])),
                    )
                    for key in ("precision", "recall")
                },
                f1=of(float(whole["f1"][code]), drawn["f1"][:, code]),
                auroc=of(float(auroc[code]), drawn_auroc[:, code]),
                support=int((y == code).sum()),
            )
            for code, name in enumerate(classes)
        },
        confusion=by_group.sum(0).tolist(),
    )


def paired_gain(
    y: np.ndarray, first: np.ndarray, second: np.ndarray, groups: np.ndarray, k: int, seed: int
) -> Estimate:
    """Macro F1 of ``second`` minus ``first`` ((n,) predicted codes) on the same resampled cells."""
    counts = resample_groups(groups, seed)
    whole, drawn = [], []
    for predicted in (first, second):
        by_group = confusion_by_group(y, predicted, groups, k)
        whole.append(from_confusion(by_group.sum(0))["f1_macro"])
        drawn.append(from_confusion(resampled_confusion(counts, by_group))["f1_macro"])
    return estimate(float(whole[1] - whole[0]), drawn[1] - drawn[0])


def gain_and_error(
    y: np.ndarray, first: np.ndarray, second: np.ndarray, groups: np.ndarray, k: int, metric: str
) -> tuple[float, float]:
    """How much better the second predictions are than the first, and the standard error of that.

    The error is that of the jackknife that leaves out a group at a time, because cells of one
    patient resemble each other (Efron and Tibshirani 1993, chapter 11).

    Args:
        y, first, second: (n,) codes of k classes. groups: (n,).
        metric: of labels, a name in ``from_confusion``.
    """
    whole, without = [], []
    for predicted in (first, second):
        by_group = confusion_by_group(y, predicted, groups, k)
        whole.append(float(from_confusion(by_group.sum(axis=0))[metric]))
        without.append(from_confusion(by_group.sum(axis=0) - by_group)[metric])
    gains = without[1] - without[0]
    n = len(gains)
    return whole[1] - whole[0], float(np.sqrt((n - 1) * gains.var()))
