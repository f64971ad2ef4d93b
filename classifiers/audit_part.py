"""What the audit of the images found, as plain JSON."""

from typing import Literal

from classifiers.estimate import Estimate, Part


class TiePart(Part):
    """Two images that show the same thing, by their paths, and how that is known."""

    kind: Literal["exact", "near", "ground"]
    first: str
    second: str
    labels: tuple[str, str]
    evidence: str


class ShortcutPart(Part):
    """How far a property of the files or of the frame follows the class."""

    name: str
    title: str
    strength: float  # 0: not at all, 1: the class can be told from it
    p: float  # by permutation of groups, corrected for the number of properties
    found: bool
    technical: bool  # cells cannot be the reason
    text: str


class BurnedInPart(Part):
    """A label at one place of the frame; the preprocessing step blanks it."""

    text: str
    step: str
    found: bool  # the class can be read off it
    box: tuple[float, float, float, float]  # left, top, right, bottom: shares of the frame


class TrivialPart(Part):
    """A trivial classifier on the folds of the real ones."""

    name: str
    title: str
    accuracy: Estimate
    f1_macro: Estimate
    above_chance: bool


class FramePart(Part):
    """Where in the frame the class can be read off by colour alone, place by place."""

    skill: list[list[float]]  # balanced accuracy, out of fold
    picture: list[list[list[int]]]  # the mean image, RGB
    cells: list[list[bool]]  # where cells usually lie
    chance: float
    level: float  # what a place must pass to be no luck
    text: str


class AuditPart(Part):
    """What the audit of the images found; ``audit.json`` of the run folder."""

    format: Literal[1] = 1
    fingerprint: str  # of all that the findings rest on
    manifest: str  # digest of the rows that were audited
    images: int
    unreadable: dict[str, str]  # path -> why
    ties: dict[str, int]  # kind -> pairs
    conflicting: int  # pairs of one cell under different labels
    listed: list[TiePart]  # some of each kind, conflicts first; ties.csv has all
    groups: int  # joined by the ties
    across: dict[str, int]  # kind, or patients and groups -> how many stand on two sides
    shortcuts: list[ShortcutPart]
    burned_in: list[BurnedInPart]
    trivial: list[TrivialPart]
    frame: FramePart | None
    seconds: float
