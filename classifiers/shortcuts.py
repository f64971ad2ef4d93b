"""How well trivial classifiers do that never look at a cell, on the folds of the real ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from classifiers.baselines import TITLES, baseline_probabilities
from classifiers.estimate import Estimate
from classifiers.metrics import (
    CHUNK,
    MIN_GROUPS,
    confusion_by_group,
    estimate,
    from_confusion,
    resample_groups,
    resampled_confusion,
)
from classifiers.scores import class_probabilities
from data.audit.frame import LEAST_GAIN
from data.audit.properties import PART_TITLES

MAJORITY = "majority"
TREES = 50  # twice as many score no better here


@dataclass(frozen=True)
class ShortcutScore:
    """Out-of-fold figures of a trivial classifier, with 95 % intervals over groups.

    Attributes:
        name, title: of the part of the image that it sees, or MAJORITY.
        above_chance: it tells classes apart: the lower bound of its balanced accuracy lies above
            that of guessing by LEAST_GAIN of the rest.
    """

    name: str
    title: str
    f1_macro: Estimate
    accuracy: Estimate
    balanced_accuracy: Estimate
    above_chance: bool


def shortcut_scores(
    parts: Mapping[str, np.ndarray],
    y: np.ndarray,
    groups: np.ndarray,
    folds: np.ndarray,
    n_classes: int,
    seed: int,
    *,
    workers: int = 1,
    on_part: Callable[[int, int], None] | None = None,
) -> list[ShortcutScore]:
    """Score the majority class and a forest on each part, in the order given.

    The forest is of extremely randomised trees (Geurts 2006, doi:10.1007/s10994-006-6226-1), which
    score as a random forest does here and fit ten times faster.

    Args:
        parts: (n, d) float32 by name, as ``data.audit.properties.parts_of`` makes them.
        y: (n,) class codes. groups: (n,) what the bootstrap resamples.
        folds: (n,) fold numbers from 0, two at least, that keep groups whole.
        seed: of forests and bootstrap. workers: threads of a forest.
        on_part: called with (parts done, parts in all).
    """
    counts = resample_groups(groups, seed)
    if counts.shape[1] < MIN_GROUPS:
        counts = counts[:0]
    scores = []
    shown = {MAJORITY: np.zeros((len(y), 1), np.float32), **parts}
    for done, (name, X) in enumerate(shown.items(), 1):
        predicted = np.empty(len(y), np.intp)
        for fold in np.unique(folds):
            train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            if name == MAJORITY:
                proba = baseline_probabilities(name, X, y, train, test, n_classes, seed)
            else:
                forest = ExtraTreesClassifier(
                    TREES,
                    min_samples_leaf=2,
                    class_weight="balanced",
                    random_state=seed,
                    n_jobs=workers,
                )
                forest.fit(X[train], y[train])
                proba = class_probabilities(forest, X[test], n_classes)
            predicted[test] = proba.argmax(axis=1)
        scores.append(_score(name, confusion_by_group(y, predicted, groups, n_classes), counts))
        if on_part is not None:
            on_part(done, len(shown))
    return scores


def _score(name: str, by_group: np.ndarray, counts: np.ndarray) -> ShortcutScore:
    """Figures of (n_groups, k, k) counts and their intervals over (b, n_groups) resamples."""
    whole = from_confusion(by_group.sum(axis=0))
    drawn = [
        from_confusion(resampled_confusion(counts[start : start + CHUNK], by_group))
        for start in range(0, len(counts), CHUNK)
    ]
    figures = {}
    for key in ("f1_macro", "accuracy", "balanced_accuracy"):
        resampled = np.concatenate([np.empty(0), *(each[key] for each in drawn)])
        figures[key] = estimate(float(whole[key]), resampled)
    chance = 1 / np.count_nonzero(by_group.sum(axis=(0, 2)))
    low = figures["balanced_accuracy"].low
    return ShortcutScore(
        name=name,
        title={**TITLES, **PART_TITLES}.get(name, name),
        f1_macro=figures["f1_macro"],
        accuracy=figures["accuracy"],
        balanced_accuracy=figures["balanced_accuracy"],
        above_chance=low is not None and bool(low > chance + LEAST_GAIN * (1 - chance)),
    )
