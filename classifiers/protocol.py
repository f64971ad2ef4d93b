"""How a run is evaluated, and what becomes of each outer part."""

from dataclasses import dataclass, field

import numpy as np

from classifiers.cells import Split
from classifiers.fitting import FitSettings, Model
from classifiers.fold import FALLBACK
from classifiers.rounds import InRounds
from classifiers.trials import TuningSettings
from classifiers.tuning import Tuned

SELECTED, SELF_TRAINED, FED_BACK = "selected", "self_training", "feedback"


@dataclass(frozen=True)
class SelfTrainingSettings:
    """Arguments of ``SelfTraining``; 0 rounds for none."""

    threshold: float
    growth: float
    balanced: bool
    soft: bool
    agreement: bool
    rounds: int


@dataclass(frozen=True)
class FeedbackSettings:
    """Arguments of ``ConfidenceFeedback``; 0 rounds for none."""

    threshold: float
    weight: float
    rounds: int


@dataclass(frozen=True)
class Protocol:
    """How a run is evaluated.

    Attributes:
        committee: whether the tuned classifiers also stand together.
        positive: classes that mean disease; none: the second of two, or none of more.
        sensitivity: that the threshold between disease and health is to reach on validation data;
            None: the best sum of sensitivity and specificity.
        threads: outer parts worked on at once; it changes no result.
        memory: bytes that each of these keeps of work that trials share.
    """

    tuning: TuningSettings
    fitting: FitSettings
    committee: bool
    self_training: SelfTrainingSettings
    feedback: FeedbackSettings
    positive: tuple[str, ...] = ()
    sensitivity: float | None = None
    threads: int = 1
    memory: int = FALLBACK


@dataclass
class Part:
    """One outer part and what became of it.

    Attributes:
        tuned: classifier -> what its study found.
        models: classifier -> fitted on all training cells; kept for the final part only.
        model: the selected one of these, kept for every part.
        values: classifier -> mean score of its out-of-fold predictions over the inner folds.
        selected: the classifier with the best of these.
        in_rounds: ``self_training``, ``feedback`` -> the selected classifier, fitted in rounds.
        proba: classifier, ``selected``, one of ``in_rounds`` or baseline -> (n_test, k).
        decided: the same -> (n_test,) class codes.
        uncalibrated: (n_test, k) probabilities of the selected classifier before calibration.
        threshold: on its probability of disease, fixed on the training cells out of fold; None
            where no class means disease.
        withheld: unlabelled cells kept out of self-training because their group is under test.
    """

    split: Split
    tuned: dict[str, Tuned] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    model: Model | None = None
    values: dict[str, float] = field(default_factory=dict)
    selected: str = ""
    proba: dict[str, np.ndarray] = field(default_factory=dict)
    decided: dict[str, np.ndarray] = field(default_factory=dict)
    uncalibrated: np.ndarray | None = None
    threshold: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    in_rounds: dict[str, InRounds] = field(default_factory=dict)
    withheld: int = 0

    @property
    def name(self) -> str:
        """``fold 0`` and so on, or ``final``."""
        return self.split.name


@dataclass
class Evaluation:
    """All parts, and the probabilities and decisions for every cell under test.

    Attributes:
        rows: row numbers that have test probabilities, in order.
        test: name -> (len(rows), k). decided: name -> (len(rows),) class codes.
        uncalibrated: (len(rows), k) of the selected classifier.
        thresholds: (len(rows),) on the probability of disease, or None.
    """

    parts: list[Part]
    rows: np.ndarray
    test: dict[str, np.ndarray]
    decided: dict[str, np.ndarray]
    uncalibrated: np.ndarray
    thresholds: np.ndarray | None

    @property
    def tested(self) -> list[tuple[Part, np.ndarray]]:
        """Each part with a test side, and where its cells stand among ``rows``."""
        return [
            (part, np.searchsorted(self.rows, part.split.test))
            for part in self.parts
            if len(part.split.test)
        ]

    @property
    def final(self) -> Part:
        """The part with all training cells; its models are kept."""
        return self.parts[-1]

    @property
    def model(self) -> Model:
        """The selected model on all training cells."""
        return self.final.models[self.final.selected]


def unseen(evaluation: Evaluation, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, (n, k) probabilities and (n,) decisions of the selected model for labelled cells.

    None of them was in the fit that scored it: cells under test, and beside a fixed test set the
    training cells out of their inner folds, where there are such.
    """
    rows, proba = evaluation.rows, evaluation.test[SELECTED]
    decided, model, train = (
        evaluation.decided[SELECTED],
        evaluation.model,
        evaluation.final.split.train,
    )
    inner = None if np.isin(train, rows).any() else out_of_fold(model, len(train), k)
    if inner is not None:
        codes = np.asarray(model.classes_, dtype=int)
        rows, proba = np.concatenate([rows, train]), np.concatenate([proba, inner])
        decided = np.concatenate([decided, codes[model.decide(inner[:, codes])]])
    return rows, proba, decided


def out_of_fold(model: Model, n: int, k: int) -> np.ndarray | None:
    """(n, k) out-of-fold probabilities of a model's n training cells, by class code.

    None where it has none, or of some cells only, because it was fitted by streaming.
    """
    if model.out_of_fold_ is None or len(model.out_of_fold_) != n:
        return None
    found = np.zeros((n, k))
    found[:, np.asarray(model.classes_, dtype=int)] = model.out_of_fold_
    return found
