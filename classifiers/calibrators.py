"""Calibrators: from (n, k) scores to probabilities, their parameters kept as plain arrays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_expit, logsumexp
from sklearn.isotonic import IsotonicRegression

from classifiers.scores import FLOOR, softmax

Parameters = list[np.ndarray]
LEAST = {"isotonic": 100, "sigmoid": 10}  # scored cells in every class
SIMPLER = {"isotonic": "sigmoid", "sigmoid": "temperature"}


@dataclass(frozen=True)
class Calibrator:
    """How to learn parameters from (n, k) scores and (n,) codes, and to apply them to scores."""

    learn: Callable[[np.ndarray, np.ndarray], Parameters]
    apply: Callable[[np.ndarray, Parameters], np.ndarray]


def affordable(method: str, sizes: np.ndarray) -> str:
    """The method, or the next simpler one that (k,) numbers of scored cells a class allow."""
    if np.count_nonzero(sizes) < 2:
        return "none"
    while sizes.min() < LEAST.get(method, 0):
        method = SIMPLER[method]
    return method


def _learn_temperature(scores: np.ndarray, codes: np.ndarray) -> Parameters:
    """One temperature that minimises log loss (Guo et al. 2017, arXiv:1706.04599).

    The loss is convex in 1 / T. Labels are smoothed by 1 / (n + 2), as Platt's are, because T
    would fall to 0 where every cell is right.
    """
    n, k = scores.shape
    smooth = 1 / (n + 2)
    of_true = scores[np.arange(n), codes]
    of_others = (scores.sum(axis=1) - of_true) / (k - 1)
    expected = np.mean((1 - smooth) * of_true + smooth * of_others)
    spread = np.mean(np.ptp(scores, axis=1))
    if spread == 0:
        return [np.ones(1)]

    def loss(log_t: float) -> float:
        beta = np.exp(-log_t)
        return np.mean(logsumexp(beta * scores, axis=1)) - beta * expected

    middle, reach = np.log(spread), np.log(1e3)
    best = minimize_scalar(loss, bounds=(middle - reach, middle + reach), method="bounded")
    return [np.exp(best.x).reshape(1)]


def _log_odds(scores: np.ndarray) -> np.ndarray:
    """(n, k) log odds of each class against the rest in the softmax."""
    best = scores.argmax(axis=1)[:, None]
    top = np.take_along_axis(scores, best, axis=1)
    others = scores.copy()
    np.put_along_axis(others, best, -np.inf, axis=1)
    rest = logsumexp(others, axis=1, keepdims=True)
    log_p = others - np.logaddexp(top, rest)
    odds = log_p - np.log1p(-np.exp(log_p))
    # 1 - p of the most probable class would be lost in rounding.
    np.put_along_axis(odds, best, top - rest, axis=1)
    return odds


def _learn_sigmoid(scores: np.ndarray, codes: np.ndarray) -> Parameters:
    """(k,) slopes and (k,) intercepts, each class against the rest (Platt 1999)."""
    lines = [_line(x, codes == code) for code, x in enumerate(_log_odds(scores).T)]
    return [np.array(each) for each in zip(*lines, strict=True)]


def _line(x: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Slope, never negative, and intercept of the log odds, from (n,) values and bool labels.

    A negative slope would call the cells scored lowest the surest.
    """
    low, high = _bounds(positive)
    target = np.where(positive, high, low)
    centre, scale = x.mean(), x.std() or 1.0
    x = (x - centre) / scale

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        z = line[0] * x + line[1]
        off = expit(z) - target
        return np.mean(np.logaddexp(0, z) - target * z), np.array([np.mean(off * x), np.mean(off)])

    bounds = [(0, None), (None, None)]
    slope, intercept = minimize(loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds).x
    return slope / scale, intercept - slope * centre / scale


def _bounds(positive: np.ndarray) -> tuple[float, float]:
    """The lowest and highest probability that (n,) bool labels allow (Platt 1999)."""
    yes, no = np.count_nonzero(positive), np.count_nonzero(~positive)
    return 1 / (no + 2), (yes + 1) / (yes + 2)


def _learn_isotonic(scores: np.ndarray, codes: np.ndarray) -> Parameters:
    """Corners (x, y) of one rising step function a class (Zadrozny and Elkan 2002)."""
    corners = []
    for code, x in enumerate(_log_odds(scores).T):
        low, high = _bounds(codes == code)
        steps = IsotonicRegression(y_min=low, y_max=high).fit(x, codes == code)
        corners += [steps.X_thresholds_, steps.y_thresholds_]
    return corners


def _apply_sigmoid(scores: np.ndarray, lines: Parameters) -> np.ndarray:
    slopes, intercepts = lines
    return softmax(log_expit(_log_odds(scores) * slopes + intercepts))


def _apply_isotonic(scores: np.ndarray, corners: Parameters) -> np.ndarray:
    steps = zip(_log_odds(scores).T, corners[::2], corners[1::2], strict=True)
    proba = np.column_stack([np.interp(x, at, height) for x, at, height in steps])
    # A trace of the softmax breaks ties and stands in where every class has probability 0.
    proba += FLOOR * softmax(scores)
    return proba / proba.sum(axis=1, keepdims=True)


CALIBRATORS = {
    "none": Calibrator(lambda scores, codes: [], lambda scores, nothing: softmax(scores)),
    "temperature": Calibrator(_learn_temperature, lambda scores, t: softmax(scores / t[0])),
    "sigmoid": Calibrator(_learn_sigmoid, _apply_sigmoid),
    "isotonic": Calibrator(_learn_isotonic, _apply_isotonic),
}
