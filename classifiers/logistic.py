"""Multinomial logistic regression with an L2 penalty or, of few features, an elastic net."""

import warnings

import numpy as np
from optuna.trial import BaseTrial
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from classifiers.chunks import Chunks
from classifiers.scores import class_scores, softmax
from classifiers.spec import ClassifierSpec, Params
from classifiers.streaming import stream_logistic

SAGA_FEATURES = 256  # beyond, the solver of the elastic net takes many times as long as L-BFGS


class Logistic(LogisticRegression):
    """scikit-learn's logistic regression, which takes note when it did not converge.

    Embeddings stay float32 while it is fitted, twice as fast as float64 to the same accuracy;
    scores and probabilities are float64.

    Attributes:
        converged_: whether the solver met its tolerance within ``max_iter`` rounds.
    """

    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> "Logistic":
        """Fit on (n, d) features and (n,) classes."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            super().fit(X, y, sample_weight)
        self.converged_ = bool(self.n_iter_.max() < self.max_iter)
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 logarithms of the odds, up to a constant a row; (n,) for two classes."""
        return super().decision_function(X).astype(np.float64)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 probabilities, rows summing to 1."""
        return softmax(class_scores(self, X))


def _build(params: Params, seed: int) -> Logistic:
    if params["l1_ratio"] == 0:
        return Logistic(**params, max_iter=1000, random_state=seed)
    # To a finer tolerance it takes five times as long and predicts no better.
    return Logistic(**params, solver="saga", tol=1e-2, max_iter=100, random_state=seed)


def _suggest(trial: BaseTrial, n_features: int) -> Params:
    params: Params = {
        "C": trial.suggest_float("C", 1e-3, 10.0, log=True),
        "l1_ratio": 0.0,
        "class_weight": trial.suggest_categorical("class_weight", [None, "balanced"]),
    }
    if n_features <= SAGA_FEATURES:
        params["l1_ratio"] = trial.suggest_categorical("l1_ratio", [0.0, 0.1, 0.5, 0.9])
    return params


def _stream(params: Params, seed: int, chunks: Chunks) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = stream_logistic(_build(params, seed), chunks)
    fitted.converged_ = bool(fitted.n_iter_.max() < fitted.max_iter)
    return fitted


SPEC = ClassifierSpec(
    name="logistic",
    title="Logistic regression",
    build=_build,
    suggest=_suggest,
    first={"C": 0.1, "class_weight": None, "l1_ratio": 0.0},
    grid={
        "C": (1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
        "class_weight": (None, "balanced"),
        "l1_ratio": (0.0,),
    },
    stream=_stream,
)
