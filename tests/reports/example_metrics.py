"""Figures of made-up confusion matrices."""

import numpy as np

from classifiers.estimate import Estimate
from classifiers.result import ClassMetrics, Metrics

UNDEFINED = Estimate(value=None, low=None, high=None)


def estimate(value: float | None, width: float = 0.02) -> Estimate:
    """A figure with an interval of about this half width, within 0 and 1."""
    if value is None:
        return UNDEFINED
    return Estimate(value=value, low=max(0, value - 1.1 * width), high=min(1, value + width))


def metrics(confusion: np.ndarray, names: list[str], groups: int, width: float = 0.02) -> Metrics:
    """Figures of a confusion matrix of shape (classes, classes), integers."""
    rows, columns, right = confusion.sum(1), confusion.sum(0), np.diag(confusion)
    per_class = {}
    for index, name in enumerate(names):
        precision = right[index] / columns[index] if columns[index] else None
        recall = right[index] / rows[index] if rows[index] else None
        f1 = 2 * right[index] / (rows[index] + columns[index]) if rows[index] else None
        per_class[name] = ClassMetrics(
            precision=estimate(precision, 2 * width),
            recall=estimate(recall, 2 * width),
            f1=estimate(f1, 2 * width),
            auroc=estimate(None if f1 is None else f1**0.3, width),
            support=int(rows[index]),
        )
    defined = [(each.f1.value, each.support) for each in per_class.values() if each.support]
    accuracy = float(right.sum() / confusion.sum())
    macro = float(np.mean([f1 for f1, _ in defined]))
    weighted = float(np.average([f1 for f1, _ in defined], weights=[n for _, n in defined]))
    return Metrics(
        n=int(confusion.sum()),
        n_groups=groups,
        accuracy=estimate(accuracy, width),
        balanced_accuracy=estimate(
            float(np.mean([m.recall.value for m in per_class.values() if m.support])), width
        ),
        f1_macro=estimate(macro, width),
        f1_weighted=estimate(weighted, width),
        auroc=estimate(macro**0.3, width / 2),
        per_class=per_class,
        confusion=confusion.tolist(),
    )


def matrix(supports: list[int], accuracy: float, seed: int) -> np.ndarray:
    """A confusion matrix with about this accuracy whose errors fall mostly on neighbours."""
    generator = np.random.default_rng(seed)
    size = len(supports)
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    chances = np.where(distance == 0, 0.0, 0.3 ** np.minimum(distance, 12))
    chances *= (1 - accuracy) / chances.sum(1, keepdims=True)
    np.fill_diagonal(chances, accuracy)
    return np.array([generator.multinomial(n, p) for n, p in zip(supports, chances, strict=True)])
