"""AUROC and average precision are scikit-learn's, of the cells and of every resample."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import average_precision_score, roc_auc_score

from classifiers.evaluation.ranking import mean_auroc, mean_of_defined, rank_figures, tie_blocks
from classifiers.evaluation.resamples import Resamples
from classifiers.metrics import weighted_auroc

CASES = {"n": st.integers(2, 40), "levels": st.integers(1, 12), "seed": st.integers(0, 2**31)}


def case(n: int, levels: int, seed: int) -> tuple[np.ndarray, np.ndarray, Resamples]:
    """Labels, tied scores, some resamples of a few groups."""
    rng = np.random.default_rng(seed)
    drawn = Resamples.of(rng.integers(0, 6, n), seed)
    few = Resamples(drawn.codes, drawn.draws[:, :5])
    return rng.random(n) < rng.random(), rng.integers(0, levels, n) / levels, few


@given(**CASES)
def test_they_are_those_of_scikit_learn_on_every_resample(n: int, levels: int, seed: int) -> None:
    positive, score, resamples = case(n, levels, seed)
    areas, precisions = rank_figures(positive, score, resamples)
    assert areas.shape == precisions.shape == (resamples.draws.shape[1],)
    for column in range(resamples.draws.shape[1]):
        times = resamples.draws[resamples.codes, column].astype(int)
        y, s = np.repeat(positive, times), np.repeat(score, times)
        if not y.any():
            assert np.isnan(areas[column]) and np.isnan(precisions[column])
            continue
        assert_allclose(precisions[column], average_precision_score(y, s), atol=1e-12)
        if y.all():
            assert np.isnan(areas[column])
        else:
            assert_allclose(areas[column], roc_auc_score(y, s), atol=1e-12)


@given(**CASES)
def test_the_area_is_that_of_the_other_metrics(n: int, levels: int, seed: int) -> None:
    positive, score, resamples = case(n, levels, seed)
    weight = resamples.draws.T[:, resamples.codes]
    area = rank_figures(positive, score, resamples)[0]
    assert_allclose(area, weighted_auroc(positive, score, weight), atol=1e-12)


@given(**CASES)
def test_only_the_order_of_the_scores_counts(n: int, levels: int, seed: int) -> None:
    positive, score, resamples = case(n, levels, seed)
    plain = rank_figures(positive, score, resamples)
    assert_array_equal(rank_figures(positive, np.exp(score), resamples), plain)
    turned = rank_figures(positive, -score, resamples)[0]
    assert_allclose(turned, 1 - plain[0], atol=1e-12)


def test_blocks_of_equal_values() -> None:
    start, end = tie_blocks(np.array([5.0, 5, 4, 3, 3, 3]))
    assert_array_equal(start, [0, 0, 2, 3, 3, 3])
    assert_array_equal(end, [2, 2, 3, 6, 6, 6])


def test_the_mean_is_over_the_classes_that_occur() -> None:
    y = np.array([0, 0, 1, 1])
    proba = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.4, 0.5, 0.1]])
    resamples = Resamples.of(np.zeros(4), 0)
    expected = np.mean([roc_auc_score(y == code, proba[:, code]) for code in (0, 1)])
    assert_allclose(mean_auroc(y, proba, resamples), [expected])
    assert np.isnan(mean_of_defined(np.array([[np.nan, np.nan]]))).all()
