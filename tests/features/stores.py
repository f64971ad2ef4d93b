"""Small stores whose every row is known, for the tests of this room."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from features.repair import verify
from features.store import EmbeddingStore, part_files
from features.store_file import HEADER, Failure
from tests.data.images import MEAN_COLOUR

NAME = f"{MEAN_COLOUR.name}.h5"
Damage = Callable[[Path], object]
WIDTH = 5
FAILED = {f"{999:064x}": Failure("unreadable", "cut short – ä")}


def key(number: int) -> str:
    return f"{number:064x}"


def vectors(numbers: Iterable[int], shape: tuple[int, ...] = (WIDTH,)) -> np.ndarray:
    rows = [np.random.default_rng(n).random(shape).astype(np.float32) for n in numbers]
    return np.stack(rows) if rows else np.empty((0, *shape), np.float32)


def add(store: EmbeddingStore, numbers: Iterable[int], failed: dict[str, Failure] = {}) -> None:  # noqa: B006
    """One part more."""
    listed = list(numbers)
    store.append([key(n) for n in listed], vectors(listed), failed)


def finished(path: Path, numbers: Iterable[int], failed: dict[str, Failure] = FAILED) -> Path:
    """A finished store of these."""
    store = EmbeddingStore(path, MEAN_COLOUR)
    with store.writing():
        add(store, numbers, failed)
        store.finish()
    return path


def assert_holds(path: Path, numbers: Iterable[int]) -> None:
    """The store at ``path``, read afresh, holds exactly these."""
    listed = list(numbers)
    store = EmbeddingStore(path, MEAN_COLOUR)
    assert len(store) == len(listed)
    found = store.embeddings([key(n) for n in listed])
    assert found.tobytes() == vectors(listed).tobytes()


def parts_folder(path: Path) -> Path:
    return path.with_name(path.name + ".parts")


def flip(path: Path, at: int, bit: int = 3) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def row_at(path: Path, number: int) -> int:
    """Where in the file the embedding of ``number`` begins."""
    content = path.read_bytes()
    wanted = vectors([number]).tobytes()
    assert content.count(wanted) == 1
    return content.index(wanted)


def a_part(path: Path, numbers: Iterable[int]) -> Path:
    """The file of a store that is not merged yet."""
    add(EmbeddingStore(path, MEAN_COLOUR), numbers, FAILED)
    return part_files(path)[-1]


# Ways in which a store of ``finished(path, range(30))`` is damaged


def at_start(path: Path) -> None:
    flip(path, 100)


def at_end(path: Path) -> None:
    flip(path, path.stat().st_size - HEADER + 100)


def both_headers(path: Path) -> None:
    at_start(path)
    at_end(path)


def in_a_row(path: Path) -> None:
    flip(path, row_at(path, 7))


def in_the_keys(path: Path) -> None:
    flip(path, path.read_bytes().index(key(7).encode()))


def in_a_reason(path: Path) -> None:
    flip(path, path.read_bytes().index(b"cut short"), 0)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: row_at(path, 20) + 3])


def tail(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"tail")


def problems(path: Path) -> str:
    """All that verify has to say."""
    return "; ".join(phrase for check in verify(path) for phrase in check.problems)
