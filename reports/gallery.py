"""The section of cells to look at, and their thumbnails as data: URIs."""

import base64
from dataclasses import dataclass
from pathlib import Path

from classifiers.result import Cell, RunResult

BARS = 3  # probabilities shown under a cell

_KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}


@dataclass(frozen=True)
class Shown:
    """A cell with its bars: class, probability, whether it is the cell's label."""

    cell: Cell
    bars: list[tuple[str, float, bool]]

    @property
    def verdict(self) -> str:
        """Whether the prediction agrees with the label: right, wrong or unlabelled."""
        if not self.cell.label:
            return "unlabelled"
        return "right" if self.cell.label == self.cell.predicted else "wrong"

    @property
    def alternative(self) -> str:
        """The words that stand for the picture."""
        label = f"labelled {self.cell.label}" if self.cell.label else "unlabelled"
        return f"Cell {self.cell.image_id}: {label}, predicted {self.cell.predicted}"


def gallery(result: RunResult) -> dict[str, object]:
    """Sample cells by class, the unlabelled last, and the least confident ones."""
    samples = result.galleries.samples
    known = list(result.dataset.classes)
    names = (
        known + sorted({cell.label for cell in samples if cell.label not in known} - {""}) + [""]
    )
    groups = [(name, [_shown(cell) for cell in samples if cell.label == name]) for name in names]
    return {
        "groups": [(name, cells) for name, cells in groups if cells],
        "least": [_shown(cell) for cell in result.galleries.least_confident],
    }


def _shown(cell: Cell) -> Shown:
    """The most probable classes; the label's own takes the last place if it is not among them."""
    order = sorted(cell.probabilities, key=lambda name: -cell.probabilities[name])
    names = order[:BARS]
    if cell.label in order and cell.label not in names:
        names[-1] = cell.label
    return Shown(cell, [(name, cell.probabilities[name], name == cell.label) for name in names])


def data_uri(run_folder: Path, thumbnail: str) -> str:
    """A thumbnail as data: URI; empty if absent, no PNG or JPEG, or outside the run folder."""
    try:
        root = run_folder.resolve()
        path = (root / thumbnail).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            return ""
        content = path.read_bytes()
    except (OSError, ValueError):  # ValueError: a null character in the name
        return ""
    for magic, kind in _KINDS.items():
        if content.startswith(magic):
            return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
    return ""
