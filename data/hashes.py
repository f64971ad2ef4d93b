"""Hashes of the files of an image folder, kept so that an unchanged file is not hashed again."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from data.files import open_regular, write_text

FORMAT = 1
SETTLED = 2 * 10**9  # nanoseconds; the coarsest time stamps that file systems keep are 2 s apart

Progress = Callable[[int, int], None]  # done, total
Identity = tuple[int, int, int, int]  # size, mtime, ctime (both in nanoseconds) and inode


@dataclass(frozen=True)
class Hashed:
    """SHA-256 of a file's bytes, and what the file looked like while they were read.

    ``identity`` is None where the same identity could come to stand for other bytes: the file
    changed while it was read, or so shortly before that another change might leave equal times.
    """

    sha256: str
    identity: Identity | None


def hash_file(path: Path) -> Hashed:
    """Hash a regular file.

    Raises:
        OSError: it cannot be read, or is a link or no regular file; ``strerror`` is the reason.
    """
    with open_regular(path) as stream:
        opened = time.time_ns()
        before = os.fstat(stream.fileno())
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        after = os.fstat(stream.fileno())
    identity = _identity(before)
    settled = max(before.st_mtime_ns, before.st_ctime_ns) + SETTLED <= opened
    return Hashed(digest, identity if settled and _identity(after) == identity else None)


class KnownHashes:
    """The hashes of the files below an image folder, as they were when it was last scanned.

    They lie in one file an image folder: a checksum, and as JSON path -> size, mtime, ctime, inode
    and SHA-256. A file that is damaged, of another format or of another image folder counts as
    empty.

    Args:
        folder: where these files lie or will lie.
        rehash: take nothing as known.
    """

    def __init__(self, folder: Path, *, rehash: bool = False) -> None:
        self._folder = folder
        self._rehash = rehash
        self._root = ""
        self._entries: dict[str, tuple[Identity, str]] = {}
        self._changed = False

    @property
    def _path(self) -> Path:
        return self._folder / f"{hashlib.sha256(self._root.encode()).hexdigest()[:16]}.hashes"

    def load(self, root: Path) -> None:
        """Know what is known of the image folder ``root``, and nothing of any other."""
        self._root = root.resolve().as_uri()
        self._entries, self._changed = {}, self._rehash
        if self._rehash:
            return
        try:
            with open_regular(self._path) as stream:
                checksum, _, body = stream.read().partition(b"\n")
        except OSError:  # most often: nothing is known yet
            return
        if hashlib.sha256(body).hexdigest().encode() != checksum:
            return
        content = json.loads(body)
        if (content["format"], content["root"]) == (FORMAT, self._root):
            self._entries = {
                path: ((size, mtime, ctime, inode), sha256)
                for path, (size, mtime, ctime, inode, sha256) in content["files"].items()
            }

    def find(self, path: str, stat: os.stat_result) -> str | None:
        """SHA-256 of the file at ``path`` below the root, if it looks as it did; else None."""
        identity, sha256 = self._entries.get(path, (None, None))
        return sha256 if identity == _identity(stat) else None

    def add(self, path: str, hashed: Hashed) -> None:
        """Remember a hash, unless its file could change unnoticed."""
        if hashed.identity is None:
            self._changed |= self._entries.pop(path, None) is not None
        else:
            self._entries[path] = (hashed.identity, hashed.sha256)
            self._changed = True

    def write(self, present: Container[str]) -> None:
        """Write what is known of the files in ``present``, whole or not at all.

        Nothing is written where the file holds just that already.
        """
        kept = {path: entry for path, entry in self._entries.items() if path in present}
        if not self._changed and len(kept) == len(self._entries):
            return
        lines = ",\n".join(  # one file a line, for whoever looks into it
            f"{json.dumps(path)}: {json.dumps([*identity, sha256])}"
            for path, (identity, sha256) in kept.items()
        )
        head = f'"format": {FORMAT}, "root": {json.dumps(self._root)}, "files"'
        body = f"{{{head}: {{\n{lines}\n}}}}\n"
        write_text(self._path, f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")
        self._entries, self._changed = kept, False


def hash_files(
    root: Path,
    files: Mapping[str, os.DirEntry[str]],
    known: KnownHashes | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, str], dict[str, OSError], int]:
    """Hash the files that ``known`` does not know, in threads, and add them to it.

    Args:
        files: path below ``root`` -> its entry in the listing of its folder.
        progress: called with (done, total) files that have to be hashed.

    Returns:
        SHA-256 of each file that could be read; what kept each of the others from being read; and
        for how many files the hash was known.
    """
    found = {path: known and _find(known, path, entry) for path, entry in files.items()}
    hashes = {path: sha256 for path, sha256 in found.items() if sha256}
    unknown = [path for path in files if path not in hashes]
    failed: dict[str, OSError] = {}

    def attempt(path: str) -> Hashed | OSError:
        try:
            return hash_file(root / path)
        except OSError as error:  # one file less; the others go on
            return error

    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter lock
        results = pool.map(attempt, unknown)
        for done, (path, result) in enumerate(zip(unknown, results, strict=True), start=1):
            if isinstance(result, OSError):
                failed[path] = result
            else:
                hashes[path] = result.sha256
                if known:
                    known.add(path, result)
            if progress:
                progress(done, len(unknown))
    return hashes, failed, len(files) - len(unknown)


def _find(known: KnownHashes, path: str, entry: os.DirEntry[str]) -> str | None:
    try:
        return known.find(path, entry.stat(follow_symlinks=False))
    except OSError:  # gone since it was listed; opening it will say so
        return None


def _identity(stat: os.stat_result) -> Identity:
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
