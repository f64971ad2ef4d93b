"""Support vector machine on what a dense network's last hidden layer makes of embeddings."""

import numpy as np
from optuna.trial import BaseTrial
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.dense import Dense
from classifiers.distances import Distances
from classifiers.fold import Fold
from classifiers.scores import MarginClassifier
from classifiers.spec import ClassifierSpec, Params, Shared
from classifiers.svm import SHARED_ROWS, SVM, on_distances


class DenseSVM(MarginClassifier, BaseEstimator):
    """RBF machine on the standardised activations of a dense network's last hidden layer.

    The network learns features that separate the classes; the machine draws wide margins between
    them (Huang and LeCun 2006, doi:10.1109/CVPR.2006.164). Probabilities are a softmax of the
    margins, uncalibrated.

    Args:
        hidden, epochs: of the network, otherwise that of ``Dense`` by default.
        C, gamma, class_weight: of the machine, see ``SVM``; gamma None for 1 / width of the layer.
        random_state: seed of the network.

    Attributes:
        classes_: (k,) sorted classes.
        dense_, scaler_, svm_: the fitted parts, in the order of their use.
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (128,),
        epochs: int = 100,
        C: float = 1.0,
        gamma: float | None = None,
        class_weight: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.C = C
        self.gamma = gamma
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> "DenseSVM":
        """Fit on (n, d) features, (n,) classes and (n,) groups, which early stopping keeps whole.

        Raises:
            ValueError: fewer than two classes, or a parameter out of range.
        """
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        features = self.learn_features(X, y, groups)
        self.svm_ = self.machine().fit(features, y)
        self.classes_ = self.svm_.classes_
        return self

    def machine(self) -> SVM:
        """The unfitted machine for the network's features."""
        return SVM(self.C, "rbf", self.gamma, self.class_weight, self.random_state)

    def learn_features(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        """Train the network; the (n, width) float32 standardised features of its rows."""
        network = Dense(hidden=self.hidden, epochs=self.epochs, random_state=self.random_state)
        self.dense_ = network.fit(X, y, groups)
        self.scaler_ = StandardScaler()
        return self.scaler_.fit_transform(self.dense_.hidden_features(X))

    def features(self, X: np.ndarray) -> np.ndarray:
        """(n, width) float32 standardised features of other rows."""
        return self.scaler_.transform(self.dense_.hidden_features(X))

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 margins, one a class against the rest; (n,) for two classes."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        return self.svm_.decision_function(self.features(X))


def _build(params: Params, seed: int) -> DenseSVM:
    return DenseSVM(**params, random_state=seed)


def _share(fold: Fold, params: Params, seed: int) -> Shared:
    whole = _build(params, seed)
    key = ("dense", whole.hidden, seed)

    def features() -> tuple[np.ndarray, np.ndarray]:
        train = whole.learn_features(fold.train, fold.y, fold.groups)
        return train, whole.features(fold.held)

    train, held = fold.once(key, features)
    if len(train) > SHARED_ROWS:
        return whole.machine(), train, held
    distances = fold.once(("distances", key), lambda: Distances(train, held))
    return on_distances(distances, whole.machine())


def _suggest(trial: BaseTrial, n_features: int) -> Params:
    # Two networks alone, so that trials share them: training one takes far longer than the rest.
    width = trial.suggest_categorical("hidden", [64, 128])
    spread = trial.suggest_float("gamma_times_features", 0.03, 1.0, log=True)
    return {
        "hidden": (width,),
        "C": trial.suggest_float("C", 0.1, 30.0, log=True),
        "gamma": spread / width,
        "class_weight": trial.suggest_categorical("class_weight", [None, "balanced"]),
    }


SPEC = ClassifierSpec(
    name="dense_svm",
    title="SVM on the dense network's hidden layer",
    build=_build,
    suggest=_suggest,
    first={"hidden": 64, "C": 3.0, "gamma_times_features": 0.3, "class_weight": "balanced"},
    grid={
        "hidden": (64, 128),
        "C": (0.3, 1.0, 3.0, 10.0, 30.0),
        "gamma_times_features": (0.03, 0.1, 0.3, 1.0),
        "class_weight": ("balanced",),
    },
    share=_share,
)
