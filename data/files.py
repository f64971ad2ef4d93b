"""Writing files so that nothing half-made ever bears the final name; opening and hashing them."""

import errno
import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; on success it is synced and moved into place.

    The folder is synced too, so that the move itself survives a power cut. On any exception,
    Ctrl-C included, the temporary file is removed and ``target`` is untouched.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes files that only their owner may read; a result is as open as any other file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
        _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot sync a folder; the file is in place anyway
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(target: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``target``, whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading bytes, whatever may stand at ``path`` by now.

    A file found by listing a folder may have been replaced since: a link is not followed, and a
    pipe is refused at once instead of waiting for a writer. Links among the folders above the file
    are followed.

    Raises:
        OSError: it cannot be opened, or is no regular file; ``strerror`` is the reason.
    """
    special = "Not a regular file but a link, pipe or device"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # what links and sockets give
            raise OSError(error.errno, special, str(path)) from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, special, str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file; of a larger one only ``limit`` + 1, enough to tell that it is.

    Raises:
        OSError: as ``open_regular``.
    """
    with open_regular(path) as stream:
        # Python makes room for all that is asked for: for small files that costs more than reading.
        return stream.read(min(os.fstat(stream.fileno()).st_size, limit) + 1)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
