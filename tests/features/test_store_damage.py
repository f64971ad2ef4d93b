"""A store whose bytes have changed says so, or serves what it would have served; nothing else."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.repair import repair
from features.store import EmbeddingStore, part_files
from features.store_file import HEADER, DamagedStoreError, open_store_file
from tests.data.images import MEAN_COLOUR
from tests.features.stores import (
    FAILED,
    WIDTH,
    a_part,
    add,
    assert_holds,
    finished,
    flip,
    key,
    parts_folder,
    row_at,
    vectors,
)

COUNT = 30
ALL = [key(n) for n in range(COUNT)]
ROWS = vectors(range(COUNT))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a store file."""
    return finished(tmp_path_factory.mktemp("sound") / "store.h5", range(COUNT)).read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.h5"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that many examples of one test use in turn."""
    return tmp_path_factory.mktemp("place")


def altered(sound: bytes, at: int, bit: int) -> bytes:
    content = bytearray(sound)
    content[at] ^= 1 << bit
    return bytes(content)


def never_wrong(path: Path, content: bytes) -> bool:
    """Whether a store file of this content is refused, as a whole or a row; else it is equal."""
    path.write_bytes(content)
    try:
        store = EmbeddingStore(path, MEAN_COLOUR)
    except DamagedStoreError as error:
        assert str(error).startswith(f"{path}: ")
        assert f"'blastline repair {path}' and extract again" in str(error)
        return True
    assert len(store) == COUNT
    assert store.failure(key(999)) == FAILED[key(999)]
    refused = 0
    for number, each in enumerate(ALL):  # each row by itself: the others still serve
        try:
            assert np.array_equal(store.embeddings([each])[0], ROWS[number])
        except DamagedStoreError as error:
            assert f"embedding {number} of {COUNT} does not match its checksum" in str(error)
            refused += 1
    assert refused <= 1
    return bool(refused)


def never_wrong_as_part(folder: Path, content: bytes) -> bool:
    """Likewise a part: whether its images are computed again; else all of them are equal."""
    path = folder / "unfinished.h5"
    parts_folder(path).mkdir(exist_ok=True)
    (parts_folder(path) / "000000.h5").write_bytes(content)
    store = EmbeddingStore(path, MEAN_COLOUR)
    if not len(store):
        assert key(999) not in store
        return True
    assert np.array_equal(store.embeddings(ALL), ROWS)
    assert store.failure(key(999)) == FAILED[key(999)]
    return False


def test_a_flipped_bit_all_over_the_file_never_gives_a_wrong_embedding(
    sound: bytes, place: Path
) -> None:
    inner = range(HEADER, len(sound) - HEADER)
    assert len(inner) > 5_000
    for at in [*range(0, HEADER, 131), *inner[::5], *range(inner.stop, len(sound), 131)]:
        refused = never_wrong(place / "store.h5", altered(sound, at, at % 8))
        assert refused == (at in inner), at  # a header has a copy, all the rest is guarded


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_flipped_bit_in_a_part_never_gives_a_wrong_embedding(
    sound: bytes, place: Path, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(sound) - 1))
    refused = never_wrong_as_part(place, altered(sound, at, data.draw(st.integers(0, 7))))
    assert refused == (HEADER <= at < len(sound) - HEADER)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_cut_file_is_refused_at_any_length(
    sound: bytes, place: Path, data: st.DataObject
) -> None:
    content = sound[: data.draw(st.integers(0, len(sound) - 1))]
    assert never_wrong(place / "cut.h5", content)
    assert never_wrong_as_part(place, content)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_bytes_that_moved_are_refused(sound: bytes, place: Path, data: st.DataObject) -> None:
    """A block of the disk in the wrong place: no bit of it is wrong in itself."""
    size = data.draw(st.sampled_from([4, 4 * WIDTH, 64, 512]))
    source, target = (data.draw(st.integers(0, len(sound) - size)) for _ in range(2))
    content = sound[:target] + sound[source : source + size] + sound[target + size :]
    path = place / "moved.h5"
    path.write_bytes(content)
    try:
        assert np.array_equal(EmbeddingStore(path, MEAN_COLOUR).embeddings(ALL), ROWS)
    except DamagedStoreError:
        assert content != sound


def test_rows_that_changed_places_are_refused(sound: bytes, path: Path) -> None:
    first, second = (sound.index(ROWS[n].tobytes()) for n in (3, 17))
    size = 4 * WIDTH
    content = bytearray(sound)
    content[first : first + size], content[second : second + size] = ROWS[17].data, ROWS[3].data
    path.write_bytes(content)
    store = EmbeddingStore(path, MEAN_COLOUR)
    for number in (3, 17):
        with pytest.raises(DamagedStoreError, match=f"embedding {number} of 30"):
            store.embeddings([key(number)])
    assert np.array_equal(store.embeddings([key(4)])[0], ROWS[4])


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"not hdf5", bytes(100_000), b"\x89HDF\r\n\x1a\n" + bytes(600), b"{}" * 9000],
    ids=["empty", "line", "text", "zeros", "hdf5", "json"],
)
def test_what_is_no_store_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DamagedStoreError, match=r"store\.h5: damaged or not an embedding store"):
        EmbeddingStore(path, MEAN_COLOUR)


