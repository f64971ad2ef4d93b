import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BlastlineError
from features.store import SEAL, Block, EmbeddingStore, write_block
from tests.features.images import MEAN_COLOUR

WIDTH = 5
OTHER = replace(MEAN_COLOUR, steps=("mask:0,0,0.5,0.5",))


def key(number: int) -> str:
    return f"{number:064x}"


def vector(number: int) -> np.ndarray:
    return np.random.default_rng(number).random(WIDTH).astype(np.float32)


def block(numbers: list[int], failed: dict[str, str] | None = None) -> Block:
    rows = np.stack([vector(n) for n in numbers]) if numbers else np.empty((0, 0), np.float32)
    return Block(np.array([key(n).encode() for n in numbers], dtype="S64"), rows, failed or {})


def parts(path: Path) -> list[Path]:
    return sorted(path.with_name(path.name + ".parts").glob("*.h5"))


def stored(path: Path, numbers: list[int]) -> None:
    """The store at ``path``, read afresh, holds exactly these."""
    store = EmbeddingStore(path, MEAN_COLOUR)
    assert len(store) == len(numbers)
    found = store.embeddings([key(n) for n in numbers])
    assert np.array_equal(found, np.stack([vector(n) for n in numbers]))
    assert found.dtype == np.float32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "store.h5"


@pytest.fixture
def finished(path: Path) -> Path:
    store = EmbeddingStore(path, MEAN_COLOUR)
    with store.writing():
        store.append(block(list(range(150)), {key(999): "damaged: cut – ä"}))
        store.finish()
    return path


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(9)), st.lists(st.integers(0, 9), max_size=3), st.booleans())
def test_any_blocks_are_read_back_equal_before_and_after_finish(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cuts: list[int], finish: bool
) -> None:
    path = tmp_path_factory.mktemp("store") / "store.h5"
    store = EmbeddingStore(path, MEAN_COLOUR)
    edges = [0, *sorted(cuts), 9]
    with store.writing():
        for start, end in itertools.pairwise(edges):
            store.append(block(order[start:end], {key(100 + start): f"why {start}"}))
        if finish:
            store.finish()
    stored(path, list(range(9)))
    assert EmbeddingStore(path, MEAN_COLOUR).error(key(100)) == "why 0"
    assert len(parts(path)) == (0 if finish else len(edges) - 1)


def test_a_finished_store_is_one_file_that_any_hdf5_reader_opens(finished: Path) -> None:
    assert {each.name for each in finished.parent.iterdir()} == {"store.h5", "store.h5.lock"}
    with h5py.File(finished) as file:
        assert file["embedding"].shape == (150, WIDTH)
        assert file.attrs["recipe"] == MEAN_COLOUR.to_json()


def test_unreadable_images_are_dealt_with_but_have_no_embedding(finished: Path) -> None:
    store = EmbeddingStore(finished, MEAN_COLOUR)
    assert key(999) in store
    assert store.error(key(999)) == "damaged: cut – ä"
    assert store.error(key(0)) == store.error(key(1234)) == ""
    for missing in (key(999), key(1234)):
        with pytest.raises(BlastlineError, match="not in the store; run 'blastline extract'"):
            store.embeddings([key(0), missing])


def test_an_empty_store_is_no_error(path: Path) -> None:
    store = EmbeddingStore(path, MEAN_COLOUR)
    with store.writing():
        store.finish()
    assert len(store) == 0
    assert key(0) not in store
    assert not path.exists()


def test_a_crash_before_finish_loses_nothing_that_was_appended(path: Path) -> None:
    first = EmbeddingStore(path, MEAN_COLOUR)
    first.append(block([0, 1]))
    first.append(block([2]))
    (path.with_name("store.h5.parts") / ".000002.h5.abc.tmp").write_bytes(b"half")
    second = EmbeddingStore(path, MEAN_COLOUR)
    assert len(second) == 3
    with second.writing():
        second.append(block([3]))
        second.finish()
    stored(path, [0, 1, 2, 3])
    assert not path.with_name("store.h5.parts").exists()


def test_what_a_kill_in_mid_write_left_beside_the_store_is_removed(finished: Path) -> None:
    half = finished.with_name(f".{finished.name}.abc123.tmp")
    half.write_bytes(b"half")
    with EmbeddingStore(finished, MEAN_COLOUR).writing():
        assert not half.exists()


