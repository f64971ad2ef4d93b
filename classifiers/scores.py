"""One score a class, from any classifier: what calibration, averaging and metrics work on."""

import numpy as np
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin

FLOOR = 1e-6  # of probabilities whose logarithm is taken: a vote of no neighbour is no proof


def class_scores(estimator: BaseEstimator, X: np.ndarray) -> np.ndarray:
    """(n, k) float64 scores in the order of ``classes_``; the predicted class has the highest.

    They are decision values where the estimator has them, else logarithms of probabilities.
    Their softmax is a first guess at probabilities.
    """
    if hasattr(estimator, "decision_function"):
        margins = np.asarray(estimator.decision_function(X), dtype=np.float64)
        return np.column_stack([-margins / 2, margins / 2]) if margins.ndim == 1 else margins
    return np.log(np.maximum(estimator.predict_proba(X), FLOOR))


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows of (n, k) scores as probabilities."""
    return np.exp(scores - logsumexp(scores, axis=1, keepdims=True))


class MarginClassifier(ClassifierMixin):
    """What every classifier with a ``decision_function`` predicts from it."""

    classes_: np.ndarray

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 softmax of the margins, rows summing to 1; ``Calibrated`` mends them."""
        return softmax(class_scores(self, X))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) class of the highest margin."""
        best = class_scores(self, X).argmax(axis=1)
        return self.classes_[best]


def as_rows(X: np.ndarray) -> np.ndarray:
    """(n, v, d) embeddings of v views as (n * v, d) rows; (n, d) as they are."""
    return X.reshape(-1, X.shape[-1])


def over_views(values: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Means over the views of each cell of (n * v, k) values of the rows of X; (n, k)."""
    return values if X.ndim == 2 else values.reshape(*X.shape[:2], -1).mean(axis=1)


def per_view(values: np.ndarray, X: np.ndarray) -> np.ndarray:
    """(n,) values of cells repeated for each view, as ``as_rows`` orders them."""
    return values if X.ndim == 2 else np.repeat(values, X.shape[1])


def all_classes(scores: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """(n, n_classes) scores by class code; classes the estimator never saw lie far below."""
    found = np.repeat(scores.min(axis=1, keepdims=True) - 30.0, n_classes, axis=1)
    found[:, np.asarray(classes, dtype=int)] = scores
    return found


def class_probabilities(estimator: BaseEstimator, X: np.ndarray, n_classes: int) -> np.ndarray:
    """(n, n_classes) probabilities by class code; 0 for classes the estimator never saw."""
    found = np.zeros((len(X), n_classes))
    found[:, np.asarray(estimator.classes_, dtype=int)] = estimator.predict_proba(X)
    return found
