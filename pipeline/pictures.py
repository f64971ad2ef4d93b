"""The pictures of a run: written under names that no other picture has, removed when unnamed."""

from collections.abc import Mapping
from pathlib import Path

from classifiers.result import RunResult
from data.files import atomic_path
from reports.pictures import named

FOLDERS = ("thumbnails", "heatmaps")


def write_pictures(pictures: Mapping[str, bytes], folder: Path) -> None:
    """Write pictures by their path inside a run's ``folder``."""
    for name, content in pictures.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)


def absent(result: RunResult, folder: Path) -> set[str]:
    """Names of pictures that a result names and that do not lie in its ``folder``."""
    return {name for name in named(result) if name and not (folder / name).is_file()}


def sweep(result: RunResult, folder: Path) -> None:
    """Remove the pictures of earlier fits, which the result in ``folder`` does not name."""
    kept = set(named(result))
    for name in FOLDERS:
        for path in (folder / name).glob("*.jpg"):
            if f"{name}/{path.name}" not in kept:
                path.unlink(missing_ok=True)
