"""Which cells the review asks for, why, and which labelled ones they resemble."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifiers.cells import NO_LABEL, Cells, Rows
from classifiers.label_errors import LabelErrors, find_label_errors
from classifiers.likeness import nearest_labelled
from classifiers.review_queue import review_queue
from data.decisions import HISTORY_FILE
from data.errors import BlastlineError
from data.relabel import read_history
from pipeline.config import RunConfig
from pipeline.inputs import FitInputs
from pipeline.predictions import read_selected

NEIGHBOURS = 5


@dataclass(frozen=True)
class Choice:
    """The cells to ask for, most useful first; row numbers are those of the manifest.

    Attributes:
        rows: (q,) int64. reasons: why each of them is asked for.
        suggested: row -> class code that a likely label error looks like.
        proba: (n, k) float64 probabilities of all cells; NaN where the run predicted none.
        neighbours: of each cell asked for, the nearest labelled rows.
        reviewed: how many cells are left out because they were decided on before.
        unpredicted: how many because the run predicted nothing of them.
    """

    rows: np.ndarray
    reasons: tuple[str, ...]
    suggested: dict[int, int]
    proba: np.ndarray
    neighbours: list[list[int]]
    reviewed: int
    unpredicted: int


@dataclass(frozen=True)
class _Some:
    """Some rows of the embeddings, read when they are asked for."""

    X: Rows
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.X.shape[1:])

    def __getitem__(self, chosen: np.ndarray) -> np.ndarray:
        return self.X[self.rows[chosen]]


def choose_cells(config: RunConfig, inputs: FitInputs, size: int) -> Choice:
    """At most ``size`` cells whose review is worth most.

    Raises:
        BlastlineError: no predictions, or those of other classes or images.
    """
    cells = inputs.cells
    proba = _probabilities(config.run_folder / "predictions.csv", inputs)
    predicted = np.isfinite(proba).all(axis=1)
    reviewed = np.isin(
        cells.sha256, read_history(config.run_folder / HISTORY_FILE).sha256.to_numpy(str)
    )
    asked = _one_of_each(np.flatnonzero(predicted & ~reviewed), cells)
    errors = _errors(cells.y, proba, predicted, asked)
    queue = review_queue(
        _Some(cells.X, asked), proba[asked], cells.y[asked], cells.groups[asked], size,
        errors=errors,
    )  # fmt: skip
    rows = asked[queue.rows]
    near, _ = nearest_labelled(cells.X, cells.y, cells.groups, rows, NEIGHBOURS)
    suggested = {}
    if errors:
        suggested = dict(zip(asked[errors.rows].tolist(), errors.suggested.tolist(), strict=True))
    return Choice(
        rows=rows,
        reasons=queue.reasons,
        suggested=suggested,
        proba=proba,
        neighbours=[[int(row) for row in each if row >= 0] for each in near],
        reviewed=int((predicted & reviewed).sum()),
        unpredicted=int((~predicted).sum()),
    )


def _probabilities(path: Path, inputs: FitInputs) -> np.ndarray:
    """(n, k) of the selected classifier, out of fold where labelled; NaN where it made none."""
    classes, frame = inputs.cells.classes, inputs.manifest.frame
    columns = [f"p_{name}" for name in classes]
    table = read_selected(path, classes).set_index("image_id")[columns]
    proba = table[~table.index.duplicated()].reindex(frame.image_id).to_numpy(np.float64)
    if not np.isfinite(proba).all(axis=1).any():
        raise BlastlineError(f"{path}: predicts no image of the manifest beside it; fit again")
    with np.errstate(invalid="ignore"):
        return proba / proba.sum(axis=1, keepdims=True)  # they were rounded


def _one_of_each(rows: np.ndarray, cells: Cells) -> np.ndarray:
    """Rows without copies: a decision is about the picture. Of copies one with a label stays."""
    labelled_first = rows[np.argsort(cells.y[rows] == NO_LABEL, kind="stable")]
    first = np.unique(cells.sha256[labelled_first], return_index=True)[1]
    return np.sort(labelled_first[first])


def _errors(
    y: np.ndarray, proba: np.ndarray, predicted: np.ndarray, asked: np.ndarray
) -> LabelErrors | None:
    """Likely label errors as positions in ``asked``; judged beside the cells reviewed before."""
    labelled = np.flatnonzero((y != NO_LABEL) & predicted)
    if not len(labelled):
        return None
    found = find_label_errors(proba[labelled], y[labelled])
    place = np.full(len(y), -1)
    place[asked] = np.arange(len(asked))
    rows = place[labelled[found.rows]]
    quality = np.ones(len(y))
    quality[labelled] = found.quality
    return LabelErrors(rows[rows >= 0], found.suggested[rows >= 0], quality[asked])
