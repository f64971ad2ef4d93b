"""Objectives against plain NumPy, and what a target must be."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.smearnet.objectives import contrast, cross_entropy, distillation, teacher_targets


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    n=st.integers(4, 40), width=st.integers(2, 30), dims=st.integers(1, 40),
    seed=st.integers(0, 10**6), factor=st.floats(0.01, 100),
)  # fmt: skip
def test_targets_are_unit_vectors_that_no_scale_of_the_teacher_changes(
    n: int, width: int, dims: int, seed: int, factor: float
) -> None:
    embeddings = np.random.default_rng(seed).gamma(1.0, size=(n, width))
    rows = np.arange(n - n // 3)
    targets = teacher_targets(embeddings, rows, dims)
    assert targets.shape == (n, min(dims, width, len(rows)))
    assert targets.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(targets, axis=1), 1, atol=1e-4)
    # A component may change its sign, so likenesses are compared.
    scaled = teacher_targets(embeddings * factor, rows, dims)
    if min(dims, width, len(rows)) == width:  # no component is cut off at a tie
        np.testing.assert_allclose(targets @ targets.T, scaled @ scaled.T, atol=0.02)


def test_targets_rest_on_the_training_cells_alone() -> None:
    embeddings = np.random.default_rng(0).gamma(1.0, size=(30, 8))
    rows = np.arange(20)
    targets = teacher_targets(embeddings, rows, 4)
    embeddings[25] *= 50
    changed = teacher_targets(embeddings, rows, 4)
    np.testing.assert_array_equal(np.delete(targets, 25, axis=0), np.delete(changed, 25, axis=0))


def test_half_whitened_components_differ_less_than_the_teachers_own() -> None:
    rng = np.random.default_rng(0)
    strong = rng.normal(size=(500, 1))
    embeddings = np.hstack([strong + 0.1 * rng.normal(size=(500, 9)), rng.normal(size=(500, 3))])
    targets = teacher_targets(embeddings, np.arange(500), 4)
    assert targets.std(axis=0).max() < 2.5 * targets.std(axis=0).min()


def test_contrast_is_nt_xent(keras: Any) -> None:
    rng = np.random.default_rng(0)
    points, temperature = rng.normal(size=(12, 5)).astype(np.float32), 0.2
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    losses = []
    for i in range(12):
        j = (i + 6) % 12
        others = [np.exp(unit[i] @ unit[k] / temperature) for k in range(12) if k != i]
        losses.append(-np.log(np.exp(unit[i] @ unit[j] / temperature) / sum(others)))
    assert float(contrast(points, temperature)) == pytest.approx(np.mean(losses), rel=1e-5)
    same = np.tile(unit[:6], (2, 1))
    assert float(contrast(same, temperature)) < float(contrast(points, temperature))


def test_cells_without_a_class_or_target_add_nothing(keras: Any) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 3)).astype(np.float32)
    known = -np.log(np.exp(logits[0, 2]) / np.exp(logits[0]).sum())
    codes = np.array([2, -1, -1, -1], np.int32)
    assert float(cross_entropy(logits, codes)) == pytest.approx(known / 4, rel=1e-5)
    targets = np.zeros((4, 3), np.float32)
    targets[1] = (0.6, 0.8, 0)
    cosine = logits[1] @ targets[1] / np.linalg.norm(logits[1])
    assert float(distillation(logits, targets)) == pytest.approx(1 - cosine, rel=1e-4)
    assert float(distillation(logits, 0 * targets)) == 0
