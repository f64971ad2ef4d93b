"""Calibrators turn any scores into probabilities and never turn their order round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from classifiers.calibrators import CALIBRATORS, _log_odds

LEARNED = ["temperature", "sigmoid", "isotonic"]
finite = st.floats(-1e3, 1e3)
scored = st.integers(2, 5).flatmap(
    lambda k: st.integers(2, 30).flatmap(
        lambda n: st.tuples(
            arrays(np.float64, (n, k), elements=finite),
            arrays(np.int64, n, elements=st.integers(0, k - 1)),
        )
    )
)


@given(scored)
def test_temperature_keeps_the_order_of_classes(each: tuple[np.ndarray, np.ndarray]) -> None:
    scores, codes = each
    learned = CALIBRATORS["temperature"].learn(scores, codes)
    assert 0 < learned[0][0] < np.inf
    proba = CALIBRATORS["temperature"].apply(scores, learned)
    best = scores.argmax(axis=1)
    np.testing.assert_array_equal(proba[np.arange(len(proba)), best], proba.max(axis=1))


@pytest.mark.parametrize("method", sorted(CALIBRATORS))
@settings(max_examples=12)
@given(each=scored)
def test_probabilities_are_probabilities(method: str, each: tuple[np.ndarray, np.ndarray]) -> None:
    calibrator = CALIBRATORS[method]
    proba = calibrator.apply(each[0], calibrator.learn(*each))
    assert proba.shape == each[0].shape
    assert ((proba >= 0) & (proba <= 1)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)


@given(scored)
def test_log_odds_are_of_each_class_against_all_others(each: tuple[np.ndarray, np.ndarray]) -> None:
    scores = each[0]
    for code in range(scores.shape[1]):
        rest = np.logaddexp.reduce(np.delete(scores, code, axis=1), axis=1)
        np.testing.assert_allclose(_log_odds(scores)[:, code], scores[:, code] - rest, atol=1e-9)


def test_temperature_undoes_a_factor() -> None:
    rng = np.random.default_rng(0)
    margins = rng.normal(0, 2, 20_000)
    codes = (rng.random(len(margins)) < 1 / (1 + np.exp(-margins))).astype(int)
    scores = np.column_stack([-margins, margins]) / 2
    learned = CALIBRATORS["temperature"].learn(7 * scores, codes)
    assert learned[0][0] == pytest.approx(7, rel=0.05)


@pytest.mark.parametrize("method", LEARNED)
def test_scores_that_are_always_right_do_not_become_certainty(method: str) -> None:
    codes = np.arange(200) % 2
    scores = np.column_stack([1 - codes, codes]) * 1.0
    calibrator = CALIBRATORS[method]
    proba = calibrator.apply(scores, calibrator.learn(scores, codes))
    assert 0.95 < proba.max(axis=1).min() <= proba.max() < 0.9999


@pytest.mark.parametrize("method", LEARNED)
def test_scores_that_are_always_wrong_are_not_turned_round(method: str) -> None:
    codes = np.arange(200) % 2
    scores = np.column_stack([codes, 1 - codes]) * 1.0
    calibrator = CALIBRATORS[method]
    proba = calibrator.apply(scores, calibrator.learn(scores, codes))
    np.testing.assert_allclose(proba, 0.5, atol=0.01)
    if method != "sigmoid":  # ties go to the class with the higher score
        np.testing.assert_array_equal(proba.argmax(axis=1), scores.argmax(axis=1))
