"""The sections of cells to look at, and their thumbnails as data: URIs."""

import base64
from dataclasses import dataclass
from pathlib import Path

from classifiers.cell_parts import Cell, SuspectCell
from classifiers.result import RunResult
from reports import words

BARS = 3  # probabilities shown under a cell

_KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}


@dataclass(frozen=True)
class Shown:
    """A cell with its bars: class, probability, whether it is the cell's label."""

    cell: Cell
    bars: list[tuple[str, float, bool]]

    @property
    def verdict(self) -> str:
        """Whether the prediction agrees with the label: right, wrong or unlabelled; or suspect."""
        if isinstance(self.cell, SuspectCell):
            return "suspect"
        if not self.cell.label:
            return "unlabelled"
        return "right" if self.cell.label == self.cell.predicted else "wrong"

    @property
    def alternative(self) -> str:
        """The words that stand for the picture."""
        label = f"labelled {self.cell.label}" if self.cell.label else "unlabelled"
        if isinstance(self.cell, SuspectCell):
            return f"Cell {self.cell.image_id}: {label}, looks like {self.cell.suggested}"
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


def label_errors(result: RunResult) -> dict[str, object]:
    """Labels that predictions contradict: how many of each class, and the likeliest of them."""
    part = result.label_errors
    test = words.selected(result).test
    known = [name for name in result.dataset.classes if name in test.per_class]
    rows = [(name, part.suspected.get(name, 0), test.per_class[name].support) for name in known]
    count = sum(part.suspected.values())
    wrong = test.n - sum(row[number] for number, row in enumerate(test.confusion))
    return {
        "part": part,
        "count": count,
        "share": words.percent(count, part.checked),
        "rows": [(name, n, of, words.percent(n, of)) for name, n, of in rows],
        "mistaken": words.percent(wrong, test.n),
        "listed": [_shown(cell) for cell in part.listed],
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
