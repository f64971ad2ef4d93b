import errno
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BlastlineError
from features import store_file
from features.store import EmbeddingStore, part_files
from features.store_file import Failure, open_store_file
from tests.data.images import MEAN_COLOUR
from tests.features.stores import (
    FAILED,
    WIDTH,
    a_part,
    add,
    assert_holds,
    finished,
    key,
    vectors,
)

ROOT = Path(__file__).parents[2]
OTHER = replace(MEAN_COLOUR, steps=("mask:0,0,0.5,0.5",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "store.h5"


# What is put in comes out


NEW = st.tuples(st.integers(0, 4), st.integers(0, 2))  # embedded, failed
STEPS = st.lists(st.one_of(NEW, st.sampled_from(["open", "finish"])), max_size=8)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_any_sequence_of_append_open_and_finish_equals_a_dict(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int] | str]
) -> None:
    path = tmp_path_factory.mktemp("store") / "store.h5"
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr("os.fsync", lambda _: None)
        equals_a_dict(path, steps)


def equals_a_dict(path: Path, steps: list[tuple[int, int] | str]) -> None:
    store = EmbeddingStore(path, MEAN_COLOUR)
    embedded: list[int] = []
    failed: dict[str, Failure] = {}
    for number, step in enumerate(steps):
        if step == "finish":
            with store.writing():
                store.finish()
            assert not part_files(path)
        elif step == "open":
            store = EmbeddingStore(path, MEAN_COLOUR)
        else:
            numbers = [100 * number + i for i in range(int(step[0]))]
            new = {key(100 * number + 50 + i): Failure("x", f"{i}") for i in range(int(step[1]))}
            add(store, numbers, new)
            embedded += numbers
            failed |= new
        for each in (store, EmbeddingStore(path, MEAN_COLOUR)):
            assert len(each) == len(embedded)
            if embedded:
                found = each.embeddings([key(n) for n in embedded])
                assert np.array_equal(found, vectors(embedded))
            assert {k: each.failure(k) for k in failed} == failed
            assert all(key(n) in each and each.failure(key(n)) is None for n in embedded)
            assert key(12345) not in each


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 29), max_size=60), st.integers(20, 400))
def test_rows_come_in_the_order_asked_for_also_repeated_ones(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[int], chunk: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "order" / "store.h5"
    if not path.exists():
        finished(path, range(20))
        a_part(path, range(20, 30))
    with pytest.MonkeyPatch.context() as small:
        small.setattr(store_file, "CHUNK_BYTES", chunk)  # one row up to twenty at a time
        found = EmbeddingStore(path, MEAN_COLOUR).embeddings([key(n) for n in wanted])
    assert found.dtype == np.float32
    assert np.array_equal(found, vectors(wanted))


@pytest.mark.parametrize("shape", [(7,), (4, 7), (3, 5, 7), (1,)])
def test_views_and_tokens_keep_their_axes(path: Path, shape: tuple[int, ...]) -> None:
    store = EmbeddingStore(path, MEAN_COLOUR)
    with store.writing():
        for numbers in ([3, 1], [2]):
            store.append([key(n) for n in numbers], vectors(numbers, shape), {})
        store.finish()
    store = EmbeddingStore(path, MEAN_COLOUR)
    assert store.row_shape == shape
    found = store.embeddings([key(1), key(2), key(3)])
    assert found.shape == (3, *shape)
    assert np.array_equal(found, vectors([1, 2, 3], shape))
    with h5py.File(path) as file:
        assert file["embedding"].shape == (3, *shape)


def test_a_finished_store_is_one_file_that_any_hdf5_program_reads(path: Path) -> None:
    finished(path, range(50))
    assert {each.name for each in path.parent.iterdir()} == {"store.h5", "store.h5.lock"}
    with h5py.File(path) as file:
        assert dict(file.attrs) == {
            "format": store_file.FORMAT,
            "recipe": MEAN_COLOUR.to_json(),
            "recipe_digest": MEAN_COLOUR.digest,
        }
        names = {"embedding", "sha256", "crc32", "failed", "outcome", "why"}
        assert set(file) == names
        assert file["embedding"].dtype == np.float32
        assert np.array_equal(file["embedding"][:], vectors(range(50)))
        assert file["sha256"][:].tolist() == [key(n).encode() for n in range(50)]
        assert file["failed"][:].tolist() == [key(999).encode()]
        assert file["outcome"][:].tolist() == [b"unreadable"]
        assert file["why"][0].decode() == "cut short – ä"


def test_unreadable_images_are_dealt_with_but_have_no_embedding(path: Path) -> None:
    store = EmbeddingStore(finished(path, range(9)), MEAN_COLOUR)
    assert key(999) in store
    assert store.failure(key(999)) == FAILED[key(999)]
    assert store.failure(key(0)) is store.failure(key(1234)) is None
    for missing in (key(999), key(1234)):
        with pytest.raises(BlastlineError, match="not in the store; run 'blastline extract'"):
            store.embeddings([key(0), missing])


def test_a_long_reason_is_cut_between_characters(path: Path) -> None:
    store = EmbeddingStore(path, MEAN_COLOUR)
    add(store, [], {key(1): Failure("unreadable", "ä" * 200), key(2): Failure("x", "\udce4")})
    assert store.failure(key(1)) == Failure("unreadable", "ä" * 120)
    assert store.failure(key(2)) == Failure("x", "?")


def test_an_empty_store_is_no_error(path: Path) -> None:
    store = EmbeddingStore(path, MEAN_COLOUR)
    with store.writing():
        store.finish()
    assert len(store) == 0
    assert key(0) not in store
    assert store.embeddings([]).shape == (0, 0)
    assert not path.exists()


def test_a_store_of_failures_only_takes_embeddings_later(path: Path) -> None:
    finished(path, [])
    store = EmbeddingStore(path, MEAN_COLOUR)
    assert (len(store), store.row_shape, key(999) in store) == (0, (0,), True)
    finished(path, [5, 6], {})
    assert_holds(path, [5, 6])
    assert EmbeddingStore(path, MEAN_COLOUR).failure(key(999)) == FAILED[key(999)]


def test_large_stores_are_merged_and_read_in_bounded_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_file, "CHUNK_BYTES", 2**18)
    store = EmbeddingStore(path, MEAN_COLOUR)
    for start in range(0, 3000, 500):
        rows = np.full((500, 1000), start, dtype=np.float32)
        store.append([key(start + n) for n in range(500)], rows, {})
    del rows
    with store.writing():
        tracemalloc.start()
        store.finish()
        opened = open_store_file(path)
        assert sum(len(each) for each, _ in opened.chunks(np.arange(3000))) == 3000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert path.stat().st_size > 12_000_000
    assert peak < 4_000_000
    asked = [key(n) for n in (2999, 0, 1500)]
    found = EmbeddingStore(path, MEAN_COLOUR).embeddings(asked)
    assert found[:, 0].tolist() == [2500, 0, 1500]


