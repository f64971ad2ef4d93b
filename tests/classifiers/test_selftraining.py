"""Self-training: nothing changes without rounds, nothing is believed below the threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from classifiers.cells import NO_LABEL
from classifiers.registry import CLASSIFIERS
from classifiers.selftraining import GroupColumn, SelfTrained, self_train
from classifiers.spec import ClassifierSpec
from tests.classifiers.examples import (
    Diary,
    Sample,
    blobs,
    patients,
    patients_in,
    unfitted,
)

LOGISTIC = CLASSIFIERS["logistic"]
K = 5


def trained(
    sample: Sample, y: np.ndarray, spec: ClassifierSpec = LOGISTIC, **changes: float
) -> SelfTrained:
    chosen = {"threshold": 0.8, "rounds": 4, "n_classes": K} | changes
    model = unfitted(spec, sample.X.shape[1])
    return self_train(model, sample.X, y, sample.groups, **chosen)  # type: ignore[arg-type]


def plain(sample: Sample, rows: np.ndarray, spec: ClassifierSpec = LOGISTIC):
    model = unfitted(spec, sample.X.shape[1])
    return model.fit(sample.X[rows], sample.y[rows], sample.groups[rows])


def partly(sample: Sample, share: float, seed: int = 0) -> np.ndarray:
    """The labels with a share of them hidden, at least five of each class left."""
    y = sample.y.copy()
    hidden = np.random.default_rng(seed).random(len(y)) < share
    hidden[:15] = False
    y[hidden] = NO_LABEL
    return y


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_zero_rounds_are_exactly_the_plain_classifier(name: str) -> None:
    sample, new = blobs(), blobs(seed=1, noise=3.0).X
    y = partly(sample, 0.4)
    result = trained(sample, y, CLASSIFIERS[name], rounds=0)
    expected = plain(sample, y != NO_LABEL, CLASSIFIERS[name]).predict_proba(new)
    np.testing.assert_allclose(result.model.predict_proba(new), expected, atol=1e-6)
    assert result.added.shape == (0, K)
    assert result.stopped == "no rounds asked for"


def test_without_unlabelled_cells_it_is_the_plain_classifier() -> None:
    sample, new = blobs(), blobs(seed=1, noise=3.0).X
    result = trained(sample, sample.y)
    everything = np.ones(len(sample.y), dtype=bool)
    assert_array_equal(
        result.model.predict_proba(new), plain(sample, everything).predict_proba(new)
    )
    assert result.stopped == "no unlabelled cells"


def test_a_threshold_that_nothing_reaches_is_the_plain_classifier() -> None:
    sample, new = blobs(noise=3.0), blobs(seed=1, noise=3.0).X
    y = partly(sample, 0.5)
    result = trained(sample, y, threshold=0.999999)
    assert (result.added.sum(), result.stopped) == (0, "no_change")
    assert_array_equal(
        result.model.predict_proba(new), plain(sample, y != NO_LABEL).predict_proba(new)
    )


@settings(max_examples=25)
@given(
    share=st.floats(0.2, 0.8), threshold=st.floats(0.55, 0.99), rounds=st.integers(1, 4),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_only_sure_cells_are_added_each_once(
    share: float, threshold: float, rounds: int, seed: int
) -> None:
    sample = blobs(noise=2.5, seed=seed)
    y = partly(sample, share, seed)
    result = trained(sample, y, threshold=threshold, rounds=rounds)
    assert len(result.added) <= rounds
    assert (result.added >= 0).all()
    assert (result.added[:, [1, 3]] == 0).all()  # classes that never occur
    assert result.added.sum() <= (y == NO_LABEL).sum()
    if result.stopped == "all_labeled":
        assert result.added.sum() == (y == NO_LABEL).sum()
    elif result.stopped == "max_iter":
        assert len(result.added) == rounds
    else:
        assert result.stopped == "no_change"
    # The first round adds exactly the cells that the plain classifier is sure of.
    labelled = y != NO_LABEL
    proba = plain(sample, labelled).predict_proba(sample.X[~labelled])
    sure = proba.max(axis=1) > threshold
    first = np.bincount(np.array([0, 2, 4])[proba.argmax(axis=1)[sure]], minlength=K)
    if (~labelled).any():
        added = result.added[0] if len(result.added) else np.zeros(K, dtype=int)
        assert_array_equal(added, first)


def test_the_same_seed_gives_the_same_result() -> None:
    sample, new = blobs(noise=2.5), blobs(seed=1, noise=3.0).X
    once, again = (trained(sample, partly(sample, 0.5)) for _ in range(2))
    assert_array_equal(once.added, again.added)
    assert_array_equal(once.model.predict_proba(new), again.model.predict_proba(new))


@pytest.mark.parametrize("sureness", [0.7, 0.95])
def test_groups_are_sliced_with_the_rows_that_are_fitted(sureness: float) -> None:
    # The diary fails where groups and rows do not fit; the first fit sees labelled cells alone,
    # the next one pseudo-labelled cells of other patients too, if it was sure of them.
    cells = patients(12, 3, unlabelled_each=1)
    y = np.where(patients_in(cells.X) < 4, NO_LABEL, cells.y)
    Diary.pages.clear()
    result = self_train(
        Diary(sureness), cells.X, y, cells.groups, threshold=0.8, rounds=3, n_classes=2
    )
    fits = [(seen, groups) for seen, groups, shown in Diary.pages if shown is None]
    assert fits[0][0] == set(range(4, 12))
    assert len(fits[0][1]) == 8 * 3
    believed = sureness > 0.8
    assert result.model.patients_ == (set(range(12)) if believed else set(range(4, 12)))
    assert len(fits[-1][1]) == (len(y) if believed else 8 * 3)


def test_the_group_column_never_reaches_the_classifier() -> None:
    sample = blobs()
    with_groups = np.column_stack([sample.X, np.arange(len(sample.y)) // 5])
    model = unfitted(LOGISTIC, sample.X.shape[1])
    column = GroupColumn(model, sample.X.shape[1:]).fit(with_groups, sample.y)
    assert column.estimator_.n_features_in_ == sample.X.shape[1]
    other_groups = with_groups.copy()
    other_groups[:, -1] = 1e6
    assert_array_equal(column.predict_proba(with_groups), column.predict_proba(other_groups))
    assert_array_equal(
        column.predict(with_groups), column.classes_[column.predict_proba(with_groups).argmax(1)]
    )
