"""The decision for or against a disease: at which threshold, and how good it is there."""

from collections.abc import Callable, Sequence

import numpy as np

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import AtPrevalence, OperatingPoint
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.metrics import TAIL
from classifiers.threshold import learn_threshold

Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of sensitivity and specificity


def choose_threshold(
    y_positive: np.ndarray, p: np.ndarray, groups: np.ndarray, sensitivity: float | None = None
) -> float:
    """A threshold on the probability of disease, from cells that no fit on their group scored.

    Args:
        y_positive: (n,) bool. p: (n,) probabilities. groups: (n,).
        sensitivity: the wished one; the highest threshold that reaches it on these cells. None:
            the threshold of the greatest Youden index, sensitivity + specificity - 1 (Youden 1950,
            doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3), as
            ``threshold.learn_threshold`` finds it: 0.5 unless the gain over it is credible.

    Returns:
        The cell is called positive where ``p`` exceeds it. 0.5 where no cell is positive.

    Raises:
        ValueError: a wished sensitivity that is not above 0 and at most 1.
    """
    positive = np.asarray(y_positive, dtype=bool)
    if sensitivity is None:
        proba = np.column_stack([1 - p, p])
        return learn_threshold(positive.astype(np.int64), proba, groups, "balanced_accuracy")
    if not 0 < sensitivity <= 1:
        raise ValueError(f"wished sensitivity {sensitivity}; expected above 0, at most 1")
    if not positive.any():
        return 0.5
    of_positives = np.sort(p[positive])[::-1]
    # Rounding must not ask for one cell more than 0.95 of 20.
    least = int(np.ceil(sensitivity * len(of_positives) - 1e-9))
    return float(np.nextafter(of_positives[least - 1], -np.inf))


def operating_point(
    name: str, y_positive: np.ndarray, called: np.ndarray,
    ranked: tuple[np.ndarray, np.ndarray], resamples: Resamples,
    prevalences: Sequence[float], thresholds: np.ndarray | None,
) -> OperatingPoint:  # fmt: skip
    """All figures of one decision between positive and negative.

    Args:
        name: what positive means.
        y_positive: (n,) bool. called: (n,) bool, the cells that the decision calls positive.
        ranked: AUROC and average precision of positive, as of ``ranking.rank_figures``.
        prevalences: at which predictive values are given too, by Bayes' theorem.
        thresholds: (n,) what decided each cell; None: its most probable class did.
    """
    sick, well = y_positive, ~y_positive
    sensitivity, specificity, ppv, npv = resamples.proportions(
        np.column_stack([called, ~called, sick, well]),
        np.column_stack([sick, well, called, ~called]),
    )
    quarters = np.column_stack([sick & called, well & called, sick & ~called, well & ~called])
    tp, fp, fn, tn = resamples.sums(quarters).T
    with np.errstate(invalid="ignore"):
        rates = tp / (tp + fn), tn / (tn + fp)

    def derived(formula: Formula) -> Estimate:
        return _derived(formula, rates, (sensitivity, specificity))

    def at(prevalence: float) -> AtPrevalence:
        sick, well = prevalence, 1 - prevalence
        return AtPrevalence(
            prevalence=prevalence,
            ppv=derived(lambda a, b: a * sick / (a * sick + (1 - b) * well)),
            npv=derived(lambda a, b: b * well / (b * well + (1 - a) * sick)),
        )

    return OperatingPoint(
        name=name,
        rule="most probable class" if thresholds is None else "threshold",
        threshold_low=None if thresholds is None else float(thresholds.min()),
        threshold_high=None if thresholds is None else float(thresholds.max()),
        n_positive=int(sick.sum()),
        n_negative=int(well.sum()),
        true_positives=int(tp[0]),
        false_positives=int(fp[0]),
        false_negatives=int(fn[0]),
        true_negatives=int(tn[0]),
        sensitivity=sensitivity,
        specificity=specificity,
        ppv=ppv,
        npv=npv,
        lr_positive=derived(lambda a, b: a / (1 - b)),
        lr_negative=derived(lambda a, b: (1 - a) / b),
        auroc=figure(ranked[0]),
        average_precision=figure(ranked[1]),
        at_prevalence=[at(each) for each in prevalences],
    )


def _derived(
    formula: Formula, rates: tuple[np.ndarray, np.ndarray], found: tuple[Estimate, Estimate]
) -> Estimate:
    """The estimate of a formula that rises or falls steadily with each rate.

    Where a rate is 0 or 1, resamples do not vary it, and some formulas are infinite: the interval
    is then what the intervals of both rates allow at most.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        values = formula(*rates)
        if not any(each.value in (0.0, 1.0) and each.low is not None for each in found):
            return _with_infinite(values)
        ends = [np.array([each.low, each.high], dtype=float) for each in found]
        corners = formula(ends[0][:, None], ends[1][None, :])
    if np.isnan(corners).all():
        return figure(values)
    low, high = np.nanmin(corners), np.nanmax(corners)
    return Estimate(value=_plain(values[0]), low=_plain(low), high=_plain(high))


def _with_infinite(values: np.ndarray) -> Estimate:
    """The estimate of values of which some are infinite; None for an infinite end."""
    drawn = np.sort(values[1:][~np.isnan(values[1:])])
    found = figure(values)
    if found.value is None or not len(drawn) or np.isfinite(drawn[-1]):
        return found
    low, high = drawn[np.round(np.array([TAIL, 1 - TAIL]) * (len(drawn) - 1)).astype(int)]
    return Estimate(value=found.value, low=_plain(low), high=_plain(high))


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
