"""The dashboard refuses what it cannot serve before it starts a server."""

import socket

import pytest

from tests.pipeline.commands import REFUSED, Guarded, Run


def test_a_data_set_without_studies_is_refused_and_leaves_nothing(
    finished_run: Run, guarded: Guarded
) -> None:
    done = guarded("dashboard", "--work", finished_run.work, "--dataset", "misspelt")
    assert done.code == REFUSED
    assert "no studies of 'misspelt'" in done.complaint
    assert "synthetic" in done.complaint
    assert not (finished_run.work / "studies" / "misspelt.log").exists()


@pytest.mark.parametrize("given", ["taken", "80000"])
def test_a_port_that_cannot_be_had_is_refused_with_another(
    finished_run: Run, guarded: Guarded, given: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1] if given == "taken" else int(given)
        done = guarded("dashboard", "--work", finished_run.work, "--port", port)
    assert done.code == REFUSED
    assert f"port {port} is taken or not allowed" in done.complaint
