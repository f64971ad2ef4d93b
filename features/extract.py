"""Extraction: every image is decoded once, embedded by every engine that lacks it, and stored."""

import hashlib
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from features.decode import MAX_BYTES, UnreadableImageError, decode
from features.engines import BATCH, Engine
from features.store import Block, EmbeddingStore

BLOCK = 256  # images a part: what a crash can cost
AHEAD = 64  # images decoded in advance: bounds memory whatever the number of images
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """One store to fill and how; the engine is built only if an image is missing."""

    store: EmbeddingStore
    make_engine: Callable[[], Engine]


@dataclass
class Extraction:
    """What an extraction did.

    Attributes:
        computed: images embedded now, for each store's recipe name.
        reused: images that were there already, likewise.
        failed: path -> why, for each image that has no embedding.
    """

    computed: dict[str, int] = field(default_factory=dict)
    reused: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


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
        BlastlineError: a store is held by another process, or an engine cannot be built.
    """
    result = Extraction()
    with ExitStack() as held:
        # decode() silences Pillow in many threads at once, which would leave all warnings off.
        held.enter_context(warnings.catch_warnings())
        missing = []
        path_of = dict(images)  # identical files are embedded once
        for job in jobs:
            held.enter_context(job.store.writing())
            lacking = {sha256 for sha256 in path_of if sha256 not in job.store}
            missing.append(lacking)
            result.computed[job.store.recipe.name] = 0
            result.reused[job.store.recipe.name] = len(path_of) - len(lacking)
        wanted = {key: path for key, path in path_of.items() if any(key in m for m in missing)}
        if wanted:
            _run(root, wanted, jobs, missing, result, progress)
        for job in jobs:
            job.store.finish()
    for sha256, path in images:
        for job in jobs:
            if sha256 in job.store and job.store.error(sha256):
                result.failed[path] = job.store.error(sha256)
        if path_of[sha256] in result.failed:  # one of identical files was tried for all
            result.failed[path] = result.failed[path_of[sha256]]
    return result


def _run(
    root: Path,
    wanted: dict[str, str],
    jobs: Sequence[Job],
    missing: list[set[str]],
    result: Extraction,
    progress: Progress | None,
) -> None:
    engines = [
        job.make_engine() if lacking else None for job, lacking in zip(jobs, missing, strict=True)
    ]
    pending = [_Pending(job.store) for job in jobs]

    def load(sha256: str, path: str) -> list[np.ndarray | None]:
        """Prepared image for each engine that lacks it, None for the others."""
        image = decode(_read(root / path, sha256))
        return [
            engine.prepare(image) if engine is not None and sha256 in lacking else None
            for engine, lacking in zip(engines, missing, strict=True)
        ]

    done = 0
    try:
        for sha256, path, future in _ahead(load, wanted):
            done += 1
            try:
                prepared = future.result()
            except UnreadableImageError as error:
                for batch, lacking in zip(pending, missing, strict=True):
                    if sha256 in lacking:
                        batch.fail(sha256, str(error))
            except OSError as error:  # gone, changed or not permitted: not a fact about the content
                result.failed[path] = error.strerror or str(error)
            else:
                for engine, batch, one in zip(engines, pending, prepared, strict=True):
                    if engine is not None and one is not None:
                        batch.add(sha256, one, engine)
            if progress:
                progress(done, len(wanted))
    finally:
        for engine, batch in zip(engines, pending, strict=True):
            if engine is not None:
                batch.flush(engine)
                result.computed[batch.store.recipe.name] = batch.embedded


def _ahead(
    load: Callable[[str, str], list[np.ndarray | None]], wanted: dict[str, str]
) -> Iterator[tuple[str, str, Future]]:
    """Load in threads, at most AHEAD images before the one that is asked for."""
    waiting: deque[tuple[str, str, Future]] = deque()
    pool = ThreadPoolExecutor()
    try:
        for sha256, path in wanted.items():
            waiting.append((sha256, path, pool.submit(load, sha256, path)))
            if len(waiting) >= AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read(path: Path, sha256: str) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)  # one more than allowed: decode refuses it
    if len(content) <= MAX_BYTES and hashlib.sha256(content).hexdigest() != sha256:
        raise OSError(0, "changed since it was scanned; scan again")
    return content


class _Pending:
    """Images of one store that are prepared but not yet on disk."""

    def __init__(self, store: EmbeddingStore) -> None:
        self.store = store
        self.embedded = 0
        self._keys: list[str] = []
        self._prepared: list[np.ndarray] = []
        self._embeddings: list[np.ndarray] = []
        self._failed: dict[str, str] = {}

    def fail(self, sha256: str, reason: str) -> None:
        self._failed[sha256] = reason

    def add(self, sha256: str, prepared: np.ndarray, engine: Engine) -> None:
        self._keys.append(sha256)
        self._prepared.append(prepared)
        if len(self._prepared) == BATCH:
            self._embed(engine)
        if len(self._keys) >= BLOCK:
            self.flush(engine)

    def _embed(self, engine: Engine) -> None:
        if self._prepared:
            self._embeddings.append(engine.embed(self._prepared))
            self._prepared = []

    def flush(self, engine: Engine) -> None:
        self._embed(engine)
        if not self._keys and not self._failed:
            return
        # An interrupt between embedding and bookkeeping may have embedded the last batch twice.
        empty = np.empty((0, 0), dtype=np.float32)
        found = np.concatenate(self._embeddings)[: len(self._keys)] if self._keys else empty
        keys = np.array([key.encode() for key in self._keys], dtype="S64")
        self.store.append(Block(keys, found, self._failed))
        self.embedded += len(self._keys)
        self._keys, self._prepared, self._embeddings, self._failed = [], [], [], {}
