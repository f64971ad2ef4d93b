"""Self-training: which cells are believed, how many, and that no belief is kept for ever."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from classifiers.calibration import Calibrated
from classifiers.cells import NO_LABEL
from classifiers.committee import Committee
from classifiers.preparation import BlockWeights
from classifiers.rounds import UNCHANGED, Copy, members_of, probabilities
from classifiers.selftraining import SelfTraining
from tests.classifiers.examples import hidden
from tests.classifiers.patients import Sample, sample

LINEAR = Calibrated(LogisticRegression())
PAIR = Committee([("linear", LINEAR), ("bayes", Calibrated(GaussianNB()))])


class Watched(SelfTraining):
    """Keeps what each round is taught: of every copy the codes, weights and scores before."""

    taught: list[list[Copy]]

    def _teach(self, copies: Sequence[Copy], model: Calibrated | Committee):
        found = super()._teach(copies, model)
        kept = [
            Copy(
                each.rows, each.held, each.known, each.groups, each.learners,
                each.codes.copy(), each.weights.copy(), each.scores,
            )
            for each in copies
        ]  # fmt: skip
        self.taught = [*getattr(self, "taught", []), kept]
        self.models = [*getattr(self, "models", []), model]
        return found


def cells(seed: int = 0, share: float = 0.7, n: int = 24) -> Sample:
    X, y, groups = sample(n, 6, k=3, seed=seed)
    return X, hidden(y, share, seed), groups


def counts(codes: np.ndarray) -> np.ndarray:
    return np.bincount(codes[codes != NO_LABEL], minlength=3)


def test_without_unlabelled_cells_it_is_the_plain_classifier() -> None:
    X, y, groups = sample(15, 6, k=3)
    model = SelfTraining(PAIR).fit(X, y, groups)
    plain = clone(PAIR).fit(X, y, groups)
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert (model.stopped_, model.rounds_) == ("no unlabelled cells", [])


def test_a_threshold_that_nothing_reaches_leaves_the_plain_classifier() -> None:
    X, y, groups = cells()
    model = SelfTraining(LINEAR, threshold=0.999999).fit(X, y, groups)
    known = y != NO_LABEL
    plain = clone(LINEAR).fit(X[known], y[known], groups[known])
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert (model.stopped_, len(model.rounds_)) == (UNCHANGED, 1)


@settings(max_examples=20)
@given(
    threshold=st.floats(0, 0.9), growth=st.floats(0.05, 1), balanced=st.booleans(),
    soft=st.booleans(), share=st.floats(0.2, 0.9), seed=st.integers(0, 99),
)  # fmt: skip
def test_no_more_cells_than_the_quotas_and_each_change_is_told(
    threshold: float, growth: float, balanced: bool, soft: bool, share: float, seed: int
) -> None:
    X, y, groups = cells(seed, share, 15)
    model = SelfTraining(LINEAR, threshold, growth, balanced, soft, rounds=4)
    model.fit(X, y, groups)
    prior = counts(y) / counts(y).sum()
    before = np.full(np.count_nonzero(y == NO_LABEL), NO_LABEL)
    for number, each in enumerate(model.rounds_):
        after, changes = each.pseudo_labels, each.changes
        assert len(after) == len(before)
        budget = np.ceil(min(1, number * growth) * len(before) + 1e-6)
        assert (counts(after) <= (np.ceil(prior * budget) if balanced else budget)).all()
        if not balanced:
            assert counts(after).sum() <= budget
        if number:
            new, gone = (after != before) & (after >= 0), (after != before) & (before >= 0)
            assert_array_equal(changes["added"], counts(after[new]))
            assert_array_equal(changes["dropped"], counts(before[gone]))
            assert not (after >= 0).any() or changes["confidence"] >= threshold
        before = after


def test_quotas_are_whole_numbers_in_spite_of_rounding() -> None:
    X, y, groups = sample(20, 6)
    y = np.where(np.arange(len(y)) < 100, y, NO_LABEL)
    y[:20] = NO_LABEL  # 40 are unlabelled
    model = SelfTraining(LINEAR, 0.0, 0.1, balanced=False, rounds=8, patience=9)
    model.fit(X, y, groups)
    taken = [np.count_nonzero(each.pseudo_labels != NO_LABEL) for each in model.rounds_]
    assert taken == [4 * number for number in range(9)]  # 3 * 0.1 is a little above 0.3


@pytest.mark.parametrize("threshold", [0.4, 0.6, 0.8])
def test_all_at_once_is_the_rule_of_the_threshold(threshold: float) -> None:
    X, y, groups = cells()
    model = SelfTraining(LINEAR, threshold, 1.0, balanced=False, rounds=1).fit(X, y, groups)
    known = y != NO_LABEL
    proba = clone(LINEAR).fit(X[known], y[known], groups[known]).predict_proba(X[~known])
    expected = np.where(proba.max(axis=1) >= threshold, proba.argmax(axis=1), NO_LABEL)
    assert 0 < np.count_nonzero(expected == NO_LABEL) < len(expected)
    assert_array_equal(model.rounds_[1].pseudo_labels, expected)


def test_the_surest_cells_come_first() -> None:
    X, y, groups = cells()
    model = Watched(PAIR, threshold=0.0, growth=0.2, rounds=1).fit(X, y, groups)
    for copy in model.taught[0]:
        pool = ~copy.known
        proba = probabilities(model.models[0], copy.scores)[pool]
        taken = copy.weights[pool] > 0
        assert_array_equal(copy.codes[pool], proba.argmax(axis=1))
        for code in range(3):
            of_class = proba.argmax(axis=1) == code
            left, took = (proba.max(axis=1)[of_class & these] for these in (~taken, taken))
            assert not len(left) or not len(took) or left.max() <= took.min()


def test_pseudo_labels_that_no_longer_hold_are_dropped() -> None:
    dropped = 0
    for seed in range(4):
        X, y, groups = cells(seed, 0.85)
        model = SelfTraining(LINEAR, threshold=0.5, growth=0.3, rounds=6, patience=7)
        rounds = model.fit(X, y, groups).rounds_
        for before, after in pairwise(rounds):
            was, is_ = before.pseudo_labels, after.pseudo_labels
            dropped += np.count_nonzero((was != NO_LABEL) & (is_ == NO_LABEL))
    assert dropped > 0


def test_labels_never_change_and_count_in_full() -> None:
    X, y, groups = cells()
    model = Watched(LINEAR, threshold=0.0, soft=True, rounds=4).fit(X, y, groups)
    for copies in model.taught:
        for copy in copies:
            assert_array_equal(copy.codes[copy.known], y[copy.rows[copy.known]])
            assert (copy.weights[copy.known] == 1).all()
            assert (y[copy.rows[~copy.known]] == NO_LABEL).all()


@pytest.mark.parametrize("soft", [False, True])
def test_soft_labels_weigh_as_much_as_they_are_sure(soft: bool) -> None:
    X, y, groups = cells()
    model = Watched(LINEAR, threshold=0.0, growth=0.5, soft=soft, rounds=1).fit(X, y, groups)
    for copy in model.taught[0]:
        pool = ~copy.known
        sure = probabilities(model.models[0], copy.scores)[pool].max(axis=1)
        taken = copy.weights[pool] > 0
        assert 0 < taken.sum() < len(taken)
        expected = sure[taken] if soft else np.ones(taken.sum())
        assert_array_equal(copy.weights[pool][taken], expected)


def test_copies_leave_out_whole_groups_and_their_unlabelled_cells() -> None:
    X, y, groups = cells(share=0.5)
    model = Watched(LINEAR, rounds=2).fit(X, y, groups)
    known = np.flatnonzero(y != NO_LABEL)
    for copies in model.taught:
        *parts, whole = copies
        assert sorted(np.concatenate([copy.held for copy in parts])) == known.tolist()
        assert sorted(whole.rows) == list(range(len(y)))
        for copy in parts:
            assert not set(groups[copy.rows]) & set(groups[copy.held])
            assert_array_equal(copy.groups, groups[copy.rows])
            assert set(groups) == set(groups[copy.rows]) | set(groups[copy.held])


def test_what_a_copy_learns_is_none_of_the_cells_it_leaves_out() -> None:
    # Other features of the cells of one patient change nothing in the copy that leaves them out;
    # without calibration not even a temperature is shared.
    X, y, groups = cells(share=0.5)
    bare = Calibrated(LogisticRegression(), method="none")
    first = Watched(bare, threshold=0.3, rounds=1).fit(X, y, groups)
    held = first.taught[0][0].held
    strange = np.isin(groups, groups[held])
    other = np.where(strange[:, None], X[:, ::-1] * 3, X)
    second = Watched(bare, threshold=0.3, rounds=1).fit(other, y, groups)
    one, two = first.taught[0][0], second.taught[0][0]
    assert_array_equal(one.codes, two.codes)
    assert_array_equal(one.weights, two.weights)
    assert (one.weights[~one.known] > 0).any()
    assert not np.array_equal(first.taught[0][1].scores, second.taught[0][1].scores)


def test_copies_of_labelled_cells_get_their_label() -> None:
    X, y, groups = sample(30, 6, k=3)
    X[np.arange(len(y)), y] += 4.0
    twice = np.concatenate([X, X])
    labels = np.concatenate([y, np.full(len(y), NO_LABEL)])
    model = SelfTraining(LINEAR, 0.0, 1.0, balanced=False, rounds=2)
    model.fit(twice, labels, np.concatenate([groups, groups]))
    assert (model.rounds_[1].pseudo_labels == y).mean() > 0.95
    assert model.rounds_[0].score <= 1


def two_backbones(weights: tuple[float, float] = (1.0, 1.0)) -> Pipeline:
    blocks = tuple(zip((3, 3), weights, strict=True))
    steps = [("scale", StandardScaler()), ("weigh", BlockWeights(blocks))]
    return Pipeline([*steps, ("last", LogisticRegression())])


def disagreeing() -> tuple[Sample, np.ndarray]:
    """Cells whose class both blocks of columns tell; of some unlabelled ones, returned as bool,
    one block says the contrary of the other."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 5)
    y = groups % 2
    X = rng.normal(0, 0.3, (len(y), 6))
    X[:, 0], X[:, 3] = X[:, 0] + 2 * y, X[:, 3] + 2 * y
    labels = np.where(groups < 20, y, NO_LABEL)
    odd = (groups >= 20) & (np.arange(len(y)) % 5 == 0)
    X[odd, 3] = rng.normal(0, 0.1, odd.sum()) + 2 * (1 - y[odd])
    X[odd, 0] += 1.5 * np.where(y[odd], 1, -1)  # the first block decides
    return (X, labels, groups), odd


