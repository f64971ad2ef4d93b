"""A process that extracts for real and can be made to die.

Reads a ``Task`` as JSON on standard input and ends as the command line does: one line, exit code.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import features.extract
from features.backbones import find_backbone
from features.engine import Engine
from features.engines import make_engine
from features.extract import Job, extract
from features.recipe import Recipe
from features.store import EmbeddingStore
from features.weights import resolve_weights
from tests.shared import WEIGHTS

ROOT = Path(__file__).parents[2]
DEADLINE = 300  # seconds that no process of these tests needs, on a slow and busy disk either
WORKER = [sys.executable, "-m", "tests.features.kill_worker"]


@dataclass(frozen=True)
class Task:
    """What to extract, and what shall go wrong.

    Attributes:
        images: file of lines: SHA-256, path below root.
        log: gets a line for each image, with its SHA-256, before it is embedded.
        die: die by SIGKILL at the n-th call of one of ``CALLS``: its name and n.
        limit: bytes that a file may have; 0 for no limit.
        block: images a part.
    """

    root: str
    images: str
    store: str
    recipe: str
    weights: str
    networks: str
    log: str
    die: tuple[str, int] | None = None
    limit: int = 0
    block: int = 16  # small, so that many parts are written

    def but(self, **changes: Any) -> "Task":
        return replace(self, **changes)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def make_engine(self) -> Engine:
        recipe = Recipe.from_json(self.recipe, "task")
        row = find_backbone(recipe.backbone)
        weights = resolve_weights(row, self.weights, alpha=recipe.alpha, layer="", seed=0)
        return make_engine(recipe, weights, 0, Path(self.networks))


class LoggingEngine:
    """The real engine, which notes each image that it is about to embed."""

    def __init__(self, task: Task) -> None:
        self._engine = task.make_engine()
        self._log = os.open(task.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.batch, self.streams = self._engine.batch, self._engine.streams
        self.description = self._engine.description
        self._keys: dict[int, str] = {}  # of prepared images, by identity: embed gets no names

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        prepared = self._engine.prepare(image, sha256)
        self._keys[id(prepared)] = sha256
        return prepared

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        lines = "".join(f"{self._keys[id(each)]}\n" for each in prepared)
        os.write(self._log, lines.encode())
        return self._engine.embed(prepared)


CALLS: dict[str, tuple[Any, str]] = {
    "sync": (os, "fsync"),
    "move": (Path, "replace"),
    "remove": (Path, "unlink"),
    "remove folder": (Path, "rmdir"),
    "merge": (EmbeddingStore, "finish"),
}


def die_at(name: str, number: int) -> None:
    owner, attribute = CALLS[name]
    original: Callable[..., Any] = getattr(owner, attribute)
    calls = 0

    def dying(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(owner, attribute, dying)


def run(task: Task) -> None:
    features.extract.BLOCK = task.block
    if task.die:
        die_at(*task.die)
    recipe = Recipe.from_json(task.recipe, "task")
    lines = Path(task.images).read_text().splitlines()
    images = [(line[:64], line[65:]) for line in lines]
    if task.limit:  # as on a full disk, writing fails; the signal that comes along is ignored
        resource.setrlimit(resource.RLIMIT_FSIZE, (task.limit, task.limit))
    job = Job(EmbeddingStore(Path(task.store), recipe), lambda: LoggingEngine(task))
    done = extract(Path(task.root), images, [job])
    print(json.dumps({"computed": done.computed[recipe.name]}))


# For the tests that start it


def finish(task: Task) -> subprocess.CompletedProcess[str]:
    """Run a process to its end."""
    return subprocess.run(
        WORKER, input=task.to_json(), capture_output=True, text=True, cwd=ROOT, check=False,
        timeout=DEADLINE,
    )  # fmt: skip


def computed(task: Task) -> int:
    """Extract undisturbed: how many images were embedded."""
    done = finish(task)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["computed"]


def logged(task: Task) -> list[str]:
    """SHA-256 of all images that were embedded, or would have been, by all processes so far."""
    log = Path(task.log)
    return log.read_text().splitlines() if log.exists() else []


def recipe_of(task: Task) -> Recipe:
    return Recipe.from_json(task.recipe, "task")


def keys_of(task: Task) -> list[str]:
    return [line[:64] for line in Path(task.images).read_text().splitlines()]


def content_of(task: Task) -> dict[str, object]:
    """All that the store holds: embeddings bit for bit, and reasons."""
    store = EmbeddingStore(Path(task.store), recipe_of(task))
    held: dict[str, object] = {}
    for key in keys_of(task):
        if failure := store.failure(key):
            held[key] = failure
        elif key in store:
            held[key] = store.embeddings([key]).tobytes()
    assert len(held) == len(store) + sum(not isinstance(each, bytes) for each in held.values())
    return held


def task_in(folder: Path, recipe: Recipe, images: list[tuple[str, str]], networks: Path) -> Task:
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / "images.txt"
    listed.write_text("".join(f"{sha256} {path}\n" for sha256, path in images))
    return Task(
        root=str(folder / "images"), images=str(listed), store=str(folder / f"{recipe.name}.h5"),
        recipe=recipe.to_json(), weights=str(WEIGHTS), networks=str(networks),
        log=str(folder / "log"),
    )  # fmt: skip


def elsewhere(task: Task, folder: Path) -> Task:
    """The same images into another store."""
    folder.mkdir()
    return task.but(store=str(folder / Path(task.store).name), log=str(folder / "log"))


if __name__ == "__main__":
    from pipeline.cli import _guarded

    sys.exit(_guarded(lambda: run(Task(**json.loads(sys.stdin.read())))))
