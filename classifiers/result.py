"""The run's result: all that a report prints, as plain JSON."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from classifiers.audit_part import AuditPart
from classifiers.cell_parts import Galleries, MapPart, SuspectCell
from classifiers.estimate import Estimate, Part
from classifiers.evaluation.parts import EvaluationPart
from classifiers.evaluation.stress_parts import (
    NoveltyPart,
    PremiumPart,
    RobustnessPart,
    SubgroupsPart,
)
from data.errors import BlastlineError, describe_invalid
from data.files import write_text
from data.origin import Origin


class ClassMetrics(Part):
    """Figures of one class against the rest; support is its number of cells."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    auroc: Estimate
    support: int


class Metrics(Part):
    """Figures of one classifier on one set of cells."""

    n: int  # cells
    n_groups: int  # patients, blocks or images: what the bootstrap resamples
    accuracy: Estimate
    balanced_accuracy: Estimate
    f1_macro: Estimate
    f1_weighted: Estimate
    auroc: Estimate  # macro average, one class against the rest
    per_class: dict[str, ClassMetrics]
    confusion: list[list[int]]  # rows: true class, columns: predicted, in the order of classes


class ClassifierResult(Part):
    """One classifier on validation and on test cells.

    ``validation`` are the inner folds of the tuning on all training cells: they chose the
    parameters, so they flatter. ``test`` are cells that neither tuning nor fitting saw.
    """

    title: str
    role: Literal["classifier", "selected", "self_training", "feedback", "baseline"]
    validation: Metrics | None
    test: Metrics
    seconds: float
    threshold: float | None  # probability of the second of two classes from which it is decided
    notes: list[str] = Field(default=[])  # what is unlike the usual fit


class DatasetPart(Part):
    """The data set, from its card and the manifest."""

    name: str
    title: str
    citation: str
    doi: str
    licence: str
    caveats: list[str]
    classes: list[str]
    images_per_class: dict[str, int]
    groups_per_class: dict[str, int]
    patients: int | None  # None: the set names no patients
    decided: int  # cells whose label a reviewer of the run confirmed, changed, gave or took
    changed: int  # of these, by other than a confirmation
    reviewers: list[str]
    origin: Origin = Origin()


UNLABELLED = "unlabelled, used"  # the step that counts what self-training may learn from


class FlowStep(Part):
    """One step from found files to used cells, with the images that dropped out."""

    name: str
    count: int
    images: list[str] = Field(default=[])  # at most 20 of those that dropped out
    reasons: dict[str, int] = Field(default={})


class SplitPart(Part):
    """How cells were split, and the proof that nothing crosses."""

    protocol: Literal["cross-validation", "fixed test set"]
    unit: Literal["patient", "group", "block", "image"]
    folds: int
    inner_folds: int
    seed: int
    n_groups: int
    cells_per_fold: list[int]
    groups_per_fold: list[int]
    shared_groups: int  # groups with cells in two folds
    shared_files: int  # contents with copies in two folds
    official: bool  # the folds are those of the data set
    warning: str  # empty where the unit is the patient
    overlap: str  # what stands on two sides and was allowed; empty otherwise


class StudyPart(Part):
    """One tuning study."""

    classifier: str
    part: str  # "fold 0" ..., or "final": all training cells
    study: str
    trials: int
    pruned: int
    best_value: float
    best_params: dict[str, str | float | int | bool | None]
    fold_scores: list[float]
    seconds: float


class SearchedPart(Part):
    """A parameter of a search space: a range, or choices; a single choice was not searched."""

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: list[str | float | int | bool | None] = Field(default=[])
    # Another parameter -> the choices of it beside which this one is searched.
    only: dict[str, list[str | float | int | bool | None]] = Field(default={})


