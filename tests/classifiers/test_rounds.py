"""What self-training and confidence feedback have in common: without gain, nothing changes."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from classifiers.calibration import Calibrated
from classifiers.cells import NO_LABEL
from classifiers.committee import Committee
from classifiers.feedback import ConfidenceFeedback
from classifiers.objectives import OBJECTIVES
from classifiers.registry import CLASSIFIERS
from classifiers.round_record import Validation
from classifiers.rounds import ALL_ROUNDS, NO_FOLDS, WORSE, InRounds
from classifiers.selftraining import SelfTraining
from tests.classifiers.examples import hidden, unfitted
from tests.classifiers.patients import planted, sample, with_views

LINEAR = Calibrated(LogisticRegression())
PAIR = Committee([("linear", LINEAR), ("bayes", Calibrated(GaussianNB(), "sigmoid"))])

both = pytest.mark.parametrize("kind", [SelfTraining, ConfidenceFeedback])
every_classifier = pytest.mark.parametrize("name", CLASSIFIERS)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # classes of few cells
        yield


def plain_of(model: InRounds, X: np.ndarray, y: np.ndarray, groups: np.ndarray):
    known = y != NO_LABEL
    return clone(model.estimator).fit(X[known], y[known], groups[known])


def assert_plain(model: InRounds, X: np.ndarray, y: np.ndarray, groups: np.ndarray) -> None:
    """Bit for bit what the classifier alone is."""
    plain = plain_of(model, X, y, groups)
    assert model.best_round_ == 0
    assert_array_equal(model.classes_, plain.classes_)
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert_array_equal(model.predict(X), plain.predict(X))
    assert_array_equal(model.model_.out_of_fold_, plain.out_of_fold_)


@both
@pytest.mark.parametrize("views", [False, True])
@every_classifier
def test_zero_rounds_are_exactly_the_plain_classifier(
    name: str, views: bool, kind: type[InRounds]
) -> None:
    X, y, groups = sample(15, 6, k=3)
    X, y = with_views(X) if views else X, hidden(y, 0.4)
    model = kind(unfitted(CLASSIFIERS[name], 6), rounds=0).fit(X, y, groups)
    assert_plain(model, X, y, groups)
    assert (model.rounds_, model.stopped_) == ([], "no rounds asked for")


@both
@pytest.mark.parametrize("estimator", [*CLASSIFIERS, "committee"])
def test_round_zero_is_measured_as_the_plain_classifier_is(
    estimator: str, kind: type[InRounds]
) -> None:
    # Though a support vector machine goes by a Gram matrix there.
    X, y, groups = sample(15, 8, k=3)
    y = hidden(y, 0.4)
    spec = CLASSIFIERS.get(estimator)
    model = kind(unfitted(spec, 6) if spec else PAIR, rounds=1).fit(X, y, groups)
    plain = plain_of(model, X, y, groups)
    known = y[y != NO_LABEL]
    if not model.rounds_:
        assert model.stopped_ == "the classifier knows no weights"
        return
    log_proba = np.log(np.maximum(plain.out_of_fold_, 1e-6))
    first = model.rounds_[0]
    assert first.score == OBJECTIVES["f1_macro"](known, log_proba)
    own = log_proba[np.arange(len(known)), known]
    np.testing.assert_allclose(first.log_loss, -own.mean(), atol=1e-5)
    assert (first.pseudo_labels == NO_LABEL).all()
    assert first.changes == {}


@both
def test_without_labels_it_says_so(kind: type[InRounds]) -> None:
    X, y, groups = sample(6, 4)
    with pytest.raises(ValueError, match="all 24 cells are unlabelled"):
        kind(LINEAR).fit(X, np.full(len(y), NO_LABEL), groups)


@both
@pytest.mark.parametrize("other", [0, NO_LABEL])
def test_one_class_is_refused(kind: type[InRounds], other: int) -> None:
    X, y, groups = sample(6, 4)
    with pytest.raises(ValueError, match="at least 2 classes, got 1 class"):
        kind(LINEAR).fit(X, np.where(y == 0, 0, other), groups)


@both
@pytest.mark.parametrize(
    "wrong", [{"rounds": -1}, {"patience": 0}, {"threshold": 1.0}, {"threshold": -0.1}]
)
def test_settings_out_of_range_are_refused(kind: type[InRounds], wrong: dict[str, float]) -> None:
    X, y, groups = sample(6, 4)
    with pytest.raises(ValueError, match="expected"):
        kind(LINEAR, **wrong).fit(X, y, groups)


@both
def test_one_group_cannot_be_validated_and_stays_plain(kind: type[InRounds]) -> None:
    X, y, groups = sample(12, 5)
    y = hidden(y, 0.4)
    model = kind(LINEAR).fit(X, y, np.where(y == NO_LABEL, groups, 0))
    assert (model.stopped_, model.rounds_) == (NO_FOLDS, [])
    assert_array_equal(
        model.predict_proba(X), plain_of(model, X, y, np.zeros(len(y))).predict_proba(X)
    )


@both
def test_a_class_that_a_copy_does_not_see(kind: type[InRounds]) -> None:
    X, y, groups = sample(20, 6, k=3)
    y[groups == 19], y[(groups < 19) & (y == 2)] = 2, 1  # class 2 has one group alone
    X[y == 2, 2] += 4
    y[(groups % 3 == 0) & (groups < 19)] = NO_LABEL
    model = kind(PAIR, rounds=3).fit(X, y, groups)
    assert len(model.rounds_) > 1
    assert all(np.isfinite([each.score, each.log_loss]).all() for each in model.rounds_)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    alone = y[y != NO_LABEL] == 2
    assert not model.model_.informed_[alone].any()
    assert model.model_.informed_[~alone].all()


@both
@pytest.mark.parametrize("balanced", [False, True])
def test_copies_that_know_one_class_alone_neither_fail_nor_teach(
    kind: type[InRounds], balanced: bool
) -> None:
    X, y, groups = sample(12, 6)
    y = np.where(groups == 3, 1, 0)  # who leaves out group 3 has nothing to tell apart
    y[groups > 7] = NO_LABEL
    extra = {"balanced": balanced, "threshold": 0.0} if kind is SelfTraining else {}
    model = kind(LINEAR, rounds=3, **extra).fit(X, y, groups)
    assert not model.model_.informed_[groups[y != NO_LABEL] == 3].any()
    np.testing.assert_allclose(
        model.rounds_[0].log_loss,
        Validation.of(
            plain_of(model, X, y, groups), y[groups <= 7], groups[groups <= 7], "f1_macro"
        ).losses.mean(),
        rtol=1e-4,
    )


@both
def test_views_are_rows_of_one_cell(kind: type[InRounds]) -> None:
    X, y, groups = sample(18, 6, k=3)
    y = hidden(y, 0.5)
    once = kind(LINEAR, rounds=2).fit(X, y, groups)
    thrice = kind(Calibrated(LogisticRegression(C=1 / 3)), rounds=2).fit(
        np.repeat(X[:, None], 3, axis=1), y, groups
    )  # the same penalty on three times the rows
    assert len(once.rounds_) == len(thrice.rounds_)
    for one, other in zip(once.rounds_, thrice.rounds_, strict=True):
        assert_array_equal(one.pseudo_labels, other.pseudo_labels)
        np.testing.assert_allclose(one.log_loss, other.log_loss, rtol=1e-3)


@both
@pytest.mark.parametrize("estimator", [LINEAR, PAIR])
def test_the_same_cells_give_the_same_rounds(
    estimator: Calibrated | Committee, kind: type[InRounds]
) -> None:
    X, y, groups = sample(20, 6, k=3)
    y = hidden(y, 0.5)
    named = np.array([f"patient {number:03d}" for number in groups])
    order = np.random.default_rng(4).permutation(len(y))
    first = kind(estimator, rounds=3).fit(X, y, groups)
    again = kind(estimator, rounds=3).fit(X, y, named)
    mixed = kind(estimator, rounds=3).fit(X[order], y[order], groups[order])
    assert_array_equal(again.predict_proba(X), first.predict_proba(X))
    np.testing.assert_allclose(mixed.predict_proba(X), first.predict_proba(X), atol=1e-3)
    for other in (again, mixed):
        assert (other.best_round_, other.stopped_) == (first.best_round_, first.stopped_)
        scores = [[each.score for each in model.rounds_] for model in (first, other)]
        np.testing.assert_allclose(*scores)


@both
@pytest.mark.parametrize("patience", [1, 2])
def test_it_stops_when_the_score_has_not_risen_for_long_enough(
    kind: type[InRounds], patience: int
) -> None:
    X, y, groups = sample(30, 6, k=3)
    for rounds in (1, 12):
        model = kind(LINEAR, rounds=rounds, patience=patience).fit(X, hidden(y, 0.8), groups)
        scores = [each.score for each in model.rounds_]
        since = len(scores) - 1 - int(np.argmax(scores))
        if model.stopped_ == WORSE:
            assert since == patience
            assert len(scores) <= rounds
        else:
            assert (model.stopped_, len(scores)) == (ALL_ROUNDS, rounds + 1)
            assert since <= patience


def test_names_of_classes_and_groups_may_be_anything() -> None:
    X, y, groups = sample(15, 5)
    names = np.array(["common", "rare"])[y]
    model = ConfidenceFeedback(LINEAR, rounds=2).fit(X, names, groups.astype(str))
    assert set(model.predict(X)) <= {"common", "rare"}
    assert len(model.rounds_) > 1


@both
@pytest.mark.parametrize("believed", [False, True])
def test_the_round_that_counts_is_the_model(
    kind: type[InRounds], believed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it rolls back to has the scores that the round is recorded with."""
    if believed:  # whatever scores best
        monkeypatch.setattr(Validation, "beats", lambda *others: True)
    better = 0
    for seed in range(3):
        X, y, groups = sample(40, 6, k=3, seed=seed)
        y = hidden(y, 0.8, seed)
        model = kind(PAIR, rounds=5).fit(X, y, groups)
        known = y != NO_LABEL
        best = model.rounds_[model.best_round_]
        found = Validation.of(model.model_, y[known], groups[known], "f1_macro")
        np.testing.assert_allclose([found.score, found.losses.mean()], [best.score, best.log_loss])
        assert best.score >= model.rounds_[0].score
        assert believed or best.log_loss <= model.rounds_[0].log_loss
        if model.best_round_ == 0:
            assert_plain(model, X, y, groups)
            continue
        better += 1
        # Fitted again on the cells of the best round, not on those of the last one.
        taught = np.full(len(y), NO_LABEL)
        taught[known], taught[~known] = y[known], best.pseudo_labels
        if kind is SelfTraining:
            some = taught != NO_LABEL
            expected = LogisticRegression().fit(X[some], taught[some])
            linear = model.model_.members_[0][1].estimator_
            np.testing.assert_allclose(linear.coef_, expected.coef_, atol=1e-3)
    assert better or not believed


@both
def test_a_planted_identity_with_labels_at_random_is_never_gained_from(
    kind: type[InRounds],
) -> None:
    kept, scores = 0, []
    for seed in range(12):
        X, y, groups = planted(36, 4)
        y = np.random.default_rng(seed).integers(0, 2, 36)[groups]
        y[groups % 3 == 0] = NO_LABEL
        y[(groups % 3 == 1) & (np.arange(len(y)) % 4 == 0)] = NO_LABEL
        model = kind(LINEAR, rounds=4).fit(X, y, groups)
        kept += model.best_round_ == 0
        scores += [each.score for each in model.rounds_]
    assert kept >= 10
    assert np.mean(scores) < 0.55
