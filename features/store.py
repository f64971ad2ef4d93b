"""The embedding store: HDF5 files keyed by the content of images, written in parts."""

import fcntl
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from data.errors import BlastlineError
from data.files import atomic_path
from features.recipe import Recipe

FORMAT = 1  # change it with the layout below; there is no older layout to read yet
CHUNK_ROWS = 64
SEAL = 512  # bytes in front of the HDF5 data (its user block) that hold the SHA-256 of the rest


class DamagedStoreError(BlastlineError):
    """A store file that is cut, altered, or no store at all."""


@dataclass(frozen=True)
class Block:
    """Some images of a store.

    Attributes:
        sha256: (n,) ASCII bytes S64, the content of each embedded image.
        embedding: (n, width) float32.
        failed: content of each unreadable image -> why.
    """

    sha256: np.ndarray
    embedding: np.ndarray
    failed: dict[str, str]


class EmbeddingStore:
    """Embeddings of one recipe, found by the SHA-256 of the image.

    One HDF5 file ``<path>`` holds what is finished; ``<path>.parts/`` holds the blocks that a
    running or interrupted extraction has written, each a store file of its own. Parts are only
    ever moved into place whole, so a crash loses at most the block under way. Labels are not
    stored: relabelling never extracts again.

    Raises:
        BlastlineError: on opening a file of another recipe or format, or a damaged one.
    """

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self.path, self.recipe = path, recipe
        self._parts = path.with_name(path.name + ".parts")
        self._load()

    def _load(self) -> None:
        self._row_of: dict[bytes, int] = {}
        self._embeddings: list[np.ndarray] = []
        self._failed: dict[str, str] = {}
        if self.path.exists():
            self._take(read_block(self.path, self.recipe))
        for part in self._part_files():
            try:
                self._take(read_block(part, self.recipe))
            except DamagedStoreError:
                continue  # its images are simply computed again; finish() removes it

    def _part_files(self) -> list[Path]:
        return sorted(self._parts.glob("*.h5"))

    def _take(self, block: Block) -> None:
        self._failed.update(block.failed)
        start = len(self._row_of)
        new = [row for row, key in enumerate(block.sha256) if key not in self._row_of]
        if new:
            self._row_of.update({block.sha256[row]: start + i for i, row in enumerate(new)})
            self._embeddings.append(block.embedding[new])

    def _matrix(self) -> np.ndarray:
        """All embeddings in one array; joined on demand, so that appending stays cheap."""
        if len(self._embeddings) > 1:
            self._embeddings = [np.concatenate(self._embeddings)]
        return self._embeddings[0] if self._embeddings else np.empty((0, 0), dtype=np.float32)

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, sha256: str) -> bool:
        """Whether this content was dealt with: embedded, or found unreadable."""
        return sha256.encode() in self._row_of or sha256 in self._failed

    def error(self, sha256: str) -> str:
        """Why this image could not be read; empty if it could, or was not tried."""
        return self._failed.get(sha256, "")

    def embeddings(self, sha256: Sequence[str]) -> np.ndarray:
        """(n, width) float32 embeddings of these images, in this order.

        Raises:
            BlastlineError: an image is not in the store or has no finite embedding.
        """
        try:
            rows = [self._row_of[key.encode()] for key in sha256]
        except KeyError as error:
            raise BlastlineError(
                f"{self.path}: image with content {error.args[0].decode()[:12]}... is not in the "
                "store; run 'blastline extract' again"
            ) from None
        found: np.ndarray = self._matrix()[rows]
        finite = np.isfinite(found).all(axis=1)
        if not finite.all():
            bad = sha256[int(np.flatnonzero(~finite)[0])]
            raise BlastlineError(
                f"{self.path}: the embedding of image {bad[:12]}... is not finite; the weights do "
                "not suit this network: check them and extract again"
            )
        return found

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for writing.

        Raises:
            BlastlineError: another process holds it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(self.path.name + ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BlastlineError(
                    f"{self.path}: another extraction is writing this store; wait for it to end"
                ) from None
            for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
                leftover.unlink()  # of a process killed in mid-write; the lock says that none lives
            self._load()  # another process may have finished since this one looked
            yield

    def append(self, block: Block) -> None:
        """Write a block of new images as a part; it is safe on disk when this returns."""
        numbers = [int(part.stem) for part in self._part_files()]
        part = self._parts / f"{max(numbers, default=-1) + 1:06d}.h5"
        write_block(part, self.recipe, block)
        self._take(block)

    def finish(self) -> None:
        """Merge the parts into the one file and remove them."""
        if not self._parts.exists():
            return
        keys = np.array(list(self._row_of), dtype="S64")
        write_block(self.path, self.recipe, Block(keys, self._matrix(), self._failed))
        for part in self._part_files():
            part.unlink()
        for leftover in self._parts.iterdir():  # temporary files of a killed process
            leftover.unlink()
        self._parts.rmdir()


def write_block(path: Path, recipe: Recipe, block: Block) -> None:
    """Write rows as a store file, sealed with the SHA-256 of its content, whole or not at all."""
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w", userblock_size=SEAL) as file:
            file.attrs["format"] = FORMAT
            file.attrs["recipe"] = recipe.to_json()
            file.attrs["recipe_digest"] = recipe.digest
            rows = max(1, min(CHUNK_ROWS, len(block.sha256)))
            width = max(1, block.embedding.shape[1])
            for name, values, chunks in (
                ("sha256", block.sha256.astype("S64"), (rows,)),
                ("embedding", block.embedding.astype(np.float32), (rows, width)),
            ):
                file.create_dataset(
                    name, data=values, chunks=chunks, maxshape=(None,) * values.ndim
                )
            text = h5py.string_dtype("utf-8")
            for name, texts in (("failed", block.failed.keys()), ("why", block.failed.values())):
                file.create_dataset(name, data=np.array(list(texts), dtype=object), dtype=text)
        _, digest = _seal(temporary)
        with temporary.open("r+b") as stream:
            stream.write(digest)


def _seal(path: Path) -> tuple[bytes, bytes]:
    """The seal that a store file bears, and the one that its content should have."""
    with path.open("rb") as stream:
        borne = stream.read(SEAL)
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    return borne, content.encode().ljust(SEAL, b"\0")


def read_block(path: Path, recipe: Recipe) -> Block:
    """Read a store file whole, after its seal: HDF5 itself may crash or hang on damaged files.

    Raises:
        BlastlineError: not a store, another format, another recipe, or a failed checksum.
    """
    try:
        borne, expected = _seal(path)
        if borne != expected:
            raise OSError("its content does not match its checksum")
        with h5py.File(path, "r") as file:
            number = file.attrs.get("format")
            if number != FORMAT:
                raise BlastlineError(
                    f"{path}: store format {number}, expected {FORMAT}; extract again"
                )
            theirs = Recipe.from_json(str(file.attrs["recipe"]), str(path))
            if theirs.digest != recipe.digest or file.attrs["recipe_digest"] != recipe.digest:
                raise BlastlineError(
                    f"{path}: made by another recipe ({recipe.difference(theirs) or 'digest'}); "
                    "move it away and extract again"
                )
            failed = zip(file["failed"].asstr()[:], file["why"].asstr()[:], strict=True)
            block = Block(file["sha256"][:], file["embedding"][:], dict(failed))
    except (OSError, KeyError, ValueError) as error:
        raise DamagedStoreError(
            f"{path}: damaged or not an embedding store ({error}); remove it and extract again"
        ) from None
    if len(block.sha256) != len(block.embedding):
        raise DamagedStoreError(f"{path}: columns differ in length; remove it and extract again")
    return block