class TuningPart(Part):
    """Tuning of all classifiers; the metric chose parameters and classifier."""

    metric: str
    trials: int
    sampler: Literal["tpe", "random", "grid"]
    calibration: Literal["temperature", "sigmoid", "isotonic", "none"]
    decision: Literal["learned", "argmax"]
    workers: int  # processes that shared the studies; with several they are not repeatable
    studies: list[StudyPart]
    selected_per_fold: list[str]
    selected_final: str
    spaces: dict[str, list[SearchedPart]] = Field(default={})  # classifier -> what was searched


class RoundPart(Part):
    """One round of fitting over the outer folds that made it; round 0 is the plain classifier.

    ``score`` and ``log_loss`` are of the labelled training cells, each by a copy that left out
    its group: means over the folds; the gain is over the same folds' plain classifiers.
    """

    number: int
    folds: int
    score: float
    score_gain: float
    log_loss: float
    counts: dict[str, dict[str, int]]  # added, dropped or fed back -> class -> cells of all folds
    confidence: float | None  # mean probability of pseudo-labels, or of the cells' own labels


class InRoundsPart(Part):
    """The selected classifier fitted in rounds, beside itself fitted once."""

    settings: dict[str, float | bool | int]
    metric: str  # of the rounds' scores
    rounds: list[RoundPart]
    stopped: dict[str, int]  # reason -> folds
    kept: list[int]  # round that counts in each outer fold; 0: rolled back to the plain classifier
    kept_final: int  # the same of the final model, on all training cells
    unlabelled: int  # 0 for confidence feedback
    withheld: int  # unlabelled cells of groups under test, mean over folds
    f1_macro_gain: Estimate  # on the test cells, paired over the same resampled groups


class LabelErrorsPart(Part):
    """Labels that are likely wrong, by the selected classifier; none is changed by itself."""

    checked: int
    decided: int  # cells that look like another class, left out because a reviewer decided on them
    suspected: dict[str, int]  # label -> other cells that look like another class
    listed: list[SuspectCell]  # the first of them, most likely first; label_errors.csv has all


class Gate(Part):
    """A reduced precision beside float32 on some of the images; see features/gate.py."""

    images: int
    cosine: float
    lowest: float
    neighbours: float


class ExtractionPart(Part):
    """What ran to make the embeddings, and the check of a reduced precision, by backbone."""

    engines: dict[str, str]
    gates: dict[str, Gate]


class RunResult(Part):
    """A finished run."""

    format: Literal[7] = 7
    run: str
    created: str  # ISO 8601, UTC
    seconds: dict[str, float]  # stage -> wall-clock time
    versions: dict[str, str]
    commit: str  # of the source that ran, '-dirty' where it was changed; empty: not from a checkout
    machine: str
    dataset: DatasetPart
    flow: list[FlowStep]
    split: SplitPart
    recipes: dict[str, dict[str, str | int | float | list[str]]]  # digest -> recipe, one a backbone
    extraction: ExtractionPart
    tuning: TuningPart
    classifiers: dict[str, ClassifierResult]  # "selected" is the headline
    self_training: InRoundsPart | None  # None: not asked for, or nothing to learn from
    feedback: InRoundsPart | None  # None: not asked for
    label_errors: LabelErrorsPart
    evaluation: EvaluationPart  # of the selected classifier on its test cells
    premium: PremiumPart
    robustness: RobustnessPart
    novelty: NoveltyPart
    subgroups: SubgroupsPart
    galleries: Galleries
    embedding_map: MapPart | None  # None: no cell could be shown
    audit: AuditPart | None  # None: it was switched off

    def write(self, path: Path) -> None:
        """Write run.json, whole or not at all."""
        write_text(path, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "RunResult":
        """Read run.json.

        Raises:
            BlastlineError: no such file, or not a result of this version.
        """
        if not path.is_file():
            raise BlastlineError(f"{path}: no result there; run 'blastline fit' first")
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            what = describe_invalid(error) if isinstance(error, ValidationError) else str(error)
            raise BlastlineError(
                f"{path}: not a result of this version ({what}); fit again"
            ) from None
