"""Whether probabilities can be taken at their word: Brier score, log loss, calibration error."""

import numpy as np

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import Bin, CalibrationPart, Reliability
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.scores import FLOOR

BINS = 10


def mass_bins(values: np.ndarray, n_bins: int = BINS) -> np.ndarray:
    """(n,) bin of each value, from 0: about equally many values in each, equal ones together.

    Most cells are scored near 0 or 1, where bins of equal width would hold nearly all of them.
    """
    edges = np.unique(np.quantile(values, np.arange(1, n_bins) / n_bins, method="inverted_cdf"))
    return np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1]


def calibration(
    y: np.ndarray, proba: np.ndarray, uncalibrated: np.ndarray | None, method: str,
    resamples: Resamples,
) -> CalibrationPart:  # fmt: skip
    """Reliability before and after calibration.

    Args:
        y: (n,) class codes. proba: (n, k).
        uncalibrated: (n, k) probabilities before calibration; None: not recorded.
        method: name of the calibration.
    """
    after = resamples.means(_losses(y, proba))
    found = CalibrationPart(
        method=method,
        before=None,
        after=_reliability(y, proba, after, resamples),
        brier_gain=None,
        log_loss_gain=None,
    )
    if uncalibrated is None:
        return found
    before = resamples.means(_losses(y, uncalibrated))
    brier, log_loss = (figure(each) for each in (before - after).T)
    return found.model_copy(
        update={
            "before": _reliability(y, uncalibrated, before, resamples),
            "brier_gain": brier,
            "log_loss_gain": log_loss,
        }
    )


def _losses(y: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """(n, 2) Brier score, summed over the classes (Brier 1950), and log loss of each cell."""
    brier = ((proba - (np.arange(proba.shape[1]) == y[:, None])) ** 2).sum(axis=1)
    return np.column_stack([brier, -np.log(np.maximum(proba[np.arange(len(y)), y], FLOOR))])


def _reliability(
    y: np.ndarray, proba: np.ndarray, losses: np.ndarray, resamples: Resamples
) -> Reliability:
    """From (1 + b, 2) mean losses of the same probabilities."""
    k = proba.shape[1]
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    bins = mass_bins(confidence)
    inside = bins[:, None] == np.arange(bins.max() + 1)
    accuracies = resamples.proportions(np.repeat(right[:, None], inside.shape[1], 1), inside)
    by_class = [_error(proba[:, code], y == code, resamples) for code in range(k)]
    return Reliability(
        brier=figure(losses[:, 0]),
        log_loss=figure(losses[:, 1]),
        ece=_around_value(_error(confidence, right, resamples)),
        classwise_ece=_around_value(np.mean(by_class, axis=0)),
        bins=[
            Bin(
                count=int(cells.sum()),
                confidence=float(confidence[cells].mean()),
                accuracy=accuracy,
            )
            for cells, accuracy in zip(inside.T, accuracies, strict=True)
        ],
    )


def _error(p: np.ndarray, happened: np.ndarray, resamples: Resamples) -> np.ndarray:
    """(1 + b,) expected calibration error of (n,) probabilities that something happens.

    The mean over the cells of |mean probability - observed share| in their bin (Naeini, Cooper,
    Hauskrecht 2015, doi:10.1609/aaai.v29i1.9602; of the most probable class: Guo et al. 2017,
    arXiv:1706.04599; of every class: Kull et al. 2019, arXiv:1910.12656), bins of equal mass.
    """
    bins = mass_bins(p)
    inside = bins[:, None] == np.arange(bins.max() + 1)
    off = resamples.sums(inside * (p - happened)[:, None])
    n = resamples.draws.T @ np.bincount(resamples.codes)
    return np.abs(off).sum(axis=1) / n


def _around_value(values: np.ndarray) -> Estimate:
    """The estimate, with the spread of the resamples around the value itself.

    A calibration error is a sum of distances: resampling adds noise to each and makes it larger,
    so that the plain percentiles may lie above the value.
    """
    shift = values[0] - values[1:].mean() if len(values) > 1 else 0.0
    return figure(np.append(values[:1], np.maximum(values[1:] + shift, 0)))
