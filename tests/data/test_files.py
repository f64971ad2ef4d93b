import hashlib
import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.files import atomic_path, open_regular, sha256_file, write_text


class FullDiskError(OSError):
    """Stands for whatever may go wrong while a file is written."""


@pytest.mark.parametrize("error", [FullDiskError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [b"old content", None])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException], before: bytes | None
) -> None:
    target = tmp_path / "result.csv"
    if before is not None:
        target.write_bytes(before)
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert list(tmp_path.iterdir()) == ([] if before is None else [target])
    assert before is None or target.read_bytes() == before


def test_the_target_is_untouched_until_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "result.csv"
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"new")
        assert not target.exists()
        assert temporary.parent == target.parent  # one file system, so that moving is atomic
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_result_is_as_open_as_any_other_file(tmp_path: Path) -> None:
    plain, target = tmp_path / "plain", tmp_path / "target"
    plain.write_bytes(b"")
    write_text(target, "x")
    assert target.stat().st_mode == plain.stat().st_mode


def test_a_writer_that_removes_its_file_gets_an_error_not_an_empty_result(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "result") as temporary:
        temporary.unlink()
    assert list(tmp_path.iterdir()) == []


def test_text_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "Zürich — µm²\n")
    assert (tmp_path / "a").read_bytes() == "Zürich — µm²\n".encode()


@given(st.binary(max_size=3000))
def test_the_hash_is_that_of_the_bytes(tmp_path_factory: pytest.TempPathFactory, b: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"hash-{os.getpid()}"
    path.write_bytes(b)
    assert sha256_file(path) == hashlib.sha256(b).hexdigest()


def test_a_move_into_place_is_synced_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []

    def fsync(handle: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        synced.append(("folder" if is_folder else "file", (tmp_path / "a").exists()))
        if is_folder:
            raise OSError("this file system cannot")

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "a", "x")
    assert synced == [("file", False), ("folder", True)]
    assert (tmp_path / "a").read_text() == "x"


def test_a_regular_file_is_opened_for_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"cell")
    with open_regular(tmp_path / "a.png") as stream:
        assert stream.read() == b"cell"


@pytest.mark.parametrize("kind", ["link", "broken link", "pipe", "folder", "socket"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    (tmp_path / "secret").write_bytes(b"secret")
    with socket.socket(socket.AF_UNIX) as server:
        match kind:
            case "link":
                path.symlink_to(tmp_path / "secret")
            case "broken link":
                path.symlink_to(tmp_path / "gone")
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "socket":
                server.bind(str(path))
        with pytest.raises(OSError) as caught:
            open_regular(path)
    assert caught.value.strerror == "Not a regular file but a link, pipe or device"
    assert caught.value.filename == str(path)


def test_refused_files_leave_nothing_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    handles = os.dup(0)
    os.close(handles)
    for _ in range(3):
        with pytest.raises(OSError):
            open_regular(tmp_path / "pipe")
    lowest_free = os.dup(0)
    os.close(lowest_free)
    assert lowest_free == handles


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file"):
        open_regular(tmp_path / "gone.png")
