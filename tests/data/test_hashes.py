import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import data.hashes
from data.hashes import Hashed, KnownHashes, hash_file, hash_files

Clock = Callable[[int], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the clock that hashing looks at, in nanoseconds."""
    return lambda now: monkeypatch.setattr(time, "time_ns", lambda: now)


@pytest.fixture
def root(tmp_path: Path, clock: Clock) -> Path:
    """Three files that were made a while ago."""
    folder = tmp_path / "cells"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(f"cell {name}")
    clock(folder.stat().st_ctime_ns + 60 * 10**9)
    return folder


class Scanned(SimpleNamespace):
    hashes: dict[str, str]
    failed: dict[str, OSError]
    unchanged: int
    read: list[str]  # what was hashed


@pytest.fixture
def scanned(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scanned]:
    """Hashes a folder as a scan does, with what earlier calls left in the work folder."""

    def run(folder: Path = root, **options: Any) -> Scanned:
        read: list[str] = []

        def recorded(path: Path) -> Hashed:
            read.append(path.name)
            return hash_file(path)

        monkeypatch.setattr(data.hashes, "hash_file", recorded)
        known = KnownHashes(tmp_path / "hashes", **options)
        known.load(folder)
        files = {entry.name: entry for entry in sorted(os.scandir(folder), key=lambda e: e.name)}
        hashes, failed, unchanged = hash_files(folder, files, known)
        known.write(files)
        return Scanned(hashes=hashes, failed=failed, unchanged=unchanged, read=sorted(read))

    return run


def kept(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "hashes").iterdir()
    return path


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def change(path: Path, text: str) -> None:
    """Write until the time stamps, which some kernels set by the tick, are new."""
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        path.write_text(text)


def test_an_unchanged_file_is_not_hashed_again(
    root: Path, scanned: Callable[..., Scanned], tmp_path: Path
) -> None:
    first = scanned()
    assert (first.read, first.unchanged) == (["a", "b", "c"], 0)
    second = scanned()
    assert (second.read, second.unchanged) == ([], 3)
    assert second.hashes == first.hashes == {name: sha256(f"cell {name}") for name in "abc"}
    (tmp_path / "link").symlink_to(root)
    assert scanned(tmp_path / "link").read == []  # the same folder under another name


def test_a_changed_file_alone_is_hashed_again_even_if_its_time_is_set_back(
    root: Path, scanned: Callable[..., Scanned]
) -> None:
    scanned()
    before = (root / "b").stat()
    change(root / "b", "Cell b")
    os.utime(root / "b", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (root / "b").stat().st_size == before.st_size
    assert (root / "b").stat().st_mtime_ns == before.st_mtime_ns
    second = scanned()
    assert second.read == ["b"]
    assert second.hashes["b"] == sha256("Cell b")
    assert scanned().read == []


@pytest.mark.parametrize("field", ["st_size", "st_mtime_ns", "st_ctime_ns", "st_ino"])
def test_size_both_times_and_inode_must_all_agree(root: Path, tmp_path: Path, field: str) -> None:
    known = KnownHashes(tmp_path / "hashes")
    known.load(root)
    known.add("a", hash_file(root / "a"))
    stat = (root / "a").stat()
    look = {
        name: getattr(stat, name) for name in ("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")
    }
    assert known.find("a", SimpleNamespace(**look)) == sha256("cell a")  # type: ignore[arg-type]
    look[field] += 1
    assert known.find("a", SimpleNamespace(**look)) is None  # type: ignore[arg-type]


def test_a_file_hashed_right_after_it_changed_is_not_trusted(
    root: Path, scanned: Callable[..., Scanned], clock: Clock
) -> None:
    newest = max((root / name).stat().st_ctime_ns for name in "abc")
    clock(newest + 1_900_000_000)  # two seconds are the coarsest time stamps there are
    os.utime(root / "a", ns=(0, 0))  # an old time of change: its inode changed just now
    (root / "b").write_text("cell b")
    scanned()
    assert {"a", "b"} <= set(scanned().read)
    clock(newest + 60 * 10**9)
    assert {"a", "b"} <= set(scanned().read)
    assert scanned().read == []


def test_a_time_in_the_future_is_not_trusted(root: Path, scanned: Callable[..., Scanned]) -> None:
    future = time.time_ns() + 10**15
    os.utime(root / "c", ns=(future, future))
    scanned()
    assert scanned().read == ["c"]


def test_a_file_that_changes_while_it_is_hashed_is_not_trusted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hash_file(root / "a").identity is not None
    whole = hashlib.file_digest

    def interrupted(stream: Any, name: str) -> Any:
        with (root / "a").open("a") as other:
            other.write("more")
        return whole(stream, name)

    monkeypatch.setattr(hashlib, "file_digest", interrupted)
    assert hash_file(root / "a").identity is None


def test_a_file_that_is_no_longer_trusted_is_forgotten(root: Path, tmp_path: Path) -> None:
    known = KnownHashes(tmp_path / "hashes")
    known.load(root)
    known.add("a", hash_file(root / "a"))
    known.add("a", Hashed(sha256("half"), None))
    assert known.find("a", (root / "a").stat()) is None


def test_vanished_files_are_dropped(
    root: Path, scanned: Callable[..., Scanned], tmp_path: Path
) -> None:
    scanned()
    (root / "b").unlink()
    assert scanned().read == []
    content = json.loads(kept(tmp_path).read_text().partition("\n")[2])
    assert set(content["files"]) == {"a", "c"}


def test_nothing_is_written_where_nothing_is_new(
    scanned: Callable[..., Scanned], tmp_path: Path
) -> None:
    scanned()
    before = kept(tmp_path).stat()
    scanned()
    after = kept(tmp_path).stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_rehashing_reads_every_file_and_mends_what_was_known(
    scanned: Callable[..., Scanned], tmp_path: Path
) -> None:
    scanned()
    path = kept(tmp_path)
    body = path.read_text().partition("\n")[2].replace(sha256("cell a"), sha256("wrong"))
    path.write_text(f"{sha256(body)}\n{body}")
    assert scanned().hashes["a"] == sha256("wrong")
    again = scanned(rehash=True)
    assert (again.read, again.unchanged) == (["a", "b", "c"], 0)
    assert scanned().hashes["a"] == sha256("cell a")


@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "one digit", "pipe", "gone"])
def test_a_damaged_file_is_made_anew(
    damage: str, scanned: Callable[..., Scanned], tmp_path: Path
) -> None:
    scanned()
    path = kept(tmp_path)
    content = path.read_text()
    path.unlink()
    if damage == "pipe":
        os.mkfifo(path)
    elif damage != "gone":
        wrong = content.replace(sha256("cell a"), sha256("wrong"))
        texts = {"empty": "", "garbage": "\0\n{[", "cut": content[:300], "one digit": wrong}
        path.write_text(texts[damage])
    assert scanned().read == ["a", "b", "c"]
    assert scanned().read == []


def test_what_is_known_of_one_folder_serves_no_other(
    root: Path, scanned: Callable[..., Scanned], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in "abc":  # to the inode the same files
        (other / name).hardlink_to(root / name)
    scanned()
    of_root = kept(tmp_path)
    assert scanned(other).read == ["a", "b", "c"]
    (of_other,) = set((tmp_path / "hashes").iterdir()) - {of_root}
    of_other.write_bytes(of_root.read_bytes())
    assert scanned(other).read == ["a", "b", "c"]


def test_a_file_of_another_format_counts_as_empty(
    scanned: Callable[..., Scanned], tmp_path: Path
) -> None:
    scanned()
    path = kept(tmp_path)
    body = path.read_text().partition("\n")[2].replace('"format": 1', '"format": 2')
    path.write_text(f"{sha256(body)}\n{body}")
    assert scanned().read == ["a", "b", "c"]


def test_names_of_any_kind_are_known_again(
    root: Path, scanned: Callable[..., Scanned], clock: Clock
) -> None:
    for name in ('],\n"', "], [", "é 白", "a\tb\\", os.fsdecode(b"caf\xe9")):
        (root / name).write_text(name, errors="surrogateescape")
    clock(root.stat().st_ctime_ns + 60 * 10**9)
    assert len(scanned().hashes) == 8
    assert scanned().read == []


def test_one_file_that_cannot_be_read_stops_no_other(
    root: Path, scanned: Callable[..., Scanned]
) -> None:
    (root / "b").unlink()
    (root / "b").symlink_to(root / "a")
    found = scanned()
    assert set(found.hashes) == {"a", "c"}
    assert list(found.failed) == ["b"]
    assert "link" in (found.failed["b"].strerror or "")


def test_a_file_that_vanishes_after_the_listing_stops_no_other(root: Path, tmp_path: Path) -> None:
    known = KnownHashes(tmp_path / "hashes")
    known.load(root)
    files = {entry.name: entry for entry in os.scandir(root)}
    (root / "a").unlink()
    hashes, failed, _ = hash_files(root, files, known)
    assert set(hashes) == {"b", "c"}
    assert isinstance(failed["a"], FileNotFoundError)


def test_progress_counts_what_is_hashed_and_is_silent_where_all_is_known(
    root: Path, tmp_path: Path
) -> None:
    known = KnownHashes(tmp_path / "hashes")
    known.load(root)
    known.add("b", hash_file(root / "b"))
    files = {entry.name: entry for entry in os.scandir(root)}
    calls: list[tuple[int, int]] = []
    for _ in range(2):
        hash_files(root, files, known, lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]
