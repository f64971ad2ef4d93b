"""A process that works on a shared study: ``python -m tests.classifiers.study_worker``.

It says "ready" and begins at a line on its input, so that several begin at once. With "hold" it
says "holding" within its first trial, and goes on at the next line.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna

from classifiers.studies import claim, open_studies, storage_errors, wait_for_others

FIRST = {"x": 0.5}
ROOT = Path(__file__).resolve().parents[2]


def open_study(where: str | Path) -> optuna.Study:
    study = optuna.create_study(
        storage=open_studies(where), study_name="set | recipe | svm", direction="maximize",
        load_if_exists=True,
    )  # fmt: skip
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial(FIRST)
    return study


def work(where: str | Path, trials: int, hold: bool = False) -> int:
    """Finish the study together with others; the number of trials that were run here."""
    study, done = open_study(where), 0
    while True:
        trial = claim(study, trials)
        if trial is None:
            if wait_for_others(study, trials):
                return done
            continue
        value = trial.suggest_float("x", 0, 1)
        trial.report(value, step=0)
        if hold:
            print("holding", flush=True)
            hold = not sys.stdin.readline()
        study.tell(trial, value)
        done += 1


@contextmanager
def workers(where: str | Path, trials: int, *modes: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that have said "ready", one a mode: "work" or "hold"; killed in the end."""
    command = [sys.executable, "-m", "tests.classifiers.study_worker", str(where), str(trials)]
    processes = [
        subprocess.Popen(
            [*command, mode], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for mode in modes
    ]  # fmt: skip
    try:
        for process in processes:
            assert answer(process) == "ready"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def begin(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    with storage_errors(sys.argv[1]):
        print(work(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "hold"), flush=True)
