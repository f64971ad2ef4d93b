"""Studies: repeatable, continued rather than repeated, and never lost."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from classifiers.objectives import OBJECTIVES
from classifiers.preparation import first_preparation, make_pipeline
from classifiers.registry import CLASSIFIERS
from classifiers.scores import class_scores
from classifiers.studies import fail, open_studies
from classifiers.training_part import TrainingPart
from classifiers.trials import score_fold
from classifiers.tuning import Tuned, tune
from data.errors import BlastlineError
from tests.classifiers.examples import (
    ROOT,
    blobs,
    first_params,
    settings,
    training_part,
)

SVM = CLASSIFIERS["svm"]
PART = training_part(blobs(noise=4.0))
FIRST = first_preparation(PART.blocks) | SVM.first


def trials_of(path: Path, name: str = "study") -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=open_studies(path)).get_trials()


def found(tuned: Tuned) -> tuple[object, ...]:
    return tuned.params, tuned.shown, tuned.value, tuned.fold_scores, tuned.trials, tuned.pruned


def test_the_same_seed_gives_the_same_study(tmp_path: Path) -> None:
    runs = [
        tune(SVM, PART, open_studies(tmp_path / f"{number}.log"), "study", settings(8, seed=seed))
        for number, seed in enumerate((1, 1, 2))
    ]
    assert found(runs[0]) == found(runs[1])
    params = [
        [trial.params for trial in trials_of(tmp_path / f"{number}.log")] for number in range(3)
    ]
    assert params[0] == params[1]
    assert params[0][1:] != params[2][1:]
    assert params[0][0] == FIRST  # the guess comes first, whatever the seed


def test_a_finished_study_is_read_and_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    first = tune(SVM, PART, open_studies(path), "study", settings(5))
    assert (first.reused, first.trials) == (0, 5)
    few = tune(SVM, PART, open_studies(tmp_path / "few.log"), "study", settings(3))
    # Asking for fewer gives what these few would have given, and takes nothing away.
    for trials, expected in ((5, first), (3, few)):
        steps: list[int] = []
        again = tune(SVM, PART, open_studies(path), "study", settings(trials), steps.append)
        assert found(again) == found(expected)
        assert again.reused == trials
        assert steps == [trials]
    assert len(trials_of(path)) == 5


def test_raising_the_number_of_trials_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    tune(SVM, PART, open_studies(path), "study", settings(3))
    before = [(trial.number, trial.params, trial.value) for trial in trials_of(path)]
    more = tune(SVM, PART, open_studies(path), "study", settings(7))
    trials = trials_of(path)
    assert (more.reused, more.trials, len(trials)) == (3, 7, 7)
    assert [(trial.number, trial.params, trial.value) for trial in trials[:3]] == before
    drawn = [json.dumps(trial.params, sort_keys=True) for trial in trials]
    assert len(set(drawn)) == 7  # the sampler does not draw its first numbers again


class InterruptedAfterTelling(JournalStorage):
    """Ctrl-C at the worst moment: the trial is written, the call has not returned."""

    armed = False

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        done = super().set_trial_state_values(trial_id, state, values)
        if self.armed and state == TrialState.COMPLETE:
            self.armed = False
            raise KeyboardInterrupt
        return done


def test_ctrl_c_between_trials_keeps_all_and_leaves_none_running(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    dealt = 0

    def stop_after_three(done: int) -> None:
        nonlocal dealt
        dealt += done
        if dealt == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(SVM, PART, open_studies(path), "study", settings(6), stop_after_three)
    kept = [(trial.params, trial.value) for trial in trials_of(path)]
    assert len(kept) == 3
    resumed = tune(SVM, PART, open_studies(path), "study", settings(6))
    assert (resumed.reused, resumed.trials) == (3, 6)
    assert [(trial.params, trial.value) for trial in trials_of(path)][:3] == kept
    assert all(trial.state.is_finished() for trial in trials_of(path))


def test_ctrl_c_while_a_trial_is_being_written_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    storage = InterruptedAfterTelling(JournalFileBackend(str(path)))
    storage.armed = True
    with pytest.raises(KeyboardInterrupt):
        tune(SVM, PART, storage, "study", settings(3))
    assert [trial.state for trial in trials_of(path)] == [TrialState.COMPLETE]
    assert tune(SVM, PART, open_studies(path), "study", settings(3)).reused == 1


class InterruptedWhileScoring(TrainingPart):
    """Ctrl-C while the second fold is fitted."""

    def fold(self, number, preparation):  # type: ignore[no-untyped-def]
        if number == 1:
            raise KeyboardInterrupt
        return super().fold(number, preparation)


def test_ctrl_c_in_the_first_trial_does_not_lose_the_first_guess(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    part = InterruptedWhileScoring(PART.X, PART.y, PART.groups, PART.folds, PART.blocks)
    with pytest.raises(KeyboardInterrupt):
        tune(SVM, part, open_studies(path), "study", settings(2))
    assert [trial.state for trial in trials_of(path)] == [TrialState.FAIL]
    resumed = tune(SVM, PART, open_studies(path), "study", settings(2))
    assert (resumed.reused, resumed.trials) == (0, 2)
    complete = [trial for trial in trials_of(path) if trial.state == TrialState.COMPLETE]
    assert complete[0].params == FIRST


class TakenForDead(TrainingPart):
    """Another process fails the running trial while its second fold is fitted, once."""

    path: Path | None = None

    def fold(self, number, preparation):  # type: ignore[no-untyped-def]
        if number == 1 and self.path:
            study = optuna.load_study(study_name="study", storage=open_studies(self.path))
            (running,) = study.get_trials(states=(TrialState.RUNNING,))
            fail(running, "taken for dead", study._storage)
            self.path = None
        return super().fold(number, preparation)


def test_a_trial_that_another_process_gave_up_is_run_again(tmp_path: Path) -> None:
    part = TakenForDead(PART.X, PART.y, PART.groups, PART.folds, PART.blocks)
    part.path = tmp_path / "studies.log"
    tuned = tune(SVM, part, open_studies(part.path), "study", settings(3))
    assert tuned.trials == 3
    states = [trial.state for trial in trials_of(tmp_path / "studies.log")]
    assert states.count(TrialState.FAIL) == 1
    assert len(states) == 4


def test_every_trial_keeps_its_fold_scores_and_pruned_ones_fewer(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    part = training_part(blobs(n=150, noise=4.0), folds=5)
    tuned = tune(SVM, part, open_studies(path), "study", settings(20))
    states = []
    for trial in trials_of(path):
        scores = list(trial.intermediate_values.values())
        states.append(trial.state)
        if trial.state == TrialState.COMPLETE:
            assert len(scores) == part.n_folds
            assert trial.value == pytest.approx(np.mean(scores))
        else:
            assert 0 < len(scores) < part.n_folds
    assert tuned.pruned == states.count(TrialState.PRUNED) > 0
    assert tuned.trials == len(states) == 20
    best = max(trial.value for trial in trials_of(path) if trial.state == TrialState.COMPLETE)
    assert tuned.value == best == pytest.approx(np.mean(tuned.fold_scores))


@pytest.mark.parametrize("metric", OBJECTIVES)
def test_a_score_is_that_of_the_pipeline_that_will_be_fitted(metric: str) -> None:
    # Tuning prepares once a fold and shares kernels; neither may change a score.
    params, components = first_params(SVM, 4), replace(ROOT, pca=4)
    for fold in range(PART.n_folds):
        held = PART.folds == fold
        pipeline = make_pipeline(SVM, components, params, 0)
        pipeline.fit(PART.X[~held], PART.y[~held])
        codes = np.searchsorted(pipeline.classes_, PART.y[held])
        expected = OBJECTIVES[metric](codes, class_scores(pipeline, PART.X[held]))
        found = score_fold(SVM, (components, params), PART, fold, settings(metric=metric))
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_grid_is_searched_whole_and_in_any_order_alike(tmp_path: Path) -> None:
    asked = replace(settings(metric="accuracy"), sampler="grid")
    tuned = tune(SVM, PART, open_studies(tmp_path / "grid.log"), "study", asked)
    points = itertools.product(*SVM.grid.values())
    grid = [FIRST | dict(zip(SVM.grid, values, strict=True)) for values in points]
    trials = trials_of(tmp_path / "grid.log")
    assert [trial.params for trial in trials] == grid
    assert (tuned.trials, tuned.pruned) == (len(grid), 0)
    alone = score_fold(
        SVM, (ROOT, SVM.suggest(optuna.trial.FixedTrial(grid[7]), 8)), PART, 1, asked
    )
    assert trials[7].intermediate_values[1] == alone
    two = replace(asked, jobs=2)
    assert found(tune(SVM, PART, open_studies(tmp_path / "two.log"), "study", two)) == found(tuned)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_folds_fitted_at_once_change_nothing(tmp_path: Path, sampler: str) -> None:
    part = training_part(blobs(n=150, noise=4.0), folds=5)
    runs = [
        tune(
            SVM, part, open_studies(tmp_path / f"{jobs}.log"), "study",
            replace(settings(12), sampler=sampler, jobs=jobs),
        )
        for jobs in (1, 3)
    ]  # fmt: skip
    assert found(runs[0]) == found(runs[1])


def test_no_trial_within_its_time_is_one_line(tmp_path: Path) -> None:
    hasty = replace(settings(2), trial_seconds=1e-9)
    with pytest.raises(BlastlineError, match="raise the limit") as caught:
        tune(SVM, PART, open_studies(tmp_path / "studies.log"), "study", hasty)
    assert "\n" not in str(caught.value)
    assert {trial.state for trial in trials_of(tmp_path / "studies.log")} == {TrialState.PRUNED}


def test_a_limit_of_the_study_begins_no_further_trial(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    tune(SVM, PART, open_studies(path), "study", settings(2))
    hasty = replace(settings(50), study_seconds=1e-9)
    assert tune(SVM, PART, open_studies(path), "study", hasty).trials == 2


def test_a_class_in_one_group_is_tuned_without_it(recwarn: pytest.WarningsRecorder) -> None:
    sample = blobs()
    y = np.where(sample.groups == "g00", 3, np.where(sample.y == 2, 2, 0))
    part = TrainingPart(sample.X, y, sample.groups, np.arange(len(y)) // 5 % 3, PART.blocks)
    storage = optuna.storages.InMemoryStorage()
    assert 0 < tune(SVM, part, storage, "study", settings(metric="balanced_accuracy")).value <= 1
    assert not recwarn.list


def test_too_few_groups_is_one_line() -> None:
    sample = blobs(30)
    folds = (sample.y == 0).astype(int)  # fold 1 holds all of class 0, and only it
    y = np.where(sample.y == 0, 0, 1)
    with pytest.raises(BlastlineError, match="too few patients or groups") as caught:
        TrainingPart(sample.X, y, sample.groups, folds, PART.blocks)
    assert "\n" not in str(caught.value)
