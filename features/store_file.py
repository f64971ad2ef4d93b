"""The file format of a store: HDF5 in which every row can be checked, and saved, by itself.

In front of the HDF5 data (in its user block) and once more behind it stands a header: JSON with the
recipe and the place of each column, sealed by its own SHA-256. Columns are contiguous, so that they
are read without the HDF5 library, which crashes or hangs on some damaged files; any HDF5 program
reads them too. A CRC-32 of key and embedding guards each row, a SHA-256 all the rest.
"""

import errno
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from data.errors import BlastlineError
from data.files import atomic_path
from features.recipe import Recipe

FORMAT = 2  # raised when the layout below changes; stores of another format are extracted again
HEADER = 8192  # bytes of the header and of its copy; a power of two, as HDF5 wants it
CHUNK_BYTES = 8 * 2**20  # read and checked at a time: bounds memory
TABLES = {"sha256": "S64", "crc32": "<u4", "failed": "S64", "outcome": "S16", "why": "S240"}


class DamagedStoreError(BlastlineError):
    """A store file that is cut, altered, or no store at all."""


class Failure(NamedTuple):
    """Why an image has no embedding: ``unreadable``, ``too large`` or ``not an image``, and how."""

    outcome: str
    why: str


class _Column(NamedTuple):
    offset: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class StoreFile:
    """A store file whose header and tables are sound; its rows are checked as they are read.

    Attributes:
        keys: (n,) S64, SHA-256 of the content of each embedded image, as ASCII.
        crc32: (n,) uint32 of each key and embedding.
        failed: SHA-256 of each image without an embedding -> why.
        row_shape: shape of one embedding: (width,), with views and positions in front.
    """

    path: Path
    recipe: Recipe
    keys: np.ndarray
    crc32: np.ndarray
    failed: dict[str, Failure]
    row_shape: tuple[int, ...]
    _offset: int

    def __len__(self) -> int:
        return len(self.keys)

    def chunks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read rows in the order given: ((m,) row numbers, (m, *row_shape) float32) at a time.

        Raises:
            DamagedStoreError: a row fails its checksum, or the file ends before it.
        """
        for numbers, values, sound in self.examine(rows):
            if not sound.all():
                raise DamagedStoreError(
                    f"{self.path}: embedding {numbers[~sound][0]} of {len(self)} does not match "
                    f"its checksum; run 'blastline repair {self.path}' and extract again"
                )
            yield numbers, values

    def examine(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """As ``chunks``, with (m,) bool of which rows are sound instead of an error."""
        size = 4 * int(np.prod(self.row_shape))
        step = max(1, CHUNK_BYTES // max(1, size))
        with self.path.open("rb") as stream:
            for start in range(0, len(rows), step):
                numbers = rows[start : start + step]
                values = np.zeros((len(numbers), *self.row_shape), dtype="<f4")
                read = 0
                for run in np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1):
                    stream.seek(self._offset + int(run[0]) * size)
                    stream.readinto(values[read : read + len(run)].data)  # short if cut
                    read += len(run)
                found = np.array(
                    [_crc32(key, row) for key, row in zip(self.keys[numbers], values, strict=True)]
                )
                yield numbers, values, found == self.crc32[numbers]


def _crc32(key: bytes, row: np.ndarray) -> int:
    return zlib.crc32(row.data, zlib.crc32(key))


def write_store_file(
    path: Path,
    recipe: Recipe,
    keys: np.ndarray,
    chunks: Iterable[np.ndarray],
    row_shape: tuple[int, ...],
    failed: dict[str, Failure],
) -> None:
    """Write a store file, whole or not at all; on disk when this returns.

    Args:
        keys: (n,) S64 content of each image.
        chunks: their embeddings in order, (m, *row_shape) float32 at a time, n rows in all.

    Raises:
        OSError: the disk is full or cannot be written to.
    """
    tables = {
        "sha256": keys,
        "failed": np.array([key.encode() for key in failed], dtype=TABLES["failed"]),
        "outcome": np.array([each.outcome.encode() for each in failed.values()], dtype="S16"),
        "why": np.array([_fixed(each.why, 240) for each in failed.values()], dtype="S240"),
    }
    with _naming(path), atomic_path(path) as temporary:
        columns = _skeleton(temporary, recipe, len(keys), row_shape, len(failed))
        with temporary.open("r+b") as stream:
            for name, values in tables.items():
                stream.seek(columns[name].offset)
                stream.write(values.astype(columns[name].dtype).tobytes())
            crcs: list[int] = []
            stream.seek(columns["embedding"].offset)
            for chunk in chunks:
                rows = np.ascontiguousarray(chunk, dtype="<f4")
                start = len(crcs)
                crcs += [_crc32(keys[start + i], row) for i, row in enumerate(rows)]
                stream.write(rows.data)
            if len(crcs) != len(keys):
                raise ValueError(f"{len(crcs)} embeddings for {len(keys)} keys")
            stream.seek(columns["crc32"].offset)
            stream.write(np.array(crcs, dtype="<u4").tobytes())
            stream.flush()
            size = stream.seek(0, os.SEEK_END)
            header = {
                "format": FORMAT,
                "recipe": json.loads(recipe.to_json()),
                "recipe_digest": recipe.digest,
                "columns": columns,
                "hdf5_bytes": size,
                "rest_sha256": _rest_sha256(temporary, columns["embedding"], size),
            }
            block = _sealed(header)
            stream.write(block)
            stream.seek(0)
            stream.write(block)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let every failed write say which file; HDF5 tells a full disk in its texts only, at times."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        said = re.search(r"errno = (\d+)", str(error))
        number = getattr(error, "errno", None) or int(said[1] if said else errno.EIO)
        raise OSError(number, f"cannot be written ({os.strerror(number)})", str(path)) from error


def _fixed(text: str, size: int) -> bytes:
    """UTF-8 of at most ``size`` bytes, cut between characters."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore").encode()


