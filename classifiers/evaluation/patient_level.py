"""What the cells of each patient say together."""

from typing import Literal

import numpy as np
from scipy.stats import beta

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import PatientRow, PatientRule, PatientsPart
from classifiers.evaluation.ranking import mean_auroc, rank_figures
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.metrics import TAIL

FEW = 20  # patients below which a bootstrap's interval is too narrow to show
WORST = 10
MIXED = -1
Rule = Literal["mean probability", "majority of cells"]


def patient_level(
    y: np.ndarray, proba: np.ndarray, thresholds: np.ndarray | None, patients: np.ndarray,
    labels: tuple[str, ...], seed: int,
) -> PatientsPart:  # fmt: skip
    """Figures over patients, by the mean probability and by the majority of their cells.

    A patient has a label only if all of its cells have the same; others are listed, not judged.
    Patients are taken as independent: intervals of shares are exact (Clopper and Pearson 1934,
    doi:10.1093/biomet/26.4.404). Those of the AUROC are of a bootstrap, not given for few patients
    or perfect separation, where it would promise too much.

    Args:
        y: (n,) codes of k labels. proba: (n, k). patients: (n,) names, "" where unknown.
        thresholds: (n,) on the probability of the second of two labels, which counts as positive.
            The mean is held against their mean. None: the most probable label is decided for.
        labels: k names.
    """
    known = patients != ""
    names, codes = np.unique(patients[known], return_inverse=True)
    y, proba = y[known], proba[known]
    k, n = len(labels), len(names)
    binary = thresholds is not None
    sizes = np.bincount(codes, minlength=n)
    given = _table(codes, y, n, k)
    label = np.where((given > 0).sum(axis=1) == 1, given.argmax(axis=1), MIXED)
    mean = _means(codes, proba, n)
    if thresholds is None:
        called, by_mean = proba.argmax(axis=1), mean.argmax(axis=1)
    else:
        limits = thresholds[known]
        called = (proba[:, 1] > limits).astype(np.int64)
        by_mean = (mean[:, 1] > _means(codes, limits[:, None], n)[:, 0]).astype(np.int64)
    votes = _table(codes, called, n, k)
    # Equal votes are decided by the mean probability.
    ties = (np.arange(k) == by_mean[:, None]) / 2 + mean / 4
    by_majority = (votes + ties).argmax(axis=1)
    wrong = np.bincount(codes, called != y, minlength=n).astype(int)
    rows = [
        PatientRow(
            name=str(names[i]),
            cells=int(sizes[i]),
            label="" if label[i] == MIXED else labels[label[i]],
            probability=dict(zip(labels, mean[i].tolist(), strict=True)),
            by_mean=labels[by_mean[i]],
            by_majority=labels[by_majority[i]],
            positive_share=float(votes[i, 1] / sizes[i]) if binary else None,
            wrong=int(wrong[i]),
        )
        for i in range(n)
    ]
    judged = np.flatnonzero(label != MIXED)
    rules = []
    if len(judged) > 1:
        resamples = Resamples.of(judged, seed)
        decisions: list[tuple[Rule, np.ndarray, np.ndarray]] = [
            ("mean probability", by_mean, mean),
            ("majority of cells", by_majority, votes / sizes[:, None]),
        ]
        rules = [
            _rule(rule, label[judged], decided[judged], score[judged], binary, resamples)
            for rule, decided, score in decisions
        ]
    return PatientsPart(
        n=n,
        n_labelled=len(judged),
        unknown=int(np.count_nonzero(~known)),
        labels=list(labels),
        rules=rules,
        rows=rows,
        worst=[rows[i] for i in np.argsort(-wrong, kind="stable")[:WORST] if wrong[i]],
        note=_note(n, label, labels),
    )


def exact(hits: np.ndarray) -> Estimate:
    """The share of (n,) bool hits with its exact interval; None where n is 0."""
    n, h = len(hits), int(np.count_nonzero(hits))
    if n == 0:
        return Estimate(value=None, low=None, high=None)
    low = beta.ppf(TAIL, h, n - h + 1) if h else 0.0
    high = beta.ppf(1 - TAIL, h + 1, n - h) if h < n else 1.0
    return Estimate(value=h / n, low=float(low), high=float(high))


def _rule(
    rule: Rule, label: np.ndarray, decided: np.ndarray, score: np.ndarray, binary: bool,
    resamples: Resamples,
) -> PatientRule:  # fmt: skip
    """Figures of one rule from (n,) labels and decisions and (n, k) scores of labelled patients."""
    right = decided == label
    if binary:
        area = rank_figures(label == 1, score[:, 1], resamples)[0]
    else:
        area = mean_auroc(label, score, resamples)
    auroc = figure(area)
    if len(label) < FEW or auroc.value in (0.0, 1.0):
        auroc = Estimate(value=auroc.value, low=None, high=None)
    return PatientRule(
        rule=rule,
        accuracy=exact(right),
        sensitivity=exact(right[label == 1]) if binary else None,
        specificity=exact(right[label == 0]) if binary else None,
        auroc=auroc,
    )


def _note(n: int, label: np.ndarray, labels: tuple[str, ...]) -> str:
    """Why patients are not judged, or which are not, in one line; empty where all are."""
    found, mixed = np.unique(label[label != MIXED]), int(np.count_nonzero(label == MIXED))
    if n == 0:
        return "no cell names its patient"
    if n == 1:
        return "all cells that name a patient are of one"
    if mixed == n:
        return "every patient has cells of several labels, so no patient has a label of its own"
    parts = []
    if mixed:
        parts.append(f"{mixed} of {n} patients have cells of several labels and are not judged")
    if n - mixed < 2:
        parts.append("one patient alone has a label of its own")
    elif len(found) == 1:
        parts.append(f"all patients judged are {labels[found[0]]}")
    return "; ".join(parts)


def _table(rows: np.ndarray, columns: np.ndarray, n: int, k: int) -> np.ndarray:
    """(n, k) int64 number of cells at each row and column."""
    return np.bincount(rows * k + columns, minlength=n * k).reshape(n, k)


def _means(codes: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """(n, m) means of (cells, m) values."""
    sums = np.stack([np.bincount(codes, each, minlength=n) for each in values.T], axis=1)
    return sums / np.bincount(codes, minlength=n)[:, None]
