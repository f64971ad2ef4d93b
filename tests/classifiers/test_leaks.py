"""No stage may see a patient on both sides of a split, whatever splits inside it.

The features of ``patients`` name the patient and say nothing else, so a leak anywhere shows: as
certainty about cells of new patients, or as a patient on two pages of the diary.
"""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.cells import Cells, make_splits
from classifiers.dense import Dense
from classifiers.feedback import ConfidenceFeedback
from classifiers.learner import Learner
from classifiers.nested import Nested
from classifiers.protocol import FED_BACK, SELECTED, SELF_TRAINED, Evaluation, out_of_fold
from classifiers.registry import CLASSIFIERS
from classifiers.rounds import InRounds
from classifiers.selftraining import SelfTraining
from classifiers.training_part import TrainingPart
from tests.classifiers.examples import (
    DIARY,
    Diary,
    patients,
    patients_in,
    protocol,
    settings,
    unfitted,
)

QUICK = [CLASSIFIERS[name] for name in ("logistic", "svm")]


def evaluated(
    cells: Cells, specs=QUICK, rounds: int = 3, trials: int = 2, **changes: float
) -> Evaluation:
    how = protocol(settings(trials), rounds=rounds, committee=len(specs) > 1, **changes)  # type: ignore[arg-type]
    return Nested(cells, specs, optuna.storages.InMemoryStorage(), "planted", how).evaluate()


@given(
    n_groups=st.integers(2, 12), k=st.integers(2, 4), n=st.integers(4, 80), seed=st.integers(0, 999)
)
def test_inner_splits_of_estimators_keep_groups_whole(
    n_groups: int, k: int, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y, groups = rng.integers(0, k, n), rng.integers(0, n_groups, n).astype(str)
    held = Dense()._held_out(y, groups, seed)[0]
    assert not set(groups[held]) & set(groups[~held])
    assert not held.all()


def test_dense_keeps_a_part_aside_where_it_can() -> None:
    cells = patients()
    held = Dense()._held_out(cells.y, cells.groups, 0)[0]
    assert 0.05 < held.mean() < 0.35
    assert set(cells.y[held]) == {0, 1}
    of_one_patient = np.repeat("one", len(cells.y))
    assert not Dense()._held_out(cells.y, of_one_patient, 0).any()


# Not knn: a neighbour at distance zero makes it sure of cells it has seen, whatever the split.
@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name != "knn"])
def test_an_inner_split_by_patient_leaves_nobody_sure(name: str) -> None:
    # An inner split by cell finds the classifier always right and lets it be sure of itself.
    spec, cells = CLASSIFIERS[name], patients(27, 4)
    sureness = []
    for groups in (cells.groups, np.arange(len(cells.y))):
        model = unfitted(spec, cells.X.shape[1]).fit(cells.X, cells.y, groups)
        sureness.append(model.predict_proba(cells.X).max(axis=1).mean())
    assert sureness[0] < 0.8
    assert sureness[1] > 0.9


def test_scores_on_a_planted_identity_are_at_chance() -> None:
    cells = patients(30, unlabelled_each=2)
    evaluation = evaluated(cells, feedback=1)
    for name, decided in evaluation.decided.items():
        assert (decided == cells.y[evaluation.rows]).mean() < 0.7, name
    for part in evaluation.parts:
        for tuned in part.tuned.values():
            assert max(tuned.fold_scores) < 0.8
    for name, model in evaluation.final.models.items():
        truth = cells.y[evaluation.final.split.train]
        inner = out_of_fold(model, len(truth), 2)
        assert inner is not None
        assert (inner.argmax(axis=1) == truth).mean() < 0.7, name


@pytest.mark.parametrize("fixed_test", [False, True])
def test_parts_share_no_patient_and_test_every_cell_once(fixed_test: bool) -> None:
    cells = patients(unlabelled_each=2)
    if fixed_test:
        test = np.isin(patients_in(cells.X), [0, 1, 2, 3]) & (cells.y >= 0)
        cells = replace(cells, test=test, folds=np.where(test, -1, cells.folds))
    parts = make_splits(cells)
    for part in parts:
        assert not set(cells.groups[part.train]) & set(cells.groups[part.test])
        assert (cells.y[part.train] >= 0).all()
    tested = np.concatenate([part.test for part in parts])
    expected = cells.test if fixed_test else cells.y >= 0
    assert sorted(tested) == np.flatnonzero(expected).tolist()
    assert set(parts[-1].train) == set(np.flatnonzero((cells.y >= 0) & ~cells.test))


@pytest.fixture
def diary() -> type[Diary]:
    Diary.pages.clear()
    return Diary


def test_no_fit_predicts_a_patient_that_it_saw(diary: type[Diary]) -> None:
    cells = patients()
    evaluated(cells, [DIARY], rounds=0)
    predicted = [(seen, shown) for seen, _, shown in diary.pages if shown is not None]
    assert len(predicted) > 3 * 2 * 3  # folds x trials x inner folds, and the tests
    assert not any(seen & shown for seen, shown in predicted)
    whole = set(range(24))
    fits = [seen for seen, groups, _ in diary.pages if groups is not None]
    assert sum(seen == whole for seen in fits) == 1  # the final model alone sees everybody


def test_groups_reach_every_fit_with_their_rows(diary: type[Diary]) -> None:
    # The diary's own assertions compare groups and rows; self-training slices rows by itself.
    evaluated(patients(unlabelled_each=3), [DIARY], rounds=3, feedback=2)
    assert all(groups is not None for _, groups, shown in diary.pages if shown is None)


