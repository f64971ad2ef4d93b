"""Extraction: every image is decoded once, embedded by every engine that lacks it, and stored.

Loading, embedding and writing overlap: threads decode ahead, others embed, this one writes. All
queues are bounded: of an image that is done only its name and digest stay in memory.
"""

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.decode import MAX_BYTES, UNREADABLE, UnreadableImageError, decode
from data.errors import BlastlineError
from data.files import read_regular
from features.engine import Engine
from features.store import EmbeddingStore
from features.store_file import Failure

BLOCK = 128  # images a part, at most: what a crash can cost
BLOCK_BYTES = 32 * 2**20  # likewise; maps of tokens are large
AHEAD = 64  # images loaded in advance
EMBEDDED, DUPLICATE = "embedded", "duplicate"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """One store to fill and how; the engine is built only if an image is missing."""

    store: EmbeddingStore
    make_engine: Callable[[], Engine]


@dataclass(frozen=True)
class Outcome:
    """What became of one image.

    Attributes:
        name: embedded, duplicate, unreadable, too large or not an image.
        detail: the path of the image it is a copy of, or why it has no embedding.
    """

    name: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether the image has no embedding."""
        return self.name not in (EMBEDDED, DUPLICATE)


@dataclass
class Extraction:
    """What an extraction did.

    Attributes:
        computed: images embedded now, for each store's recipe name.
        reused: images that were dealt with before, likewise.
        outcomes: path -> outcome, one for each image.
        engines: recipe name -> description of the engine that ran.
        seconds: from the first image to the last, engines being ready.
    """

    computed: dict[str, int] = field(default_factory=dict)
    reused: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def extract(
    root: Path,
    images: Sequence[tuple[str, str]],
    jobs: Sequence[Job],
    progress: Progress | None = None,
) -> Extraction:
    """Embed the images that the stores of ``jobs`` lack.

    A damaged image is recorded with its reason and the rest goes on. On Ctrl-C what is embedded
    so far is written as a part before the exception goes on.

    Args:
        root: the image folder; images are only read.
        images: (sha256, path below root) of each.
        progress: called with (done, total) images.

    Raises:
        BlastlineError: a store is damaged or held by another process, an engine cannot be built,
            or an embedding is not finite.
    """
    result = Extraction()
    first: dict[str, str] = {}  # identical files are embedded once, under the first path
    for sha256, path in images:
        first.setdefault(sha256, path)
    unreachable: dict[str, str] = {}  # content -> why its file could not be read this time
    with ExitStack() as held:
        lanes = []
        for job in jobs:
            held.enter_context(job.store.writing())
            missing = {sha256 for sha256 in first if sha256 not in job.store}
            result.computed[job.store.recipe.name] = 0
            result.reused[job.store.recipe.name] = len(first) - len(missing)
            if missing:
                lanes.append(_Lane(job, missing, result))
        if lanes:
            started = time.perf_counter()
            unreachable = _run(root, first, lanes, progress)
            result.seconds = time.perf_counter() - started
        for job in jobs:
            job.store.finish()
    for sha256, path in images:
        failures = [failure for job in jobs if (failure := job.store.failure(sha256))]
        if failures:
            result.outcomes[path] = Outcome(*failures[0])
        elif sha256 in unreachable:
            result.outcomes[path] = Outcome(UNREADABLE, unreachable[sha256])
        elif path == first[sha256]:
            result.outcomes[path] = Outcome(EMBEDDED)
        else:
            result.outcomes[path] = Outcome(DUPLICATE, first[sha256])
    return result


class _Lane:
    """The way of images into one store: prepared, embedded in the engine's streams, written."""

    def __init__(self, job: Job, missing: set[str], result: Extraction) -> None:
        self.missing = missing
        self.engine = job.make_engine()
        self._store, self._result = job.store, result
        result.engines[job.store.recipe.name] = self.engine.description
        self._pool = ThreadPoolExecutor(self.engine.streams)
        self._begun: list[tuple[str, np.ndarray]] = []  # a batch that is not full yet
        self._running: deque[tuple[list[str], Future]] = deque()
        self._done: list[tuple[list[str], np.ndarray]] = []  # embedded and not on disk yet
        self._failed: dict[str, Failure] = {}

    def fail(self, sha256: str, failure: Failure) -> None:
        self._failed[sha256] = failure
        if len(self._failed) >= BLOCK:  # a folder of thousands of bad files is not read twice
            self._write()

    def add(self, sha256: str, prepared: np.ndarray) -> None:
        self._begun.append((sha256, prepared))
        if len(self._begun) >= self.engine.batch:
            self._submit()

    def _submit(self) -> None:
        while len(self._running) > self.engine.streams:  # one batch waits for a stream to be free
            self._collect()
        if self._begun:
            keys, prepared = zip(*self._begun, strict=True)
            self._begun = []
            self._running.append((list(keys), self._pool.submit(self.engine.embed, prepared)))

    def _collect(self) -> None:
        keys, future = self._running[0]
        rows = future.result()
        # Ctrl-C between two of these lines costs a batch, but never parts keys from their rows.
        self._running.popleft()
        self._done.append((keys, rows))
        count = sum(len(keys) for keys, _ in self._done)
        if count >= BLOCK or sum(rows.nbytes for _, rows in self._done) >= BLOCK_BYTES:
            self._write()

    def _write(self) -> None:
        done, failed = self._done, self._failed
        if not done and not failed:
            return
        self._done, self._failed = [], {}
        keys = [key for keys, _ in done for key in keys]
        empty = np.empty((0, 0), dtype=np.float32)
        rows = np.concatenate([rows for _, rows in done]) if done else empty
        finite = np.isfinite(rows).all(axis=tuple(range(1, rows.ndim)))
        if not finite.all():
            recipe = self._store.recipe
            raise BlastlineError(
                f"backbone {recipe.backbone}: {(~finite).sum()} of {len(rows)} embeddings are not "
                f"finite in precision {recipe.precision}; the weights do not suit this network: "
                "check WEIGHTS, or use PRECISION=float32"
            )
        self._store.append(keys, rows, failed)
        self._result.computed[self._store.recipe.name] += len(keys)

    def close(self) -> None:
        """Embed and write what is on its way, also after an error or Ctrl-C."""
        try:
            self._submit()
            while self._running:
                self._collect()
        finally:
            self._pool.shutdown(cancel_futures=True)
            self._write()


