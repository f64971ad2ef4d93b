"""What a scan reads: files and folders that cannot be read, and files that it knows already."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from data import files, hashes
from data.cards import load_card
from data.errors import BlastlineError
from data.hashes import KnownHashes
from tests.data.folders import FOLDERS, column, put, refusal, scan


def unreadable(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Rights do not bind the superuser, so opening these files is made to fail."""
    opened = files.open_regular

    def refusing(path: Path) -> Any:
        if f"{path.parent.name}/{path.name}" in names:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path)

    monkeypatch.setattr("data.hashes.open_regular", refusing)


def test_a_file_that_cannot_be_read_is_passed_over_and_the_rest_goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable(monkeypatch, "blast/0.png", "normal/3.png")
    found = scan(FOLDERS, root)
    assert found.passed_over == {"not readable: permission denied": 2}
    assert len(found.manifest) == 10
    assert not {"blast/0.png", "normal/3.png"} & set(column(found, "path"))


def test_files_that_change_their_nature_after_the_listing_are_passed_over(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = hashes.hash_files

    def meddled(*arguments: Any) -> Any:
        for name in ("0.png", "1.png", "2.png"):
            (root / "blast" / name).unlink()
        os.mkfifo(root / "blast/1.png")
        (root / "blast/2.png").symlink_to(root / "normal/2.png")
        return hashed(*arguments)

    monkeypatch.setattr("data.found.hash_files", meddled)
    found = scan(FOLDERS, root)
    assert found.passed_over == {
        "not readable: no such file or directory": 1,
        "not readable: not a regular file but a link, pipe or device": 2,
    }
    assert len(found.manifest) == 9


def test_a_class_of_files_that_cannot_be_read_says_why_it_is_empty(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blasts, others = ([f"{label}/{i}.png" for i in range(6)] for label in ("blast", "normal"))
    unreadable(monkeypatch, *blasts)
    assert "no image of class 'blast' (6 not readable: permission denied)" in refusal(root)
    unreadable(monkeypatch, *blasts, *others)
    assert "none of 12 images can be read; found 'blast/0.png' not readable" in refusal(root)


def test_a_folder_that_cannot_be_listed_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, "blast/more/6.png")
    listed, closed = os.scandir, {root / "blast/more/"}

    def scandir(folder: Path) -> Any:
        if folder in closed:
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert scan(FOLDERS, root).passed_over == {"folder not readable: permission denied": 1}
    closed.add(root)
    assert "not readable: permission denied" in refusal(root)


@pytest.fixture
def settled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of ``root`` were made a minute ago."""
    later = time.time_ns() + 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)


@pytest.mark.usefixtures("settled")
def test_a_second_scan_reads_no_unchanged_file_and_finds_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scan(FOLDERS, root, known=KnownHashes(tmp_path / "hashes"))
    put(root, "blast/notes.txt", "blast/6.png")
    unreadable(monkeypatch, *column(first, "path"))
    calls: list[tuple[int, int]] = []
    second = scan(
        FOLDERS,
        root,
        known=KnownHashes(tmp_path / "hashes"),
        progress=lambda done, total: calls.append((done, total)),
    )
    assert (first.unchanged, second.unchanged) == (0, 12)
    assert calls == [(1, 1)]
    monkeypatch.undo()
    assert second.manifest.frame.equals(scan(FOLDERS, root).manifest.frame)


@pytest.mark.usefixtures("settled")
def test_another_card_forgets_no_hash(root: Path, tmp_path: Path) -> None:
    scan(FOLDERS, root, known=KnownHashes(tmp_path / "hashes"))
    put(root, "ig/MMY_1.jpg")
    with pytest.raises(BlastlineError):
        scan(load_card("pbc2020"), root, known=KnownHashes(tmp_path / "hashes"))
    (root / "ig/MMY_1.jpg").unlink()
    (root / "ig").rmdir()
    assert scan(FOLDERS, root, known=KnownHashes(tmp_path / "hashes")).unchanged == 12


@pytest.mark.usefixtures("settled")
def test_ctrl_c_keeps_the_hashes_that_are_done(root: Path, tmp_path: Path) -> None:

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(FOLDERS, root, known=KnownHashes(tmp_path / "hashes"), progress=stop)
    assert scan(FOLDERS, root, known=KnownHashes(tmp_path / "hashes")).unchanged == 5
