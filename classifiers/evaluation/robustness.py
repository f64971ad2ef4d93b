"""How decisions hold when images are disturbed, on the same cells before and after."""

from collections.abc import Sequence

import numpy as np

from classifiers.cells import Disturbed
from classifiers.evaluation.resamples import figure
from classifiers.evaluation.stress_parts import Perturbed, RobustnessPart
from classifiers.metrics import (
    MIN_GROUPS,
    TAIL,
    confusion_by_group,
    from_confusion,
    no_surer_than,
    resample_groups,
    resampled_confusion,
)


def examine_robustness(
    y: np.ndarray, groups: np.ndarray, plain: np.ndarray,
    disturbed: Sequence[tuple[Disturbed, np.ndarray]], k: int, seed: int, note: str = "",
) -> RobustnessPart:  # fmt: skip
    """Accuracy and macro F1 on undisturbed and disturbed cells, and their paired difference.

    Intervals are percentiles of a bootstrap over groups, with the same groups drawn before and
    after, so that the change is free of what the choice of cells adds to both. With m
    disturbances, ``loss`` asks for an interval of 1 - 0.05 / m (Bonferroni).

    Args:
        y: (n,) class codes of k classes, n at least 1. groups: (n,) names.
        plain: (n,) decided codes of the images as they are.
        disturbed: what was done, with (n,) codes decided then.
    """
    counts = resample_groups(groups, seed)
    n_groups = counts.shape[1]
    if n_groups < MIN_GROUPS:
        counts = counts[:0]

    def figures(decided: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(1 + b,) accuracies and macro F1, those of all cells first."""
        by_group = confusion_by_group(y, decided, groups, k)
        drawn = resampled_confusion(counts, by_group)
        found = from_confusion(np.concatenate([by_group.sum(axis=0)[None], drawn]))
        return found["accuracy"], found["f1_macro"]

    accuracy, f1_macro = figures(plain)
    perturbed = []
    tail = TAIL / max(1, len(disturbed))
    for each, decided in disturbed:
        accuracy_then, f1_then = figures(decided)
        change = f1_then - f1_macro
        perturbed.append(
            Perturbed(
                kind=each.kind,
                strength=each.strength,
                setting=each.setting,
                accuracy=no_surer_than(figure(accuracy_then), n_groups),
                f1_macro=figure(f1_then),
                f1_macro_change=figure(change),
                loss=len(change) > 1 and bool(np.quantile(change[1:], 1 - tail) < 0),
                changed=float((decided != plain).mean()),
            )
        )
    return RobustnessPart(
        n=len(y),
        n_groups=n_groups,
        accuracy=no_surer_than(figure(accuracy), n_groups),
        f1_macro=figure(f1_macro),
        perturbed=perturbed,
        note=note,
    )
