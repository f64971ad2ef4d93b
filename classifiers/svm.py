"""Support vector machine, one class against the rest, with probabilities from grouped folds."""

from typing import Any

import numpy as np
from optuna.trial import BaseTrial
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.spec import ClassifierSpec, Params
from data.errors import BlastlineError
from data.splits import grouped_folds


class SVM(ClassifierMixin, BaseEstimator):
    """C-support vector machine on a kernel matrix that BLAS computes at once.

    libsvm evaluates its kernel one pair at a time in float64; one matrix product gives the same
    numbers tens of times faster at the width of embeddings. One machine a class against the rest
    ranks cells by confidence far better than libsvm's own votes between pairs of classes.
    Probabilities are the softmax of the decision values over one temperature, learned on grouped
    folds inside the training rows (Guo et al. 2017, arXiv:1706.04599), so that the most probable
    class is always the predicted one.

    Args:
        C: penalty of the margin, > 0.
        kernel: ``rbf`` or ``linear``.
        gamma: of the RBF kernel, > 0; None for 1 / number of features.
        class_weight: None or ``balanced``.
        calibration_folds: grouped folds for the temperature; 0 leaves it at 1.
        random_state: seed of the calibration folds.

    Attributes:
        classes_: (k,) sorted classes.
        X_fit_: (n, d) training rows, needed for the kernel.
        temperature_fitted_: whether the temperature was learned: False when asked not to, or when
            a class has cells of one group only.
    """

    def __init__(
        self,
        C: float = 1.0,
        kernel: str = "rbf",
        gamma: float | None = None,
        class_weight: str | None = None,
        calibration_folds: int = 3,
        random_state: int = 0,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.gamma = gamma
        self.class_weight = class_weight
        self.calibration_folds = calibration_folds
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> "SVM":
        """Fit on (n, d) features, (n,) classes and, for the calibration, (n,) groups.

        Raises:
            ValueError: fewer than two classes or an unknown kernel.
        """
        if self.kernel not in ("rbf", "linear"):
            raise ValueError(f"kernel '{self.kernel}'; expected rbf or linear")
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"needs at least 2 classes, got {len(self.classes_)} class")
        self.X_fit_ = X
        machine = OneVsRestClassifier(
            SVC(C=self.C, kernel="precomputed", class_weight=self.class_weight)
        )
        gram = self._gram(X)
        folds = self._folds(y, groups)
        self.temperature_fitted_ = folds is not None
        if folds is None:
            self.machine_ = machine.fit(gram, y)
        else:
            splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in set(folds)]
            self.machine_ = CalibratedClassifierCV(
                machine, method="temperature", cv=splits, ensemble=False
            ).fit(gram, y)
        return self

    def _folds(self, y: np.ndarray, groups: np.ndarray | None) -> np.ndarray | None:
        if self.calibration_folds < 2:
            return None
        try:
            groups = np.arange(len(y)) if groups is None else groups
            return grouped_folds(y, groups, self.calibration_folds, self.random_state)
        except BlastlineError:
            return None

    def _gram(self, X: np.ndarray) -> np.ndarray:
        """(n, n_fit) float64 kernel between rows and training rows."""
        gram = X @ self.X_fit_.T
        if self.kernel == "rbf":
            gamma = self.gamma or 1.0 / X.shape[1]
            gram *= -2.0
            gram += np.einsum("ij,ij->i", X, X)[:, None]
            gram += np.einsum("ij,ij->i", self.X_fit_, self.X_fit_)[None, :]
            np.maximum(gram, 0.0, out=gram)
            gram *= -gamma
            np.exp(gram, out=gram)
        return gram.astype(np.float64, copy=False)

    def _check(self, X: np.ndarray) -> np.ndarray:
        check_is_fitted(self)
        return self._gram(validate_data(self, X, dtype=(np.float64, np.float32), reset=False))

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Margins: (n, k) one a class against the rest, or (n,) for two classes."""
        gram = self._check(X)
        machine = self.machine_
        if self.temperature_fitted_:
            machine = machine.calibrated_classifiers_[0].estimator
        return machine.decision_function(gram)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) probabilities, rows summing to 1."""
        check_is_fitted(self)
        if self.temperature_fitted_:
            return self.machine_.predict_proba(self._check(X))
        margins = self.decision_function(X)
        if margins.ndim == 1:
            margins = np.column_stack([-margins / 2, margins / 2])
        shifted = np.exp(margins - margins.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) most probable class."""
        margins = self.decision_function(X)
        best = (margins > 0).astype(int) if margins.ndim == 1 else margins.argmax(axis=1)
        return self.classes_[best]


def _build(params: Params, seed: int) -> SVM:
    return SVM(**params, random_state=seed)


def _suggest(trial: BaseTrial, n_features: int) -> Params:
    # After standardisation the mean squared distance is twice the number of features.
    spread: Any = trial.suggest_float("gamma_times_features", 0.01, 3.0, log=True)
    return {
        "root": trial.suggest_categorical("root", [True, False]),
        "C": trial.suggest_float("C", 0.1, 300.0, log=True),
        "gamma": spread / n_features,
        "class_weight": trial.suggest_categorical("class_weight", [None, "balanced"]),
    }


SPEC = ClassifierSpec(
    name="svm",
    title="Support vector machine (RBF)",
    build=_build,
    suggest=_suggest,
    first={"root": True, "C": 30.0, "gamma_times_features": 0.1, "class_weight": None},
    uses_groups=True,
    while_tuning={"calibration_folds": 0},
)
