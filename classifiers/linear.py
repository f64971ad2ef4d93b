"""Linear classifiers on rows that come in chunks: a few passes, however many rows there are."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from classifiers.chunks import Chunk, Chunks

SAMPLE = 16384  # rows that a first solution is found on, at least
PIECE = 1024  # rows at a time in the innermost loops: they stay in the processor's cache
ClassWeight = str | Mapping[object, float] | None


class LinearFit(NamedTuple):
    """(k, d) float64 coefficients, (k,) intercepts (one row for two classes) and steps taken."""

    coef: np.ndarray
    intercept: np.ndarray
    n_iter: int


class _Losses(NamedTuple):
    """Of c rows: losses (c, k or 1), their first and second derivatives by each of k margins."""

    values: np.ndarray
    slopes: np.ndarray
    curvatures: np.ndarray


def _log_loss(margins: np.ndarray, codes: np.ndarray) -> _Losses:
    if margins.shape[1] == 1:
        sign = np.where(codes == 1, 1.0, -1.0)[:, None]
        wrong = expit(-sign * margins)
        return _Losses(np.logaddexp(0.0, -sign * margins), -sign * wrong, wrong * (1.0 - wrong))
    rows = np.arange(len(codes))
    margins = margins - margins.max(axis=1, keepdims=True)
    proba = np.exp(margins)
    sums = proba.sum(axis=1, keepdims=True)
    proba /= sums
    slopes = proba.copy()
    slopes[rows, codes] -= 1.0
    return _Losses(np.log(sums) - margins[rows, codes, None], slopes, proba * (1.0 - proba))


def _squared_hinge(margins: np.ndarray, codes: np.ndarray) -> _Losses:
    positive = np.arange(margins.shape[1]) if margins.shape[1] > 1 else np.array([1])
    sign = np.where(codes[:, None] == positive, 1.0, -1.0)
    short = np.maximum(1.0 - sign * margins, 0.0)
    return _Losses(short**2, -2.0 * sign * short, 2.0 * (short > 0))


Loss = Callable[[np.ndarray, np.ndarray], _Losses]
LOSSES: dict[str, Loss] = {"softmax": _log_loss, "squared_hinge": _squared_hinge}


def fit_linear(
    chunks: Chunks,
    loss: str,
    C: float,
    class_weight: ClassWeight = None,
    *,
    basis: np.ndarray | None = None,
    tol: float = 1e-4,
    max_iter: int = 1000,
) -> LinearFit:
    """Minimise C * sum of losses + ||w||^2 / 2 by L-BFGS; intercepts bear no penalty.

    ``softmax`` is the objective of scikit-learn's LogisticRegression. ``squared_hinge`` is that of
    LinearSVC: one machine a class against the rest, all from the same passes. Two classes have
    one machine, in favour of the second.

    The solution of a sample of the rows is where L-BFGS (Liu and Nocedal 1989,
    doi:10.1007/BF01589116) starts, and the second derivatives there change the variables so that
    the objective is about as steep in every direction. So it takes about ten passes over
    embeddings where it would take hundreds.

    Args:
        loss: ``softmax`` or ``squared_hinge``.
        class_weight: None, ``balanced``, or class -> weight of its rows. Balanced weighs rows,
            with softmax, by the inverse frequency of their class; each machine of
            ``squared_hinge`` weighs its class like the rest together.
        basis: (d, r) directions that coefficients are confined to, coef = w @ basis.T; None for
            coef = w.
        tol: stop when no derivative of the mean loss exceeds it, as scikit-learn does.
        max_iter: steps after which a ConvergenceWarning is given.
    """
    weights = _class_weights(chunks, loss, class_weight)
    total = float((chunks.class_sums @ weights).mean())
    whole = _Problem(chunks, LOSSES[loss], weights, total, 1.0 / (C * total), basis)
    drawn = chunks.sample(max(SAMPLE, 2 * chunks.n_features), seed=0)
    total = float((drawn.weights @ weights[drawn.codes]).mean())
    part = replace(whole, rows=[drawn], total=total)
    start = np.zeros((weights.shape[1], whole.width + 1))
    if len(drawn.X) < chunks.n_rows:
        start = _minimise(part, start, part.scale(start), tol, max_iter)[0]
    scale = part.scale(start)
    del part, drawn
    variables, steps = _minimise(whole, start, scale, tol, max_iter)
    if steps >= max_iter:
        warnings.warn(
            f"no convergence after {max_iter} steps; lower C", ConvergenceWarning, stacklevel=2
        )
    return LinearFit(whole.coef(variables), variables[:, -1], max(1, steps))


def _minimise(
    problem: "_Problem", start: np.ndarray, scale: np.ndarray, tol: float, max_iter: int
) -> tuple[np.ndarray, int]:
    """Variables at the minimum and steps taken; ``scale`` is a lower triangular factor of the
    second derivatives that all machines share."""
    known = [problem(start)]
    gradient = known[0][1].copy()
    # L-BFGS begins with a step of length 1; make that the step which the scale suggests.
    step = np.linalg.norm(solve_triangular(scale, gradient.T, lower=True))
    scale = scale / max(float(step), 1e-12)

    def variables_of(flat: np.ndarray) -> np.ndarray:
        scaled = flat.reshape(start.shape).T
        return solve_triangular(scale, scaled, trans="T", lower=True).T

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        found, gradient[:] = known.pop() if known else problem(variables_of(flat))
        return found, solve_triangular(scale, gradient.T, lower=True).T.ravel()

    def enough(_: np.ndarray) -> None:
        if np.abs(gradient).max() <= tol:
            raise StopIteration

    # Single precision bounds what a longer search along a line, or lower limits, could gain.
    options = {"maxiter": max_iter, "gtol": 0.0, "ftol": 1e-6 * tol, "maxls": 10}
    found = minimize(
        value, (start @ scale).ravel(), jac=True, method="L-BFGS-B", callback=enough,
        options=options,
    )  # fmt: skip
    return variables_of(found.x), int(found.nit)


def _class_weights(chunks: Chunks, loss: str, class_weight: ClassWeight) -> np.ndarray:
    """(k, machines) weight that a row of each class has in each machine."""
    sums, k = chunks.class_sums, len(chunks.classes)
    machines = 1 if k == 2 else k
    if class_weight is None:
        return np.ones((k, machines))
    if isinstance(class_weight, Mapping):
        rows = np.array([float(class_weight.get(each, 1.0)) for each in chunks.classes.tolist()])
        return np.repeat(rows[:, None], machines, axis=1)
    if class_weight != "balanced":
        raise ValueError(f"class_weight {class_weight!r}; expected None, 'balanced' or a dict")
    if loss == "softmax" or k == 2:
        return np.repeat((sums.sum() / (k * sums))[:, None], machines, axis=1)
    own = np.eye(k, dtype=bool)
    return sums.sum() / 2 / np.where(own, sums[:, None], sums.sum() - sums)


@dataclass(frozen=True)
class _Problem:
    """The mean loss with its penalty, as a function of (machines, r + 1) variables w and b.

    Attributes:
        weights: (classes, machines) weight of a row of each class in each machine.
        total: sum of the weights of all rows. penalty: of half the squared length of w.
    """

    rows: Chunks | list[Chunk]
    loss: Loss
    weights: np.ndarray
    total: float
    penalty: float
    basis: np.ndarray | None

    @property
    def width(self) -> int:
        return int(self.rows[0].X.shape[1] if self.basis is None else self.basis.shape[1])

    def coef(self, variables: np.ndarray) -> np.ndarray:
        w = variables[:, :-1]
        return w if self.basis is None else w @ self.basis.T

    def _pieces(self) -> Iterator[Chunk]:
        for chunk in self.rows:
            for start in range(0, len(chunk.X), PIECE):
                yield Chunk(*(part[start : start + PIECE] for part in chunk))

    def _products(self, rows: Chunk) -> np.ndarray:
        """The features in the precision that products with coefficients need: along some
        directions of a basis they are large and nearly cancel out."""
        return rows.X if self.basis is None else rows.X.astype(np.float64)

    def _losses(
        self, X: np.ndarray, rows: Chunk, coef: np.ndarray, intercept: np.ndarray
    ) -> _Losses:
        margins = X @ coef.T.astype(X.dtype) + intercept
        found = self.loss(margins, rows.codes)
        each = rows.weights[:, None] * self.weights[rows.codes]
        values = each[:, : found.values.shape[1]] * found.values
        return _Losses(values, each * found.slopes, each * found.curvatures)

    def __call__(self, variables: np.ndarray) -> tuple[float, np.ndarray]:
        """The value and its derivatives, from one pass."""
        coef, intercept = self.coef(variables), variables[:, -1]
        value, by_coef, by_intercept = 0.0, np.zeros_like(coef), np.zeros_like(intercept)
        for rows in self._pieces():
            X = self._products(rows)
            losses = self._losses(X, rows, coef, intercept)
            value += float(losses.values.sum())
            by_coef += losses.slopes.T.astype(X.dtype) @ X
            by_intercept += losses.slopes.sum(axis=0)
        w = variables[:, :-1]
        by_w = by_coef if self.basis is None else by_coef @ self.basis
        gradient = np.column_stack([by_w, by_intercept]) / self.total
        gradient[:, :-1] += self.penalty * w
        return value / self.total + 0.5 * self.penalty * float((w * w).sum()), gradient

    def scale(self, variables: np.ndarray) -> np.ndarray:
        """(r + 1, r + 1) Cholesky factor of the second derivatives, mean of the machines."""
        width, coef, intercept = self.width, self.coef(variables), variables[:, -1]
        second = np.zeros((width + 1, width + 1))
        for rows in self._pieces():
            losses = self._losses(self._products(rows), rows, coef, intercept)
            curvatures = losses.curvatures.mean(axis=1)
            X = rows.X if self.basis is None else rows.X @ self.basis.astype(rows.X.dtype)
            X = np.column_stack([X, np.ones(len(X), X.dtype)])
            second += (X * curvatures[:, None].astype(X.dtype)).T @ X
        second /= self.total
        # The rounding of single precision must not make it indefinite.
        second += np.diag(1e-6 * np.diag(second) + 1e-12)
        second[:-1, :-1] += self.penalty * np.eye(width)
        return cholesky(second, lower=True)
