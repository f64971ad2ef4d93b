"""Planted label errors are found, first and with the right suggestion; clean labels are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

from classifiers.calibration import Calibrated
from classifiers.label_errors import find_label_errors
from classifiers.preparation import PreparedClassifier, SignedSqrt
from classifiers.svm import SVM
from data.decode import decode
from features.morphology import describe
from tests.shared import needs_shared, pbc_cells

Planted = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def planted(seed: int = 0, n: int = 600, k: int = 4, share: float = 0.05) -> Planted:
    """Probabilities of a good classifier, true classes, labels, and the rows with a wrong one."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % k
    scores = rng.normal(0, 1, (n, k))
    scores[np.arange(n), truth] += 5
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    rows = rng.choice(n, round(share * n), replace=False)
    y = truth.copy()
    y[rows] = (truth[rows] + rng.integers(1, k, len(rows))) % k
    return proba, truth, y, rows


@pytest.mark.parametrize("k", [2, 4, 8])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.15])
def test_planted_errors_come_first_with_their_true_class(k: int, share: float) -> None:
    figures = []
    for seed in range(10):  # few errors are planted in each
        proba, truth, y, rows = planted(seed, k=k, share=share)
        found = find_label_errors(proba, y)
        right = np.isin(found.rows, rows)
        figures.append(
            (
                right[: len(rows)].mean(),
                right.mean(),  # some are the classifier's own errors
                np.isin(rows, found.rows).mean(),
                (found.suggested[right] == truth[found.rows[right]]).mean(),
            )
        )
    first, all_named, recall, suggested = np.mean(figures, axis=0)
    assert first > 0.8
    assert all_named > 0.6
    assert recall > 0.6
    assert suggested > 0.9


@given(seed=st.integers(0, 10_000), k=st.integers(2, 6), n=st.integers(0, 60))
def test_whatever_the_probabilities_the_result_is_sound(seed: int, k: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(k, rng.choice([0.05, 1.0])), n)
    if seed % 2:
        proba = proba.round()  # only 0 and 1, rows of zeros too
    y = rng.integers(0, k, n)
    before = y.copy(), proba.copy()
    found = find_label_errors(proba, y)
    assert_array_equal(y, before[0])
    assert_array_equal(proba, before[1])
    assert (found.rows.dtype, found.suggested.dtype) == (np.int64, np.int64)
    assert len(set(found.rows.tolist())) == len(found.rows) == len(found.suggested)
    assert (found.suggested != y[found.rows]).all()
    assert (np.isin(found.suggested, y)).all()
    assert found.quality.shape == (n,)
    assert ((found.quality >= 0) & (found.quality <= 1)).all()
    assert (found.quality[found.rows] < 0.5).all()
    assert (np.diff(found.quality[found.rows]) >= 0).all()
    # Suggested is what the classifier says, of the classes that have cells.
    likeliest = np.where(np.isin(np.arange(k), y), proba, -1)[found.rows].max(axis=1)
    assert_array_equal(proba[found.rows, found.suggested], likeliest)


@given(seed=st.integers(0, 10_000))
def test_the_order_of_cells_and_of_classes_does_not_matter(seed: int) -> None:
    proba, _, y, _ = planted(seed)
    found = find_label_errors(proba, y)
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(len(y)), rng.permutation(4)
    moved = find_label_errors(proba[order][:, np.argsort(names)], names[y[order]])
    assert_array_equal(order[moved.rows], found.rows)
    assert_array_equal(moved.suggested, names[found.suggested])
    assert_allclose(moved.quality, found.quality[order])


def test_clean_cells_have_no_errors() -> None:
    y = np.arange(60) % 3
    for sure in (0.4, 0.6, 0.99, 1.0):
        proba = np.full((60, 3), (1 - sure) / 2)
        proba[np.arange(60), y] = sure
        found = find_label_errors(proba, y)
        assert len(found.rows) == 0
        assert_allclose(found.quality, sure / (sure + (1 - sure) / 2))


def test_an_unsure_contradiction_is_no_error() -> None:
    # All cells of class 1 look a little like class 0, none as much as those of class 0 do.
    y = np.array([0] * 10 + [1] * 10)
    of_zero = np.array([0.95] * 10 + [0.55] * 10)
    assert len(find_label_errors(np.column_stack([of_zero, 1 - of_zero]), y).rows) == 0
    # One that looks more so is.
    of_zero[13] = 0.96
    assert_array_equal(find_label_errors(np.column_stack([of_zero, 1 - of_zero]), y).rows, [13])


def test_rounding_keeps_no_class_of_equal_cells_from_being_confident() -> None:
    # The mean of three times 0.4 is a little more than 0.4.
    proba = np.array([[0.9, 0.1, 0.0]] * 5 + [[0.3, 0.4, 0.3]] * 4 + [[0.0, 0.1, 0.9]] * 5)
    y = np.array([0] * 6 + [1] * 3 + [2] * 5)
    found = find_label_errors(proba, y)
    assert_array_equal(found.rows, [5])
    assert_array_equal(found.suggested, [1])


def test_equal_cells_keep_their_order() -> None:
    y = np.zeros(30, dtype=int)
    y[10:] = 1
    proba = np.tile([0.1, 0.9], (30, 1))
    proba[:8] = [0.9, 0.1]
    found = find_label_errors(proba, y)
    assert_array_equal(found.rows, [8, 9])
    assert_array_equal(found.suggested, [1, 1])


def test_a_class_that_no_label_names_is_never_suggested() -> None:
    proba, _, y, _ = planted(k=3)
    with_fourth = np.column_stack([0.4 * proba, np.full(len(y), 0.6)])
    found = find_label_errors(with_fourth, y)
    assert 3 not in found.suggested
    assert len(found.rows) > 0


@pytest.mark.parametrize(
    ("proba", "y", "said"),
    [
        (np.ones((3, 1)), np.zeros(3, int), r"\(3, 1\)"),
        (np.full((3, 2), 0.5), np.zeros(4, int), r"\(4,\)"),
        (np.full((3, 2), 0.5), np.array([0, 1, -1]), "-1 to 1"),
        (np.full((3, 2), 0.5), np.array([0, 1, 2]), "0 to 2"),
        (np.full((3, 2), np.nan), np.zeros(3, int), "finite"),
    ],
)
def test_what_does_not_fit_is_refused(proba: np.ndarray, y: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        find_label_errors(proba, y)


@needs_shared
def test_errors_planted_among_real_cells_are_found() -> None:
    paths = pbc_cells(240)
    X = np.stack([describe(decode(path.read_bytes())) for path in paths])
    truth = np.arange(len(paths)) % 8
    rng = np.random.default_rng(0)
    rows = rng.choice(len(truth), 12, replace=False)
    y = truth.copy()
    y[rows] = (truth[rows] + rng.integers(1, 8, len(rows))) % 8
    steps = [("root", SignedSqrt()), ("scale", StandardScaler()), ("svm", SVM(10, gamma=0.003))]
    model = Calibrated(PreparedClassifier(steps), folds=5).fit(X, y)
    found = find_label_errors(model.out_of_fold_, y)
    assert np.isin(found.rows[: len(rows)], rows).mean() >= 0.5
    hits = found.rows[np.isin(found.rows, rows)]
    suggested = found.suggested[np.isin(found.rows, rows)]
    assert (suggested == truth[hits]).mean() > 0.7