def test_a_crash_within_finish_counts_nothing_twice(finished: Path) -> None:
    store = EmbeddingStore(finished, MEAN_COLOUR)
    store.append(block([149, 150]))
    kept = parts(finished)[0].read_bytes()
    with store.writing():
        store.finish()
    folder = finished.with_name("store.h5.parts")
    folder.mkdir()
    (folder / "000000.h5").write_bytes(kept)  # the file was moved into place, the part not removed
    stored(finished, list(range(151)))


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_part_is_computed_again_and_the_others_stay(path: Path, damage: str) -> None:
    store = EmbeddingStore(path, MEAN_COLOUR)
    for numbers in ([0, 1], [2, 3], [4, 5]):
        store.append(block(numbers))
    part = parts(path)[1]
    content = bytearray(part.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    part.write_bytes({"cut": content[:-100], "flip": content, "empty": b""}[damage])
    again = EmbeddingStore(path, MEAN_COLOUR)
    assert [key(n) in again for n in range(6)] == [True, True, False, False, True, True]
    with again.writing():
        again.append(block([2, 3]))
        again.finish()
    stored(path, list(range(6)))


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_an_error_that_names_the_file(
    tmp_path_factory: pytest.TempPathFactory, share: float, bit: int
) -> None:
    path = tmp_path_factory.mktemp("flip") / "store.h5"
    write_block(path, MEAN_COLOUR, block(list(range(30)), {key(99): "damaged"}))
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(BlastlineError) as caught:
        EmbeddingStore(path, MEAN_COLOUR)
    assert str(path) in str(caught.value)
    assert "extract again" in str(caught.value)


def test_a_flipped_embedding_is_noticed(finished: Path) -> None:
    content = bytearray(finished.read_bytes())
    at = content.index(vector(70).tobytes())
    assert at > SEAL
    content[at + 2] ^= 0x10
    finished.write_bytes(content)
    with pytest.raises(BlastlineError, match=r"store\.h5: damaged .*checksum"):
        EmbeddingStore(finished, MEAN_COLOUR)


@pytest.mark.parametrize("content", [b"", b"not hdf5", b"\x89HDF\r\n\x1a\n" + bytes(600)])
def test_what_is_no_store_is_refused_by_name(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(BlastlineError, match=r"store\.h5: damaged or not an embedding store"):
        EmbeddingStore(path, MEAN_COLOUR)


def test_another_recipe_is_refused_with_the_difference(finished: Path) -> None:
    with pytest.raises(BlastlineError, match=r"another recipe \(steps \(\) instead of \('mask:"):
        EmbeddingStore(finished, OTHER)
    stored(finished, list(range(150)))


def test_parts_of_another_recipe_are_refused_and_kept(path: Path) -> None:
    EmbeddingStore(path, MEAN_COLOUR).append(block([0, 1]))
    with pytest.raises(BlastlineError, match="another recipe"):
        EmbeddingStore(path, OTHER)
    stored(path, [0, 1])


def test_an_unknown_format_number_is_refused_with_both(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr("features.store.FORMAT", 99)  # as a later version would write it
        write_block(path, MEAN_COLOUR, block([0]))
    with pytest.raises(BlastlineError, match="store format 99, expected 1; extract again"):
        EmbeddingStore(path, MEAN_COLOUR)


def test_an_embedding_that_is_not_finite_is_refused_on_use(path: Path) -> None:
    bad = block([0, 1])
    bad.embedding[1, 2] = np.inf
    store = EmbeddingStore(path, MEAN_COLOUR)
    store.append(bad)
    assert store.embeddings([key(0)]).shape == (1, WIDTH)
    with pytest.raises(BlastlineError, match="is not finite"):
        store.embeddings([key(0), key(1)])


def test_a_second_writer_is_refused_while_the_first_holds_the_store(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from features.store import EmbeddingStore\n"
        "from data.errors import BlastlineError; from tests.features.images import MEAN_COLOUR\n"
        "try:\n"
        "    with EmbeddingStore(Path(sys.argv[1]), MEAN_COLOUR).writing(): print('held')\n"
        "except BlastlineError as error: print(error)\n"
    )

    def second() -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=True,
        )
        return done.stdout.strip()

    store = EmbeddingStore(path, MEAN_COLOUR)
    with store.writing():
        with pytest.raises(BlastlineError, match="another extraction is writing"):
            EmbeddingStore(path, MEAN_COLOUR).writing().__enter__()
        assert second() == f"{path}: another extraction is writing this store; wait for it to end"
    assert second() == "held"


def test_what_another_process_finished_meanwhile_is_kept(path: Path) -> None:
    early, late = EmbeddingStore(path, MEAN_COLOUR), EmbeddingStore(path, MEAN_COLOUR)
    with late.writing():
        late.append(block([0, 1]))
        late.finish()
    with early.writing():
        assert key(0) in early
        early.append(block([2]))
        early.finish()
    stored(path, [0, 1, 2])
