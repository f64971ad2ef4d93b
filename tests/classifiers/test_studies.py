"""Studies shared by processes: exact numbers, nothing lost, nobody's live trial taken away."""

import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import Trial, TrialState

from classifiers import alive, studies
from classifiers.studies import (
    FINISHED,
    begin_trial,
    claim,
    drop_stale,
    fail,
    open_studies,
    wait_for_others,
)
from data.errors import BlastlineError
from tests.classifiers.study_worker import FIRST, answer, begin, open_study, work, workers

RUNNING, FAIL, COMPLETE = TrialState.RUNNING, TrialState.FAIL, TrialState.COMPLETE


def states(study: optuna.Study) -> list[TrialState]:
    return [trial.state for trial in study.get_trials(deepcopy=False)]


def finished(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=FINISHED))


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    return open_study(tmp_path / "studies.log")


def test_processes_that_begin_together_finish_exactly_the_trials_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    with workers(path, 12, "work", "work") as others:
        begin(*others)
        done = [int(answer(process)) for process in others]
    study = open_study(path)
    assert (sum(done), finished(study)) == (12, 12)
    assert RUNNING not in states(study)
    first = [each for each in study.get_trials() if each.params == FIRST]
    assert [each.state for each in first].count(COMPLETE) == 1


def test_the_trial_of_a_live_process_is_left_and_that_of_a_killed_one_is_run_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "studies.log"
    with workers(path, 1, "hold") as (other,):
        begin(other)
        assert answer(other) == "holding"
        study = open_study(path)
        drop_stale(study)
        assert states(study) == [RUNNING]
        assert claim(study, 1) is None
        hurry = threading.Event()
        hurry.set()
        assert not wait_for_others(study, 1, hurry)
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert not wait_for_others(study, 1)  # there is its slot to claim
        assert states(study) == [FAIL]
        assert work(path, 1) == 1
    assert states(study) == [FAIL, COMPLETE]
    assert study.get_trials()[1].params == FIRST  # the first guess is never lost


def test_waiting_ends_when_the_others_have_finished(tmp_path: Path) -> None:
    path = tmp_path / "studies.log"
    with workers(path, 2, "hold") as (other,):
        begin(other)
        assert answer(other) == "holding"
        study = open_study(path)
        mine = claim(study, 2)
        assert mine
        study.tell(mine, 0.1)
        assert claim(study, 2) is None
        begin(other)
        assert wait_for_others(study, 2)
    assert finished(study) == 2


@given(
    wanted=st.integers(1, 6),
    asked=st.lists(st.sampled_from([0.1, 0.2, 0.3]), max_size=3, unique=True),
    events=st.lists(st.tuples(st.sampled_from(["claim", "finish", "fail"]), st.integers(0, 5))),
)
def test_whatever_fails_the_number_of_trials_is_kept_and_what_was_asked_for_is_run(
    wanted: int, asked: list[float], events: list[tuple[str, int]]
) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for x in asked:
        study.enqueue_trial({"x": x})
    held: list[Trial] = []
    for event, which in [*events, *[("claim", 0), ("finish", 0)] * (wanted + len(events))]:
        if event == "claim":
            held += filter(None, [claim(study, wanted)])
        elif held:
            trial = held.pop(which % len(held))
            if event == "fail":
                fail(trial, "a test")
            else:
                study.tell(trial, trial.suggest_float("x", 0, 1))
        assert finished(study) + states(study).count(RUNNING) <= wanted
    assert finished(study) == wanted
    assert wait_for_others(study, wanted)
    seen = Counter(each.params["x"] for each in study.get_trials(states=FINISHED))
    assert all(seen[x] <= 1 for x in asked)
    assert sum(seen[x] for x in asked) == min(wanted, len(asked))


def test_of_two_that_claim_the_last_slot_at_once_one_steps_back(study: optuna.Study) -> None:
    def after_another(mine: optuna.Study) -> Trial:
        begin_trial(mine)
        return begin_trial(mine)

    with patch.object(studies, "begin_trial", after_another):
        assert claim(study, 1) is None
    assert states(study) == [RUNNING, FAIL]
    assert "enough trials" in study.get_trials()[1].user_attrs["why it failed"]


def test_what_two_processes_enqueue_at_once_is_run_once(study: optuna.Study) -> None:
    study.enqueue_trial(FIRST)
    claimed = [claim(study, 3) for _ in range(3)]
    assert None not in claimed
    for trial in filter(None, claimed):
        study.tell(trial, trial.suggest_float("x", 0, 1))
    kept = [each.params["x"] for each in study.get_trials(states=FINISHED)]
    assert (len(kept), kept.count(FIRST["x"])) == (3, 1)


def test_a_finished_trial_is_on_the_disk(study: optuna.Study) -> None:
    trial = begin_trial(study)
    with patch.object(studies.os, "fsync") as sync:
        trial.report(0.5, step=0)
        assert not sync.called  # a trial cut short by a power cut is run again anyway
        study.tell(trial, 1.0)
        assert sync.called