@pytest.mark.parametrize("tail", [b"x", bytes(1), b"garbage" * 9000, bytes(HEADER)])
def test_garbage_behind_the_file_is_refused(sound: bytes, place: Path, tail: bytes) -> None:
    assert never_wrong(place / "tail.h5", sound + tail)
    assert never_wrong_as_part(place, sound + tail)


@pytest.mark.parametrize("damaged", [[0], [-1], [0, -1]])
def test_a_header_is_served_by_its_copy(sound: bytes, path: Path, damaged: list[int]) -> None:
    content = bytearray(sound)
    for at in damaged:
        start = 0 if at == 0 else len(content) - HEADER
        content[start : start + HEADER] = bytes(HEADER)
    path.write_bytes(content)
    if len(damaged) == 1:
        assert_holds(path, range(COUNT))
    else:
        with pytest.raises(DamagedStoreError, match="its header does not match its checksum"):
            open_store_file(path)


def test_a_damaged_part_is_computed_again_and_the_others_stay(path: Path) -> None:
    damaged = [a_part(path, numbers) for numbers in ([0, 1], [2, 3], [4, 5])][1]
    flip(damaged, row_at(damaged, 3))
    store = EmbeddingStore(path, MEAN_COLOUR)
    assert [key(n) in store for n in range(6)] == [True, True, False, False, True, True]
    with store.writing():
        store.append([key(n) for n in (2, 3)], vectors([2, 3]), {})
        store.finish()
    assert_holds(path, range(6))


def test_a_row_that_is_damaged_later_is_not_merged(path: Path) -> None:
    finished(path, range(4))
    before = a_part(path, [4, 5])
    store = EmbeddingStore(path, MEAN_COLOUR)
    flip(path, row_at(path, 2))
    damaged = path.read_bytes()
    with store.writing(), pytest.raises(DamagedStoreError, match="embedding 2 of 4"):
        store.finish()
    assert path.read_bytes() == damaged  # nothing lost that repair could save
    assert part_files(path) == [before]
    assert not list(path.parent.glob(".*.tmp"))


def test_a_part_that_is_damaged_while_it_waits_is_not_merged(path: Path) -> None:
    part = a_part(path, range(6))
    store = EmbeddingStore(path, MEAN_COLOUR)
    flip(part, row_at(part, 5))
    with pytest.raises(DamagedStoreError, match=r"000000\.h5: embedding 5 of 6"):
        store.finish()
    assert not path.exists()
    assert repair(path).lost == 1
    assert_holds(path, range(5))


# Crashes and what they leave


def test_a_crash_before_finish_loses_nothing_that_was_appended(path: Path) -> None:
    first = EmbeddingStore(path, MEAN_COLOUR)
    add(first, [0, 1])
    add(first, [2])
    (parts_folder(path) / ".000002.h5.abc.tmp").write_bytes(b"half")
    second = EmbeddingStore(path, MEAN_COLOUR)
    assert len(second) == 3
    with second.writing():
        add(second, [3])
        second.finish()
    assert_holds(path, [0, 1, 2, 3])
    assert not parts_folder(path).exists()


def test_what_a_kill_in_mid_write_left_beside_the_store_is_removed(path: Path) -> None:
    finished(path, range(3))
    half, foreign = path.with_name(".store.h5.abc123.tmp"), path.with_name(".other.h5.abc.tmp")
    half_part = a_part(path, [4]).with_name(".000001.h5.abc.tmp")
    for each in (half, half_part, foreign):
        each.write_bytes(b"half")
    with EmbeddingStore(path, MEAN_COLOUR).writing():  # early: they may be what fills the disk
        assert not half.exists()
        assert not half_part.exists()
    assert foreign.exists()  # another store's, which may be under way


def test_a_crash_between_merging_and_removing_the_parts_counts_nothing_twice(path: Path) -> None:
    finished(path, range(5))
    part = a_part(path, [4, 5])
    kept = part.read_bytes()
    with (store := EmbeddingStore(path, MEAN_COLOUR)).writing():
        store.finish()
    part.parent.mkdir()
    part.write_bytes(kept)  # the file was moved into place, the part not removed
    assert_holds(path, range(6))
    with (store := EmbeddingStore(path, MEAN_COLOUR)).writing():
        store.finish()
    assert_holds(path, range(6))
    with h5py.File(path) as file:
        assert len(file["sha256"]) == 6


def test_a_file_is_on_disk_before_it_bears_its_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    sync, move = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        events.append("folder" if Path(f"/proc/self/fd/{handle}").is_dir() else "file")
        sync(handle)

    def rename(source: Path, target: Path) -> Path:
        events.append("move")
        return move(source, target)

    monkeypatch.setattr("os.fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    store = EmbeddingStore(path, MEAN_COLOUR)
    add(store, [1])
    assert events == ["file", "move", "folder"]
    store.finish()
    assert events == ["file", "move", "folder"] * 2
