"""What an evaluation in depth found, for the report; intervals are of 95 %, None: not defined."""

from typing import Literal

from classifiers.estimate import Estimate, Part

Verdict = Literal["met", "met within the interval", "not met", "not reachable"]


class AtPrevalence(Part):
    """Predictive values where this share of all cells is positive."""

    prevalence: float
    ppv: Estimate
    npv: Estimate


class OperatingPoint(Part):
    """A decision between positive and negative cells."""

    name: str  # what positive means: names of classes
    rule: Literal["threshold", "most probable class"]
    threshold_low: float | None  # lowest and highest over the folds, each from its validation data
    threshold_high: float | None
    n_positive: int
    n_negative: int
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate  # at the prevalence of these cells
    npv: Estimate
    lr_positive: Estimate  # None: infinite, as its upper end
    lr_negative: Estimate
    auroc: Estimate
    average_precision: Estimate
    at_prevalence: list[AtPrevalence]


class Bin(Part):
    """Cells of about the same confidence; calibrated is where accuracy equals confidence."""

    count: int
    confidence: float  # mean probability of the most probable class
    accuracy: Estimate


class Reliability(Part):
    """How far probabilities can be taken at their word."""

    brier: Estimate  # 0 to 2: sum over the classes
    log_loss: Estimate
    ece: Estimate  # of the most probable class
    classwise_ece: Estimate  # mean over the classes
    bins: list[Bin]  # about equally many cells in each


class CalibrationPart(Part):
    """Probabilities before and after calibration; gains are on the same resamples."""

    method: str
    before: Reliability | None  # None: not recorded
    after: Reliability
    brier_gain: Estimate | None  # before minus after: positive is better
    log_loss_gain: Estimate | None


class CoveragePoint(Part):
    """The error among the surest cells."""

    coverage: float
    error: float
    confidence: float  # the lowest that is accepted


class RiskWish(Part):
    """What is left when only cells are accepted that promise an error below a wish.

    Each half of the groups is judged at the confidence that keeps the wish on the other half.
    """

    wish: float
    coverage: Estimate  # share of cells accepted
    error: Estimate  # among them
    found: float  # share of the halves on which some confidence kept the wish
    verdict: Verdict  # on the error; not reachable: found on fewer than half of the halves
    confidence: float | None  # that keeps the wish on all cells, in sample; None: none does


class CoveragePart(Part):
    """Coverage against risk: how good it is on the cells that it is sure of."""

    error: Estimate  # of the most probable class, all cells
    aurc: Estimate  # mean error over all coverages; lower is better
    curve: list[CoveragePoint]  # at most 101, surest first
    wishes: list[RiskWish]
    note: str  # why no wish was tried; empty otherwise


class PredictionSets(Part):
    """Sets of classes meant to hold the true one with a given probability.

    Calibrated on half of the groups, checked on the other half.
    """

    level: float  # meant coverage
    by_class: bool  # one threshold a class, so that the level is meant for each class
    coverage: Estimate
    coverage_by_class: dict[str, Estimate]
    size: Estimate  # mean number of classes
    empty: float  # shares of cells, by size of the set
    single: float
    multiple: float


class ConformalPart(Part):
    """Conformal prediction sets."""

    sets: list[PredictionSets]
    halvings: int
    note: str  # why there are none; empty otherwise


class PatientRow(Part):
    """One patient's cells and what they say together."""

    name: str
    cells: int
    label: str  # empty: its cells have several
    probability: dict[str, float]  # mean over its cells
    by_mean: str  # the label that the mean probability gives
    by_majority: str
    positive_share: float | None  # cells called positive; None: nothing is called positive
    wrong: int | None  # cells decided against their label


class PatientRule(Part):
    """Figures over patients of one way to sum up their cells."""

    rule: Literal["mean probability", "majority of cells"]
    accuracy: Estimate
    sensitivity: Estimate | None  # None: no class is called positive
    specificity: Estimate | None
    auroc: Estimate  # of mean probability or share of cells; macro over more than two classes


class PatientsPart(Part):
    """Figures at patient level."""

    n: int  # patients known by name
    n_labelled: int  # of them, those whose cells all have one label
    unknown: int  # cells of no known patient
    labels: list[str]  # what patients are told apart by
    rules: list[PatientRule]  # none where the note says why
    rows: list[PatientRow]  # by name
    worst: list[PatientRow]  # at most ten with wrong cells, most of them first
    note: str


class EvaluationPart(Part):
    """The selected classifier on its test cells, in depth."""

    n: int
    n_groups: int
    positive: list[str]  # held against the others; none: each class against the rest
    named: bool = True  # whether it was said that they mean disease; else the second of two
    operating: list[OperatingPoint]
    average_precision: dict[str, Estimate]  # by class, against the rest
    average_precision_macro: Estimate
    calibration: CalibrationPart
    coverage: CoveragePart
    conformal: ConformalPart
    patients: PatientsPart


class ComparisonPart(Part):
    """The second model minus the first on the same cells."""

    n: int
    n_groups: int
    accuracy: Estimate
    f1_macro: Estimate
    auroc: Estimate
    brier: Estimate  # negative is better
    p: float | None  # that accuracy differs so much by chance; None: one group
    permutations: int
