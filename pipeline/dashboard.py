"""Stage dashboard: serve the tuning studies of a data set to the browser."""

import socket

from classifiers.tuning import open_studies
from data.errors import BlastlineError
from pipeline.config import RunConfig
from pipeline.console import say
from pipeline.fit import studies_path


def run_dashboard(config: RunConfig, port: int) -> None:
    """Serve optuna-dashboard until Ctrl-C.

    Raises:
        BlastlineError: the data set has no studies yet, or the port is taken.
    """
    path = studies_path(config)
    if not path.is_file():
        there = ", ".join(sorted(each.stem for each in path.parent.glob("*.log"))) or "none yet"
        raise BlastlineError(
            f"dashboard: no studies of '{path.stem}' in {path.parent} (there are: {there}); "
            "run 'blastline fit' first, or choose another DATASET"
        )
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
    from optuna_dashboard import run_server

    say(f"dashboard: {path}: open http://127.0.0.1:{port}/ in a browser; Ctrl-C ends it")
    run_server(open_studies(path), host="127.0.0.1", port=port)
