"""Ties: pairs of images that show the same thing, which a split must not part."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from data.audit.looks import FORMAT as LOOKS_FORMAT
from data.audit.looks import Looks, look
from data.audit.pairs import find_pairs
from data.decode import UnreadableImageError
from data.errors import BlastlineError
from data.files import write_text
from data.hashes import Progress
from data.images import read_image

FORMAT = 2  # raised when other pairs would be found among the same images
Stage = Callable[[str, str], AbstractContextManager[Progress]]
Kind = Literal["exact", "near", "ground"]
KINDS: tuple[Kind, ...] = ("exact", "near", "ground")


@dataclass(frozen=True)
class Tie:
    """Two images, by their paths, and how it is known that they show the same."""

    kind: Kind
    first: str
    second: str
    evidence: str


def find_ties(
    root: Path,
    hashes: Mapping[str, str],
    looks: Looks,
    folder: Path,
    stage: Stage | None = None,
) -> tuple[list[Tie], dict[str, str]]:
    """Identical files, near duplicates and shared ground among the images of a folder.

    What was found is kept by the content of the images, so that an unchanged set costs nothing.

    Args:
        root: the image folder; images are only read.
        hashes: path below root -> SHA-256.
        looks: what is known of the images; those that it lacks are looked at now.
        folder: where findings are kept.
        stage: called with a title and a unit; gives a context whose value takes (done, total).

    Returns:
        The ties, and why an image cannot be read, by path. Of identical files only the first is
        compared with others.
    """
    paths: dict[str, str] = {}  # content -> the first path
    ties = []
    for path, sha256 in hashes.items():
        first = paths.setdefault(sha256, path)
        if first != path:
            ties.append(Tie("exact", first, path, "the same bytes"))
    content = sorted(paths)
    with (stage or _silent)("audit: looking", "image") as update:
        failed = look(root, [(sha256, paths[sha256]) for sha256 in content], looks, update)
    seen = [sha256 for sha256 in content if sha256 in looks]
    kept = folder / f"ties-{FORMAT}.{LOOKS_FORMAT}-{_digest(seen)}.json"
    pairs = _read(kept)
    if pairs is None:
        with (stage or _silent)("audit: comparing", "candidate") as update:
            pairs = _pairs(root, paths, seen, looks, update)
        write_text(kept, json.dumps(pairs) + "\n")
    ties += [
        Tie(kind, paths[first], paths[second], evidence) for kind, first, second, evidence in pairs
    ]
    return ties, failed


@contextmanager
def _silent(title: str, unit: str) -> Iterator[Progress]:
    yield lambda done, total: None


def _pairs(
    root: Path,
    paths: Mapping[str, str],
    content: list[str],
    looks: Looks,
    progress: Progress,
) -> list[tuple[Kind, str, str, str]]:
    def read(number: int) -> np.ndarray:
        return read_image(root, paths[content[number]], content[number])

    try:
        pairs = find_pairs(looks.take(content, "fingerprint"), read, progress)
    except UnreadableImageError as error:
        raise BlastlineError(
            f"image folder {root}: an image changed while it was audited ({error}); scan again"
        ) from None
    return [(pair.kind, content[pair.first], content[pair.second], pair.evidence) for pair in pairs]


def _digest(content: list[str]) -> str:
    return hashlib.sha256("".join(content).encode()).hexdigest()[:16]


def _read(path: Path) -> list[tuple[Kind, str, str, str]] | None:
    """Pairs kept earlier; None where there are none or the file is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [(kind, first, second, evidence) for kind, first, second, evidence in found]
    except (OSError, ValueError, TypeError):
        return None
