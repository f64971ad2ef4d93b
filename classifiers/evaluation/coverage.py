"""Coverage against risk: how good a classifier is on the cells that it is sure of."""

from collections.abc import Sequence

import numpy as np

from classifiers.estimate import Estimate
from classifiers.evaluation.halves import group_halves
from classifiers.evaluation.parts import CoveragePart, CoveragePoint, RiskWish, Verdict
from classifiers.evaluation.ranking import cumulated, tie_blocks
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.metrics import MIN_GROUPS, no_surer_than

WISHES = (0.01, 0.02, 0.05)
HALVINGS = 20
POINTS = 101


def coverage_against_risk(
    y: np.ndarray, proba: np.ndarray, resamples: Resamples, seed: int,
    wishes: Sequence[float] = WISHES,
) -> CoveragePart:  # fmt: skip
    """The error of the most probable class among the cells of highest probability.

    Cells of equal confidence are accepted together. The area under the curve is the mean error
    over all coverages (Geifman and El-Yaniv 2017, arXiv:1705.08500; 2019, arXiv:1805.08206). The
    intervals at a wish resample the cells, not the confidences that were set.

    Args:
        y: (n,) class codes. proba: (n, k).
        wishes: errors that shall not be exceeded.
    """
    confidence = proba.max(axis=1)
    wrong = (proba.argmax(axis=1) != y).astype(np.float64)
    several = len(resamples.draws) >= MIN_GROUPS
    return CoveragePart(
        error=resamples.proportions(wrong[:, None] > 0, np.ones((len(y), 1), dtype=bool))[0],
        aurc=figure(areas(wrong, confidence, resamples)),
        curve=_curve(wrong, confidence),
        wishes=[_wish(wish, wrong, confidence, resamples, seed) for wish in wishes]
        if several
        else [],
        note="" if several else "all cells are of one group, so nothing can be judged on another",
    )


def areas(wrong: np.ndarray, confidence: np.ndarray, resamples: Resamples) -> np.ndarray:
    """(1 + b,) area under the risk-coverage curve of (n,) errors, 0 or 1, by confidence."""
    order = np.argsort(-confidence, kind="stable")
    end = tie_blocks(confidence[order])[1]
    found = []
    for weight in resamples.weights(order):
        accepted = cumulated(weight)
        errors = cumulated(weight * wrong[order][:, None])
        risk = errors[end] / np.maximum(accepted[end], 1)  # 0 where nothing so sure was drawn
        found.append((weight * risk).sum(0) / accepted[-1])
    return np.concatenate(found)


def lowest_confidence(wrong: np.ndarray, confidence: np.ndarray, wish: float) -> float:
    """The lowest confidence from which on the error is at most the wish; infinite if none is.

    One more cell, wrongly classified, is counted in, as conformal prediction does with the cell to
    come: twenty cells that are all right promise an error of 5 %, not of none.
    """
    order = np.argsort(-confidence, kind="stable")
    end = tie_blocks(confidence[order])[1]
    risk = (np.cumsum(wrong[order])[end - 1] + 1) / (end + 1)
    kept = np.flatnonzero(risk <= wish)
    return float(confidence[order][kept[-1]]) if len(kept) else np.inf


def _curve(wrong: np.ndarray, confidence: np.ndarray) -> list[CoveragePoint]:
    order = np.argsort(-confidence, kind="stable")
    n = len(order)
    steps = np.ceil(np.linspace(0, 1, POINTS) * n).astype(int)
    ends = np.unique(tie_blocks(confidence[order])[1][np.maximum(steps, 1) - 1])
    errors = np.cumsum(wrong[order])
    return [
        CoveragePoint(
            coverage=float(end / n),
            error=float(errors[end - 1] / end),
            confidence=float(confidence[order][end - 1]),
        )
        for end in ends
    ]


def _wish(
    wish: float, wrong: np.ndarray, confidence: np.ndarray, resamples: Resamples, seed: int
) -> RiskWish:
    """Share of cells accepted and their error, each cell by confidences set on other groups."""
    accepted = np.zeros(len(wrong))
    limits = []
    for half in group_halves(resamples.codes, HALVINGS, seed):
        limits.append(lowest_confidence(wrong[half], confidence[half], wish))
        accepted += ~half & (confidence >= limits[-1])
    accepted /= HALVINGS
    found = float(np.isfinite(limits).mean())
    coverage, errors = resamples.means(np.column_stack([accepted, accepted * wrong])).T
    with np.errstate(invalid="ignore"):
        risk = errors / coverage
    n_groups = len(np.unique(resamples.codes[accepted > 0]))
    error = no_surer_than(figure(risk), n_groups)
    limit = lowest_confidence(wrong, confidence, wish)
    return RiskWish(
        wish=wish,
        coverage=figure(coverage),
        error=error,
        found=found,
        verdict=_verdict(error, wish, found),
        confidence=limit if np.isfinite(limit) else None,
    )


def _verdict(error: Estimate, wish: float, found: float) -> Verdict:
    if error.value is None or found < 0.5:
        return "not reachable"
    if error.value <= wish:
        return "met"
    return "met within the interval" if error.low is None or error.low <= wish else "not met"
