"""Fits that read rows a chunk at a time equal fits in memory, and keep little."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from classifiers import linear, streaming
from classifiers.chunks import Chunks, MappedChunks, RowChunks
from classifiers.nystroem import NystroemSVM
from classifiers.preparation import Preparation, PreparedClassifier, make_pipeline
from classifiers.scores import as_rows, per_view
from classifiers.spec import ClassifierSpec, Params
from classifiers.streaming import StoredRows, fit_streamed, stream_logistic, stream_svm
from data.errors import BlastlineError
from features.fuse import fuse
from features.store import EmbeddingStore
from tests.data.images import MEAN_COLOUR
from tests.features.stores import add, key, vectors


def a_logistic(params: Params, seed: int) -> LogisticRegression:
    return LogisticRegression(**params, tol=1e-8, max_iter=2000)


def a_machine(params: Params, seed: int) -> NystroemSVM:
    return NystroemSVM(**params, tol=1e-8, random_state=seed)


def spec(build: Any, stream: Any) -> ClassifierSpec:
    return ClassifierSpec("one", "One", build, lambda trial, width: {}, {}, {}, stream=stream)


LOGISTIC = spec(a_logistic, lambda p, seed, chunks: stream_logistic(a_logistic(p, seed), chunks))
MACHINE = spec(a_machine, lambda p, seed, chunks: stream_svm({**p, "tol": 1e-8}, seed, chunks))


class OnDisk:
    """Stands for rows on disk: indexed by arrays of row numbers, remembers how many at once."""

    def __init__(self, X: np.ndarray) -> None:
        self.X, self.shape, self.most, self.read = X, X.shape, 0, 0

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        assert isinstance(rows, np.ndarray)
        self.most, self.read = max(self.most, len(rows)), self.read + len(rows)
        return self.X[rows]


def cells(n: int, d: int, views: int = 0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """float32 rows and class codes 0, 2 and 4."""
    rng = np.random.default_rng(seed)
    y = np.array([0, 2, 4])[rng.integers(0, 3, n)]
    y[:3] = 0, 2, 4
    shape = (n, views, d) if views else (n, d)
    centres = rng.normal(0, 1, (5, d))[y]
    X = rng.normal(size=shape) + (centres[:, None] if views else centres)
    return (X * np.linspace(0.5, 20, d) + 3).astype(np.float32), y


def same_attributes(one: BaseEstimator, other: BaseEstimator) -> None:
    fitted = {name for name in vars(other) if name.endswith("_") and not name.startswith("_")}
    assert fitted <= set(vars(one))
    for name in fitted - {"n_iter_", "n_samples_seen_"}:
        found, wanted = np.asarray(getattr(one, name)), np.asarray(getattr(other, name))
        assert found.shape == wanted.shape, name
        if name != "components_":
            assert np.allclose(found, wanted, rtol=2e-3, atol=2e-3), name
        assert found.dtype.kind == wanted.dtype.kind, name


PREPARATIONS = [
    Preparation(False),
    Preparation(True),
    Preparation(True, ((2, 1.0), (4, 0.5))),
    Preparation(False, (), 3),
    Preparation(True, ((5, 0.5), (1, 1.0)), 2),
]


@pytest.mark.parametrize("views", [0, 2])
@pytest.mark.parametrize("preparation", PREPARATIONS, ids=repr)
def test_it_equals_the_fit_in_memory(
    preparation: Preparation, views: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "SAMPLE", 30)
    X, y = cells(300, 6, views)
    rows = np.random.default_rng(1).permutation(300)[:251]
    stored = OnDisk(X)
    params = {"C": 0.5, "class_weight": "balanced"}
    ours = fit_streamed(LOGISTIC, preparation, params, stored, rows, y[rows], 0, chunk=32)
    assert stored.most <= 32
    theirs = make_pipeline(LOGISTIC, preparation, params, 0)
    theirs.fit(as_rows(X[rows]), per_view(y[rows], X[rows]))
    assert isinstance(ours, PreparedClassifier)
    assert [name for name, _ in ours.steps] == [name for name, _ in theirs.steps]
    for (_, one), (_, other) in zip(ours.steps, theirs.steps, strict=True):
        assert type(one) is type(other)
        same_attributes(one, other)
    assert np.array_equal(ours.classes_, [0, 2, 4])
    found, wanted = (each.predict_proba(as_rows(X)) for each in (ours, theirs))
    assert np.allclose(found, wanted, atol=2e-3)


@pytest.mark.parametrize("shape", [(400, 5), (4, 6)])
def test_every_figure_of_pca_is_that_of_a_fit_in_memory(shape: tuple[int, int]) -> None:
    n, d = shape
    X = cells(n, d)[0] + 30
    for kept in range(1, min(n, d) + 1):
        ours, theirs = (PCA(kept, svd_solver="covariance_eigh") for _ in range(2))
        streaming._fit_pca(ours, RowChunks(X, np.arange(n), np.arange(n) % 2, chunk=7))
        theirs.fit(X.astype(np.float64))
        same_attributes(ours, theirs)
        if kept < n:  # the last direction of n rows has no variance, and any sign
            assert np.allclose(ours.components_, theirs.components_, atol=1e-3)
    with pytest.raises(ValueError, match="components of"):
        streaming._fit_pca(PCA(9), RowChunks(X, np.arange(n), np.arange(n) % 2))


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_the_machine_equals_itself_in_memory(kernel: str) -> None:
    X, y = cells(200, 4)
    params = {"kernel": kernel, "gamma": 0.1, "components": 30}
    ours = fit_streamed(MACHINE, Preparation(True), params, X, np.arange(200), y, 5, chunk=30)
    theirs = make_pipeline(MACHINE, Preparation(True), params, 5).fit(X, y)
    assert np.allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)
    assert ours.score(X, y) > 0.8


def test_rows_beyond_what_is_kept_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = cells(200, 4)
    proba, read = [], []
    for keep in (2**29, 1000, 0):
        monkeypatch.setattr(streaming, "KEEP", keep)
        stored = OnDisk(X)
        fitted = fit_streamed(
            LOGISTIC, Preparation(False), {}, stored, np.arange(200), y, 0, chunk=25
        )
        proba.append(fitted.predict_proba(X))
        read.append(stored.read)
    assert np.array_equal(proba[0], proba[1])
    assert np.array_equal(proba[0], proba[2])
    assert read[0] < read[1] < read[2]
    assert read[0] < 4 * 200 + 100  # scaling, the sample of the solver, and once for all passes


def test_what_cannot_be_fitted_from_disk_is_said() -> None:
    X, y = cells(30, 3)
    with pytest.raises(BlastlineError, match="classifier 'one': cannot be fitted from disk"):
        fit_streamed(spec(a_logistic, None), Preparation(False), {}, X, np.arange(30), y, 0)
    elastic = {"l1_ratio": 0.5}
    with pytest.raises(BlastlineError, match=r"l1_ratio 0\.5 cannot be fitted from disk"):
        fit_streamed(LOGISTIC, Preparation(False), elastic, X, np.arange(30), y, 0)
    X[7, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        fit_streamed(LOGISTIC, Preparation(False), {}, X, np.arange(30), y, 0)


# Chunks


@given(st.integers(1, 40), st.integers(0, 3), st.integers(1, 50), st.sampled_from([0, 90, 10**6]))
def test_chunks_hold_every_row_once_in_every_pass(n: int, views: int, size: int, keep: int) -> None:
    X, y = cells(60, 3, views)
    rows = np.random.default_rng(n).permutation(60)[:n]
    weights = np.arange(1.0, n + 1)
    source = RowChunks(X, rows, y[rows], weights, chunk=size, keep=keep)
    doubled = MappedChunks(source, lambda X: 2 * X, keep=keep)
    for factor, chunks in ((1, source), (1, source), (2, doubled), (2, doubled)):
        parts = list(chunks)
        assert len(parts) == len(chunks)
        assert max(len(part.X) for part in parts) <= max(size, views)
        assert np.array_equal(np.concatenate([part.X for part in parts]), factor * as_rows(X[rows]))
        codes = np.concatenate([part.codes for part in parts])
        assert np.array_equal(chunks.classes[codes], per_view(y[rows], X))
        held = np.concatenate([part.weights for part in parts])
        assert np.array_equal(held, per_view(weights, X))
        assert np.allclose(chunks.class_sums, np.bincount(codes, held))
        assert chunks.n_rows == len(codes)
        assert chunks.n_features == 3


@given(st.integers(1, 40), st.integers(0, 3), st.integers(0, 200), st.integers(0, 9))
def test_a_sample_has_different_rows_each_with_its_class(
    n: int, views: int, size: int, seed: int
) -> None:
    X, y = cells(60, 3, views)
    rows = np.random.default_rng(n).permutation(60)[:n]
    chunks: Chunks = RowChunks(X, rows, y[rows])
    drawn = chunks.sample(size, seed)
    whole = {
        row.tobytes(): code
        for row, code in zip(as_rows(X[rows]), per_view(y[rows], X), strict=True)
    }
    assert len(drawn.X) == len({row.tobytes() for row in drawn.X}) == min(size, chunks.n_rows)
    for row, code in zip(drawn.X, drawn.codes, strict=True):
        assert whole[row.tobytes()] == chunks.classes[code]
    again = MappedChunks(chunks, lambda X: X + 1).sample(size, seed)
    assert np.array_equal(again.X, drawn.X + 1)


# Rows of a store


def a_store(path: Path, parts: list[list[int]]) -> EmbeddingStore:
    store = EmbeddingStore(path, MEAN_COLOUR)
    for part in parts:
        add(store, part)
    return store


def test_stored_rows_read_like_an_array(tmp_path: Path) -> None:
    one = a_store(tmp_path / "one.h5", [[3, 1, 4], [5, 9, 2, 6]])
    other = a_store(tmp_path / "other.h5", [[6, 5, 4, 3, 2, 1]])
    names = [5, 2, 3, 1, 6, 3]
    rows = StoredRows([one, other], np.array([key(name) for name in names]))
    single = vectors(names)
    wanted = fuse([single, single], [one.recipe, other.recipe])
    assert rows.shape == wanted.shape
    assert len(rows) == 6
    for picked in ([4, 0, 0, 5], [2]):
        found = rows[np.array(picked, dtype=int)]
        assert found.dtype == np.float32
        assert np.array_equal(found, wanted[picked])


def test_an_image_that_no_store_holds_is_named(tmp_path: Path) -> None:
    store = a_store(tmp_path / "one.h5", [[1, 2]])
    with pytest.raises(BlastlineError, match="is not in the store; run 'blastline extract' again"):
        StoredRows([store], [key(1), key(7)])


def test_a_classifier_is_fitted_straight_from_a_store(tmp_path: Path) -> None:
    names = list(range(60))
    store = a_store(tmp_path / "one.h5", [names])
    X = vectors(names)
    y = (X[:, 0] > 0.5).astype(int)
    rows = np.arange(10, 60)
    stored = StoredRows([store], [key(name) for name in names])
    params = {"C": 5.0}
    ours = fit_streamed(LOGISTIC, Preparation(True), params, stored, rows, y[rows], 0, chunk=16)
    theirs = make_pipeline(LOGISTIC, Preparation(True), params, 0).fit(X[rows], y[rows])
    assert np.allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-3)
