"""Further processes that work on the studies of a run."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tomli_w

from pipeline.config import RunConfig
from pipeline.console import warn


@contextmanager
def other_workers(config: RunConfig) -> Iterator[None]:
    """Run ``workers - 1`` processes of ``blastline tune`` beside what happens inside.

    They only take trials off this process; one that fails costs nothing but its share of the work.
    """
    if config.workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        settings = config.model_dump(exclude_none=True) | {"run": config.run_name}
        path.touch(mode=0o600)  # the storage may hold a password
        path.write_text(tomli_w.dumps(settings), encoding="utf-8")
        command = [sys.executable, "-m", "pipeline", "tune", "--config", str(path), "--first"]
        workers = [
            subprocess.Popen(
                [*command, str(number)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            for number in range(1, config.workers)
        ]
        try:
            yield
            for number, worker in enumerate(workers, start=2):
                said = worker.communicate()[1].decode(errors="replace").strip()
                if worker.returncode:
                    last = said.splitlines()[-1] if said else f"exit code {worker.returncode}"
                    warn(f"fit: worker {number} ended early ({last}); its trials were run here")
        finally:
            for worker in workers:
                if worker.poll() is None:
                    worker.terminate()
                worker.wait()
