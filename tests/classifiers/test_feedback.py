"""Confidence feedback: doubtful cells count more, as long as that helps."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.naive_bayes import GaussianNB

from classifiers.calibration import Calibrated
from classifiers.cells import NO_LABEL
from classifiers.committee import Committee
from classifiers.feedback import ConfidenceFeedback
from classifiers.knn import KNN
from classifiers.registry import CLASSIFIERS
from classifiers.rounds import UNCHANGED, Copy
from tests.classifiers.examples import unfitted
from tests.classifiers.patients import Sample, sample, with_views

LINEAR = Calibrated(LogisticRegression())


class Watched(ConfidenceFeedback):
    """Keeps the weights that each round is fitted with: of every copy, the whole one last."""

    def _teach(self, copies: Sequence[Copy], model: Calibrated | Committee):
        found = super()._teach(copies, model)
        kept = [(copy.rows, copy.known, copy.weights.copy()) for copy in copies]
        self.weights = [*getattr(self, "weights", []), kept]
        return found


def planted_hard(n_groups: int = 24) -> tuple[Sample, np.ndarray]:
    """Two classes far apart but for some cells of each, returned as bool, at the border."""
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(n_groups), 10)
    y = groups % 2
    hard = np.arange(len(y)) % 10 < 2
    X = rng.normal(0, 0.7, (len(y), 5))
    X[:, 0] += np.where(hard, 0.3, 4.0) * (2 * y - 1)
    return (X, y, groups), hard


def flipped(seed: int, share: float = 0.1) -> Sample:
    X, y, groups = sample(30, 8, k=3, seed=seed)
    wrong = np.random.default_rng(seed).random(len(y)) < share
    return X, np.where(wrong, (y + 1) % 3, y), groups


def test_cells_that_are_hard_get_more_weight() -> None:
    (X, y, groups), hard = planted_hard()
    model = Watched(LINEAR, threshold=0.8, rounds=2).fit(X, y, groups)
    for number, copies in enumerate(model.weights, start=1):
        for rows, known, weights in copies:
            assert known.all()
            np.testing.assert_allclose(weights.mean(), 1)
            assert weights[hard[rows]].mean() > 1.3 * weights[~hard[rows]].mean()
        whole = copies[-1][2]
        changes = model.rounds_[number].changes
        assert whole.max() > 1
        assert 0 < changes["confidence"] < 1
    first, told = model.weights[0][-1][2], model.rounds_[1].changes["fed_back"]
    fed_back = first > first.min()
    np.testing.assert_allclose(first[fed_back], 2 * first.min())
    assert_array_equal(told, np.bincount(y[fed_back], minlength=2))
    assert hard[fed_back].mean() > 0.8


def test_a_cell_below_the_threshold_round_after_round_is_multiplied_each_time() -> None:
    (X, y, groups), _ = planted_hard()
    model = Watched(LINEAR, threshold=0.8, weight=3.0, rounds=3, patience=4).fit(X, y, groups)
    whole = [copies[-1][2] for copies in model.weights]
    for number, weights in enumerate(whole, start=1):
        powers = np.log(weights / weights.min()) / np.log(3)
        np.testing.assert_allclose(powers, np.round(powers), atol=1e-9)
        assert powers.max() == pytest.approx(number)


def test_with_no_doubt_nothing_changes() -> None:
    X, y, groups = sample(20, 6, k=3)
    X[np.arange(len(y)), y] += 8
    model = ConfidenceFeedback(LINEAR, threshold=0.5).fit(X, y, groups)
    assert (model.stopped_, len(model.rounds_)) == (UNCHANGED, 1)


@pytest.mark.parametrize("name", ["knn", "dense_svm"])
def test_a_classifier_without_weights_stays_as_it_is(name: str) -> None:
    X, y, groups = sample(15, 6, k=3)
    model = ConfidenceFeedback(unfitted(CLASSIFIERS[name], 6)).fit(X, y, groups)
    plain = clone(model.estimator).fit(X, y, groups)
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert (model.stopped_, model.rounds_) == ("the classifier knows no weights", [])


def test_members_without_weights_vote_as_before() -> None:
    for seed in range(8):
        X, y, groups = sample(30, 6, 0.8, seed)
        members = [("linear", LINEAR), ("knn", Calibrated(KNN(5)))]
        model = ConfidenceFeedback(Committee(members), threshold=0.7).fit(X, y, groups)
        assert len(model.rounds_) > 1
        plain = clone(members[1][1]).fit(X, y, groups)
        voted = model.model_.members_[1][1].predict_proba(X)
        np.testing.assert_allclose(voted, plain.predict_proba(X), atol=1e-9)


def test_unlabelled_cells_take_no_part() -> None:
    X, y, groups = sample(30, 6, k=3)
    y = np.where(groups % 3 == 0, NO_LABEL, y)
    known = y != NO_LABEL
    found = ConfidenceFeedback(LINEAR).fit(X, y, groups)
    alone = ConfidenceFeedback(LINEAR).fit(X[known], y[known], groups[known])
    assert_array_equal(found.predict_proba(X), alone.predict_proba(X))
    scores = [[(r.score, r.log_loss) for r in each.rounds_] for each in (found, alone)]
    np.testing.assert_allclose(*scores)
    assert all((each.pseudo_labels == NO_LABEL).all() for each in found.rounds_)


def test_a_class_of_one_group_is_not_blamed_for_being_unknown() -> None:
    X, y, groups = sample(20, 6)
    y[groups == 7] = 2
    X[y == 2, 2] += 6
    model = Watched(LINEAR, rounds=3, patience=4).fit(X, y, groups)
    assert len(model.rounds_) > 1
    for each in model.rounds_[1:]:
        assert each.changes["fed_back"][2] == 0
    assert model.weights[-1][-1][2][y == 2].max() < 1


def test_views_of_a_cell_share_its_weight() -> None:
    (X, y, groups), hard = planted_hard()
    model = Watched(LINEAR, threshold=0.8, rounds=2).fit(with_views(X), y, groups)
    for copies in model.weights:
        rows, _, weights = copies[-1]
        assert len(weights) == len(y)
        assert weights[hard[rows]].mean() > 1.3 * weights[~hard[rows]].mean()


@pytest.mark.parametrize("estimator", [LINEAR, Calibrated(GaussianNB())])
def test_wrong_labels_do_not_make_it_worse(estimator: Calibrated) -> None:
    gains = []
    for seed in range(8):
        X, y, groups = flipped(seed)
        model = ConfidenceFeedback(estimator).fit(X, y, groups)
        plain = clone(estimator).fit(X, y, groups)
        new, truth, _ = sample(30, 8, k=3, seed=100 + seed)
        f1 = [f1_score(truth, each.predict(new), average="macro") for each in (plain, model)]
        gains.append(f1[1] - f1[0])
    assert np.mean(gains) > -0.01
