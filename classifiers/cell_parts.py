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
    """A cell under test with what its prediction rests on, by the model that predicted it.

    Pictures are paths inside the run folder, empty where there is none.
    """

    picture: str = ""  # the cell, larger than its thumbnail
    heatmap: str = ""  # the cell with what speaks for the prediction laid over
    method: Literal["class activation", "occlusion", ""] = ""  # of the heat map
    rival: str = ""  # the likeliest other class, against which the heat map speaks
    neighbours: list[Neighbour] = Field(default_factory=list)  # training cells, nearest first
    evidence: list[Evidence] = Field(default_factory=list)  # strongest first


class Galleries(Part):
    """Cells to look at: a sample of each class, confident errors and doubtful cells."""

    samples: list[Cell]
    confident_errors: list[ExplainedCell]
    least_confident: list[ExplainedCell]
    errors: int = 0  # cells under test that were decided wrongly
    descriptors: bool = False  # whether the model knows named descriptors
    drawn: bool = False  # whether neighbours were sought among whole groups drawn at random
    note: str = ""  # why heat maps are missing; may be empty


class MapPart(Part):
    """A two-dimensional map of the embeddings; all lists have one entry a shown cell."""

    method: str
    n: int  # cells that could have been shown
    n_unlabelled: int  # of these
    neighbours: int  # nearest cells of each that the following shares are of
    kept: float | None  # share of them that are as near on the map
    same_class: float | None  # share of pairs of neighbours with one label
    class_chance: float | None  # the same, if neighbours were drawn by lot
    same_patient: float | None  # share of these pairs that are of one patient
    patient_chance: float | None
    x: list[float]  # 0 to 1
    y: list[float]
    label: list[int]  # class, -1: unlabelled
    predicted: list[int]  # -1: only by a model that was fitted on it
    confidence: list[float | None]  # the highest probability
    patient: list[str]
    image_id: list[str]
    picture: list[int]  # place in the sprite, row by row; -1: none
    sprite: str  # one picture of all cells inside the run folder; empty: none
    side: int  # of a cell in it, pixels
    columns: int
