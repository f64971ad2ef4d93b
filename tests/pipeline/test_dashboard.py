"""The dashboard refuses what it cannot serve before it starts a server."""

import socket
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from classifiers.studies import open_studies
from tests.pipeline.commands import REFUSED, Done, Guarded

Dashboard = Callable[..., Done]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work folder with the studies of one data set."""
    add_study(tmp_path / "work/studies/synthetic.log", "synthetic")
    return tmp_path / "work"


def add_study(where: Path | str, dataset: str) -> None:
    import optuna

    name = f"{dataset} | morphology-1a2b3c4d | svm | fold 0 | 9f8e7d6c"
    optuna.create_study(storage=open_studies(where), study_name=name)


def test_a_data_set_without_studies_is_refused_and_leaves_nothing(
    work: Path, guarded: Guarded
) -> None:
    done = guarded("dashboard", "--work", work, "--dataset", "misspelt")
    assert done.code == REFUSED
    assert "no studies of 'misspelt'" in done.complaint
    assert "synthetic" in done.complaint
    assert not (work / "studies" / "misspelt.log").exists()


@pytest.mark.parametrize("given", ["taken", "80000"])
def test_a_port_that_cannot_be_had_is_refused_with_another(
    work: Path, guarded: Guarded, given: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1] if given == "taken" else int(given)
        done = guarded("dashboard", "--work", work, "--port", port)
    assert done.code == REFUSED
    assert f"port {port} is taken or not allowed" in done.complaint


def on_storage(tmp_path: Path, url: str) -> tuple[object, ...]:
    config = tmp_path / "config.toml"
    config.write_text(f'storage = "{url}"\nwork = "{tmp_path / "work"}"\n', encoding="utf-8")
    return "dashboard", "--config", config, "--port", 80000, "--dataset"


def test_a_database_serves_the_data_sets_that_it_holds(tmp_path: Path, guarded: Guarded) -> None:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    add_study(url, "synthetic")
    command = on_storage(tmp_path, url)
    assert "port 80000" in guarded(*command, "synthetic").complaint
    done = guarded(*command, "pbc2020")
    assert done.code == REFUSED
    assert "no studies of 'pbc2020'" in done.complaint
    assert "there are: synthetic" in done.complaint


def test_a_database_that_is_away_is_one_line_without_the_password(
    tmp_path: Path, guarded: Guarded
) -> None:
    url = "postgresql://me:s3cret@127.0.0.1:1/studies"
    done = guarded(*on_storage(tmp_path, url), "synthetic")
    assert done.code == REFUSED
    assert "127.0.0.1" in done.complaint
    assert "s3cret" not in done.complaint


def test_it_serves_this_machine_alone_and_finds_the_pictures(work: Path, guarded: Guarded) -> None:
    with patch("optuna_dashboard.run_server") as serve:
        done = guarded("dashboard", "--work", work, "--port", 8765)
    assert (done.code, done.err) == (0, "")
    assert "http://127.0.0.1:8765/" in done.out
    given = serve.call_args.kwargs
    assert given["host"] == "127.0.0.1"
    assert given["artifact_store"]._base_path == work / "studies" / "artifacts"