def _run(
    root: Path, first: dict[str, str], lanes: list[_Lane], progress: Progress | None
) -> dict[str, str]:
    """Embed what the lanes miss; content -> why, for files that could not be reached."""
    inside = root.resolve()
    wanted = {key: path for key, path in first.items() if any(key in x.missing for x in lanes)}
    unreachable = {}

    def load(sha256: str, path: str) -> list[np.ndarray | None]:
        """Prepared image for each lane that misses it, None for the others."""
        image = decode(_read(inside, path, sha256))
        return [x.engine.prepare(image, sha256) if sha256 in x.missing else None for x in lanes]

    try:
        ahead = max([AHEAD, *(2 * lane.engine.batch for lane in lanes)])
        for done, (sha256, future) in enumerate(_ahead(load, wanted, ahead), 1):
            try:
                prepared = future.result()
            except UnreadableImageError as error:
                for lane in lanes:
                    if sha256 in lane.missing:
                        lane.fail(sha256, Failure(error.outcome, str(error)))
            except OSError as error:  # gone, changed or not permitted: not a fact of the content
                unreachable[sha256] = error.strerror or str(error)
            else:
                for lane, one in zip(lanes, prepared, strict=True):
                    if one is not None:
                        lane.add(sha256, one)
            if progress:
                progress(done, len(wanted))
    finally:
        with ExitStack() as closing:  # each lane is closed even if another one fails
            for lane in lanes:
                closing.callback(lane.close)
    return unreachable


def _ahead(
    load: Callable[[str, str], list[np.ndarray | None]], wanted: dict[str, str], ahead: int
) -> Iterator[tuple[str, Future]]:
    """Load in threads, at most ``ahead`` images before the one that is asked for."""
    waiting: deque[tuple[str, Future]] = deque()
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for sha256, path in wanted.items():
            waiting.append((sha256, pool.submit(load, sha256, path)))
            if len(waiting) >= ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read(root: Path, path: str, sha256: str) -> bytes:
    if not (root / path).parent.resolve().is_relative_to(root):
        raise OSError(0, "leads out of the image folder by a link")
    content = read_regular(root / path, MAX_BYTES)  # decode refuses what is larger
    if len(content) <= MAX_BYTES and hashlib.sha256(content).hexdigest() != sha256:
        raise OSError(0, "changed since it was scanned; scan again")
    return content
