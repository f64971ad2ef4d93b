"""Ties: pairs of images that show the same thing, which a split must not part."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from data.audit.looks import Looks, look
from data.audit.pairs import find_pairs
from data.decode import MAX_BYTES, decode
from data.files import read_regular, write_text
from data.hashes import Progress

FORMAT = 1  # raised when other pairs would be found among the same images
Stage = Callable[[str, str], AbstractContextManager[Progress]]
KINDS = ("exact", "near", "ground")


@dataclass(frozen=True)
class Tie:
    """Two images, by their paths, and how it is known that they show the same."""

    kind: Literal["exact", "near", "ground"]
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
    kept = folder / f"ties-{FORMAT}-{_digest(content)}.json"
    found = _read(kept)
    if found is None:
        missing = [(sha256, paths[sha256]) for sha256 in content]
        with (stage or _silent)("audit: looking", "image") as update:
            failed = look(root, missing, looks, update)
        seen = [sha256 for sha256 in content if sha256 in looks]
        with (stage or _silent)("audit: comparing", "candidate") as update:
            pairs = _pairs(root, paths, seen, looks, update)
        found = {
            "failed": {hashes[path]: why for path, why in failed.items()},
            "pairs": pairs,
        }
        write_text(kept, json.dumps(found) + "\n")
    ties += [
        Tie(kind, paths[first], paths[second], evidence)
        for kind, first, second, evidence in found["pairs"]
    ]
    return ties, {paths[sha256]: why for sha256, why in found["failed"].items()}


@contextmanager
def _silent(title: str, unit: str) -> Iterator[Progress]:
    yield lambda done, total: None


def _pairs(
    root: Path,
    paths: Mapping[str, str],
    content: list[str],
    looks: Looks,
    progress: Progress,
) -> list[tuple[str, str, str, str]]:
    def read(number: int) -> np.ndarray:
        return decode(read_regular(root / paths[content[number]], MAX_BYTES))

    pairs = find_pairs(looks.take(content, "fingerprint"), read, progress)
    return [(pair.kind, content[pair.first], content[pair.second], pair.evidence) for pair in pairs]


def _digest(content: list[str]) -> str:
    return hashlib.sha256("".join(content).encode()).hexdigest()[:16]


def _read(path: Path) -> dict | None:
    """Findings kept earlier; None where there are none or they are damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if {"failed", "pairs"} <= set(found) else None
    except (OSError, ValueError, TypeError):
        return None
