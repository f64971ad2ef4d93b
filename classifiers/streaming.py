"""Fitting on more rows than memory holds: every step reads them a chunk at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.extmath import svd_flip

from classifiers.chunks import ROWS, Chunks, MappedChunks, RowChunks
from classifiers.linear import fit_linear
from classifiers.nystroem import NystroemSVM
from classifiers.preparation import Preparation, PreparedClassifier
from classifiers.spec import ClassifierSpec, Params
from data.errors import BlastlineError
from features.fuse import fuse
from features.store import EmbeddingStore

KEEP = 2**29  # bytes of prepared rows kept between passes; the others are read and prepared again


class StoredRows:
    """Rows of embedding stores by number, read when asked for: (n, d) or (n, views, d) float32.

    Several stores are put side by side and positions averaged, as ``features.fuse`` says.

    Args:
        stores: one a backbone.
        sha256: (n,) content of the image of each row.

    Raises:
        BlastlineError: an image is not in one of the stores; on reading: a row is damaged, or
            holds NaN or infinity.
    """

    def __init__(self, stores: Sequence[EmbeddingStore], sha256: Sequence[str]) -> None:
        self._stores, self._sha256 = stores, sha256
        self._places = [store.find(sha256) for store in stores]
        self.shape = (len(sha256), *self[np.arange(min(1, len(sha256)))].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        blocks = [
            store.read(places[rows])
            for store, places in zip(self._stores, self._places, strict=True)
        ]
        for store, block in zip(self._stores, blocks, strict=True):
            sound = np.isfinite(block.reshape(len(block), -1)).all(axis=1)
            if not sound.all():
                image = self._sha256[int(np.asarray(rows)[int(np.argmin(sound))])]
                raise BlastlineError(
                    f"{store.path}: the embedding of image {image[:12]}... holds NaN or infinity; "
                    "remove the store and extract again (in float32, if it was not)"
                )
        return fuse(blocks, [store.recipe for store in self._stores])


def fit_streamed(
    spec: ClassifierSpec, preparation: Preparation, params: Params, X: Any, rows: np.ndarray,
    y: np.ndarray, seed: int, chunk: int = ROWS,
) -> PreparedClassifier:  # fmt: skip
    """Fit preparation and classifier by passes over the rows; the same as a fit in memory.

    Args:
        X: (n, d) or (n, views, d): anything with a ``shape`` that is indexed by an array of row
            numbers, such as ``StoredRows``. Views are rows of their own.
        rows: (m,) numbers of the training rows. y: (m,) their class codes.
        chunk: rows in memory at a time, and as much again as is kept between passes.

    Raises:
        BlastlineError: the classifier cannot be fitted in this way.
    """
    if spec.stream is None:
        raise BlastlineError(
            f"classifier '{spec.name}': cannot be fitted from disk; choose another for this many "
            "rows, or fit on fewer"
        )
    chunks: Chunks = RowChunks(X, rows, y, chunk=chunk)
    steps = preparation.steps()
    done: list[BaseEstimator] = []
    for _, step in steps:
        _fit_step(step, MappedChunks(chunks, _all_of(done)))
        done = [*done, step]
    classifier = spec.stream(params, seed, MappedChunks(chunks, _all_of(done), keep=KEEP))
    return PreparedClassifier([*steps, ("classifier", classifier)])


def _all_of(steps: Sequence[BaseEstimator]) -> Callable[[np.ndarray], np.ndarray]:
    def transform(X: np.ndarray) -> np.ndarray:
        for step in steps:
            X = step.transform(X)
        return X

    return transform


def _fit_step(step: BaseEstimator, chunks: Chunks) -> None:
    if isinstance(step, StandardScaler):
        for each in chunks:
            step.partial_fit(each.X)
    elif isinstance(step, PCA):
        _fit_pca(step, chunks)
    else:  # the others learn nothing but the width
        step.fit(chunks[0].X)


def _fit_pca(pca: PCA, chunks: Chunks) -> None:
    """Set what ``PCA.fit`` would, from sums of products instead of the rows."""
    n, d = chunks.n_rows, chunks.n_features
    if pca.n_components > min(n, d):
        raise ValueError(f"{pca.n_components} components of {n} rows of {d} features")
    sums, products = np.zeros(d), np.zeros((d, d))
    for each in chunks:
        X, dtype = each.X.astype(np.float64), each.X.dtype
        sums += X.sum(axis=0)
        products += X.T @ X
    mean = sums / n
    variances, vectors = eigh((products - n * np.outer(mean, mean)) / (n - 1))
    variances = np.maximum(variances[::-1], 0.0)
    components = svd_flip(None, vectors.T[::-1], u_based_decision=False)[1]
    kept = slice(pca.n_components)
    pca.mean_ = mean.astype(dtype)
    pca.components_ = np.ascontiguousarray(components[kept], dtype=dtype)
    pca.explained_variance_ = variances[kept].astype(dtype)
    pca.explained_variance_ratio_ = (variances / variances.sum())[kept].astype(dtype)
    pca.singular_values_ = np.sqrt(variances * (n - 1))[kept].astype(dtype)
    rest = variances[pca.n_components :]
    pca.noise_variance_ = float(rest.mean()) if pca.n_components < min(n, d) else 0.0
    pca.n_components_, pca.n_samples_, pca.n_features_in_ = pca.n_components, n, d


def stream_logistic(unfitted: LogisticRegression, chunks: Chunks) -> LogisticRegression:
    """Fit a logistic regression with an L2 penalty, set up as for a fit in memory, on chunks.

    Raises:
        BlastlineError: another penalty.
    """
    if unfitted.l1_ratio:
        raise BlastlineError(
            f"logistic regression: l1_ratio {unfitted.l1_ratio} cannot be fitted from disk; "
            "expected 0"
        )
    fitted = fit_linear(
        chunks, "softmax", unfitted.C, unfitted.class_weight,
        tol=unfitted.tol, max_iter=unfitted.max_iter,
    )  # fmt: skip
    unfitted.classes_, unfitted.n_features_in_ = chunks.classes, chunks.n_features
    dtype = chunks[0].X.dtype
    unfitted.coef_ = fitted.coef.astype(dtype)
    unfitted.intercept_ = fitted.intercept.astype(dtype)
    unfitted.n_iter_ = np.array([fitted.n_iter], dtype=np.int32)
    return unfitted


def stream_svm(params: Params, seed: int, chunks: Chunks) -> NystroemSVM:
    """The machine that stands for ``SVM`` beyond the rows that it fits exactly."""
    return NystroemSVM(**params, random_state=seed).fit_chunks(chunks)
