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
        workers = []
        for number in range(1, config.workers):
            # To a file: a pipe that nobody reads would fill up and hold the worker.
            with (Path(folder) / f"{number}.txt").open("wb") as said:
                workers.append(
                    subprocess.Popen(
                        [*command, str(number)], stdout=subprocess.DEVNULL, stderr=said
                    )
                )
        try:
            yield
            for number, worker in enumerate(workers, start=1):
                if worker.wait():
                    text = (Path(folder) / f"{number}.txt").read_text(errors="replace").strip()
                    last = text.splitlines()[-1] if text else f"exit code {worker.returncode}"
                    warn(f"fit: worker {number + 1} ended early ({last}); its trials were run here")
        finally:
            for worker in workers:
                if worker.poll() is None:
                    worker.terminate()
                worker.wait()
