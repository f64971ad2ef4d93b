"""Studies: repeatable, continued rather than repeated, and never lost."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from classifiers.nested import SelfTrainingSettings, evaluate_nested, work_units
from classifiers.registry import CLASSIFIERS
from classifiers.tuning import TrainingPart, Tuned, fingerprint, open_studies, search_space, tune
from data.errors import BlastlineError
from tests.classifiers.examples import blobs, patients, settings, training_part

SVM = CLASSIFIERS["svm"]
PART = training_part(blobs(noise=4.0))


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
    assert params[0][0] == SVM.first  # the guess comes first, whatever the seed


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

    def score(self, spec, params, fold, settings) -> float:  # type: ignore[no-untyped-def]
        if fold == 1:
            raise KeyboardInterrupt
        return super().score(spec, params, fold, settings)


def test_ctrl_c_in_the_first_trial_does_not_lose_the_first_guess(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    part = InterruptedWhileScoring(PART.X, PART.y, PART.groups, PART.folds)
    with pytest.raises(KeyboardInterrupt):
        tune(SVM, part, open_studies(path), "study", settings(2))
    assert [trial.state for trial in trials_of(path)] == [TrialState.FAIL]
    resumed = tune(SVM, PART, open_studies(path), "study", settings(2))
    assert (resumed.reused, resumed.trials) == (0, 2)
    complete = [trial for trial in trials_of(path) if trial.state == TrialState.COMPLETE]
    assert complete[0].params == SVM.first


def test_a_killed_process_leaves_a_trial_that_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    study = optuna.create_study(
        storage=open_studies(path), study_name="study", direction="maximize"
    )
    study.ask()  # and the power goes
    tuned = tune(SVM, PART, open_studies(path), "study", settings(2))
    assert (tuned.reused, tuned.trials) == (0, 2)
    assert trials_of(path)[0].state == TrialState.FAIL


@pytest.mark.parametrize("half", [b'{"op_code": 6, "worker_id": "a', b"{", b'{"op_code": 6}'])
def test_half_a_line_of_a_killed_process_costs_nothing(tmp_path: Path, half: bytes) -> None:
    path = tmp_path / "studies.log"
    tune(SVM, PART, open_studies(path), "study", settings(2))
    with path.open("ab") as journal:
        journal.write(half)
    assert tune(SVM, PART, open_studies(path), "study", settings(4)).reused == 2
    assert tune(SVM, PART, open_studies(path), "study", settings(4)).reused == 4


def test_every_trial_keeps_its_fold_scores_and_pruned_ones_fewer(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    part = training_part(blobs(n=150, noise=4.0), folds=5)
    tuned = tune(SVM, part, open_studies(path), "study", settings(20))
    states = []
    for trial in trials_of(path):
        scores = trial.user_attrs["fold_scores"]
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


@pytest.mark.parametrize("metric", ["f1_macro", "f1_weighted", "accuracy", "balanced_accuracy"])
def test_a_score_is_that_of_the_pipeline_that_will_be_fitted(metric: str) -> None:
    # Tuning prepares once a fold and skips the calibration; neither may change a score.
    from classifiers.metrics import SCORES
    from classifiers.preparation import fit_pipeline, make_pipeline

    params = SVM.suggest(optuna.trial.FixedTrial(SVM.first), PART.X.shape[1])
    asked = replace(settings(metric=metric), pca=4)
    for fold in range(PART.n_folds):
        held = PART.folds == fold
        pipeline = make_pipeline(SVM, params, pca=4, seed=0)
        fit_pipeline(pipeline, SVM, PART.X[~held], PART.y[~held], PART.groups[~held])
        expected = SCORES[metric](PART.y[held], pipeline.predict(PART.X[held]))
        assert PART.score(SVM, params, fold, asked) == expected


def test_a_class_in_one_group_is_tuned_without_it(recwarn: pytest.WarningsRecorder) -> None:
    sample = blobs()
    y = np.where(sample.groups == "g00", 3, np.where(sample.y == 2, 2, 0))
    part = TrainingPart(sample.X, y, sample.groups, np.arange(len(y)) // 5 % 3)
    storage = optuna.storages.InMemoryStorage()
    assert 0 < tune(SVM, part, storage, "study", settings(metric="balanced_accuracy")).value <= 1
    assert not recwarn.list


def test_too_few_groups_is_one_line() -> None:
    sample = blobs(30)
    folds = (sample.y == 0).astype(int)  # fold 1 holds all of class 0, and only it
    y = np.where(sample.y == 0, 0, 1)
    with pytest.raises(BlastlineError, match="too few patients or groups") as caught:
        TrainingPart(sample.X, y, sample.groups, folds)
    assert "\n" not in str(caught.value)


@given(data=st.data())
def test_fingerprints_tell_any_change_of_data_or_protocol(data: st.DataObject) -> None:
    rows = st.lists(st.integers(0, 5), min_size=1, max_size=8)
    parts = st.tuples(rows.map(np.array), rows, st.sampled_from(["f1_macro", "accuracy"]))
    one, other = data.draw(parts), data.draw(parts)

    def plain(drawn: tuple[np.ndarray, list[int], str]) -> tuple[object, ...]:
        return drawn[0].tolist(), drawn[1], drawn[2]

    assert len(fingerprint(*one)) == 8
    assert (fingerprint(*one) == fingerprint(*other)) == (plain(one) == plain(other))


def studies_of(cells, asked) -> set[str]:  # type: ignore[no-untyped-def]
    storage: BaseStorage = optuna.storages.InMemoryStorage()
    done: list[int] = []
    evaluate_nested(
        cells, [CLASSIFIERS["logistic"]], storage, "set | recipe", asked,
        SelfTrainingSettings(0.9, 0), lambda what, count: done.append(count),
    )  # fmt: skip
    assert sum(done) == work_units(cells, 1, asked.trials)
    return set(optuna.get_all_study_names(storage))


def test_studies_are_named_after_labels_classes_and_protocol() -> None:
    cells = patients(12, 4)
    cells = replace(cells, test=cells.folds == 0)  # one part only: quick
    before = studies_of(cells, settings(1))
    assert len(before) == 1
    assert studies_of(cells, settings(1)) == before
    assert studies_of(cells, settings(2)) == before  # more trials continue the same study
    patient = cells.groups[~cells.test][0]
    relabelled = np.where(cells.groups == patient, 1 - cells.y, cells.y)
    changed = [
        studies_of(replace(cells, y=relabelled), settings(1)),
        studies_of(replace(cells, y=1 - cells.y), settings(1)),  # the folds stay the same
        studies_of(replace(cells, classes=("loud", "quiet")), settings(1)),
        studies_of(replace(cells, sha256=cells.sha256[::-1]), settings(1)),
        studies_of(cells, settings(1, seed=1)),
        studies_of(cells, settings(1, metric="accuracy")),
        studies_of(cells, replace(settings(1), inner_folds=2)),
        studies_of(cells, replace(settings(1), pca=2)),
    ]
    assert all(not names & before for names in changed)


def test_studies_of_other_folds_are_others_but_for_the_final_one() -> None:
    cells = patients(12, 4)
    before = studies_of(cells, settings(1))
    refolded = studies_of(replace(cells, folds=(cells.folds + 1) % 3), settings(1))
    assert len(before) == len(refolded) == 4
    assert len(before & refolded) == 1


DAMAGE = [
    b"no journal\nat all\n", b"one line\n", b"half", b'{"op_code": 6', b"\xff\xfe\x00\n\n",
    b"[1]\n{}\n", b'{"op_code": 99}\n{}\n', b'"text"\n', b"null\n", b'{"op_code": 6}\n',
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_journal_is_one_line_and_stays(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "studies.log"
    path.write_bytes(damage)
    with pytest.raises(BlastlineError, match=r"studies\.log") as caught:
        open_studies(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == damage


def test_a_folder_in_place_of_the_journal_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "studies.log").mkdir()
    with pytest.raises(BlastlineError, match=r"studies\.log"):
        open_studies(tmp_path / "studies.log")


def test_the_text_of_a_search_space_is_its_own_and_the_same_every_time() -> None:
    texts = [search_space(spec, 10) for spec in CLASSIFIERS.values() for _ in range(2)]
    assert len(set(texts)) == len(CLASSIFIERS)
