"""Several processes share the studies of a run; nothing is lost and nothing is done twice."""

from pathlib import Path

import optuna
import pytest

from classifiers.studies import FINISHED, open_studies
from tests.pipeline.commands import Guarded, Run, blastline

TRIALS = 6


def finished_trials(where: str | Path) -> list[int]:
    storage = open_studies(where)
    return [
        len(optuna.load_study(study_name=name, storage=storage).get_trials(states=FINISHED))
        for name in optuna.get_all_study_names(storage)
    ]


@pytest.fixture
def fresh(run: Run) -> Run:
    """The run without its studies."""
    for path in (run.work / "studies").glob("*.log"):
        path.unlink()
    return run


def test_two_workers_finish_exactly_the_trials_asked_for(fresh: Run) -> None:
    options = [*fresh.options("fit"), "--trials", TRIALS, "--workers", 2]
    done = blastline("fit", *options).well()
    assert f"3 studies, {3 * TRIALS} trials" in done.out
    assert "not repeatable" in done.out
    assert finished_trials(fresh.work / "studies/synthetic.log") == [TRIALS] * 3
    assert fresh.result().tuning.workers == 2


def test_a_database_holds_the_studies_instead_of_the_journal(
    fresh: Run, tmp_path: Path, guarded: Guarded
) -> None:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    done = guarded("fit", *fresh.options("fit"), "--storage", url, "--again")
    assert (done.code, done.err) == (0, "")
    assert finished_trials(url) == [2] * 3
    assert not (fresh.work / "studies/synthetic.log").exists()


def test_tuning_alone_leaves_a_fit_nothing_but_to_read(fresh: Run, guarded: Guarded) -> None:
    config = fresh.folder / "config.toml"
    before = fresh.result()
    done = guarded("tune", "--config", config, "--work", fresh.work, "--first", 2)
    assert (done.code, done.err) == (0, "")
    assert "nothing left to do" in done.out
    assert fresh.result() == before  # a worker writes trials and nothing else
    done = guarded("fit", *fresh.options("fit"), "--again")
    assert "6 trials (6 from an earlier run" in done.out


def test_a_password_is_not_written_into_the_run(run: Run, guarded: Guarded) -> None:
    url = "postgresql+psycopg://me:secret@nowhere.invalid/studies"
    done = guarded("fit", *run.options("fit"), "--storage", url, "--again")
    assert done.code == 2
    assert "secret" not in done.err + done.out
    resolved = run.folder / "config.toml"
    assert "secret" not in resolved.read_text()
    from pipeline.config import resolve_config

    config = resolve_config(resolved, {"storage": url, "work": str(run.work)})
    config.write()
    assert "secret" not in resolved.read_text()
    assert "postgresql+psycopg://me@nowhere.invalid/studies" in resolved.read_text()
