"""Two models on the same cells: how much they differ, and whether chance would do as much."""

import numpy as np

from classifiers.evaluation.parts import ComparisonPart
from classifiers.evaluation.ranking import mean_auroc
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.metrics import confusion_by_group, from_confusion

PERMUTATIONS = 2000


def paired_comparison(
    y: np.ndarray, proba_a: np.ndarray, proba_b: np.ndarray, groups: np.ndarray, k: int, seed: int
) -> ComparisonPart:
    """Model b minus model a, each deciding for its most probable class.

    Intervals are of the differences on the same resampled groups. The p-value is two-sided, by
    2,000 random exchanges of the two models in whole groups: as McNemar's test, but for cells that
    are right or wrong together (permutation test; it is never 0, as Phipson and Smyth 2010,
    doi:10.2202/1544-6115.1585, show it must not be).

    Args:
        y: (n,) class codes. proba_a, proba_b: (n, k). groups: (n,).
    """
    resamples = Resamples.of(groups, seed)
    labels, areas, briers, right = [], [], [], []
    truth = np.arange(k) == y[:, None]
    for proba in (proba_a, proba_b):
        predicted = proba.argmax(axis=1)
        by_group = confusion_by_group(y, predicted, groups, k)
        drawn = resamples.draws.T @ by_group.reshape(len(by_group), -1)
        labels.append(from_confusion(drawn.reshape(-1, k, k)))
        areas.append(mean_auroc(y, proba, resamples))
        briers.append(resamples.means(((proba - truth) ** 2).sum(axis=1)[:, None])[:, 0])
        right.append((predicted == y).astype(np.float64))
    return ComparisonPart(
        n=len(y),
        n_groups=len(resamples.draws),
        accuracy=figure(labels[1]["accuracy"] - labels[0]["accuracy"]),
        f1_macro=figure(labels[1]["f1_macro"] - labels[0]["f1_macro"]),
        auroc=figure(areas[1] - areas[0]),
        brier=figure(briers[1] - briers[0]),
        p=_by_chance(resamples.by_group((right[1] - right[0])[:, None])[:, 0], seed),
        permutations=PERMUTATIONS,
    )


def _by_chance(gains: np.ndarray, seed: int) -> float | None:
    """How often random signs of (g,) gains add up to as much as the gains do; None for one."""
    if len(gains) < 2:
        return None
    gains = gains[gains != 0]
    rng = np.random.default_rng(seed)
    observed = abs(gains.sum())
    reached = sum(
        abs(gains @ rng.choice([-1.0, 1.0], len(gains))) >= observed - 1e-9
        for _ in range(PERMUTATIONS)
    )
    return float((1 + reached) / (1 + PERMUTATIONS))