def test_self_training_never_meets_patients_under_test(diary: type[Diary]) -> None:
    cells = patients(unlabelled_each=3)
    # Everything is believed at once.
    evaluation = evaluated(cells, [DIARY], rounds=3, feedback=1, threshold=0.0, growth=1.0)
    for part in evaluation.parts[:-1]:
        trained = part.in_rounds[SELF_TRAINED].model_.estimator_[-1].patients_
        fed_back = part.in_rounds[FED_BACK].model_.estimator_[-1].patients_
        under_test = set(patients_in(cells.X[part.split.test]))
        assert not (trained | fed_back) & under_test
        assert part.withheld == 3 * len(under_test)
        first = part.in_rounds[SELF_TRAINED].rounds_[1]
        assert len(first.pseudo_labels) == 3 * len(trained)
        assert (first.pseudo_labels >= 0).mean() > 0.9  # the others were used
    assert evaluation.final.withheld == 0
    final = evaluation.final.in_rounds[SELF_TRAINED].model_
    assert final.estimator_[-1].patients_ == set(range(24))


@pytest.fixture
def learners(monkeypatch: pytest.MonkeyPatch) -> list["Noted"]:
    Noted.made.clear()
    monkeypatch.setattr("classifiers.rounds.Learner", Noted)
    return Noted.made


class Noted(Learner):
    """Writes down the patients it may be fitted on, is fitted on, and those held out."""

    made: ClassVar[list["Noted"]] = []

    def __init__(self, estimator, part, *others) -> None:
        super().__init__(estimator, part, *others)
        X, held = part._X, part._held
        self.who, self.out = patients_in(X), set(patients_in(held)) if len(held) else set()
        self.fits: list[tuple[set[int], set[int]]] = []  # labelled or not; left out
        Noted.made.append(self)

    def scores(self, codes, weights):
        on = set(self.who[weights > 0])
        self.fits.append((on, set(self.who) - on))
        return super().scores(codes, weights)


@pytest.mark.parametrize("kind", [SelfTraining, ConfidenceFeedback])
def test_rounds_are_validated_on_patients_that_their_copy_never_met(
    kind: type[InRounds], learners: list[Noted], diary: type[Diary]
) -> None:
    cells = patients(unlabelled_each=3)
    extra = {"threshold": 0.0, "growth": 1.0} if kind is SelfTraining else {}
    model = kind(unfitted(DIARY, 24), rounds=2, **extra).fit(cells.X, cells.y, cells.groups)
    assert len(model.rounds_) > 1
    *copies, whole = learners
    assert set().union(*(copy.out for copy in copies)) == set(whole.who) == set(range(24))
    assert not whole.out
    for copy in copies:
        assert copy.out
        assert not copy.out & set(copy.who)  # nor their unlabelled cells
        assert all(not on & copy.out for on, _ in copy.fits)
    validation = [each.score for each in model.rounds_]
    assert max(validation) < 0.7
    # What the diary saw agrees: nobody who fits on all patients but the whole model and the plain.
    folds = {frozenset(copy.out) for copy in copies}
    for seen, _, shown in diary.pages:
        if shown is not None and frozenset(shown) in folds:
            assert not seen & shown


def test_doubts_come_from_fits_that_never_met_the_patient(
    learners: list[Noted], diary: type[Diary]
) -> None:
    cells = patients(cells_each=6)
    model = ConfidenceFeedback(unfitted(DIARY, 24), threshold=0.5, rounds=1)
    model.fit(cells.X, cells.y, cells.groups)
    # Of patients it does not know the diary guesses the first class: the others are in doubt. It
    # would doubt nobody whom it had seen.
    np.testing.assert_array_equal(
        model.rounds_[1].changes["fed_back"], [0, np.count_nonzero(cells.y == 1)]
    )
    for copy in learners:
        inner = [left for _, left in copy.fits if left]
        assert len(inner) == 3
        assert sorted(who for left in inner for who in left) == sorted(set(copy.who))


def test_inner_folds_of_tuning_keep_patients_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = patients()
    made: list[TrainingPart] = []

    class Noted(TrainingPart):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr("classifiers.nested.TrainingPart", Noted)
    evaluated(cells, [DIARY], rounds=0)
    assert len(made) == 4
    for training in made:
        who = patients_in(training.X)
        assert training.n_folds == 3
        assert all(len(set(training.folds[who == patient])) == 1 for patient in set(who))


def test_views_of_a_cell_stay_on_one_side(diary: type[Diary]) -> None:
    cells = patients()
    twice = replace(cells, X=np.stack([cells.X, cells.X], axis=1))
    evaluated(twice, [DIARY], rounds=0)
    predicted = [(seen, shown) for seen, _, shown in diary.pages if shown is not None]
    assert predicted
    assert not any(seen & shown for seen, shown in predicted)


def test_threads_change_nothing() -> None:
    cells = patients(unlabelled_each=2)
    one, two = evaluated(cells, feedback=1), evaluated(cells, feedback=1, threads=2)
    assert [part.selected for part in one.parts] == [part.selected for part in two.parts]
    for name, proba in one.test.items():
        np.testing.assert_array_equal(two.test[name], proba)


def test_selected_and_self_trained_are_tested_on_the_same_cells() -> None:
    cells = patients(unlabelled_each=2)
    evaluation = evaluated(cells, feedback=1)
    assert {SELECTED, SELF_TRAINED, FED_BACK, "majority", "mean_colour"} <= set(evaluation.test)
    assert all(len(proba) == len(evaluation.rows) for proba in evaluation.test.values())
    np.testing.assert_array_equal(evaluation.rows, np.flatnonzero(cells.y >= 0))
