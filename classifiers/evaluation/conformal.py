"""Conformal prediction sets, calibrated on half of the groups and checked on the other half."""

from collections.abc import Sequence

import numpy as np

from classifiers.evaluation.halves import group_halves
from classifiers.evaluation.parts import ConformalPart, PredictionSets
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.metrics import MIN_GROUPS, no_surer_than

LEVELS = (0.90, 0.95)
HALVINGS = 10


def lac_limits(y: np.ndarray, proba: np.ndarray, level: float, by_class: bool) -> np.ndarray:
    """(k,) lowest probability with which each class belongs to a set.

    Least ambiguous sets (Sadinle, Lei, Wasserman 2019, doi:10.1080/01621459.2017.1395341) with
    the correction for finitely many cells of split conformal prediction (Angelopoulos and Bates
    2021, arXiv:2107.07511): for cells exchangeable with these, the sets hold the true class with
    at least this probability. Cells of one patient are not exchangeable with another's, so this is
    checked, not promised.

    Args:
        y: (n,) class codes. proba: (n, k), both of cells that no model was fitted on.
        by_class: one limit a class, from its own cells. A class with too few cells to give one
            belongs to every set.
    """
    own = proba[np.arange(len(y)), y]
    k = proba.shape[1]
    if not by_class:
        return np.full(k, _limit(own, level))
    return np.array([_limit(own[y == code], level) for code in range(k)])


def _limit(own: np.ndarray, level: float) -> float:
    """The probability that enough of (n,) probabilities of the true class reach."""
    n = len(own)
    rank = int(np.ceil((n + 1) * level - 1e-9))  # rounding must not ask for one cell more
    return float(np.sort(own)[n - rank]) if rank <= n else -np.inf


def conformal_sets(
    y: np.ndarray, proba: np.ndarray, classes: tuple[str, ...], resamples: Resamples, seed: int,
    levels: Sequence[float] = LEVELS,
) -> ConformalPart:  # fmt: skip
    """Sizes and coverage of prediction sets on cells whose groups did not calibrate them.

    Each cell's figures are means over the halvings, groups kept whole.

    Args:
        y: (n,) class codes. proba: (n, k). classes: k names.
        levels: meant coverages.
    """
    if len(resamples.draws) < MIN_GROUPS:
        note = "all cells are of one group, so no set can be checked on another"
        return ConformalPart(sets=[], halvings=0, note=note)
    sets = [
        _sets(y, proba, classes, resamples, seed, level, by_class)
        for level in levels
        for by_class in (False, True)
    ]
    return ConformalPart(sets=sets, halvings=HALVINGS, note="")


def _sets(
    y: np.ndarray, proba: np.ndarray, classes: tuple[str, ...], resamples: Resamples, seed: int,
    level: float, by_class: bool,
) -> PredictionSets:  # fmt: skip
    n = len(y)
    held, sizes, empty, single = (np.zeros(n) for _ in range(4))
    for half in group_halves(resamples.codes, HALVINGS, seed):
        rows = np.flatnonzero(~half)
        members = proba[rows] >= lac_limits(y[half], proba[half], level, by_class)
        size = members.sum(axis=1)
        held[rows] += members[np.arange(len(rows)), y[rows]]
        sizes[rows] += size
        empty[rows] += size == 0
        single[rows] += size == 1
    own = np.arange(len(classes)) == y[:, None]
    columns = np.column_stack([held, sizes, own * held[:, None]]) / HALVINGS
    means = resamples.means(np.column_stack([columns, own]))
    covered, given = means[:, 2 : 2 + len(classes)], means[:, 2 + len(classes) :]
    with np.errstate(invalid="ignore"):
        by_class_held = covered / given
    n_groups = np.count_nonzero(resamples.by_group(own), axis=0)
    shares = empty.mean() / HALVINGS, single.mean() / HALVINGS
    return PredictionSets(
        level=level,
        by_class=by_class,
        coverage=no_surer_than(figure(means[:, 0]), len(resamples.draws)),
        coverage_by_class={
            name: no_surer_than(figure(by_class_held[:, code]), int(n_groups[code]))
            for code, name in enumerate(classes)
        },
        size=figure(means[:, 1]),
        empty=float(shares[0]),
        single=float(shares[1]),
        multiple=max(0.0, float(1 - sum(shares))),
    )
