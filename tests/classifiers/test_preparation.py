"""Preparation of embeddings and the trivial baselines."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import Pipeline

from classifiers.baselines import TRIVIAL, baseline_probabilities
from classifiers.preparation import (
    BlockWeights,
    Preparation,
    SignedSqrt,
)
from tests.classifiers.examples import blobs

SIDES = array_shapes(min_dims=2, max_dims=2, max_side=6)
MATRICES = arrays(np.float32, SIDES, elements=st.floats(-1e6, 1e6, width=32))


@given(X=MATRICES)
def test_the_signed_root_is_odd_and_its_square_is_the_value(X: np.ndarray) -> None:
    root = SignedSqrt().fit(X)
    out = root.transform(X)
    assert out.dtype == X.dtype
    assert_allclose(np.sign(out) * out**2, X, rtol=1e-5, atol=1e-30)
    assert_array_equal(root.transform(-X), -out)


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("pca", [0, 3])
def test_preparation_learns_from_its_own_rows_alone(root: bool, pca: int) -> None:
    X, other = blobs().X, blobs(seed=1).X * 100
    steps = Pipeline(Preparation(root, (), pca).steps()).fit(X)
    before = steps.transform(X)
    steps.transform(other)
    assert_array_equal(steps.transform(X), before)
    assert before.shape == (len(X), pca or X.shape[1])
    assert_allclose(before.mean(axis=0), 0, atol=1e-4)
    if not pca:
        assert_allclose(before.std(axis=0), 1, atol=1e-4)


@given(
    widths=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    weights=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=4, max_size=4),
)
def test_a_block_counts_by_its_weight_and_not_by_its_width(
    widths: list[int], weights: list[float]
) -> None:
    X = np.random.default_rng(0).normal(3, 2, (40, sum(widths))).astype(np.float32)
    pairs = tuple(zip(widths, weights, strict=False))
    assume(any(weight for _, weight in pairs))
    out = Pipeline(Preparation(False, pairs).steps()).fit_transform(X)
    assert out.dtype == np.float32
    total = sum(weight**2 for _, weight in pairs)
    for end, (width, weight) in zip(np.cumsum(widths), pairs, strict=True):
        variance = out[:, end - width : end].var(axis=0).sum()
        assert variance == pytest.approx(weight**2 / total * sum(widths), rel=1e-3)


@given(columns=st.integers(2, 8), kept=st.integers(1, 8))
def test_components_keep_the_scale_of_a_kernel(columns: int, kept: int) -> None:
    X = np.random.default_rng(0).normal(3, [[2] * columns], (50, columns)).astype(np.float32)
    steps = Pipeline(Preparation(False, (), min(kept, columns)).steps()).fit(X)
    out = steps.transform(X)
    assert out.var(axis=0, ddof=1).mean() == pytest.approx(1, rel=1e-3)
    assert_allclose(steps.fit_transform(X), out, atol=1e-5)


def test_blocks_that_do_not_fit_the_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="columns"):
        BlockWeights(((2, 1.0), (3, 1.0))).fit(np.ones((4, 6), dtype=np.float32))


@pytest.mark.parametrize("name", TRIVIAL)
def test_baselines_know_only_the_training_rows_and_the_colour(name: str) -> None:
    rng = np.random.default_rng(0)
    colour, y = rng.uniform(0, 255, (60, 3)).astype(np.float32), rng.integers(0, 3, 60)
    train, test = np.arange(40), np.arange(40, 60)
    proba = baseline_probabilities(name, colour, y, train, test, 4, 0)
    assert proba.shape == (20, 4)
    assert_allclose(proba.sum(axis=1), 1)
    assert (proba[:, 3] == 0).all()  # a class that never occurs
    unknown = y.copy()
    unknown[test] = 3
    assert_array_equal(baseline_probabilities(name, colour, unknown, train, test, 4, 0), proba)
    if name == "majority":
        commonest = np.bincount(y[train], minlength=4).argmax()
        assert_array_equal(proba, np.tile(np.arange(4) == commonest, (20, 1)))


def test_mean_colour_finds_a_shortcut_where_there_is_one() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    colour = (rng.uniform(0, 50, (80, 3)) + 100 * y[:, None]).astype(np.float32)
    train, test = np.arange(40), np.arange(40, 80)
    proba = baseline_probabilities("mean_colour", colour, y, train, test, 2, 0)
    assert (proba.argmax(axis=1) == y[test]).mean() == 1
