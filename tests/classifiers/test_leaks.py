"""No stage may see a patient on both sides of a split, whatever splits inside it.

The features of ``patients`` name the patient and say nothing else, so a leak anywhere shows: as
certainty about cells of new patients, or as a patient on two pages of the diary.
"""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.dense import Dense
from classifiers.nested import (
    SELECTED,
    SELF_TRAINED,
    Cells,
    Evaluation,
    SelfTrainingSettings,
    _training_part,
    evaluate_nested,
    make_parts,
)
from classifiers.preparation import fit_pipeline, make_pipeline
from classifiers.registry import CLASSIFIERS
from classifiers.svm import SVM
from tests.classifiers.examples import DIARY, Diary, patients, patients_in, settings

QUICK = [CLASSIFIERS[name] for name in ("logistic", "svm")]


def evaluated(cells: Cells, specs=QUICK, rounds: int = 3, trials: int = 2) -> Evaluation:
    return evaluate_nested(
        cells, specs, optuna.storages.InMemoryStorage(), "planted", settings(trials),
        SelfTrainingSettings(threshold=0.6, rounds=rounds),
    )  # fmt: skip


@given(
    n_groups=st.integers(2, 12), k=st.integers(2, 4), n=st.integers(4, 80), seed=st.integers(0, 999)
)
def test_inner_splits_of_estimators_keep_groups_whole(
    n_groups: int, k: int, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y, groups = rng.integers(0, k, n), rng.integers(0, n_groups, n).astype(str)
    held = Dense(random_state=seed)._held_out(y, groups)
    assert not set(groups[held]) & set(groups[~held])
    assert not held.all()
    folds = SVM(random_state=seed)._folds(y, groups)
    if folds is not None:
        assert all(len(set(folds[groups == group])) == 1 for group in set(groups))


def test_dense_keeps_a_part_aside_where_it_can() -> None:
    cells = patients()
    held = Dense()._held_out(cells.y, cells.groups)
    assert 0.05 < held.mean() < 0.35
    assert set(cells.y[held]) == {0, 1}
    of_one_patient = np.repeat("one", len(cells.y))
    assert not Dense()._held_out(cells.y, of_one_patient).any()


@pytest.mark.parametrize("name", ["svm", "dense"])
def test_an_inner_split_by_patient_leaves_nobody_sure(name: str) -> None:
    # An inner split by cell finds the classifier always right and lets it be sure of itself.
    spec, cells = CLASSIFIERS[name], patients(27, 4)
    params = spec.suggest(optuna.trial.FixedTrial(spec.first), cells.X.shape[1])
    sureness = []
    for groups in (cells.groups, np.arange(len(cells.y))):
        pipeline = make_pipeline(spec, params, pca=0, seed=0)
        fit_pipeline(pipeline, spec, cells.X, cells.y, groups)
        sureness.append(pipeline.predict_proba(cells.X).max(axis=1).mean())
    assert sureness[0] < 0.8
    assert sureness[1] > 0.9


def test_scores_on_a_planted_identity_are_at_chance() -> None:
    cells = patients(30)
    evaluation = evaluated(cells)
    for name, proba in evaluation.test.items():
        accuracy = (proba.argmax(axis=1) == cells.y[evaluation.rows]).mean()
        assert accuracy < 0.7, name
    for part in evaluation.parts:
        for tuned in part.tuned.values():
            assert max(tuned.fold_scores) < 0.8
    for name, proba in evaluation.validation.items():
        assert (proba.argmax(axis=1) == cells.y[evaluation.final.train]).mean() < 0.7, name


@pytest.mark.parametrize("fixed_test", [False, True])
def test_parts_share_no_patient_and_test_every_cell_once(fixed_test: bool) -> None:
    cells = patients(unlabelled_each=2)
    if fixed_test:
        test = np.isin(patients_in(cells.X), [0, 1, 2, 3]) & (cells.y >= 0)
        cells = replace(cells, test=test, folds=np.where(test, -1, cells.folds))
    parts = make_parts(cells)
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
    assert fits[-1] == whole  # the final model alone sees everybody
    assert sum(seen == whole for seen in fits) == 1


def test_groups_reach_every_fit_with_their_rows(diary: type[Diary]) -> None:
    # The diary's own assertions compare groups and rows; self-training slices rows by itself.
    evaluated(patients(unlabelled_each=3), [DIARY], rounds=3)
    assert all(groups is not None for _, groups, shown in diary.pages if shown is None)


def test_self_training_never_meets_patients_under_test(diary: type[Diary]) -> None:
    cells = patients(unlabelled_each=3)
    evaluation = evaluated(cells, [DIARY], rounds=3)
    for part in evaluation.parts[:-1]:
        trained = part.self_trained.pipeline[-1].patients_
        under_test = set(patients_in(cells.X[part.test]))
        assert not trained & under_test
        assert part.withheld == 3 * len(under_test)
        assert part.self_trained.added.sum() == 3 * len(trained)  # the others were all used
    assert evaluation.final.withheld == 0
    assert evaluation.self_trained.pipeline[-1].patients_ == set(range(24))


def test_calibration_inside_self_training_splits_by_patient() -> None:
    cells = patients(unlabelled_each=3)
    evaluation = evaluated(cells, [CLASSIFIERS["svm"]])
    pipelines = [part.self_trained.pipeline for part in evaluation.parts if part.self_trained]
    pipelines += [evaluation.model, evaluation.self_trained.pipeline]
    for pipeline in pipelines:
        machine = pipeline[-1]
        assert machine.temperature_fitted_
        who = patients_in(machine.X_fit_)
        for train, test in machine.machine_.cv:
            assert not set(who[train]) & set(who[test])
            assert len(train) + len(test) == len(who)


def test_inner_folds_of_tuning_keep_patients_whole() -> None:
    cells = patients()
    for part in make_parts(cells):
        training = _training_part(cells, part, settings())
        who = patients_in(training.X)
        assert training.n_folds == 3
        assert all(len(set(training.folds[who == patient])) == 1 for patient in set(who))


def test_selected_and_self_trained_are_tested_on_the_same_cells() -> None:
    cells = patients(unlabelled_each=2)
    evaluation = evaluated(cells)
    assert {SELECTED, SELF_TRAINED, "majority", "mean_colour"} <= set(evaluation.test)
    assert all(len(proba) == len(evaluation.rows) for proba in evaluation.test.values())
    np.testing.assert_array_equal(evaluation.rows, np.flatnonzero(cells.y >= 0))
    np.testing.assert_array_equal(
        evaluation.validation[SELECTED], evaluation.validation[evaluation.final.selected]
    )
