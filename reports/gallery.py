"""The sections of cells to look at, and their thumbnails as data: URIs."""

import base64
from dataclasses import dataclass
from pathlib import Path

from classifiers.cell_parts import Cell, ExplainedCell, SuspectCell
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


@dataclass(frozen=True)
class Descriptor:
    """A descriptor as it is printed: points of probability, name, values and unit."""

    gain: str
    name: str
    value: str
    usual: str
    unit: str


@dataclass(frozen=True)
class Alike:
    """A training cell as it is printed, with its likeness."""

    image_id: str
    label: str
    patient: str
    thumbnail: str
    shown: str


@dataclass(frozen=True)
class Explained(Shown):
    """A cell with its explanation; ``descriptors`` is None where the model knows none."""

    cell: ExplainedCell
    alike: list[Alike]
    descriptors: list[Descriptor] | None

    @property
    def large(self) -> str:
        """The largest picture of the cell."""
        return self.cell.picture or self.cell.thumbnail

    @property
    def map_alternative(self) -> str:
        """The words that stand for the heat map."""
        rather = f" rather than {self.cell.rival}" if self.cell.rival else ""
        return (
            f"Heat map by {self.cell.method} of cell {self.cell.image_id}: what speaks for "
            f"{self.cell.predicted}{rather}"
        )


def gallery(result: RunResult) -> dict[str, object]:
    """Confident errors and the least confident cells, explained; samples, the unlabelled last."""
    part = result.galleries
    known = list(result.dataset.classes)
    others = {cell.label for cell in part.samples if cell.label not in known} - {""}
    names = known + sorted(others) + [""]
    groups = [(name, [_shown(each) for each in part.samples if each.label == name])
              for name in names]  # fmt: skip
    explained = [*part.confident_errors, *part.least_confident]
    return {
        "groups": [(name, cells) for name, cells in groups if cells],
        "errors": [_explained(cell, part.descriptors) for cell in part.confident_errors],
        "least": [_explained(cell, part.descriptors) for cell in part.least_confident],
        "wrong": part.errors,
        "lead": _lead(part.errors, part.confident_errors),
        "methods": sorted({cell.method for cell in explained if cell.heatmap} - {""}),
        "views": max(
            (int(str(each.get("views", 1))) for each in result.recipes.values()), default=1
        ),
        "drawn": part.drawn,
        "alike": any(cell.neighbours for cell in explained),
        "described": part.descriptors and bool(explained),
        "note": part.note,
    }


def trust(result: RunResult) -> list[str]:
    """What the surest error says of the probabilities; nothing where none is shown."""
    part = result.galleries
    if not part.confident_errors:
        return []
    surest = max(cell.probabilities[cell.predicted] for cell in part.confident_errors)
    which = "its only error" if part.errors == 1 else f"the surest of its {part.errors:,} errors"
    return [
        f"A high probability is no guarantee: {which} gave the wrong class {words.number(surest)}."
    ]


def _lead(errors: int, shown: list[ExplainedCell]) -> str:
    """What the confident errors are, in one sentence."""
    wrong = f"{words.plural(errors, 'cell')} under test that {'was' if errors == 1 else 'were'}"
    if len(shown) >= errors:
        return f"{wrong} decided wrongly, the surest first."
    return (
        f"{wrong} decided wrongly; here are the {len(shown)} with the highest probability of the "
        "wrong class, the surest first."
    )


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
    return Shown(cell, _bars(cell))


def _explained(cell: ExplainedCell, described: bool) -> Explained:
    descriptors = [
        Descriptor(
            _minus(f"{100 * each.gain:+.1f}"),
            each.descriptor.replace("_", " "),
            _measured(each.value),
            _measured(each.usual),
            each.unit,
        )
        for each in cell.evidence
    ]
    alike = [
        Alike(each.image_id, each.label, each.patient, each.thumbnail,
              _minus(f"{each.likeness:.2f}"))
        for each in cell.neighbours
    ]  # fmt: skip
    return Explained(cell, _bars(cell), alike, descriptors if described else None)


def _measured(value: float) -> str:
    return _minus(f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}")


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _bars(cell: Cell) -> list[tuple[str, float, bool]]:
    """The most probable classes; the label's own takes the last place if it is not among them."""
    order = sorted(cell.probabilities, key=lambda name: -cell.probabilities[name])
    names = order[:BARS]
    if cell.label in order and cell.label not in names:
        names[-1] = cell.label
    return [(name, cell.probabilities[name], name == cell.label) for name in names]


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
