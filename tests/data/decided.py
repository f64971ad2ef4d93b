"""Decisions on a small manifest."""

import pandas as pd

from data.decisions import HISTORY, Decision
from data.manifest import COLUMNS, Manifest

CLASSES = ("a", "b", "c")
EVERY = {f"i{number}" for number in range(10)}  # ids of ``decision``
NOTHING = pd.DataFrame(columns=list(HISTORY), dtype=object)
FIRST, SECOND = "2026-11-21T22:00:00Z", "2026-11-22T22:00:00Z"


def decision(number: int, **changes: str) -> Decision:
    plain = {
        "image_id": f"i{number}",
        "path": f"blast/i{number}.png",
        "sha256": f"{number:064x}",
        "label": "blast",
        "action": "label",
        "decision": "normal",
        "reviewer": "Ana",
        "time": "2026-11-21T22:40:05Z",
    }
    return Decision(**{**plain, **changes})


def row(number: int, group: str, split: str, fold: str = "", label: str = "") -> dict[str, str]:
    return {
        "image_id": f"i{number}", "path": f"i{number}.png", "sha256": f"{number:064x}",
        "label": label, "patient": group, "group": group, "fold": fold, "split": split,
        "source": "",
    }  # fmt: skip


def manifest(*rows: dict[str, str]) -> Manifest:
    return Manifest(pd.DataFrame(list(rows), columns=list(COLUMNS), dtype=object), CLASSES)


def base() -> list[dict[str, str]]:
    """Two folds of each class, in groups of their own."""
    return [
        row(10 * fold + place, f"g{fold}{label}", "train", str(fold), label)
        for fold in range(2)
        for place, label in enumerate(CLASSES)
    ]


def said(number: int, verdict: str, **more: str) -> Decision:
    """A decision on an image of ``row``; an empty verdict excludes it."""
    action = "label" if verdict else "exclude"
    return decision(number, path=f"i{number}.png", action=action, decision=verdict, **more)
