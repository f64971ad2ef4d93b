"""What the model's figures owe to the split, and how they hold on other images."""

from typing import Literal

from classifiers.estimate import Estimate, Part


class PremiumPart(Part):
    """The same classifier under a random and under the grouped split, on the same cells."""

    unit: str  # of the grouped split
    classifier: str
    n: int
    n_groups: int
    folds: int
    repeats: int  # shuffles of each split
    grouped: dict[str, Estimate]  # accuracy, f1_macro, auroc
    random: dict[str, Estimate]
    premium: dict[str, Estimate]  # random minus grouped, paired over the same resampled groups
    note: str  # why it was not measured, or in sentences what limits it; may be empty


class Perturbed(Part):
    """The test cells embedded again under one disturbance, beside themselves undisturbed."""

    kind: str
    strength: int  # 1 to 3
    setting: str  # in its units
    accuracy: Estimate
    f1_macro: Estimate
    f1_macro_change: Estimate  # perturbed minus undisturbed, paired
    loss: bool  # the change is below 0, also when as many disturbances had been compared
    changed: float  # share of cells that are decided otherwise
    thumbnail: str = ""  # of the example disturbed so, inside the run folder; empty: none


class RobustnessPart(Part):
    """How the selected classifier holds on disturbed images of cells under test."""

    n: int
    n_groups: int
    accuracy: Estimate  # the same cells undisturbed
    f1_macro: Estimate
    perturbed: list[Perturbed]
    note: str  # why it was not measured, or what is lacking; may be empty
    example: str = ""  # image id of the cell that pictures show
    thumbnail: str = ""  # of it undisturbed


class NoveltyOf(Part):
    """How strange a set of cells is to the models that did not train on them."""

    name: str
    kind: Literal["tested", "unlabelled", "disturbed", "left out"]
    strength: int  # of a disturbance, 1 to 3; 0: none
    setting: str  # of it, in its units
    n: int
    flagged: Estimate  # share above the operating point
    auroc: Estimate | None  # of telling them from the cells under test; None: are these
    quantiles: list[float]  # of the score over the operating point, at evenly spaced shares


class Wrong(Part):
    """How many of some cells are decided wrongly."""

    n: int
    wrong: int
    share: Estimate


class NoveltyPart(Part):
    """The out-of-distribution score on cells under test, and at its operating point."""

    neighbours: int
    components: int
    references: int  # training cells kept for the final model
    accepted: float  # share of training cells that the operating point accepts
    limit_low: float | None  # lowest and highest operating point over the folds
    limit_high: float | None
    training: list[float]  # quantiles as below of training cells, scored without their group
    sets: list[NoveltyOf]  # cells under test first
    # Each class as if it were a new cell type: its cells under test in one part, scored after
    # training cells of the other classes alone, and told from the others' cells under test.
    left_out: list[NoveltyOf]
    by_class: dict[str, Estimate]  # share flagged, cells under test
    error_familiar: Wrong  # of the cells under test not flagged
    error_flagged: Wrong
    auroc_errors: Estimate  # of telling wrong decisions from right ones
    note: str


class Subset(Part):
    """Cells under test that have one property in common."""

    property: str
    name: str
    n: int
    n_groups: int
    accuracy: Estimate
    expected: float | None  # accuracy less the gap, 0 to 1; None: no class in common with others
    gap: Estimate  # recall beyond that of all other cells, averaged over classes
    # At most half of the cells, and the gap is below 0, also when as many subsets as there are
    # had been compared.
    worse: bool


class SubgroupsPart(Part):
    """The selected classifier on subsets of its test cells."""

    subsets: list[Subset]
    note: str  # why there are none, or what could not be looked at; may be empty
