"""The premium is what patients on both sides of a split are worth, and nothing else."""

from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from classifiers.estimate import Estimate
from classifiers.evaluation.premium import FIGURES, Fit, Premium, Task, leakage_premium, plain_fit
from classifiers.preparation import Preparation, make_pipeline
from classifiers.registry import CLASSIFIERS
from data.errors import BlastlineError
from tests.classifiers.examples import first_params

WIDTH = 24


def cells(effect: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells of 40 patients who are all sick or well and look alike by ``effect``; y; groups."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(40), 10)
    y = rng.permutation(np.arange(40) % 2)[groups]
    X = rng.normal(size=(len(y), WIDTH)) + effect * rng.normal(size=(40, WIDTH))[groups]
    X[:, 0] += y
    return X.astype(np.float32), y, groups


def plain(X: np.ndarray, y: np.ndarray, groups: np.ndarray, *names: str, k: int = 2) -> Fit:
    build = [
        partial(
            make_pipeline, CLASSIFIERS[name], Preparation(True),
            first_params(CLASSIFIERS[name], X.shape[-1]), 0,
        )
        for name in names or ("logistic",)
    ]  # fmt: skip
    return plain_fit(build, X, y, groups, k)


def measured(effect: float, seed: int = 0, repeats: int = 2) -> Premium:
    X, y, groups = cells(effect, seed)
    return leakage_premium(y, groups, 2, plain(X, y, groups), 4, seed, repeats)


def bounds(estimate: Estimate) -> tuple[float, float, float]:
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.value, estimate.high


def test_cells_that_betray_their_patient_are_worth_much() -> None:
    found = measured(3.0)
    for name in FIGURES:
        low, value, _ = bounds(found.premium[name])
        assert low > 0.1
        grouped, random = found.grouped[name].value, found.random[name].value
        assert grouped is not None
        assert random is not None
        assert value == pytest.approx(random - grouped)
    assert bounds(found.grouped["accuracy"])[0] < 0.6  # a guess: the patient says all


def test_without_such_an_effect_intervals_hold_nothing_mostly() -> None:
    held = [
        bounds(each)[0] <= 0 <= bounds(each)[2]
        for seed in range(8)
        for each in measured(0.0, seed, 1).premium.values()
    ]
    assert np.mean(held) >= 0.8


def test_patients_of_one_class_and_unlike_size_alone_are_worth_nothing() -> None:
    # Folds of few such patients differ in their mix of classes, which costs a classifier as much
    # as a leak is worth; with the mix alike under both splits, no more than chance is left.
    values, claims = [], []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        sizes = np.exp(rng.normal(3.2, 1.2, 10)).astype(int) + 5
        groups = np.repeat(np.arange(10), sizes)
        y = (groups >= 5).astype(int)
        X = rng.normal(size=(len(y), 10))
        X[:, 0] += y

        def fit(task: Task, X: np.ndarray = X, y: np.ndarray = y) -> np.ndarray:
            train, test = task
            return LogisticRegression().fit(X[train], y[train]).predict_proba(X[test])

        found = leakage_premium(y, groups, 2, fit, 5, seed, 2).premium
        values.append([bounds(found[name])[1] for name in FIGURES])
        claims.append([bounds(found[name])[0] > 0 for name in FIGURES])
    assert np.abs(np.mean(values, axis=0)).max() < 0.02
    assert np.mean(claims, axis=0).max() <= 0.1


def test_classes_that_a_fold_lacks_are_named() -> None:
    X, y, groups = cells(0.0)
    y = np.where(groups < 3, 2, y)
    found = leakage_premium(y, groups, 3, plain(X, y, groups, k=3), 4, 0)
    assert found.absent == (2,)
    assert measured(0.0).absent == ()


def test_both_arms_train_the_same_way_on_about_as_many_cells() -> None:
    X, y, groups = cells(1.0)
    tasks: list[Task] = []
    fit = plain(X, y, groups)

    def noted(task: Task) -> np.ndarray:
        tasks.append(task)
        return fit(task)

    found = leakage_premium(y, groups, 2, noted, 4, 0, 3)
    assert len(tasks) == 4 * 2 * 3
    assert found.folds == 4
    for start in range(0, len(tasks), 4):
        split = tasks[start : start + 4]
        assert sorted(np.concatenate([test for _, test in split])) == list(range(len(y)))
        grouped = (start // 4) % 2 == 0
        mixes = [np.bincount(y[test], minlength=2).tolist() for _, test in split]
        twin = start + 4 if grouped else start - 4
        assert mixes == [np.bincount(y[test], minlength=2).tolist()
                         for _, test in tasks[twin : twin + 4]]  # fmt: skip
        for train, test in split:
            assert not set(train) & set(test)
            assert bool(set(groups[train]) & set(groups[test])) != grouped
            assert abs(len(train) - 300) <= 10


def test_figures_are_means_over_the_shuffles_and_not_of_an_ensemble() -> None:
    # Probabilities that are mere noise: their mean would be no better, but the mean of three
    # classifiers that are each right in 7 of 10 cells at random is right in more than 7.
    y, groups = np.arange(400) % 2, np.arange(400) // 4
    rng = np.random.default_rng(0)

    def fit(task: Task) -> np.ndarray:
        right = rng.random(len(task[1])) < 0.7
        return np.eye(2)[np.where(right, y[task[1]], 1 - y[task[1]])]

    found = leakage_premium(y, groups, 2, fit, 4, 0, 5)
    assert bounds(found.random["accuracy"])[1] == pytest.approx(0.7, abs=0.03)


def test_the_figures_are_those_of_the_definition() -> None:
    X, y, groups = cells(1.0)
    one = leakage_premium(y, groups, 2, lambda task: np.eye(2)[0] + np.zeros((len(task[1]), 2)),
                          4, 0)  # fmt: skip
    assert bounds(one.grouped["accuracy"])[1] == pytest.approx(np.mean(y == 0))
    assert bounds(one.grouped["auroc"])[1] == 0.5
    same = leakage_premium(y, groups, 2, plain(X, y, groups), 4, 7)
    assert same == leakage_premium(y, groups, 2, plain(X, y, groups), 4, 7)


@pytest.mark.parametrize("names", [("svm",), ("dense",), ("knn",), ("logistic", "svm")])
def test_every_kind_of_classifier_and_a_committee(names: tuple[str, ...]) -> None:
    X, y, groups = cells(1.0)
    rows = np.r_[:20, 200:240]
    y = y[rows] * 2  # of classes 0 to 2, class 1 never occurs
    fit = plain(X[rows], y, groups[rows], *names, k=3)
    proba = fit((np.arange(0, 60, 2), np.arange(1, 60, 2)))
    assert proba.shape == (30, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (proba[:, 1] < 1e-6).all()


def test_views_are_rows_in_training_and_averaged_in_tests() -> None:
    X, y, groups = cells(1.0)
    views = np.stack([X, X], axis=1)
    task = (np.arange(300), np.arange(300, 400))
    np.testing.assert_allclose(
        plain(views, y, groups)(task), plain(np.vstack([X[:300], X[:300], X[300:]]),
                                             np.r_[y[:300], y[:300], y[300:]],
                                             np.r_[groups[:300], groups[:300], groups[300:]])(
            (np.arange(600), np.arange(600, 700))), atol=1e-3,
    )  # fmt: skip


def test_a_class_of_one_patient_is_said_to_be_untestable() -> None:
    X, y, groups = cells(0.0)
    y = np.where(groups == 3, 2, y)
    with pytest.raises(BlastlineError, match="one group only"):
        leakage_premium(y, groups, 3, plain(X, y, groups, k=3), 4, 0)
