"""The embedding store: what is embedded under one recipe, found by the content of the image."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from data.errors import BlastlineError
from features.recipe import Recipe
from features.store_file import (
    DamagedStoreError,
    Failure,
    StoreFile,
    open_store_file,
    write_store_file,
)


class EmbeddingStore:
    """Embeddings of one recipe, found by the SHA-256 of the image.

    One HDF5 file ``<path>`` holds what is finished; ``<path>.parts/`` holds the blocks that a
    running or interrupted extraction has written, each a store file of its own. Files are only ever
    moved into place whole, so a crash loses at most the block under way. Embeddings stay on disk
    until they are asked for. Labels are not stored: relabelling never extracts again.

    Raises:
        BlastlineError: on opening a file of another recipe or format, or a damaged one.
    """

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self.path, self.recipe = path, recipe
        self._parts = path.with_name(path.name + ".parts")
        self._load()

    def _load(self) -> None:
        self._files: list[StoreFile] = []
        self._place: dict[bytes, tuple[int, int]] = {}  # key -> which file, which row
        self._failed: dict[str, Failure] = {}
        if self.path.exists():
            self._take(open_store_file(self.path))
        for part in part_files(self.path):
            try:
                found = open_store_file(part)
                for _ in found.chunks(np.arange(len(found))):
                    pass  # reading checks every row
            except (DamagedStoreError, FileNotFoundError):  # gone: another process merged it
                continue  # its images are simply computed again; finish() removes it
            self._take(found)

    def _take(self, found: StoreFile) -> None:
        if found.recipe.digest != self.recipe.digest:
            raise BlastlineError(
                f"{found.path}: made by another recipe "
                f"({self.recipe.difference(found.recipe) or 'digest'}); move it away and extract "
                "again"
            )
        self._failed.update(found.failed)
        for row, key in enumerate(found.keys):
            self._place.setdefault(bytes(key), (len(self._files), row))
        self._files.append(found)

    def __len__(self) -> int:
        return len(self._place)

    def __contains__(self, sha256: str) -> bool:
        """Whether this content was dealt with: embedded, or found unreadable."""
        return sha256.encode() in self._place or sha256 in self._failed

    def failure(self, sha256: str) -> Failure | None:
        """Why this image has no embedding; None if it has one, or was not tried."""
        return self._failed.get(sha256)

    def embeddings(self, sha256: Sequence[str]) -> np.ndarray:
        """(n, *shape) float32 embeddings of these images, in this order.

        The shape is (width,); with tokens (positions, width); views come in front of either.

        Raises:
            BlastlineError: an image is not in the store, or a row is damaged.
        """
        return self.read(self.find(sha256))

    def find(self, sha256: Sequence[str]) -> np.ndarray:
        """(n, 2) int64 places of these images in the store, valid until it is written to.

        Raises:
            BlastlineError: an image is not in the store.
        """
        try:
            places = [self._place[key.encode()] for key in sha256]
        except KeyError as error:
            raise BlastlineError(
                f"{self.path}: image with content {error.args[0].decode()[:12]}... is not in the "
                "store; run 'blastline extract' again"
            ) from None
        return np.array(places, dtype=np.int64).reshape(-1, 2)

    def read(self, places: np.ndarray) -> np.ndarray:
        """(n, *shape) float32 embeddings at these places, in this order; see ``embeddings``.

        Raises:
            BlastlineError: a row is damaged.
        """
        found = np.empty((len(places), *self.row_shape), dtype=np.float32)
        for number, file in enumerate(self._files):
            wanted = np.flatnonzero(places[:, 0] == number)
            wanted = wanted[np.argsort(places[wanted, 1], kind="stable")]  # in the file's order
            done = 0
            for rows, values in file.chunks(places[wanted, 1]):
                found[wanted[done : done + len(rows)]] = values
                done += len(rows)
        return found

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one embedding; (0,) while there is none."""
        return next((file.row_shape for file in self._files if len(file)), (0,))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for writing.

        Raises:
            BlastlineError: another process holds it, or it is damaged.
        """
        with locked(self.path):
            beside = self.path.parent.glob(f".{self.path.name}.*.tmp")
            for leftover in (*beside, *self._parts.glob(".*.tmp")):
                leftover.unlink()  # of a process killed in mid-write; the lock says that none lives
            self._load()  # another process may have finished since this one looked
            yield

    def append(self, sha256: Sequence[str], rows: np.ndarray, failed: dict[str, Failure]) -> None:
        """Write a block of new images as a part; it is safe on disk when this returns.

        Args:
            sha256: content of the n embedded images.
            rows: (n, *shape) float32.
            failed: content of images that have no embedding -> why.
        """
        numbers = [int(part.stem) for part in part_files(self.path)]
        part = self._parts / f"{max(numbers, default=-1) + 1:06d}.h5"
        keys = np.array([key.encode() for key in sha256], dtype="S64")
        write_store_file(part, self.recipe, keys, [rows], rows.shape[1:], failed)
        self._take(open_store_file(part))

    def finish(self) -> None:
        """Merge the parts into the one file and remove them; rows are checked on their way.

        Raises:
            DamagedStoreError: a row does not match its checksum; nothing is changed then.
        """
        if not self._parts.exists():
            return
        keys = np.array(list(self._place), dtype="S64")
        write_store_file(self.path, self.recipe, keys, self._merged(), self.row_shape, self._failed)
        remove_parts(self.path)
        self._load()

    def _merged(self) -> Iterator[np.ndarray]:
        """The rows of all files, in the order of ``_place``."""
        places = np.array(list(self._place.values())).reshape(-1, 2)
        for number, file in enumerate(self._files):
            for _, values in file.chunks(places[places[:, 0] == number, 1]):
                yield values


def part_files(path: Path) -> list[Path]:
    """The blocks beside a store that are not merged into it yet, oldest first."""
    return sorted(path.with_name(path.name + ".parts").glob("*.h5"))


def remove_parts(path: Path) -> None:
    """Remove the blocks of a store and what a killed process left among them."""
    folder = path.with_name(path.name + ".parts")
    if folder.exists():
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a store; the system frees it when the process ends, however it ends.

    Raises:
        BlastlineError: another process holds it; the line says which.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read(20).strip()
            who = f" (process {holder})" if holder.isdecimal() else ""
            raise BlastlineError(
                f"{path}: another extraction{who} is writing this store; wait for it to end"
            ) from None
        with suppress(OSError):  # a full disk: who holds the lock stays unsaid, the lock holds
            lock.truncate(0)
            os.write(lock.fileno(), str(os.getpid()).encode())
        yield
