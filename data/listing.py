"""List the files below an image folder, and keep count of those that are not of the set."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from data.errors import BlastlineError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
SHOWN = 10  # names kept of each reason


class PassedOver:
    """Files and table rows that are left out: how many for each reason, and the first names.

    Attributes:
        counts: reason -> number. examples: reason -> its first names.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, reason: str, name: str) -> None:
        """Count one more, and keep its name if it is among the first."""
        self.counts[reason] += 1
        names = self.examples.setdefault(reason, [])
        if len(names) < SHOWN:
            names.append(name)


def list_files(root: Path, passed_over: PassedOver) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Regular files below ``root`` by relative POSIX path: sorted, those of a folder before it.

    Links are not followed; hidden files and what cannot be listed are passed over.

    Raises:
        BlastlineError: ``root`` itself cannot be listed.
    """
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(root / below) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if not below:
                raise BlastlineError(
                    f"image folder {root}: {why('not readable', error)}; check its rights"
                ) from None
            passed_over.add(why("folder not readable", error), below)
            continue
        subfolders = []
        for entry in entries:
            path = below + entry.name
            hidden = entry.name.startswith(".")
            if _is_folder(entry):
                if hidden or entry.is_symlink():
                    passed_over.add("hidden or linked folder", path)
                else:
                    subfolders.append(f"{path}/")
            elif hidden:
                passed_over.add("hidden file", path)
            elif not entry.is_file(follow_symlinks=False):
                passed_over.add("link or special file", path)
            elif not _fits_csv(path):
                passed_over.add("name that is not UTF-8 text", os.fsencode(path).decode("latin-1"))
            else:
                yield path, entry
        waiting += reversed(subfolders)


def why(what: str, error: OSError) -> str:
    """What failed and the system's reason, as a phrase."""
    return f"{what}: {(error.strerror or str(error)).lower()}"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether this is a folder or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _fits_csv(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\r" not in name
