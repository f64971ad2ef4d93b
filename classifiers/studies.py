"""Where studies live, and how several processes share the trials of one.

No lock is held: trials are numbered in one order that all processes see, so a process that finds
its new trial to be one too many, or one that another already runs, gives it up.
"""

import json
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, Trial, TrialState

from classifiers.alive import BEAT, SILENCE, is_gone, keep_alive
from data.errors import BlastlineError

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def open_studies(where: str | Path) -> BaseStorage:
    """The storage that keeps all studies; made if it is not there.

    Args:
        where: a file, which becomes an Optuna journal, for the processes of one machine; or,
            with ``://``, the URL of a database, for processes anywhere.

    Raises:
        BlastlineError: the file is no journal; the database cannot be had or is not Optuna's.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # For all threads, so not by catch_warnings. Heartbeats are kept by keep_alive.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    warnings.filterwarnings("ignore", message="Heartbeat of storage")
    if "://" in str(where):
        from classifiers.databases import open_database  # SQLAlchemy takes a while to import

        return open_database(str(where), BEAT, SILENCE)
    path = Path(where)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        storage = JournalStorage(_Journal(str(path)))
        _cut_unfinished_line(path)
    except Exception as error:  # what Optuna raises depends on the damage
        raise BlastlineError(
            f"{path}: not a journal of studies ({error!r}); move it away to start anew"
        ) from None
    return storage


class _Journal(JournalFileBackend):
    """Optuna's journal; only what a trial found is waited for until it is on the disk.

    Other processes see every line at once, and a killed process loses none. Optuna waits for the
    disk at each of the five or six lines of a trial.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines, under the lock."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._lock.acquire()
        try:
            with Path(self._file_path).open("ab") as journal:
                journal.write(lines.encode())
                journal.flush()
                if any("state" in log for log in logs):
                    os.fsync(journal.fileno())
        finally:
            self._lock.release()


def _cut_unfinished_line(path: Path) -> None:
    """Remove half a line that a killed process left: the next entry would be glued to it."""
    lock = JournalFileSymlinkLock(str(path))  # others may be writing
    lock.acquire()
    try:
        with path.open("rb+") as journal:
            *whole, half = journal.read().split(b"\n")
            if whole:
                json.loads(whole[-1])  # Optuna forgives a last line of anything
            elif half:
                raise ValueError("not one whole line")
            if half:
                journal.truncate(sum(len(line) + 1 for line in whole))
    finally:
        lock.release()


@contextmanager
def storage_errors(where: str | Path) -> Iterator[None]:
    """Around all work on studies: a server that goes away is one line, without the password.

    Raises:
        BlastlineError: in place of the errors of a database.
    """
    if "://" not in str(where):
        yield
        return
    from classifiers.databases import database_errors

    with database_errors(str(where)):
        yield


def claim(study: optuna.Study, trials: int) -> Trial | None:
    """A trial for this process to run, or none where enough are finished or under way.

    Whatever several processes claim, ``trials`` of them are finished in the end, and none is run
    beyond that. A trial that failed gives its slot back; if its parameters were asked for, they
    are asked for again.
    """
    drop_stale(study)
    while len(_slots(study, trials)) < trials:
        _ask_again(study)
        trial = begin_trial(study)
        try:
            if not (why := _surplus(study, trial, trials)):
                return trial
        except BaseException:
            fail(trial, "interrupted before it began")
            raise
        fail(trial, why)
    return None


def begin_trial(study: optuna.Study) -> Trial:
    """A new trial, or one that waits, marked as run by this process and kept alive with it."""
    trial = study.ask()
    try:
        keep_alive(trial)
    except BaseException:
        fail(trial, "interrupted before it began")
        raise
    return trial


def fail(trial: Trial | FrozenTrial, why: str, storage: BaseStorage | None = None) -> None:
    """Fail a trial unless it is finished; ``why`` is kept with it. A frozen one needs a storage."""
    storage = trial.storage if isinstance(trial, Trial) else storage
    assert storage is not None
    try:
        storage.set_trial_user_attr(trial._trial_id, "why it failed", why)
        storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return  # another process was quicker


def drop_stale(study: optuna.Study) -> None:
    """Fail the trials whose process is gone.

    On this machine that is known at once. Of others, and of other containers, it is concluded
    from three minutes of silence.
    """
    beating = hasattr(study._storage, "record_heartbeat")  # by the clock of a database
    if beating:
        optuna.storages.fail_stale_trials(study)
    for trial in _in_order(study):
        if trial.state == TrialState.RUNNING and is_gone(trial, beating):
            fail(trial, "its process is gone", study._storage)


def wait_for_others(
    study: optuna.Study, trials: int, stop: threading.Event | None = None
) -> bool:  # fmt: skip
    """Wait while enough trials are finished or under way with other processes.

    Args:
        stop: ends the wait when another thread sets it.

    Returns:
        Whether enough are finished. If not, there is a slot to claim again, or ``stop`` was set.
    """
    pause = 0.02
    stop = stop or threading.Event()
    while True:
        drop_stale(study)
        slots = _slots(study, trials)
        if len(slots) < trials:
            return False
        if all(trial.state in FINISHED for trial in slots):
            return True
        if stop.wait(pause):
            return False
        pause = min(pause * 1.5, 2.0)


def _in_order(study: optuna.Study) -> list[FrozenTrial]:
    return sorted(study.get_trials(deepcopy=False), key=lambda trial: trial._trial_id)


def _slots(study: optuna.Study, trials: int) -> list[FrozenTrial]:
    """The first ``trials`` trials that are finished or under way."""
    counted = (*FINISHED, TrialState.RUNNING)
    return [trial for trial in _in_order(study) if trial.state in counted][:trials]


def _asked(trial: FrozenTrial) -> str:
    """The parameters that a trial was enqueued with, as a text; empty if it was not."""
    return json.dumps(trial.system_attrs.get("fixed_params") or "", sort_keys=True).strip('"')


def _ask_again(study: optuna.Study) -> None:
    """Enqueue what was enqueued once and then failed."""
    trials = _in_order(study)
    kept = {_asked(trial) for trial in trials if trial.state != TrialState.FAIL}
    for asked in dict.fromkeys(map(_asked, trials)):
        if asked and asked not in kept:
            study.enqueue_trial(json.loads(asked))


def _surplus(study: optuna.Study, trial: Trial, trials: int) -> str:
    """Why this new trial is not to be run; empty if it is."""
    if trial._trial_id not in [each._trial_id for each in _slots(study, trials)]:
        return "other processes had begun enough trials"
    earlier = {
        _asked(each)
        for each in _in_order(study)
        if each._trial_id < trial._trial_id and each.state != TrialState.FAIL
    }
    asked = _asked(study._storage.get_trial(trial._trial_id))
    return "an earlier trial has the same parameters" if asked and asked in earlier else ""