@pytest.mark.parametrize("at", ["keep_alive", "_surplus"])
def test_ctrl_c_while_a_trial_begins_fails_it_at_once(study: optuna.Study, at: str) -> None:
    with patch.object(studies, at, side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        claim(study, 1)
    assert states(study) == [FAIL]


@pytest.mark.parametrize(
    ("silence", "mark", "state"),
    [
        (0, "another machine", RUNNING), (2 * alive.SILENCE, "another machine", FAIL),
        (2 * alive.SILENCE, "this machine", RUNNING), (0, "process number used again", FAIL),
        (0, "no mark", RUNNING),
    ],
)  # fmt: skip
def test_who_is_gone_is_known_here_and_judged_by_silence_elsewhere(
    study: optuna.Study, silence: float, mark: str, state: TrialState
) -> None:
    trial = study.ask() if mark == "no mark" else begin_trial(study)
    if mark != "no mark":
        process = dict(study.get_trials()[0].system_attrs[alive.PROCESS])
        process["seen"] -= silence
        if mark == "another machine":
            process |= {"machine": "elsewhere", "pid": 2**30}
        if mark == "process number used again":
            process["started"] = "1"
        trial.storage.set_trial_system_attr(trial._trial_id, alive.PROCESS, process)
    drop_stale(study)
    assert states(study) == [state]


def test_a_trial_without_a_mark_is_given_up_in_time(study: optuna.Study) -> None:
    study.ask()  # killed within the next millisecond
    later = time.time() + 2 * alive.SILENCE
    with patch.object(alive.time, "time", return_value=later):
        drop_stale(study)
    assert states(study) == [FAIL]


def comes_true(condition: Callable[[], bool]) -> bool:
    """Whether it does within a minute."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.002) for _ in range(30_000))


def test_a_process_gives_signs_of_life_until_its_trial_is_finished(study: optuna.Study) -> None:
    def seen() -> float:
        return float(study.get_trials()[0].system_attrs[alive.PROCESS]["seen"])

    heart = alive._Heart()
    with patch.object(alive, "BEAT", 0.001), patch.object(alive, "_HEART", heart):
        trial = begin_trial(study)
        begun = seen()
        assert comes_true(lambda: seen() > begun)
        study.tell(trial, 1.0)
        assert comes_true(lambda: not heart._trials)


DAMAGE = [
    b"no journal\nat all\n", b"one line\n", b"half", b'{"op_code": 6', b"\xff\xfe\x00\n\n",
    b"[1]\n{}\n", b'{"op_code": 99}\n{}\n', b'"text"\n', b"null\n", b'{"op_code": 6}\n',
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_journal_is_one_line_and_stays(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "studies.log"
    path.write_bytes(damage)
    with pytest.raises(BlastlineError, match=r"studies\.log"):
        open_studies(path)
    assert path.read_bytes() == damage


@pytest.mark.parametrize("half", [b'{"op_code": 6, "worker_id": "a', b"{", b'{"op_code": 6}'])
def test_half_a_line_of_a_killed_process_costs_nothing(tmp_path: Path, half: bytes) -> None:
    path = tmp_path / "studies.log"
    assert work(path, 2) == 2
    with path.open("ab") as journal:
        journal.write(half)
    assert work(path, 3) == 1
    assert work(path, 3) == 0


def sqlite(path: Path, *statements: str) -> str:
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/studies", "server"),
        ("postgresql+none://me:s3cret@host/studies", "driver"),
        ("nonsense://me:s3cret@host/studies?password=s3cret", "driver"),
        ("postgresql://me:s3cret@host:port/studies", "URL"),
        ("://s3cret", "URL"),
        ("sqlite:////nowhere/at/all/studies.db", "unable to open"),
    ],
)
def test_a_database_that_cannot_be_had_is_one_line_without_the_password(
    url: str, words: str
) -> None:
    with pytest.raises(BlastlineError, match=words) as caught:
        open_studies(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    url = sqlite(path, "CREATE TABLE patients (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(BlastlineError, match="patients"):
        open_studies(url)
    assert path.read_bytes() == before
    text = tmp_path / "text.db"
    text.write_bytes(b"not a database " * 100)
    with pytest.raises(BlastlineError, match="not a database"):
        open_studies(f"sqlite:///{text}")
    other = sqlite(tmp_path / "other.db", "CREATE TABLE studies (name TEXT)")
    with pytest.raises(BlastlineError, match="no such column"):
        open_studies(other)


def test_a_database_of_a_newer_optuna_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    assert work(f"sqlite:///{path}", 1) == 1
    sqlite(path, "UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    with pytest.raises(BlastlineError, match="updating optuna"):
        open_studies(f"sqlite:///{path}")
