"""How closely classes follow a property, and how often chance does as well."""

from collections.abc import Sequence

import numpy as np

LEAST_STRENGTH = 0.1  # of a shortcut: Cohen's small effect; far below it no classifier profits
LEVEL = 0.05  # of p, corrected for the number of properties
ROUNDS = 999  # permutations, so that p is 0.001 at least
ATTEMPTS = 100  # at as many permutations that keep every class
FEW = 2000  # images on which permutations of what costs much are made
BINS = 10  # of a number: tenths of the images


def permuted_classes(y: np.ndarray, groups: np.ndarray, rounds: int, seed: int) -> np.ndarray:
    """Classes of the images under the hypothesis that groups know nothing of each other.

    Each round gives every group the classes of another one: its images draw theirs, with
    replacement, from that group's. Where each image is its own group this is the plain
    permutation; where each group has one class, classes of whole groups are permuted.

    Returns:
        (rounds, n) class codes.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    size = np.bincount(codes)
    start = np.cumsum(size) - size
    members = y[np.argsort(codes, kind="stable")]
    rng = np.random.default_rng(seed)
    found = np.empty((rounds, len(y)), np.min_scalar_type(int(y.max())))
    for row in found:
        giver = rng.permutation(len(size))[codes]
        row[:] = members[start[giver] + (rng.random(len(y)) * size[giver]).astype(np.intp)]
    return found


def permuted_keeping_classes(
    y: np.ndarray, groups: np.ndarray, rounds: int, seed: int
) -> np.ndarray:
    """The same, of which no class is lost, as a rare one may be where groups are mixed.

    Returns:
        (up to rounds, n) class codes: fewer where ATTEMPTS times as many draws hold no more.
    """
    present, kept = len(np.unique(y)), np.empty((0, len(y)), np.intp)
    for attempt in np.random.SeedSequence(seed).generate_state(ATTEMPTS).tolist():
        drawn = permuted_classes(y, groups, rounds, attempt)
        whole = [len(np.unique(row)) == present for row in drawn]
        kept = np.concatenate([kept, drawn[whole]])[:rounds]
        if len(kept) == rounds:
            break
    return kept


def few_of_each(y: np.ndarray, seed: int) -> np.ndarray:
    """Sorted rows of about FEW images in all: of no class more than its equal part, at random.

    Luck reaches further with fewer images, so a level that is found on them is a safe one.
    """
    if len(y) <= FEW:
        return np.arange(len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    first = np.searchsorted(y[order], y[order])
    return np.sort(order[np.arange(len(y)) - first < FEW // len(np.unique(y))])


def strength_and_p(
    columns: Sequence[np.ndarray], y: np.ndarray, permuted: np.ndarray, n_classes: int
) -> tuple[int, float, float]:
    """How closely classes follow the most telling of several columns.

    Args:
        columns: (n,) numbers or strings each. y: (n,) class codes.
        permuted: (rounds, n) class codes of ``permuted_classes``.

    Returns:
        The number of that column, its strength (bias-corrected Cramer's V), and how often permuted
        classes reach this strength in any column.
    """
    strengths = strengths_of(columns, (y, *permuted), n_classes)
    best, found = int(strengths[:, 0].argmax()), strengths.max(axis=0)
    reached = np.count_nonzero(found[1:] >= found[0] - 1e-9)
    return best, float(found[0]), float((1 + reached) / (1 + len(permuted)))


def strengths_of(
    columns: Sequence[np.ndarray], labellings: Sequence[np.ndarray], n_classes: int
) -> np.ndarray:
    """(columns, labellings) float64: how closely each of several y follows each column."""
    strengths = np.zeros((len(columns), len(labellings)))
    for row, column in zip(strengths, columns, strict=True):
        bins = _bins(column)
        shape = (n_classes, int(bins.max()) + 1)
        counts = [
            np.bincount(codes * np.intp(shape[1]) + bins, minlength=shape[0] * shape[1])
            for codes in labellings
        ]
        row[:] = cramers_v(np.stack(counts).reshape(-1, *shape))
    return strengths


def cramers_v(counts: np.ndarray) -> np.ndarray:
    """(...) bias-corrected Cramer's V of (..., k, b) tables; 0 where a side has one value."""
    counts = counts.astype(np.float64)
    n = counts.sum((-2, -1))
    rows, columns = counts.sum(-1), counts.sum(-2)
    expected = rows[..., :, None] * columns[..., None, :] / n[..., None, None]
    squares = np.divide(
        (counts - expected) ** 2, expected, out=np.zeros_like(counts), where=expected > 0
    ).sum((-2, -1))
    k, b = np.count_nonzero(rows, axis=-1), np.count_nonzero(columns, axis=-1)
    spare = np.maximum(n - 1, 1)
    phi2 = np.maximum(0.0, squares / n - (k - 1) * (b - 1) / spare)
    least = np.minimum(k - (k - 1) ** 2 / spare, b - (b - 1) ** 2 / spare) - 1
    return np.sqrt(np.divide(phi2, least, out=np.zeros_like(phi2), where=least > 0))


def is_shortcut(strength: float, p: float) -> bool:
    """Whether an association is strong and sure enough to be called a shortcut."""
    return strength >= LEAST_STRENGTH and p <= LEVEL


def _bins(column: np.ndarray) -> np.ndarray:
    """(n,) numbers of the bin of each value: values themselves where few, else tenths."""
    values, codes = np.unique(column, return_inverse=True)
    if len(values) <= BINS:
        return codes
    if column.dtype.kind == "U":  # the commonest, and all others together
        rank = np.argsort(np.argsort(-np.bincount(codes), kind="stable"))
        return np.minimum(rank, BINS - 1)[codes]
    cuts = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.unique(np.searchsorted(cuts, column), return_inverse=True)[1]
