"""Differences of two models are those of their figures, and chance is told from skill."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from classifiers.estimate import Estimate
from classifiers.evaluation.comparison import paired_comparison


def model(y: np.ndarray, k: int, skill: float, rng: np.random.Generator) -> np.ndarray:
    scores = rng.normal(size=(len(y), k))
    scores[np.arange(len(y)), y] += skill
    proba = np.exp(scores)
    return np.asarray(proba / proba.sum(axis=1, keepdims=True))


@settings(max_examples=30)
@given(n=st.integers(8, 60), k=st.integers(2, 4), seed=st.integers(0, 2**31))
def test_differences_are_those_of_scikit_learn(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    a, b = model(y, k, 0.5, rng), model(y, k, 1, rng)
    found = paired_comparison(y, a, b, np.arange(n) // 2, k, seed)
    figures = []
    for proba in (a, b):
        predicted = proba.argmax(axis=1)
        figures.append([
            accuracy_score(y, predicted), f1_score(y, predicted, average="macro", zero_division=0),
            np.mean([roc_auc_score(y == code, proba[:, code]) for code in range(k)]),
            np.mean(((proba - np.eye(k)[y]) ** 2).sum(axis=1)),
        ])  # fmt: skip
    ours = found.accuracy, found.f1_macro, found.auroc, found.brier
    assert_allclose([each.value for each in ours], np.subtract(*figures[::-1]), atol=1e-9)
    back = paired_comparison(y, b, a, np.arange(n) // 2, k, seed)
    assert back.p == found.p
    assert back.accuracy.value == pytest.approx(-found.accuracy.value)
    assert back.accuracy.low == pytest.approx(-found.accuracy.high, abs=1e-9)


def test_a_better_model_is_better_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(600) % 3
    a, b = model(y, 3, 1, rng), model(y, 3, 2, rng)
    found = paired_comparison(y, a, b, np.arange(600) // 10, 3, 0)
    assert found.p == pytest.approx(1 / 2001)
    assert min(found.accuracy.low, found.f1_macro.low, found.auroc.low) > 0
    assert found.brier.high < 0


def test_the_same_model_does_not_differ() -> None:
    y = np.arange(60) % 2
    proba = model(y, 2, 1, np.random.default_rng(0))
    found = paired_comparison(y, proba, proba, np.arange(60) // 3, 2, 0)
    assert found.accuracy == found.auroc == found.brier == Estimate(value=0, low=0, high=0)
    assert found.p == 1


def test_single_cells_give_the_p_value_of_mcnemar() -> None:
    # Of 20 cells that only one of the models has right, the second has 15.
    y = np.zeros(50, dtype=int)
    first, second = np.zeros(50, dtype=int), np.zeros(50, dtype=int)
    first[:15], second[15:20] = 1, 1
    found = paired_comparison(y, np.eye(2)[first], np.eye(2)[second], np.arange(50), 2, 0)
    assert found.p == pytest.approx(binomtest(15, 20).pvalue, abs=0.012)
    # Where all of them are of two patients, it may well be chance.
    groups = np.arange(50) // 10
    assert paired_comparison(y, np.eye(2)[first], np.eye(2)[second], groups, 2, 0).p > 0.2


def test_equal_models_rarely_differ_by_chance() -> None:
    rng = np.random.default_rng(1)
    small = []
    for seed in range(60):
        y = np.arange(80) % 2
        level = np.repeat(rng.normal(size=(2, 20)), 4, axis=1)  # patients suit a model or do not
        a, b = (model(y, 2, 1, rng) for _ in range(2))
        for proba, suits in ((a, level[0]), (b, level[1])):
            flip = suits < -0.8
            proba[flip] = proba[flip][:, ::-1]
        found = paired_comparison(y, a, b, np.arange(80) // 4, 2, seed)
        small.append(found.p <= 0.05)
    assert np.mean(small) <= 0.12


def test_one_group_gives_no_interval_and_no_p() -> None:
    y = np.arange(10) % 2
    a, b = (model(y, 2, 1, np.random.default_rng(seed)) for seed in (0, 1))
    found = paired_comparison(y, a, b, np.zeros(10), 2, 0)
    assert found.p is None and found.accuracy.low is None
    assert "NaN" not in found.model_dump_json()