# What is refused


def test_a_disk_that_is_found_full_only_at_the_last_names_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = EmbeddingStore(path, MEAN_COLOUR)
    add(store, [1])
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*deep/store\.h5'$"):
        store.finish()
    assert [each.name for each in path.parent.iterdir()] == ["store.h5.parts"]
    assert_holds(path, [1])


@pytest.mark.parametrize("merged", [True, False])
def test_another_recipe_is_refused_with_the_difference(path: Path, merged: bool) -> None:
    finished(path, range(4)) if merged else a_part(path, range(4))
    with pytest.raises(BlastlineError, match=r"another recipe \(steps \(\) instead of \('mask:"):
        EmbeddingStore(path, OTHER)
    assert_holds(path, range(4))


def test_a_later_format_is_refused_with_both_numbers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr(store_file, "FORMAT", 99)
        finished(path, [0])
    with pytest.raises(BlastlineError, match=r"store format 99, expected \d+; move it away and"):
        EmbeddingStore(path, MEAN_COLOUR)


SECOND = """
import os, sys
from pathlib import Path
from data.errors import BlastlineError
from features.store import EmbeddingStore
from tests.data.images import MEAN_COLOUR
try:
    with EmbeddingStore(Path(sys.argv[1]), MEAN_COLOUR).writing():
        print("held by", os.getpid(), flush=True)
        sys.stdin.read()
except BlastlineError as error:
    print(error)
"""


def test_a_second_writer_is_told_which_process_holds_the_store(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SECOND, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as holder:  # fmt: skip
        assert holder.stdout
        assert holder.stdout.readline() == f"held by {holder.pid}\n"
        store = EmbeddingStore(path, MEAN_COLOUR)
        with pytest.raises(BlastlineError) as caught, store.writing():
            pass
        assert str(caught.value) == (
            f"{path}: another extraction (process {holder.pid}) is writing this store; "
            "wait for it to end"
        )
        holder.kill()  # however it ends, the store is free again
    with store.writing():
        second = subprocess.run(
            [sys.executable, "-c", SECOND, str(path)],
            input="", capture_output=True, text=True, cwd=ROOT, check=True,
        )  # fmt: skip
    assert "another extraction (process" in second.stdout


def test_what_another_process_finished_meanwhile_is_kept(path: Path) -> None:
    early = EmbeddingStore(path, MEAN_COLOUR)
    finished(path, [0, 1])
    with early.writing():
        assert key(0) in early
        add(early, [2])
        early.finish()
    assert_holds(path, [0, 1, 2])
    assert EmbeddingStore(path, MEAN_COLOUR).row_shape == (WIDTH,)