@pytest.mark.parametrize("agreement", [False, True])
def test_backbones_that_contradict_each_other_are_not_believed(agreement: bool) -> None:
    (X, y, groups), odd = disagreeing()
    model = SelfTraining(
        Calibrated(two_backbones()), 0.0, 1.0, balanced=False, agreement=agreement, rounds=1
    ).fit(X, y, groups)
    believed = model.rounds_[1].pseudo_labels != NO_LABEL
    contradicted = odd[y == NO_LABEL]
    assert believed[contradicted].all() != agreement
    assert believed[contradicted].any() != agreement
    assert believed[~contradicted].mean() > 0.95


@pytest.mark.parametrize(("weights", "more"), [((1.0, 0.5), 2), ((1.0, 0.0), 1)])
def test_only_cells_that_all_agree_on_are_believed(weights: tuple[float, float], more: int) -> None:
    members = [
        ("blocks", Calibrated(two_backbones(weights))), ("bayes", Calibrated(GaussianNB())),
    ]  # fmt: skip
    X, y, groups = cells(3, 0.6)
    model = Watched(Committee(members), 0.0, 1.0, agreement=True, rounds=3).fit(X, y, groups)
    contested = 0
    for copies in model.taught:
        for copy in copies:
            votes = np.array([scores.argmax(axis=1) for scores in copy.scores])
            assert len(votes) == 2 + more  # the members, then each backbone of the first
            taken = ~copy.known & (copy.weights > 0)
            assert (votes[:, taken] == copy.codes[taken]).all()
            contested += np.count_nonzero((votes != votes[0]).any(axis=0)[~copy.known])
    assert contested > 0
    assert len(members_of(model.model_)) == 2  # backbones alone have no part in the result


def test_blocks_without_weights_are_one_backbone() -> None:
    X, y, groups = cells()
    steps = [("weigh", BlockWeights()), ("last", LogisticRegression())]
    model = SelfTraining(Calibrated(Pipeline(steps)), agreement=True, rounds=2)
    assert len(model.fit(X, y, groups).rounds_) > 1


def test_a_learned_threshold_of_two_classes_goes_with_the_round_that_counts() -> None:
    for seed in range(4):
        X, y, groups = sample(60, 6, 0.85, seed)
        y = hidden(y, 0.6, seed)
        model = SelfTraining(LINEAR, growth=0.3, rounds=4).fit(X, y, groups)
        proba = model.predict_proba(X)
        second = proba[:, 1] > model.model_.threshold_
        assert_array_equal(model.predict(X), second.astype(int))
        for each in model.rounds_[1:]:
            assert each.pseudo_labels.max() <= 1
