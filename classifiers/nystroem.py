"""Kernel machine for many rows: the Nystroem map and a linear machine on it."""

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from classifiers.chunks import ROWS, Chunks, MappedChunks, RowChunks
from classifiers.linear import ClassWeight, fit_linear
from classifiers.scores import MarginClassifier

KEEP = 2**29  # bytes of mapped rows kept between passes


class NystroemSVM(MarginClassifier, BaseEstimator):
    """Squared-hinge machine, one class against the rest, on an approximate RBF kernel.

    Rows are described by their kernel values with some landmarks, training rows drawn at random,
    so normalised that inner products approximate the kernel (Williams and Seeger 2001, "Using the
    Nystroem method to speed up kernel machines", NIPS 13). With all rows as landmarks it is the
    kernel machine itself. Time grows with rows times landmarks; memory does not grow with rows.

    Args:
        C: penalty of the margin, > 0.
        kernel: ``rbf``, or ``linear`` for a machine on the features themselves.
        gamma: of the RBF kernel, > 0; None for 1 / number of features.
        class_weight: None, ``balanced`` or class -> weight of its rows.
        components: landmarks drawn, at most.
        tol: of the solver, see ``classifiers.linear.fit_linear``.
        random_state: seed of the draw.

    Attributes:
        classes_: (k,) sorted classes.
        landmarks_: (m, d) landmarks; (0, d) for a linear kernel.
        coef_: (k, m) coefficients of the landmarks' kernel values or (k, d) of the features; one
            row for two classes.
        intercept_: (k,) or (1,).
        n_iter_: steps of the solver.
    """

    def __init__(
        self,
        C: float = 1.0,
        kernel: str = "rbf",
        gamma: float | None = None,
        class_weight: ClassWeight = None,
        components: int = 1000,
        tol: float = 1e-4,
        random_state: int = 0,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.gamma = gamma
        self.class_weight = class_weight
        self.components = components
        self.tol = tol
        self.random_state = random_state

    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> "NystroemSVM":
        """Fit on (n, d) features, (n,) classes and (n,) weights.

        Raises:
            ValueError: fewer than two classes or an unknown kernel.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        rows = np.arange(len(X))
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
            rows = np.flatnonzero(sample_weight)
            sample_weight = sample_weight[rows]
        return self.fit_chunks(RowChunks(X, rows, y[rows], sample_weight))

    def fit_chunks(self, chunks: Chunks) -> "NystroemSVM":
        """Fit on rows that need not fit into memory.

        Raises:
            ValueError: fewer than two classes or an unknown kernel.
        """
        if self.kernel not in ("rbf", "linear"):
            raise ValueError(f"kernel '{self.kernel}'; expected rbf or linear")
        self.classes_ = chunks.classes
        if len(self.classes_) < 2:
            raise ValueError(f"needs at least 2 classes, got {len(self.classes_)} class")
        self.n_features_in_ = chunks.n_features
        if self.kernel == "linear":
            basis, self.landmarks_ = None, np.empty((0, self.n_features_in_))
        else:
            self.landmarks_ = chunks.sample(self.components, self.random_state).X
            basis = self._normalisation()
            chunks = MappedChunks(chunks, self._map, keep=KEEP)
        fitted = fit_linear(
            chunks, "squared_hinge", self.C, self.class_weight, basis=basis, tol=self.tol
        )
        self.coef_, self.intercept_, self.n_iter_ = fitted
        return self

    def _normalisation(self) -> np.ndarray:
        """(m, r) matrix N with N N' the inverse of the landmarks' kernel, as far as it has one.

        Directions in which kernel values only differ by rounding are left out.
        """
        landmarks = self.landmarks_.astype(np.float64)
        values, vectors = eigh(_rbf(landmarks, landmarks, self._gamma()))
        sound = values > len(values) * np.finfo(self.landmarks_.dtype).eps
        return vectors[:, sound] / np.sqrt(values[sound])

    def _gamma(self) -> float:
        return 1.0 / self.n_features_in_ if self.gamma is None else self.gamma

    def _map(self, X: np.ndarray) -> np.ndarray:
        return _rbf(X, self.landmarks_, self._gamma())

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Margins: (n, k) one a class against the rest, or (n,) for two classes."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        margins = np.empty((len(X), len(self.coef_)))
        for start in range(0, len(X), ROWS):
            part = X[start : start + ROWS]
            mapped = part if self.kernel == "linear" else self._map(part)
            margins[start : start + ROWS] = mapped @ self.coef_.T.astype(part.dtype)
        margins += self.intercept_
        return margins[:, 0] if len(self.coef_) == 1 else margins


def _rbf(X: np.ndarray, landmarks: np.ndarray, gamma: float) -> np.ndarray:
    """(n, m) exp(-gamma * squared distance), in the precision of X."""
    landmarks = landmarks.astype(X.dtype)
    towards = (2.0 * gamma * landmarks.T).astype(X.dtype)
    offset = (-gamma * np.einsum("ij,ij->i", landmarks, landmarks)).astype(X.dtype)
    kernel = X @ towards
    kernel += offset
    kernel -= (gamma * np.einsum("ij,ij->i", X, X)).astype(X.dtype)[:, None]
    np.minimum(kernel, 0.0, out=kernel)
    return np.exp(kernel, out=kernel)
