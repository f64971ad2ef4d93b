"""Small image folders, and what a scan makes of them."""

from pathlib import Path
from typing import Any

import pytest

from data.cards import Card, load_card
from data.errors import BlastlineError
from data.found import find_images
from data.scan import Scan, split_images

FOLDERS = load_card("folders")


def scan(card: Card, root: Path, *, progress: Any = None, known: Any = None, **how: Any) -> Scan:
    """What a scan does without its audit: find the images, then split them as ``how`` says."""
    return split_images(card, find_images(card, root, progress=progress, known=known), **how)


def put(root: Path, *paths: str, content: str = "") -> None:
    """Write files whose content is their path, or the one given."""
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content or path, encoding="utf-8")


def column(found: Scan, name: str) -> dict[str, str]:
    frame = found.manifest.frame
    return dict(zip(frame.path, frame[name], strict=True))


def refusal(root: Path, card: str = "folders", folds: int = 5) -> str:
    with pytest.raises(BlastlineError) as caught:
        scan(load_card(card), root, folds=folds)
    return str(caught.value)
