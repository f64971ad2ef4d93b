"""The order in which a reviewer should look at cells.

Likely label errors and doubtful cells take turns, so that a queue that is cut short has both.
Doubtful cells are chosen as a set, to stand for all the doubt there is: a cell covers others as far
as it is like them (facility location, greedily, Nemhauser, Wolsey, Fisher 1978,
doi:10.1007/BF01588971; among the cells that the classifier is least sure of: Wei, Iyer, Bilmes
2015, PMLR 37:1954-1963). A near copy of a cell in the queue covers nothing new. Each cell makes
the next one of its group count less, by the divisors of d'Hondt: groups are asked in proportion to
their doubt, and none floods the queue.
"""

from dataclasses import dataclass

import numpy as np

from classifiers.cells import NO_LABEL, Rows
from classifiers.label_errors import LabelErrors
from classifiers.likeness import directions

CANDIDATES = 10  # doubtful cells to choose from, for each one in the queue
MOST = 3000  # of them; their similarities take 36 MB
CONFIRMED = 0.5  # what doubt counts where there is a label: most answers only confirm it
# Power of doubt that is covered. With 1 many slight doubts outweigh a few great ones, which costs
# the more the better the classifier already is; without bound only the greatest would count.
POWER = 4


@dataclass(frozen=True)
class Queue:
    """Cells for a reviewer.

    Attributes:
        rows: (q,) int64 row numbers, most useful first, none twice.
        reasons: one each. ``label error``: its label is likely wrong; ``doubtful``: it has a label,
            but the classifier wavers; ``unlabelled``: it has none, and an answer would teach most.
    """

    rows: np.ndarray
    reasons: tuple[str, ...]


def review_queue(
    X: Rows,
    proba: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    size: int,
    *,
    errors: LabelErrors | None,
    seed: int = 0,
) -> Queue:
    """The ``size`` cells to look at, or all n if there are no more, in this order.

    Doubt is the probability of the likeliest other class against that of the label, or of the
    prediction where there is none: margin sampling (Scheffer, Decomain, Wrobel 2001,
    doi:10.1007/3-540-44816-0_31).

    Args:
        X: (n, d) or (n, views, d) float32 embeddings; only those of candidates are read.
        proba: (n, k) probabilities, k at least 2, of labelled cells out of fold.
        y: (n,) class codes, -1 where unlabelled.
        groups: (n,) patients, or what else belongs together.
        errors: likely label errors, whose rows are positions among the n cells; None for none.
        seed: of the order of equally doubtful cells, which is not that of their files.

    Raises:
        ValueError: lengths that differ.
    """
    n = len(y)
    if not len(groups) == len(proba) == X.shape[0] == n:
        raise ValueError(
            f"{X.shape[0]} embeddings, {len(proba)} probabilities, {n} labels and {len(groups)} "
            "groups; expected as many of each"
        )
    groups = np.unique(groups, return_inverse=True)[1]
    doubt = _doubt(proba, y)
    wrong = np.empty(0, dtype=np.int64) if errors is None else errors.rows
    is_error = np.isin(np.arange(n), wrong)
    others = np.random.default_rng(seed).permutation(np.flatnonzero(~is_error))
    weights = np.where(y == NO_LABEL, doubt, CONFIRMED * np.minimum(doubt, 0.5))
    others = others[_dealt(weights[others], groups[others])]
    candidates = others[: min(CANDIDATES * size, MOST)]
    cover = _Cover(directions(X, candidates), weights[candidates] ** POWER)

    asked = np.zeros(n, dtype=np.int64)  # cells of each group in the queue
    open_errors, open_others = is_error[wrong], np.ones(len(candidates), dtype=bool)
    rows: list[int] = []
    while len(rows) < size and (open_errors.any() or open_others.any()):
        if open_errors.any() and (len(rows) % 2 == 0 or not open_others.any()):
            place = _best(doubt[wrong] / (1 + asked[groups[wrong]]), open_errors)
            row, open_errors[place] = wrong[place], False
        else:
            place = _best(cover.gains() / (1 + asked[groups[candidates]]) ** POWER, open_others)
            row, open_others[place] = candidates[place], False
            cover.add(place)
        rows.append(int(row))
        asked[groups[row]] += 1
    rows += others[len(candidates) :][: size - len(rows)].tolist()  # of a queue longer than MOST
    chosen = np.array(rows, dtype=np.int64)
    return Queue(chosen, tuple(_reason(is_error[row], y[row]) for row in chosen))


def _reason(is_error: bool, code: int) -> str:
    if is_error:
        return "label error"
    return "unlabelled" if code == NO_LABEL else "doubtful"


def _doubt(proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) doubt in [0, 1], at most 0.5 where there is no label."""
    named = np.where(y == NO_LABEL, proba.argmax(axis=1), y)
    own = np.arange(proba.shape[1]) == named[:, None]
    rival = np.where(own, 0.0, proba).max(axis=1)
    total = proba[own] + rival
    return np.divide(rival, total, out=np.full(len(y), 0.5), where=total > 0)


def _dealt(weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Positions in d'Hondt's order: each weight divided by its rank within the group."""
    by_weight = np.argsort(-weights, kind="stable")
    by_group = by_weight[np.argsort(groups[by_weight], kind="stable")]
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    quotients = np.empty(len(weights))
    ranks = np.arange(len(weights)) - starts[groups[by_group]]
    quotients[by_group] = weights[by_group] / (1 + ranks)
    return by_weight[np.argsort(-quotients[by_weight], kind="stable")]


def _best(values: np.ndarray, open_: np.ndarray) -> int:
    """Where the highest open value lies, the first of several."""
    return int(np.where(open_, values, -np.inf).argmax())


class _Cover:
    """How much of the weight of m cells those already chosen stand for."""

    def __init__(self, directions: np.ndarray, weights: np.ndarray) -> None:
        """From (m, d) unit vectors and (m,) weights."""
        self._likeness = np.maximum(directions @ directions.T, 0)
        self._weights = weights.astype(np.float32)
        self._covered = np.zeros(len(weights), dtype=np.float32)

    def gains(self) -> np.ndarray:
        """(m,) weight that each cell would cover beyond what is covered."""
        more = self._likeness - self._covered
        np.maximum(more, 0, out=more)
        return more @ self._weights

    def add(self, place: int) -> None:
        """Choose a cell."""
        np.maximum(self._covered, self._likeness[place], out=self._covered)
