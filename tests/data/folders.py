"""Small image folders, and what a scan makes of them."""

from pathlib import Path

import pytest

from data.cards import load_card
from data.errors import BlastlineError
from data.scan import Scan, scan

FOLDERS = load_card("folders")


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
