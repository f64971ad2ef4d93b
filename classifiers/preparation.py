"""Preparation of embeddings inside each fold, and the pipeline of preparation and classifier."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.spec import ClassifierSpec, Params


class SignedSqrt(TransformerMixin, BaseEstimator):
    """Signed square root of every feature, (n, d) -> (n, d), keeping float32 and float64.

    Power normalisation evens out bursty activations before standardisation (Perronnin, Sánchez,
    Mensink 2010, doi:10.1007/978-3-642-15561-1_11).
    """

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> "SignedSqrt":
        """Learn nothing but the width."""
        validate_data(self, X, dtype=(np.float32, np.float64))
        self.is_fitted_ = True
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Apply the signed square root."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float32, np.float64), reset=False)
        return np.sign(X) * np.sqrt(np.abs(X))


def preparation(*, root: bool, pca: int) -> Pipeline:
    """Steps before the classifier, fitted inside each fold: optional root, scaling, optional PCA.

    Args:
        root: take the signed square root first.
        pca: number of principal components kept; 0 for none.
    """
    steps: list[tuple[str, BaseEstimator]] = [("root", SignedSqrt())] if root else []
    steps.append(("scale", StandardScaler()))
    if pca:
        # Twice as fast as the automatic solver at these shapes.
        steps.append(("pca", PCA(pca, svd_solver="covariance_eigh")))
    return Pipeline(steps)


def make_pipeline(spec: ClassifierSpec, params: Params, *, pca: int, seed: int) -> Pipeline:
    """The whole estimator, preparation included, for parameters that a study found."""
    own = {key: value for key, value in params.items() if key != "root"}
    before = preparation(root=bool(params["root"]), pca=pca)
    return Pipeline([*before.steps, ("classifier", spec.build(own, seed))])


def fit_params(spec: ClassifierSpec, groups: np.ndarray) -> dict[str, np.ndarray]:
    """Arguments of a classifier's ``fit`` beyond X and y: its groups, if it splits inside."""
    return {"groups": groups} if spec.uses_groups else {}


def fit_pipeline(
    pipeline: Pipeline, spec: ClassifierSpec, X: np.ndarray, y: np.ndarray, groups: np.ndarray
) -> Pipeline:
    """Fit a pipeline of ``make_pipeline`` on (n, d) X, (n,) class codes and (n,) groups."""
    return pipeline.fit(
        X, y, **{f"classifier__{k}": v for k, v in fit_params(spec, groups).items()}
    )


def class_probabilities(estimator: BaseEstimator, X: np.ndarray, n_classes: int) -> np.ndarray:
    """(n, n_classes) probabilities by class code; 0 for classes the estimator never saw."""
    found = np.zeros((len(X), n_classes))
    found[:, np.asarray(estimator.classes_, dtype=int)] = estimator.predict_proba(X)
    return found
