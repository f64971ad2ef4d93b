"""Studies shared through a database: SQLite, and PostgreSQL where its server is installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError

from classifiers import databases
from classifiers.studies import (
    FINISHED,
    begin_trial,
    claim,
    drop_stale,
    open_studies,
    storage_errors,
)
from data.errors import BlastlineError
from tests.classifiers.study_worker import FIRST, answer, begin, open_study, work, workers

SECRET = "s3cret"


class Server:
    """A PostgreSQL server of its own, on a socket in a folder of its own, with a password."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self._folder, self._data = binaries, folder, folder / "data"
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:  # as whom it refuses to run
            account = pwd.getpwnam("postgres")
            self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(folder, account.pw_uid, account.pw_gid)
        secret = folder / "password"
        secret.write_text(SECRET, encoding="utf-8")
        secret.chmod(0o644)
        self._call("initdb", "-U", "me", "-A", "scram-sha-256", "--pwfile", secret, "--no-sync")
        self.start()

    def _call(self, program: str, *arguments: object) -> None:
        command = [self._binaries / program, "-D", self._data, *map(str, arguments)]
        log = (self._folder / "log").open("ab")
        with log:
            subprocess.run(
                command, check=True, cwd=self._folder, stdout=log, stderr=log, **self._user
            )

    def start(self) -> None:
        self._call("pg_ctl", "start", "-w", "-o", f"-F -k {self._folder} -c listen_addresses=''")

    def stop(self) -> None:
        self._call("pg_ctl", "stop", "-w", "-m", "immediate")

    def url(self, database: str = "postgres", password: str = SECRET) -> str:
        return f"postgresql://me:{password}@/{database}?host={self._folder}"

    def make(self, database: str) -> str:
        """A new, empty database; its URL."""
        url = self.url().replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {database}")
        engine.dispose()
        return self.url(database)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), shutil.which("initdb")]
    binaries = [Path(each).resolve().parent for each in found if each]
    if not binaries:
        pytest.skip("no PostgreSQL server is installed (initdb not found); SQLite is tested alone")
    # Not in pytest's folders, which other users may not enter; sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        running = Server(binaries[0], Path(folder))
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'studies.db'}"
    server: Server = request.getfixturevalue("server")
    return server.make(f"test_{abs(hash(request.node.name)) % 10**9}")


def test_processes_on_a_new_database_finish_exactly_the_trials_asked_for(url: str) -> None:
    with workers(url, 6, "work", "work") as others:
        begin(*others)  # both make the tables
        done = [int(answer(process)) for process in others]
    trials = open_study(url).get_trials()
    assert sum(done) == len([each for each in trials if each.state in FINISHED]) == 6
    assert sum(each.state == TrialState.COMPLETE and each.params == FIRST for each in trials) == 1


def test_the_trial_of_a_killed_process_is_run_again(url: str) -> None:
    with workers(url, 1, "hold") as (other,):
        begin(other)
        assert answer(other) == "holding"
        study = open_study(url)
        assert claim(study, 1) is None
        other.kill()
        other.wait()
        assert work(url, 1) == 1
    trials = study.get_trials()
    assert [each.state for each in trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert [each.params for each in trials] == [FIRST, FIRST]


@pytest.mark.parametrize("silent", [True, False])
def test_of_other_machines_the_heartbeat_tells(url: str, silent: bool) -> None:
    study = open_study(url)
    trial = begin_trial(study)
    elsewhere = {"machine": "elsewhere", "pid": 1, "started": "1", "seen": 0.0}
    trial.storage.set_trial_system_attr(trial._trial_id, "process", elsewhere)
    if silent:
        storage = open_studies(url)
        assert isinstance(storage, RDBStorage)
        with storage.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE trial_heartbeats SET heartbeat = '2020-01-01'")
        storage.engine.dispose()
    drop_stale(study)
    state = study.get_trials()[0].state
    assert state == (TrialState.FAIL if silent else TrialState.RUNNING)


@pytest.mark.parametrize(
    ("database", "password"), [("postgres", "wr0ng"), ("none", SECRET), ("none", "p@ss:/w0rd%")]
)
def test_a_refused_login_is_one_line_without_the_password(
    server: Server, database: str, password: str
) -> None:
    quoted = password.replace("%", "%25").replace("@", "%40").replace("/", "%2F")
    with pytest.raises(BlastlineError, match="check that the server runs") as caught:
        open_studies(server.url(database, quoted))
    text = str(caught.value)
    assert "FATAL" in text
    assert password not in text
    assert quoted not in text


def test_a_server_that_goes_away_is_one_line_and_coming_back_is_enough(server: Server) -> None:
    url = server.make("away")
    study = open_study(url)
    server.stop()
    try:
        with pytest.raises(BlastlineError, match="check that the server runs"), storage_errors(url):
            claim(study, 2)
    finally:
        server.start()
    assert claim(study, 2)
    server.stop()
    server.start()
    assert claim(study, 2)  # on a connection that was lost unseen


def test_what_a_driver_says_is_told_without_the_password() -> None:
    with (
        pytest.raises(BlastlineError, match="no way in with") as caught,
        storage_errors(f"postgresql://me:{SECRET}@host/studies?sslpassword=hidden"),
    ):
        raise ImportError(f"no way in with {SECRET} or hidden")
    assert SECRET not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_process_that_makes_the_tables_at_the_same_time_is_no_error() -> None:
    clash = IntegrityError("CREATE TABLE", {}, Exception("taken"))
    with patch.object(databases, "_connect", side_effect=[clash, "storage"]):
        assert open_studies("sqlite://") == "storage"


def test_errors_of_the_work_itself_pass_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), storage_errors("sqlite:///studies.db"):
        _ = 1 / 0
    with pytest.raises(optuna.TrialPruned), storage_errors("studies.log"):
        raise optuna.TrialPruned
