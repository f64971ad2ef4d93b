"""Made-up embeddings for the tests of the classifiers, and an estimator that keeps a diary."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import optuna
from optuna.trial import BaseTrial
from sklearn.base import BaseEstimator, ClassifierMixin

from classifiers.calibration import Calibrated
from classifiers.cells import NO_LABEL, Cells
from classifiers.fitting import FitSettings
from classifiers.preparation import Block, Preparation, make_pipeline
from classifiers.protocol import FeedbackSettings, Protocol, SelfTrainingSettings
from classifiers.spec import ClassifierSpec, Params
from classifiers.training_part import TrainingPart
from classifiers.trials import TuningSettings
from data.splits import grouped_folds

ROOT = Preparation(root=True)


@dataclass(frozen=True)
class Sample:
    """Rows of three blobs. ``y`` are codes of five classes, of which 1 and 3 never occur."""

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray


def blobs(n: int = 90, width: int = 8, seed: int = 0, noise: float = 1.0) -> Sample:
    """n rows of width features in groups of five rows, classes 0, 2 and 4 apart by the mean."""
    rng = np.random.default_rng(seed)
    y = np.array([0, 2, 4])[np.arange(n) % 3]
    centres = np.random.default_rng(99).normal(0, 2, (5, width))
    X = centres[y] + rng.normal(0, noise, (n, width))
    return Sample(X.astype(np.float32), y, np.array([f"g{i // 5:02d}" for i in range(n)]))


def hidden(y: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """The labels with a share of them hidden, three of each class left at least."""
    of_class = [np.flatnonzero(y == code) for code in np.unique(y)]
    gone = np.random.default_rng(seed).random(len(y)) < share
    for rows in of_class:
        gone[rows[:: max(1, len(rows) // 3)]] = False
    return np.where(gone, NO_LABEL, y)


def training_part(sample: Sample, folds: int = 3, seed: int = 0) -> TrainingPart:
    return TrainingPart(
        sample.X, sample.y, sample.groups, grouped_folds(sample.y, sample.groups, folds, seed),
        (Block("made up", sample.X.shape[-1]),),
    )  # fmt: skip


def settings(trials: int = 4, *, metric: str = "f1_macro", seed: int = 0) -> TuningSettings:
    return TuningSettings(trials=trials, metric=metric, inner_folds=3, pca=0, seed=seed)


def protocol(
    tuning: TuningSettings | None = None, *, rounds: int = 0, feedback: int = 0,
    committee: bool = False, threshold: float = 0.6, growth: float = 0.5, threads: int = 1,
) -> Protocol:  # fmt: skip
    tuning = tuning or settings()
    return Protocol(
        tuning,
        FitSettings("temperature", "learned", tuning.metric, tuning.inner_folds, tuning.seed),
        committee,
        SelfTrainingSettings(
            threshold, growth, balanced=True, soft=False, agreement=False, rounds=rounds
        ),
        FeedbackSettings(threshold=0.6, weight=2.0, rounds=feedback),
        threads=threads,
    )


def first_params(spec: ClassifierSpec, width: int) -> Params:
    return spec.suggest(optuna.trial.FixedTrial(spec.first), width)


def unfitted(spec: ClassifierSpec, width: int, seed: int = 0, folds: int = 3) -> Calibrated:
    """A classifier with its first parameters, prepared and calibrated."""
    pipeline = make_pipeline(spec, ROOT, first_params(spec, width), seed)
    return Calibrated(pipeline, folds=folds, random_state=seed)


def patients(
    n_patients: int = 24, cells_each: int = 8, unlabelled_each: int = 0, seed: int = 0
) -> Cells:
    """Cells whose features name their patient and say nothing else; the label is the patient's.

    Feature j is 1 for patient j and 0 otherwise. A classifier that sees cells of one patient on
    both sides of a split is always right; one that does not can only guess.
    """
    rng = np.random.default_rng(seed)
    each = cells_each + unlabelled_each
    of = np.repeat(np.arange(n_patients), each)
    labels = rng.permutation(np.arange(n_patients) % 2)
    y = labels[of]
    y[np.arange(len(of)) % each >= cells_each] = -1
    groups = np.array([f"patient {number:02d}" for number in of])
    folds = np.full(len(of), -1)
    folds[y >= 0] = grouped_folds(y[y >= 0], groups[y >= 0], 3, seed)
    return Cells(
        X=np.eye(n_patients, dtype=np.float32)[of],
        blocks=(Block("identity", n_patients),),
        colour=rng.uniform(0, 255, (len(of), 3)).astype(np.float32),
        y=y,
        groups=groups,
        sha256=np.array([f"{row:064x}" for row in range(len(of))]),
        folds=folds,
        test=np.zeros(len(of), dtype=bool),
        classes=("quiet", "loud"),
    )


def patients_in(X: np.ndarray) -> np.ndarray:
    """(n,) patient of each row of ``patients``, before or after standardisation.

    Its own feature is the only one of a row that lies above that feature's mean.
    """
    return X.argmax(axis=1)


class Diary(ClassifierMixin, BaseEstimator):
    """Knows the label of every patient it was fitted on; writes down whom it saw.

    Attributes:
        pages: all that happened since ``clear``: (patients fitted on, their groups, patients
            predicted or None).
        patients_: patients that this one was fitted on.
    """

    pages: ClassVar[list[tuple[set[int], np.ndarray | None, set[int] | None]]] = []

    def __init__(self, sureness: float = 0.95) -> None:
        self.sureness = sureness

    def fit(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> "Diary":  # fmt: skip
        self.classes_ = np.unique(y)
        seen = patients_in(X)
        self.patients_ = set(seen.tolist())
        self.label_ = dict(zip(seen.tolist(), y.tolist(), strict=True))
        Diary.pages.append((self.patients_, groups, None))
        if groups is not None:  # every group is one patient, and the other way round
            assert len(groups) == len(seen)
            assert len(set(zip(groups.tolist(), seen.tolist(), strict=True))) == len(set(groups))
            assert len(set(groups)) == len(self.patients_)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        seen = patients_in(X).tolist()
        Diary.pages.append((self.patients_, None, set(seen)))
        k = len(self.classes_)
        proba = np.full((len(X), k), (1 - self.sureness) / (k - 1))
        for row, patient in enumerate(seen):
            guess = self.label_.get(patient, self.classes_[0])
            proba[row, np.searchsorted(self.classes_, guess)] = self.sureness
        return proba

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _suggest(trial: BaseTrial, n_features: int) -> Params:
    return {"sureness": trial.suggest_float("sureness", 0.8, 0.99)}


DIARY = ClassifierSpec(
    name="diary",
    title="Diary",
    build=lambda params, seed: Diary(**params),
    suggest=_suggest,
    first={"sureness": 0.95},
    grid={"sureness": [0.9, 0.95]},
)
