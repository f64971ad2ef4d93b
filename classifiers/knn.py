"""The k nearest neighbours."""

import numpy as np
from optuna.trial import BaseTrial
from scipy.sparse import csr_array, eye_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.preprocessing import normalize
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.fold import Fold
from classifiers.spec import ClassifierSpec, Params, Shared

FLOATS = (np.float64, np.float32)
METRICS = ("euclidean", "cosine", "precomputed")
MOST = 50  # neighbours that tuning tries, and that its trials share


class KNN(ClassifierMixin, BaseEstimator):
    """Vote of the k nearest training rows, however few there are.

    Args:
        n_neighbors: of them, >= 1; all training rows where there are fewer.
        weights: ``uniform``, or ``distance`` to weigh a neighbour by 1 / distance.
        metric: ``euclidean``; ``cosine``, the Euclidean distance between rows scaled to unit
            length, which ranks neighbours by the angle; or ``precomputed`` distances, dense or
            a sparse graph of neighbours (see scikit-learn's KNeighborsTransformer).

    Attributes:
        classes_: (k,) sorted classes.
        votes_: the fitted KNeighborsClassifier.
    """

    def __init__(
        self, n_neighbors: int = 10, weights: str = "uniform", metric: str = "euclidean"
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.metric = metric

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = tags.input_tags.sparse = self.metric == "precomputed"
        return tags

    def fit(self, X: np.ndarray, y: np.ndarray) -> "KNN":
        """Fit on (n, d) features, or (n, n) distances if precomputed, and (n,) classes.

        Raises:
            ValueError: fewer than two classes, or a parameter out of range.
        """
        if self.metric not in METRICS:
            raise ValueError(f"metric '{self.metric}'; expected one of {', '.join(METRICS)}")
        X, y = validate_data(self, X, y, dtype=FLOATS, accept_sparse=self._sparse())
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"needs at least 2 classes, got {len(self.classes_)} class")
        self.votes_ = KNeighborsClassifier(
            min(self.n_neighbors, X.shape[0]), weights=self.weights, algorithm="brute",
            metric="precomputed" if self.metric == "precomputed" else "euclidean",
        ).fit(_rows(X, self.metric), y)  # fmt: skip
        return self

    def _sparse(self) -> bool | str:
        return "csr" if self.metric == "precomputed" else False

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 shares of the votes, rows summing to 1."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=FLOATS, reset=False, accept_sparse=self._sparse())
        return self.votes_.predict_proba(_rows(X, self.metric))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) class with most votes, the first of several."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


def _rows(X: np.ndarray, metric: str) -> np.ndarray:
    return normalize(X) if metric == "cosine" else X


def _build(params: Params, seed: int) -> KNN:
    return KNN(**params)


def _share(fold: Fold, params: Params, seed: int) -> Shared:
    metric = params["metric"]

    def neighbours() -> csr_array:
        search = NearestNeighbors(n_neighbors=min(MOST, len(fold.train)), algorithm="brute")
        search.fit(_rows(fold.train, metric))
        return search.kneighbors_graph(_rows(fold.held, metric), mode="distance")

    graph = fold.once(("neighbours", metric), neighbours)
    # Of the distances between training rows only the number is read.
    among = eye_array(len(fold.train), format="csr")
    return KNN(**params | {"metric": "precomputed"}), among, graph


def _suggest(trial: BaseTrial, n_features: int) -> Params:
    return {
        "n_neighbors": trial.suggest_int("n_neighbors", 1, MOST, log=True),
        "weights": trial.suggest_categorical("weights", ["uniform", "distance"]),
        "metric": trial.suggest_categorical("metric", ["euclidean", "cosine"]),
    }


SPEC = ClassifierSpec(
    name="knn",
    title="k nearest neighbours",
    build=_build,
    suggest=_suggest,
    first={"n_neighbors": 8, "weights": "distance", "metric": "euclidean"},
    grid={
        "n_neighbors": (1, 2, 3, 5, 8, 12, 20, 30, 50),
        "weights": ("uniform", "distance"),
        "metric": ("euclidean", "cosine"),
    },
    share=_share,
)