def _skeleton(
    path: Path, recipe: Recipe, n: int, row_shape: tuple[int, ...], n_failed: int
) -> dict[str, _Column]:
    """An HDF5 file with all columns allocated, nothing in them: where each lies."""
    lengths = {"sha256": n, "crc32": n, "failed": n_failed, "outcome": n_failed, "why": n_failed}
    columns = {}
    with h5py.File(path, "w", userblock_size=HEADER) as file:
        file.attrs["format"] = FORMAT
        file.attrs["recipe"] = recipe.to_json()
        file.attrs["recipe_digest"] = recipe.digest
        for name, dtype, shape in (
            *((name, TABLES[name], (length,)) for name, length in lengths.items()),
            ("embedding", "<f4", (n, *row_shape)),
        ):
            layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            layout.set_layout(h5py.h5d.CONTIGUOUS)
            layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
            space = h5py.h5s.create_simple(shape)
            dataset = h5py.h5d.create(file.id, name.encode(), kind, space, layout)
            columns[name] = _Column(dataset.get_offset() or 0, dtype, shape)
    return columns


def _sealed(header: dict[str, Any]) -> bytes:
    text = json.dumps(header).encode()
    block = hashlib.sha256(text).hexdigest().encode() + b"\n" + text
    if len(block) > HEADER:
        raise ValueError(f"header of {len(block)} bytes; there is room for {HEADER}")
    return block.ljust(HEADER, b"\0")


def _rest_sha256(path: Path, embedding: _Column, size: int) -> str:
    """Of the HDF5 data without the embeddings: tables, attributes and HDF5's own."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for start, stop in (
            (HEADER, embedding.offset or size),
            (embedding.offset + embedding.nbytes if embedding.offset else size, size),
        ):
            stream.seek(start)
            digest.update(stream.read(max(0, stop - start)))
    return digest.hexdigest()


def read_headers(path: Path) -> list[dict[str, Any] | None]:
    """The header in front and its copy behind; None where one does not match its seal."""
    with path.open("rb") as stream:
        blocks = [stream.read(HEADER)]
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - HEADER))
        blocks.append(stream.read(HEADER))
    parts = [block.rstrip(b"\0").partition(b"\n") for block in blocks]
    return [
        json.loads(text) if hashlib.sha256(text).hexdigest().encode() == seal else None
        for seal, _, text in parts
    ]


def open_store_file(path: Path, *, damaged: bool = False) -> StoreFile:
    """Open a store file after its header and tables have passed their checks.

    Args:
        damaged: open what is left of a damaged file instead, to save its sound rows.

    Raises:
        DamagedStoreError: not a store, or altered (with ``damaged``: its header is beyond use).
        BlastlineError: a store of another format.
    """
    header = next(filter(None, read_headers(path)), None)
    if header is None:
        raise DamagedStoreError(
            f"{path}: damaged or not an embedding store (its header does not match its checksum); "
            f"run 'blastline repair {path}' and extract again"
        )
    if header["format"] != FORMAT:
        raise BlastlineError(
            f"{path}: store format {header['format']}, expected {FORMAT}; move it away and extract "
            "again"
        )
    recipe = Recipe.from_json(json.dumps(header["recipe"]), str(path))
    columns = {
        name: _Column(offset, dtype, tuple(shape))
        for name, (offset, dtype, shape) in header["columns"].items()
    }
    size = header["hdf5_bytes"]
    whole = path.stat().st_size == size + HEADER
    sound = whole and _rest_sha256(path, columns["embedding"], size) == header["rest_sha256"]
    if not sound and not damaged:
        what = "its tables do not match their checksum" if whole else "it is cut or extended"
        raise DamagedStoreError(
            f"{path}: damaged ({what}); run 'blastline repair {path}' and extract again"
        )
    tables = {name: _table(path, columns[name]) for name in TABLES}
    failed = zip(tables["failed"], tables["outcome"], tables["why"], strict=True)
    return StoreFile(
        path=path,
        recipe=recipe,
        keys=tables["sha256"],
        crc32=tables["crc32"],
        # Damaged failures cannot be told from sound ones: those images are tried again.
        failed={k.decode(): Failure(o.decode(), w.decode()) for k, o, w in failed if sound},
        row_shape=columns["embedding"].shape[1:],
        _offset=columns["embedding"].offset,
    )


def _table(path: Path, column: _Column) -> np.ndarray:
    """A column without the embeddings; zeros where the file is cut."""
    values = np.zeros(column.shape, dtype=column.dtype)
    if column.nbytes:
        with path.open("rb") as stream:
            stream.seek(column.offset)
            stream.readinto(values.view(np.uint8).data)
    return values
