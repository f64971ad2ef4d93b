"""Stage dashboard: serve the tuning studies of a data set to the browser."""

import socket
from pathlib import Path

from optuna.storages import BaseStorage

from classifiers.studies import open_studies, storage_errors
from data.errors import BlastlineError
from pipeline.config import RunConfig
from pipeline.console import say
from pipeline.studies import artifacts_folder, storage_of


def run_dashboard(config: RunConfig, port: int) -> None:
    """Serve optuna-dashboard until Ctrl-C.

    Raises:
        BlastlineError: the data set has no studies yet, the storage cannot be opened, or the port
            is taken.
    """
    where, dataset = storage_of(config), Path(config.dataset).stem
    storage = _with_studies(where, dataset)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            other = port + 1 if 1024 <= port < 65535 else 8081
            raise BlastlineError(
                f"dashboard: port {port} is taken or not allowed; choose another (PORT={other}, "
                f"--port {other})"
            ) from None
    from optuna.artifacts import FileSystemArtifactStore
    from optuna_dashboard import run_server

    pictures = FileSystemArtifactStore(artifacts_folder(config))
    say(f"dashboard: {dataset}: open http://127.0.0.1:{port}/ in a browser; Ctrl-C ends it")
    run_server(storage, host="127.0.0.1", port=port, artifact_store=pictures)


def _with_studies(where: str | Path, dataset: str) -> BaseStorage:
    """The storage, if it holds studies of the data set; a journal is not made in search of them."""
    if "://" not in str(where):
        path = Path(where)
        if path.is_file():
            return open_studies(path)
        there, place = {each.stem for each in path.parent.glob("*.log")}, str(path.parent)
    else:
        storage = open_studies(where)
        with storage_errors(where):
            there = {each.study_name.split(" | ")[0] for each in storage.get_all_studies()}
        if dataset in there:
            return storage
        place = "that storage"
    raise BlastlineError(
        f"dashboard: no studies of '{dataset}' in {place} (there are: "
        f"{', '.join(sorted(there)) or 'none yet'}); run 'blastline fit' first, or choose another "
        "DATASET"
    )
