"""What a prediction rests on: its score against the next class, and what adds to that score."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from classifiers.calibration import Calibrated
from classifiers.cell_parts import Evidence
from classifiers.fitting import Model
from classifiers.preparation import SignedSqrt
from classifiers.scores import class_scores

STRONGEST = 3  # descriptors for a prediction, and as many against it
SLIGHT = 5e-4  # a gain of probability that no reader would see
PROBED = 512  # rows scored at once
LINEAR = 1e-3  # of what the columns add: how far a linear head may lie off


@dataclass(frozen=True)
class Contrast:
    """Why one class rather than the likeliest other one.

    Scores before calibration are asked where the model has such: they go on rising where
    probabilities stay at 1. A committee has none: there they are logarithms of its calibrated
    probabilities, of at least ``scores.FLOOR`` each.

    Attributes:
        named, rival: positions in the model's ``classes_``.
    """

    model: Model
    named: int
    rival: int

    @classmethod
    def of(cls, model: Model, cell: np.ndarray, code: int) -> "Contrast":
        """For a class code that a model named for a cell, (d,) or (views, d)."""
        others = model.predict_proba(cell[None])[0]
        named = int(np.flatnonzero(np.asarray(model.classes_) == code)[0])
        others[named] = -1
        return cls(model, named, int(others.argmax()))

    def score(self, X: np.ndarray) -> np.ndarray:
        """(n,) by how much the named class leads, of (n, d) or (n, views, d) cells.

        Logarithms of odds, or differences of margins where the classifier has margins.
        """
        scores = class_scores(self.model, X)
        return scores[:, self.named] - scores[:, self.rival]


class LinearHead:
    """The scores of a model as a sum over the columns of an embedding.

    Each column adds its weight times its value, or the value's signed root where the preparation
    takes that; scaling, weights of blocks and components change nothing of it.

    Attributes:
        weights: (k, d) float64.
    """

    def __init__(self, weights: np.ndarray, scores: "_Scores") -> None:
        self.weights, self._scores = weights, scores

    def holds(self, cells: np.ndarray) -> bool:
        """Whether the scores of all (n, d) cells are what their columns add, but for rounding."""
        values = self._scores.values(cells)
        off = np.abs(values @ self.weights.T - self._scores.beyond_zero(values))
        added = np.abs(values) @ np.abs(self.weights).T
        return bool((off <= LINEAR * np.maximum(added, 1e-12)).all())

    def rates(self, cell: np.ndarray, contrast: Contrast) -> np.ndarray:
        """(d,) what a unit of each column adds to the contrast's score of a (d,) cell.

        That is what the column adds, spread evenly over its value. It is twice the slope where
        the root is taken: the slope at 0 has no end. Columns next to 0 are damped.
        """
        cell = cell.astype(np.float64)
        weight = self.weights[contrast.named] - self.weights[contrast.rival]
        added = weight * self._scores.values(cell)
        return added * cell / (cell**2 + 1e-6 * np.mean(cell**2) + np.finfo(float).tiny)


def linear_head(model: Model, cells: np.ndarray) -> LinearHead | None:
    """The linear head of a model, None where its scores are not linear.

    The scores themselves are asked, whatever the classifier: whether they are an affine function
    at these cells is measured.

    Args:
        cells: (n, d) embeddings on which it has to hold.
    """
    if not (isinstance(model, Calibrated) and isinstance(model.estimator_, Pipeline)):
        return None
    scores = _Scores(model.estimator_)
    values = scores.values(cells)
    whole, half = scores.beyond_zero(values), scores.beyond_zero(values / 2)
    # A first look that spares the others a long one.
    if not np.allclose(half, whole / 2, rtol=0, atol=LINEAR * np.abs(whole).max()):
        return None
    width = values.shape[1]
    weights = np.empty((whole.shape[1], width))
    for start in range(0, width, PROBED):
        stop = min(start + PROBED, width)
        weights[:, start:stop] = scores.beyond_zero(np.eye(stop - start, width, start)).T
    head = LinearHead(weights, scores)
    return head if head.holds(cells) else None


class _Scores:
    """What a pipeline scores, of the values behind the root that it may begin with."""

    def __init__(self, pipeline: Pipeline) -> None:
        steps = list(pipeline.steps)
        self._root = isinstance(steps[0][1], SignedSqrt)
        self._rest = Pipeline(steps[1:] if self._root else steps)
        self._zero: np.ndarray | None = None

    def values(self, cells: np.ndarray) -> np.ndarray:
        """Embeddings as the steps behind the root get them, float64."""
        cells = cells.astype(np.float64)
        return np.sign(cells) * np.sqrt(np.abs(cells)) if self._root else cells

    def beyond_zero(self, values: np.ndarray) -> np.ndarray:
        """(n, k) scores of (n, d) values, less those of values that are all 0."""
        if self._zero is None:
            self._zero = class_scores(self._rest, np.zeros((1, values.shape[1])))
        return class_scores(self._rest, values) - self._zero


def descriptor_evidence(
    contrast: Contrast,
    cell: np.ndarray,
    columns: Sequence[int],
    named: Sequence[tuple[str, str]],
    usual: np.ndarray,
) -> list[Evidence]:
    """The descriptors that speak most for the named class and against it, strongest first.

    What a descriptor gives is the class's probability as it is, less that of the same cell with
    the usual value in this place: one at a time, so what two say together counts for both or none.

    Args:
        cell: (d,) or (views, d).
        columns: of the descriptors. named: (name, unit) of each. usual: (len(columns),) values.
    """
    changed = np.repeat(cell[None], len(columns) + 1, axis=0)
    for place, (column, value) in enumerate(zip(columns, usual, strict=True)):
        changed[place, ..., column] = value
    proba = contrast.model.predict_proba(changed)[:, contrast.named]
    gains = proba[-1] - proba[:-1]
    order = np.argsort(gains, kind="stable")
    against = [place for place in order[:STRONGEST] if gains[place] < -SLIGHT]
    speaking = [place for place in order[::-1][:STRONGEST] if gains[place] > SLIGHT]
    values = cell if cell.ndim == 1 else cell[0]
    return [
        Evidence(
            descriptor=named[place][0],
            unit=named[place][1],
            value=float(values[columns[place]]),
            usual=float(usual[place]),
            gain=round(float(gains[place]), 6),
        )
        for place in sorted(speaking + against, key=lambda place: -abs(gains[place]))
    ]
