"""Checking a store to the last byte, and saving what is sound of a damaged one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from data.errors import BlastlineError
from features.recipe import Recipe
from features.store import locked, part_files, remove_parts
from features.store_file import (
    DamagedStoreError,
    Failure,
    StoreFile,
    open_store_file,
    read_headers,
    write_store_file,
)


@dataclass
class StoreCheck:
    """What a check of one store file found.

    Attributes:
        recipe: None where not even the header can be read.
        rows: embeddings that the file should hold. failed: images it lists as unreadable.
        damaged: rows that do not match their checksum.
        problems: one phrase each; empty for a sound file.
    """

    path: Path
    recipe: Recipe | None = None
    rows: int = 0
    failed: int = 0
    damaged: int = 0
    problems: list[str] = field(default_factory=list)


def verify(path: Path) -> list[StoreCheck]:
    """Check every checksum, count and the recipe of a store and of the parts beside it.

    Raises:
        BlastlineError: there is no such store.
    """
    return [_check(file, path) for file in _files(path)]


def _files(path: Path) -> list[Path]:
    files = [path] if path.is_file() else []
    files += part_files(path)
    if not files:
        raise BlastlineError(
            f"store {path}: no such file; expected an embedding store such as "
            "runs/embeddings/DATASET/BACKBONE-DIGEST.h5"
        )
    if path.suffix != ".h5":
        raise BlastlineError(
            f"store {path}: not the name of a store; expected a file such as "
            "runs/embeddings/DATASET/BACKBONE-DIGEST.h5"
        )
    return files


def _check(file: Path, store: Path) -> StoreCheck:
    check = StoreCheck(file)
    try:
        found = open_store_file(file, damaged=True)
    except BlastlineError as error:
        check.problems.append(_phrase(error, file))
        return check
    check.recipe, check.rows, check.failed = found.recipe, len(found), len(found.failed)
    where = zip(("in front", "behind"), read_headers(file), strict=True)
    check.problems += [f"its header {side} is damaged" for side, each in where if each is None]
    for _, _, sound in found.examine(np.arange(len(found))):
        check.damaged += int((~sound).sum())
    if check.damaged:
        check.problems.append(f"{check.damaged} of {check.rows} embeddings fail their checksum")
    try:
        open_store_file(file)
    except DamagedStoreError as error:
        check.problems.append(_phrase(error, file))
        return check
    if len(set(found.keys)) != len(found) or set(found.failed) & {k.decode() for k in found.keys}:
        check.problems.append("an image occurs twice")
    if not store.name.endswith(f"-{found.recipe.digest[:8]}.h5"):
        check.problems.append(f"made by another recipe than its name says ({found.recipe.name})")
    check.problems += _as_hdf5(file, found)
    return check


def _phrase(error: BlastlineError, file: Path) -> str:
    """The error without the file's name in front and the mend behind."""
    text = str(error).removeprefix(f"{file}: ")
    return text.rpartition(";")[0] or text


def _as_hdf5(file: Path, found: StoreFile) -> Iterator[str]:
    """Whether any other HDF5 program sees the same; safe, since the checksums have passed."""
    with h5py.File(file, "r") as hdf5:
        if hdf5.attrs["recipe_digest"] != found.recipe.digest:
            yield "the recipe in its HDF5 attributes is another one"
        if hdf5["embedding"].shape != (len(found), *found.row_shape):
            yield "the HDF5 data differ in shape"
        if not np.array_equal(hdf5["sha256"][:], found.keys):
            yield "the HDF5 data differ in keys"


@dataclass(frozen=True)
class Repair:
    """What a repair kept and what the next extraction has to do again.

    Attributes:
        kept: embeddings saved. lost: embeddings that were damaged, in every file that has them.
        set_aside: files that held nothing to save, under their new names.
    """

    kept: int
    lost: int
    set_aside: list[Path]


def repair(path: Path) -> Repair:
    """Rewrite a store from its sound rows; what is not in it any more is extracted again.

    A file in which nothing can be found is moved aside, never deleted.

    Raises:
        BlastlineError: there is no such store, it is in use, or its files differ in recipe.
    """
    _files(path)
    with locked(path):
        opened: list[StoreFile] = []
        aside: list[Path] = []
        for file in _files(path):
            try:
                opened.append(open_store_file(file, damaged=True))
            except DamagedStoreError:
                aside.append(file.rename(_free_name(path, file)))
        if len({each.recipe.digest for each in opened}) > 1:
            raise BlastlineError(
                f"store {path}: the files beside it are of another recipe; move "
                f"{path.name}.parts away"
            )
        keys: list[bytes] = []
        failed: dict[str, Failure] = {}
        sources: list[tuple[StoreFile, np.ndarray]] = []
        seen: set[bytes] = set()
        broken: list[bytes] = []
        for each in opened:
            sound = _sound_rows(each)
            rows = [row for row in sound if each.keys[row] not in seen]
            seen.update(each.keys[rows])
            keys += list(each.keys[rows])
            broken += list(np.delete(each.keys, sound))
            failed |= each.failed
            sources.append((each, np.array(rows, dtype=int)))
        if opened:
            chunks = (values for each, rows in sources for _, values in each.chunks(rows))
            shape = next((each.row_shape for each in opened if len(each)), (0,))
            table = np.array(keys, dtype="S64")
            write_store_file(path, opened[0].recipe, table, chunks, shape, failed)
        remove_parts(path)
    return Repair(len(keys), sum(key not in seen for key in broken), aside)


def _sound_rows(file: StoreFile) -> np.ndarray:
    found = [np.empty(0, dtype=int)]
    for numbers, _, sound in file.examine(np.arange(len(file))):
        found.append(numbers[sound])
    return np.concatenate(found)


def _free_name(store: Path, file: Path) -> Path:
    """A name beside the store that no file bears yet."""
    stem = store.name if file == store else f"{store.name}.part-{file.stem}"
    names = (store.with_name(f"{stem}.damaged{n or ''}") for n in range(10_000))
    return next(name for name in names if not name.exists())
