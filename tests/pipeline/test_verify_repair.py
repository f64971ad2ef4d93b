"""``blastline verify`` and ``blastline repair``: what they say, and their exit codes."""

import os
from pathlib import Path

import pytest

from features.store import locked
from tests.pipeline.commands import REFUSED, Folders, Guarded, Run, blastline, refused

HEADER = 8192


@pytest.fixture
def store(folders: Folders) -> Path:
    """A store of sixteen mean colours."""
    assert folders("extract").code == 0
    (path,) = Run(folders.images, folders.work).stores
    return path


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def a_row(path: Path) -> int:
    """Where in the file an embedding lies."""
    import h5py

    with h5py.File(path) as file:
        return int(file["embedding"].id.get_offset()) + 4 * 3 * 5


def test_a_sound_store_passes(store: Path, guarded: Guarded) -> None:
    done = guarded("verify", store).well()
    assert done.out == f"verify: {store}: 16 embeddings, 0 unreadable, {store.stem}: sound\n"


def test_a_damaged_store_is_told_repaired_and_made_whole_again(
    folders: Folders, store: Path, guarded: Guarded
) -> None:
    whole = store.read_bytes()
    flip(store, a_row(store))
    damaged = store.read_bytes()
    done = guarded("verify", store)
    refused(done, "1 of 1 file(s) not sound", f"run 'blastline repair {store}', then extract")
    assert "1 of 16 embeddings fail their checksum" in done.out
    refused(folders("fit"), store, f"run 'blastline repair {store}'")
    assert store.read_bytes() == damaged  # looking changes nothing

    mended = guarded("repair", store).well()
    assert f"15 embeddings kept, 1 damaged and dropped ({store})" in mended.out
    assert "the next 'blastline extract' computes what is missing" in mended.out
    guarded("verify", store).well()
    assert "1 embedded now, 15 dealt with before" in folders("extract").out
    assert "16 embeddings" in guarded("verify", store).well().out
    assert len(store.read_bytes()) == len(whole)
    assert folders("fit").code == 0


def test_a_store_with_nothing_to_save_is_moved_aside(
    folders: Folders, store: Path, guarded: Guarded
) -> None:
    store.write_bytes(b"precious?" * 5000)
    refused(folders("extract"), store, f"run 'blastline repair {store}'")
    refused(guarded("verify", store), "not sound")
    done = guarded("repair", store).well()
    aside = store.with_name(f"{store.name}.damaged")
    assert str(aside) in done.out
    assert aside.read_bytes() == b"precious?" * 5000
    assert "16 embedded now" in folders("extract").out
    guarded("verify", store).well()


def test_a_header_that_its_copy_serves_is_told_and_mended(store: Path, guarded: Guarded) -> None:
    flip(store, 100)
    done = guarded("verify", store)
    refused(done, f"blastline repair {store}")
    assert "its header in front is damaged" in done.out
    out = guarded("repair", store).well().out
    assert "16 embeddings kept, 0 damaged" in out
    assert "computes what is missing" not in out
    guarded("verify", store).well()


@pytest.mark.parametrize("command", ["verify", "repair"])
def test_no_such_store(command: str, tmp_path: Path, guarded: Guarded) -> None:
    for path in (tmp_path / "none.h5", tmp_path):
        refused(guarded(command, path), path, "no such file; expected an embedding store")
    assert not list(tmp_path.iterdir())
    assert guarded(command).code == REFUSED


def test_while_another_process_writes_the_store_it_is_left_alone(
    folders: Folders, store: Path
) -> None:
    flip(store, 100)
    before = store.read_bytes()
    with locked(store):
        held = f"another extraction (process {os.getpid()}) is writing this store"
        refused(blastline("repair", store), store, held)
        refused(blastline("extract", "--work", folders.work, "--run", "r"), store, held)
    assert store.read_bytes() == before


@pytest.mark.parametrize("command", ["verify", "repair"])
def test_a_file_that_is_no_store_stays_where_it_is(
    command: str, tmp_path: Path, guarded: Guarded
) -> None:
    mine = tmp_path / "thesis.txt"
    mine.write_text("mine")
    refused(guarded(command, mine), "thesis.txt", "not the name of a store")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
