"""Support vector machine, one class against the rest."""

import numpy as np
from optuna.trial import BaseTrial
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.svm import SVC
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from classifiers.distances import Distances, blocks, distances_of, squared_distances, to_kernel
from classifiers.fold import Fold
from classifiers.scores import MarginClassifier
from classifiers.spec import ClassifierSpec, Params, Shared
from classifiers.streaming import stream_svm

EXACT_ROWS = 25_000  # training rows beyond which the kernel is approximated: its matrix is n x n
SHARED_ROWS = 16_000  # of a fold; beyond, keeping distances beside kernels takes too much memory
PREDICTED = 2048  # rows at once, so that their kernel matrix stays small
KERNELS = ("rbf", "linear", "precomputed")


class SVM(MarginClassifier, BaseEstimator):
    """C-support vector machine on a kernel matrix that BLAS computes at once.

    libsvm evaluates its kernel one pair at a time; one matrix product gives the same numbers tens
    of times faster at the width of embeddings. One machine a class against the rest ranks cells
    by confidence far better than libsvm's own votes between pairs of classes, and all of them
    share the matrix. Only support vectors are kept. Probabilities are a softmax of the margins,
    uncalibrated; ``classifiers.calibration.Calibrated`` makes honest ones of them.

    Args:
        C: penalty of the margin, > 0.
        kernel: ``rbf``, ``linear``, or ``precomputed`` to be fitted on a kernel matrix.
        gamma: of the RBF kernel, > 0; None for 1 / number of features.
        class_weight: None, or ``balanced`` to weigh each class like all the others together.
        random_state: seed of the approximation beyond ``EXACT_ROWS`` training rows.

    Attributes:
        classes_: (k,) sorted classes.
        approximated_: whether the kernel was approximated because of so many rows; then
            ``approximation_`` stands in place of the attributes below.
        support_: (s,) training rows that are support vectors of any machine.
        support_vectors_: (s, d) those rows; absent if precomputed.
        dual_coef_: (k, s) float64 coefficients, one row a machine; (1, s) for two classes.
        intercept_: (k,) float64, or (1,).
    """

    def __init__(
        self,
        C: float = 1.0,
        kernel: str = "rbf",
        gamma: float | None = None,
        class_weight: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.gamma = gamma
        self.class_weight = class_weight
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.kernel == "precomputed"
        return tags

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> "SVM":
        """Fit on (n, d) features, or the (n, n) kernel matrix if precomputed, and (n,) classes.

        Weights of samples multiply C.

        Raises:
            ValueError: fewer than two classes, an unknown kernel, a gamma that is not positive,
                or a precomputed matrix that is not square.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self._check_kernel(X)
        weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        # Rows of weight 0 go: libsvm would miscount its support vectors.
        kept = np.flatnonzero(weights)
        y, weights = y[kept], weights[kept]
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"needs at least 2 classes, got {len(self.classes_)} class")
        rows = X if len(kept) == len(X) else X[kept]
        self.approximated_ = self.kernel != "precomputed" and len(kept) > EXACT_ROWS
        if self.approximated_:
            from classifiers.nystroem import NystroemSVM

            self.approximation_ = NystroemSVM(**self.get_params()).fit(rows, y, weights)
        elif self.kernel == "precomputed":
            gram = X if rows is X else rows[:, kept]
            self.support_ = kept[self._fit_machines(gram, y, weights)]
        else:
            gram = to_kernel(squared_distances(rows), self.gamma_at(X.shape[1]))
            self.support_ = kept[self._fit_machines(gram, y, weights)]
            self.support_vectors_ = X[self.support_]
        return self

    def _check_kernel(self, X: np.ndarray) -> None:
        if self.kernel not in KERNELS:
            raise ValueError(f"kernel '{self.kernel}'; expected one of {', '.join(KERNELS)}")
        if self.gamma is not None and self.gamma <= 0:
            raise ValueError(f"gamma {self.gamma}; expected a number > 0")
        if self.kernel == "precomputed" and X.shape[0] != X.shape[1]:
            raise ValueError(f"a precomputed kernel of shape {X.shape}; expected a square one")

    def gamma_at(self, n_features: int) -> float | None:
        """Gamma of the RBF kernel at this width; None for the linear kernel."""
        if self.kernel == "linear":
            return None
        return 1.0 / n_features if self.gamma is None else self.gamma

    def _fit_machines(self, gram: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """One machine for each class, or for the second of two; the rows that support any."""
        positive = self.classes_ if len(self.classes_) > 2 else self.classes_[1:]
        cache = 1 + gram.size * 4 / 2**20  # MiB: libsvm keeps the matrix as float32
        coefficients = np.zeros((len(positive), len(y)))
        self.intercept_ = np.zeros(len(positive))
        for row, name in enumerate(positive):
            machine = SVC(
                C=self.C, kernel="precomputed", class_weight=self.class_weight, cache_size=cache
            )
            with config_context(assume_finite=True):  # or each machine looks the matrix through
                machine.fit(gram, y == name, weights)
            coefficients[row, machine.support_] = machine.dual_coef_[0]
            self.intercept_[row] = machine.intercept_[0]
        support = np.flatnonzero(coefficients.any(axis=0))
        self.dual_coef_ = coefficients[:, support]
        return support

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 margins, one a class against the rest; (n,) for two classes."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        if self.approximated_:
            return self.approximation_.decision_function(X)
        margins = np.empty((len(X), len(self.intercept_)))
        for rows in blocks(len(X), PREDICTED):
            margins[rows] = self._kernel_to_support(X[rows]) @ self.dual_coef_.T
        margins += self.intercept_
        return margins[:, 0] if len(self.classes_) == 2 else margins

    def _kernel_to_support(self, X: np.ndarray) -> np.ndarray:
        if self.kernel == "precomputed":
            return X[:, self.support_]
        squared = squared_distances(X, self.support_vectors_)
        return to_kernel(squared, self.gamma_at(X.shape[1]))


def _build(params: Params, seed: int) -> SVM:
    return SVM(**params, random_state=seed)


def _share(fold: Fold, params: Params, seed: int) -> Shared:
    if len(fold.train) > SHARED_ROWS:
        return _build(params, seed), fold.train, fold.held
    return on_distances(distances_of(fold), _build(params, seed))


def on_distances(distances: Distances, machine: SVM) -> Shared:
    """The same machine, unfitted, for kernel matrices, and those made of shared distances.

    The distances are between the features that it would be fitted on.
    """
    ready = clone(machine).set_params(kernel="precomputed", gamma=None)
    return ready, *distances.gram(machine.gamma_at(distances.width))


def suggest(trial: BaseTrial, n_features: int) -> Params:
    """Parameters of ``SVM`` from the search space.

    Standardised rows lie 2 * ``n_features`` apart on average, squared, so that gamma times the
    number of features has one range for all backbones. For a small gamma the RBF machine becomes
    the linear one whose C is 2 * gamma times as large (Keerthi and Lin 2003,
    doi:10.1162/089976603321891855); so one range of C does for both.
    """
    kernel = trial.suggest_categorical("kernel", ["rbf", "linear"])
    C = trial.suggest_float("C", 0.3, 300.0, log=True)
    gamma = None
    if kernel == "rbf":
        gamma = trial.suggest_float("gamma_times_features", 0.01, 1.0, log=True) / n_features
    else:
        C *= 2 * 0.1 / n_features
    weight = trial.suggest_categorical("class_weight", [None, "balanced"])
    return {"C": C, "kernel": kernel, "gamma": gamma, "class_weight": weight}


SPEC = ClassifierSpec(
    name="svm",
    title="Support vector machine",
    build=_build,
    suggest=suggest,
    first={"kernel": "rbf", "C": 10.0, "gamma_times_features": 0.2, "class_weight": "balanced"},
    grid={
        "kernel": ("rbf",),
        "class_weight": ("balanced",),
        "gamma_times_features": (0.01, 0.03, 0.1, 0.3, 1.0),
        "C": (0.3, 1.0, 3.0, 10.0, 30.0, 100.0),  # last: these share a Gram matrix
    },
    share=_share,
    stream=stream_svm,
)
