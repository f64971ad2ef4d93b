"""Resampled sums are those of repeated cells; intervals cover the truth as often as they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from classifiers.estimate import Estimate
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.metrics import RESAMPLES, no_surer_than, resample_groups


@given(n=st.integers(1, 40), n_groups=st.integers(1, 8), seed=st.integers(0, 2**31))
def test_sums_are_those_of_the_cells_repeated(n: int, n_groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.choice([f"g{i}" for i in range(n_groups)], n)
    values = rng.normal(size=(n, 3))
    resamples = Resamples.of(groups, seed)
    sums = resamples.sums(values)
    assert_allclose(sums[0], values.sum(axis=0), atol=1e-9)
    if len(np.unique(groups)) == 1:
        assert len(sums) == 1
        return
    assert len(sums) == 1 + RESAMPLES
    times = resample_groups(groups, seed)[3][np.unique(groups, return_inverse=True)[1]]
    assert_allclose(sums[4], np.repeat(values, times, axis=0).sum(axis=0), atol=1e-9)
    assert_allclose(resamples.means(values)[4] * times.sum(), sums[4], atol=1e-9)


def test_weights_are_the_draws_of_each_cell_in_the_order_asked_for() -> None:
    groups = np.array(list("abcab"))
    resamples = Resamples.of(groups, 0)
    order = np.array([4, 2, 0, 1, 3])
    weights = np.concatenate(list(resamples.weights(order)), axis=1)
    assert weights.shape == (5, 1 + RESAMPLES)
    assert_array_equal(weights[:, 0], 1)
    assert_array_equal(weights, resamples.draws[[1, 2, 0, 1, 0]])


def test_intervals_of_a_share_cover_the_truth_as_often_as_they_say() -> None:
    # Patients differ: each has its own chance of a hit, 0.7 on average.
    rng = np.random.default_rng(0)
    simulations, n_groups, covered, naive = 200, 50, 0, 0
    for seed in range(simulations):
        groups = np.repeat(np.arange(n_groups), rng.integers(1, 15, n_groups))
        hit = rng.random(len(groups)) < rng.beta(3.5, 1.5, n_groups)[groups]
        columns = hit[:, None], np.ones((len(hit), 1), dtype=bool)
        found = Resamples.of(groups, seed).proportions(*columns)[0]
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.7 <= found.high
        error = 1.96 * np.sqrt(hit.mean() * (1 - hit.mean()) / len(hit))
        naive += abs(hit.mean() - 0.7) <= error
    assert 0.90 <= covered / simulations <= 0.99
    assert naive / simulations < 0.85  # what resampling cells instead of patients would give


def test_a_share_without_a_miss_is_not_certain() -> None:
    groups = np.repeat(np.arange(10), 20)
    ones = np.ones((200, 1), dtype=bool)
    resamples = Resamples.of(groups, 0)
    [found] = resamples.proportions(ones, ones)
    assert found.value == found.high == 1
    assert found.low == pytest.approx(0.6915, abs=1e-4)  # Clopper and Pearson, 10 of 10
    [none] = resamples.proportions(~ones, ones)
    assert none.value == none.low == 0
    assert none.high == pytest.approx(1 - 0.6915, abs=1e-4)
    # Of which only two groups have cells, two count.
    [few] = resamples.proportions(ones, (groups < 2)[:, None])
    assert few.low == pytest.approx(0.025**0.5)


def test_no_cells_give_no_share_and_one_group_no_interval() -> None:
    ones = np.ones((5, 1), dtype=bool)
    [empty] = Resamples.of(np.arange(5), 0).proportions(ones, ~ones)
    assert empty == Estimate(value=None, low=None, high=None)
    [alone] = Resamples.of(np.zeros(5), 0).proportions(ones, ones)
    assert alone == Estimate(value=1, low=None, high=None)


def test_a_figure_is_its_first_value_between_percentiles_of_the_others() -> None:
    found = figure(np.append(7.0, np.arange(101.0)))
    assert [found.value, found.low, found.high] == pytest.approx([7, 2.5, 97.5])
    assert no_surer_than(found, 3) == found
