"""Cells that the report shows, and what explains their predictions."""

from typing import Literal

from pydantic import Field

from classifiers.estimate import Part


class Cell(Part):
    """A cell that the report shows. ``thumbnail`` is a path inside the run folder."""

    image_id: str
    path: str
    label: str  # empty: unlabelled
    predicted: str
    probabilities: dict[str, float]
    patient: str
    thumbnail: str


class SuspectCell(Cell):
    """A cell whose out-of-fold prediction confidently contradicts its label."""

    suggested: str
    quality: float  # of the label, 0 to 1; low: doubtful


class Neighbour(Part):
    """A training cell that looks like another cell to the network."""

    image_id: str
    label: str
    patient: str
    thumbnail: str
    likeness: float  # cosine of prepared embeddings, -1 to 1


class Evidence(Part):
    """A descriptor that speaks for the predicted class or against it."""

    descriptor: str
    unit: str
    value: float
    usual: float  # median of the training cells
    gain: float  # of the predicted class's probability, by this value instead of the usual one


class ExplainedCell(Cell):
    """A cell under test with what its prediction rests on, by the model that predicted it."""

    heatmap: str  # picture inside the run folder; empty: none
    neighbours: list[Neighbour]  # training cells of that model, nearest first
    evidence: list[Evidence]  # strongest first; none unless descriptors were measured


class Galleries(Part):
    """Cells to look at: a sample of each class, confident errors and doubtful cells."""

    samples: list[Cell]
    confident_errors: list[ExplainedCell]
    least_confident: list[ExplainedCell]
    method: Literal["class activation", "occlusion", ""] = ""  # of the heat maps
    note: str = Field(default="")  # why there are none, or what they are of; may be empty


class MapPart(Part):
    """A two-dimensional map of the embeddings; all lists have one entry a shown cell."""

    method: str
    n: int  # cells that could have been shown
    x: list[float]  # 0 to 1
    y: list[float]
    label: list[int]  # class, -1: unlabelled
    predicted: list[int]  # -1: never under test
    confidence: list[float | None]
    patient: list[str]
    image_id: list[str]
    sprite: str  # one picture of all cells inside the run folder, row by row; empty: none
    side: int  # of a cell in it, pixels
    columns: int
