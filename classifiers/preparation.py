"""Preparation of embeddings inside each fold, and the pipeline of preparation and classifier."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import BaseTrial
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from classifiers.spec import ClassifierSpec, Params

WEIGHTS = (0.0, 0.5, 1.0)  # of a block; a few steps, so that trials share their preparation


@dataclass(frozen=True)
class Block:
    """Neighbouring columns of the embeddings that one backbone made."""

    name: str
    width: int


@dataclass(frozen=True)
class Preparation:
    """What happens to embeddings before the classifier; fitted inside each fold.

    Attributes:
        root: take the signed square root first.
        weights: block widths and their weights, ((width, weight), ...); empty for a single block.
        pca: principal components kept; 0 for none.
    """

    root: bool
    weights: tuple[tuple[int, float], ...] = ()
    pca: int = 0

    def steps(self) -> list[tuple[str, BaseEstimator]]:
        """Unfitted steps of a pipeline."""
        steps: list[tuple[str, BaseEstimator]] = [("root", SignedSqrt())] if self.root else []
        steps.append(("scale", StandardScaler()))
        if self.weights:
            steps.append(("weigh", BlockWeights(self.weights)))
        if self.pca:
            # Twice as fast as the automatic solver at these shapes.
            steps.append(("pca", UnitPCA(self.pca, svd_solver="covariance_eigh")))
        return steps


def suggest_preparation(trial: BaseTrial, blocks: Sequence[Block], pca: int) -> Preparation:
    """A preparation from the search space: the root, and a weight for each of several blocks."""
    root = bool(trial.suggest_categorical("root", [True, False]))
    if len(blocks) < 2:
        return Preparation(root, (), pca)
    weights = [
        float(trial.suggest_categorical(f"weight {block.name}", list(WEIGHTS))) for block in blocks
    ]
    if not any(weights):  # nothing would be left: all alike then
        weights = [1.0] * len(blocks)
    widths = [block.width for block in blocks]
    return Preparation(root, tuple(zip(widths, weights, strict=True)), pca)


def first_preparation(blocks: Sequence[Block]) -> Params:
    """Optuna's parameters of the first preparation tried: root, all blocks alike."""
    names = [f"weight {block.name}" for block in blocks] if len(blocks) > 1 else []
    return {"root": True} | dict.fromkeys(names, 1.0)


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


class BlockWeights(TransformerMixin, BaseEstimator):
    """Weighs blocks of standardised columns, (n, d) -> (n, d), keeping float32 and float64.

    Blocks of equal weight have the same total variance, however wide they are, so that no backbone
    outweighs another by the number of its columns. The mean variance of a column stays 1, so that
    a kernel's width means the same at all weights.

    Args:
        weights: ((width, weight), ...) of neighbouring blocks; None for one block of weight 1.

    Raises:
        ValueError: the widths do not add up to the number of columns.
    """

    def __init__(self, weights: Sequence[tuple[int, float]] | None = None) -> None:
        self.weights = weights

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> "BlockWeights":
        """Turn block weights into one factor a column."""
        X = validate_data(self, X, dtype=(np.float32, np.float64))
        weights = self.weights or ((X.shape[1], 1.0),)
        widths = [int(width) for width, _ in weights]
        if sum(widths) != X.shape[1]:
            raise ValueError(f"blocks of {widths} columns, but X has {X.shape[1]}")
        squares = np.array([weight**2 for _, weight in weights])
        shares = X.shape[1] * squares / squares.sum()  # of the total variance
        self.factors_ = np.sqrt(np.repeat(shares / widths, widths))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Multiply each column by its factor."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float32, np.float64), reset=False)
        return X * self.factors_.astype(X.dtype)


class UnitPCA(PCA):
    """Principal components, all divided by one number so that their mean variance is 1.

    A kernel's width then means the same with and without it.
    """

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> "UnitPCA":
        """Fit on (n, d) rows; no more components than they can give."""
        asked: int | None = self.n_components  # type: ignore[has-type]
        try:
            self.n_components = asked and min(asked, *np.shape(X))
            return super().fit(X, y)
        finally:
            self.n_components = asked

    def transform(self, X: np.ndarray) -> np.ndarray:
        """(n, components) scores."""
        mean = float(self.explained_variance_.mean())
        found = super().transform(X)
        return found / found.dtype.type(np.sqrt(mean) if mean > 0 else 1)

    def fit_transform(self, X: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Fit, and the same as ``transform``."""
        return self.fit(X).transform(X)


class PreparedClassifier(Pipeline):
    """A pipeline whose ``fit`` takes groups and hands them to the classifier if it wants them."""

    def fit(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None
    ) -> "PreparedClassifier":
        """Fit on (n, d) features, (n,) classes and (n,) groups."""
        name, last = self.steps[-1]
        wanted = groups is not None and has_fit_parameter(last, "groups")
        return super().fit(X, y, **({f"{name}__groups": groups} if wanted else {}))


def make_pipeline(
    spec: ClassifierSpec, preparation: Preparation, params: Params, seed: int
) -> PreparedClassifier:
    """The whole unfitted estimator, preparation included, for parameters that a study found."""
    return PreparedClassifier([*preparation.steps(), ("classifier", spec.build(params, seed))])
