import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.files import atomic_path, sha256_file, write_text


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
