"""Which trials still have a process that runs them."""

import os
import platform
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial

BEAT = 60  # seconds between two signs of life of a process that runs a trial
SILENCE = 180  # seconds without one after which it counts as dead
PROCESS = "process"  # system attribute of a trial: who runs it


def keep_alive(trial: Trial) -> None:
    """Mark a trial as run by this process, and renew the mark until the trial is finished.

    The mark holds the machine, process number and start time; each minute the time, or the
    heartbeat of a database.
    """
    _HEART.keep(trial)


def is_gone(trial: FrozenTrial, beating: bool) -> bool:
    """Whether the process of a running trial is known to be dead, or has long been silent.

    Args:
        beating: whether the storage itself keeps heartbeats and judges silence by them.
    """
    process: dict[str, Any] = trial.system_attrs.get(PROCESS) or {}
    if process.get("machine") == _machine():
        return _started(process["pid"]) != process["started"]
    if process and beating:
        return False
    # Without a mark it has this moment begun, or was killed then.
    begun = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    return time.time() - float(process.get("seen", begun)) > SILENCE


@cache
def _machine() -> str:
    """What tells process numbers of this machine, boot and container from all others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux
        return platform.node()


def _started(pid: int) -> str | None:
    """When a process was started, as the kernel counts it; none if it is no more."""
    try:
        # The name before the last bracket may hold anything.
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *rest = stat.rpartition(")")[2].split()
        return None if state in "ZX" else rest[18]
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    try:  # not Linux: the number must do
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    return ""


class _Heart:
    """Tells storages once a minute which trials this process is still running."""

    def __init__(self) -> None:
        self._trials: list[Trial] = []
        self._thread: threading.Thread | None = None

    def keep(self, trial: Trial) -> None:
        """Beat for a trial now, and until it is finished."""
        _beat(trial)
        self._trials.append(trial)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(BEAT):
            for trial in list(self._trials):
                try:
                    if trial.storage.get_trial(trial._trial_id).state.is_finished():
                        self._trials.remove(trial)
                    else:
                        _beat(trial)
                except Exception as error:  # the server or disk is away; there is a next beat
                    optuna.logging.get_logger("optuna").debug(error)


def _beat(trial: Trial) -> None:
    storage = trial.storage
    if hasattr(storage, "record_heartbeat"):
        storage.record_heartbeat(trial._trial_id)
    pid = os.getpid()
    process: dict[str, Any] = {
        "machine": _machine(), "pid": pid, "started": _started(pid), "seen": time.time(),
    }  # fmt: skip
    storage.set_trial_system_attr(trial._trial_id, PROCESS, process)


_HEART = _Heart()
