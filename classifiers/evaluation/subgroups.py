"""Whether a model is worse on some kinds of images than their classes let expect."""

from collections.abc import Mapping

import numpy as np

from classifiers.estimate import Estimate
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.evaluation.stress_parts import Subset
from classifiers.metrics import TAIL, no_surer_than

MOST = 12  # subsets of one property, the largest of them
LEAST = 10  # cells; a smaller subset says nothing
THIRDS = ("lowest third", "middle third", "highest third")
MOST_VALUES = 6  # of a number that names subsets by itself; more are cut into thirds


def by_thirds(values: np.ndarray, unit: str = "") -> np.ndarray:
    """(n,) names of subsets: the values themselves where they are few, else their thirds.

    Args:
        values: (n,) numbers; NaN where unknown, which gives an empty name.
        unit: follows a value.
    """
    known = np.isfinite(values)
    names = np.full(len(values), "", dtype=object)
    distinct = np.unique(values[known])
    if len(distinct) <= MOST_VALUES:
        names[known] = [f"{value:g}{unit}" for value in values[known]]
        return names
    low, high = np.quantile(values[known], [1 / 3, 2 / 3])
    # A value that many share falls on one side as a whole.
    names[known] = np.array(THIRDS, dtype=object)[
        (values[known] > low).astype(int) + (values[known] > high)
    ]
    return names


def subgroups(
    y: np.ndarray, decided: np.ndarray, groups: np.ndarray, k: int,
    properties: Mapping[str, np.ndarray], seed: int,
) -> list[Subset]:  # fmt: skip
    """Accuracy on each subset beside what the other cells and its mix of classes let expect.

    A subset may hold more of a difficult class than another; so the gap is the difference of
    recalls between its cells and all others, averaged over the classes with the weights of Mantel
    and Haenszel, which bear classes of few cells (Greenland and Robins 1985, Biometrics 41).
    With m subsets, ``worse`` asks for an interval of 1 - 0.05 / m (Bonferroni), and for at most
    half of the cells: that most cells fare worse than a few easy ones is no news of these.

    Args:
        y, decided: (n,) codes of k classes. groups: (n,) what the bootstrap resamples.
        properties: name -> (n,) names of subsets, empty where unknown; one that all cells share is
            no property.
    """
    resamples = Resamples.of(groups, seed)
    chosen = [
        (title, name, names == name)
        for title, names in properties.items()
        for name in _subsets(names)
    ]
    classes = np.eye(k)[y]
    right = classes * (y == decided)[:, None]
    totals = resamples.sums(np.hstack([classes, right]))
    tail = TAIL / max(1, len(chosen))
    found = []
    for title, name, inside in chosen:
        sums = resamples.sums(np.hstack([classes, right]) * inside[:, None])
        held, hits = sums[:, :k], sums[:, k:]
        others, other_hits = totals[:, :k] - held, totals[:, k:] - hits
        with np.errstate(invalid="ignore", divide="ignore"):
            accuracy = hits.sum(axis=1) / held.sum(axis=1)
            size = held + others
            excess = np.where(size > 0, (hits * others - other_hits * held) / size, 0).sum(axis=1)
            weight = np.where(size > 0, held * others / size, 0).sum(axis=1)
            gap = excess / weight  # not a number where no class is in both
        expected = np.clip(accuracy - gap, 0, 1)
        drawn = gap[1:][np.isfinite(gap[1:])]
        n_groups = len(np.unique(groups[inside]))
        found_accuracy = no_surer_than(figure(accuracy), n_groups)
        found.append(
            Subset(
                property=title,
                name=name,
                n=int(inside.sum()),
                n_groups=n_groups,
                accuracy=found_accuracy,
                expected=figure(expected).value,
                gap=_gap(figure(gap), found_accuracy),
                worse=2 * inside.sum() <= len(y)
                and len(drawn) > 0
                and bool(np.quantile(drawn, 1 - tail) < 0),
            )
        )
    return found


def _gap(gap: Estimate, accuracy: Estimate) -> Estimate:
    """The gap; where all cells are right or wrong, no surer than their accuracy."""
    if gap.value is None or gap.low is None or gap.high is None:
        return gap
    if accuracy.value not in (0.0, 1.0) or accuracy.low is None or accuracy.high is None:
        return gap
    shift = gap.value - accuracy.value
    low, high = min(gap.low, accuracy.low + shift), max(gap.high, accuracy.high + shift)
    return Estimate(value=gap.value, low=low, high=high)


def _subsets(names: np.ndarray) -> list[str]:
    """The subsets of a property that are looked at, thirds in order and others by name."""
    found, counts = np.unique(names[names != ""].astype(str), return_counts=True)
    if len(found) < 2:
        return []
    large = counts >= LEAST
    found, counts = found[large], counts[large]
    kept = set(found[np.argsort(-counts, kind="stable")[:MOST]].tolist())
    if kept <= set(THIRDS):
        return [name for name in THIRDS if name in kept]
    return sorted(kept, key=_natural)


def _natural(name: str) -> tuple[bool, float, str]:
    """Numbers in their order, before names."""
    try:
        return False, float(name.split("\u00a0")[0]), name
    except ValueError:
        return True, 0.0, name
