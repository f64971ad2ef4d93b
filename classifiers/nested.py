"""Nested evaluation: tune inside each outer fold, test on cells that nothing has seen."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from optuna.storages import BaseStorage
from sklearn.pipeline import Pipeline

from classifiers.baselines import TITLES, baseline_probabilities
from classifiers.preparation import class_probabilities, fit_pipeline, make_pipeline
from classifiers.selftraining import NO_LABEL, SelfTrained, self_train
from classifiers.spec import ClassifierSpec
from classifiers.tuning import (
    TrainingPart,
    Tuned,
    TuningSettings,
    fingerprint,
    search_space,
    tune,
)
from data.splits import grouped_folds

FINAL = "final"
SELECTED, SELF_TRAINED = "selected", "self_training"
Step = Callable[[str, int], None]  # what is going on, units of work just done


@dataclass(frozen=True)
class Cells:
    """The rows that a run works on, all arrays of length n.

    Attributes:
        X: (n, d) float32 embeddings. colour: (n, 3) float32 mean colour.
        y: class codes, -1 where unlabelled. groups: group names.
        sha256: content of each image. folds: outer fold, -1 where none.
        test: bool, rows of a fixed test set.
        classes: class names, by code.
    """

    X: np.ndarray
    colour: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    sha256: np.ndarray
    folds: np.ndarray
    test: np.ndarray
    classes: tuple[str, ...]


@dataclass(frozen=True)
class SelfTrainingSettings:
    """Probability from which a prediction becomes a pseudo-label, and rounds at most."""

    threshold: float
    rounds: int


@dataclass
class Part:
    """One training part and what became of it.

    Attributes:
        train, test: row numbers; no test rows in the final part of a cross-validation.
        tuned: classifier -> what its study found.
        selected: the classifier with the best inner score.
        proba: classifier, ``selected``, ``self_training`` or baseline -> (n_test, k).
        withheld: unlabelled cells kept out of self-training because their group is under test.
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    tuned: dict[str, Tuned] = field(default_factory=dict)
    selected: str = ""
    proba: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    self_trained: SelfTrained | None = None
    withheld: int = 0


@dataclass
class Evaluation:
    """All parts, the final models and the probabilities for every cell.

    Attributes:
        rows: row numbers that have test probabilities, in order.
        test: name -> (len(rows), k).
        validation: classifier -> (n_train, k) out of the inner folds of the final part.
        model: the selected classifier on all training cells.
        self_trained: the same with pseudo-labels, or None.
    """

    parts: list[Part]
    final: Part
    rows: np.ndarray
    test: dict[str, np.ndarray]
    validation: dict[str, np.ndarray]
    model: Pipeline
    self_trained: SelfTrained | None


def make_parts(cells: Cells) -> list[Part]:
    """The outer parts: a fixed test set if there is one, else a part a fold and the final one."""
    labelled = (cells.y != NO_LABEL) & ((cells.folds >= 0) | cells.test)
    development = labelled & ~cells.test
    if cells.test.any():
        return [Part(FINAL, np.flatnonzero(development), np.flatnonzero(cells.test))]
    parts = [
        Part(
            f"fold {fold}",
            np.flatnonzero(development & (cells.folds != fold)),
            np.flatnonzero(development & (cells.folds == fold)),
        )
        for fold in range(int(cells.folds.max()) + 1)
    ]
    return [*parts, Part(FINAL, np.flatnonzero(development), np.empty(0, dtype=int))]


def evaluate_nested(
    cells: Cells,
    specs: Sequence[ClassifierSpec],
    storage: BaseStorage,
    study_prefix: str,
    settings: TuningSettings,
    self_training: SelfTrainingSettings,
    on_step: Step = lambda what, done: None,
) -> Evaluation:
    """Tune, select, fit and test every classifier without letting a test cell in.

    In each outer fold the parameters and the classifier itself are chosen on inner grouped folds
    of the training part (Varma and Simon 2006, doi:10.1186/1471-2105-7-91). Unlabelled cells of
    groups under test take no part in self-training there.

    Args:
        study_prefix: start of the study names; data and protocol add a fingerprint.
        on_step: called as work goes on; ``work_units`` says how much there will be.

    Raises:
        BlastlineError: too few groups to split.
    """
    parts = make_parts(cells)
    k = len(cells.classes)
    final = parts[-1]
    validation: dict[str, np.ndarray] = {}
    for part in parts:
        training = _training_part(cells, part, settings)
        for spec in specs:
            name = f"{study_prefix} | {spec.name} | {part.name} | " + fingerprint(
                cells.sha256[part.train], cells.y[part.train], cells.groups[part.train],
                training.folds, cells.classes, settings.metric, settings.pca, settings.seed,
                search_space(spec, cells.X.shape[1]),
            )  # fmt: skip
            on_trial = partial(on_step, f"{spec.name}, {part.name}")
            part.tuned[spec.name] = tune(spec, training, storage, name, settings, on_trial)
            if part is final:
                validation[spec.name] = training.out_of_fold(
                    spec, part.tuned[spec.name].params, k, settings
                )
        part.selected = max(part.tuned, key=lambda each: part.tuned[each].value)
        _test(cells, part, specs, settings, self_training)
        on_step(f"testing, {part.name}", 1)
    validation[SELECTED] = validation[final.selected]
    model, self_trained = _final_models(cells, final, specs, settings, self_training)
    on_step("final model", 1)
    tested = [part for part in parts if len(part.test)]
    order = np.argsort(np.concatenate([part.test for part in tested]), kind="stable")
    return Evaluation(
        parts=parts,
        final=final,
        rows=np.concatenate([part.test for part in tested])[order],
        test={
            name: np.concatenate([part.proba[name] for part in tested])[order]
            for name in tested[0].proba
        },
        validation=validation,
        model=model,
        self_trained=self_trained,
    )


def work_units(cells: Cells, n_classifiers: int, trials: int) -> int:
    """Number of steps that ``evaluate_nested`` will report."""
    return len(make_parts(cells)) * (n_classifiers * trials + 1) + 1


def _training_part(cells: Cells, part: Part, settings: TuningSettings) -> TrainingPart:
    y, groups = cells.y[part.train], cells.groups[part.train]
    folds = grouped_folds(y, groups, settings.inner_folds, settings.seed, strict=False)
    return TrainingPart(cells.X[part.train], y, groups, folds)


def _fit(cells: Cells, part: Part, spec: ClassifierSpec, settings: TuningSettings) -> Pipeline:
    pipeline = make_pipeline(
        spec, part.tuned[spec.name].params, pca=settings.pca, seed=settings.seed
    )
    rows = part.train
    return fit_pipeline(pipeline, spec, cells.X[rows], cells.y[rows], cells.groups[rows])


def _test(
    cells: Cells,
    part: Part,
    specs: Sequence[ClassifierSpec],
    settings: TuningSettings,
    self_training: SelfTrainingSettings,
) -> None:
    if not len(part.test):
        return
    k = len(cells.classes)
    for spec in specs:
        started = time.perf_counter()
        fitted = _fit(cells, part, spec, settings)
        part.proba[spec.name] = class_probabilities(fitted, cells.X[part.test], k)
        part.seconds[spec.name] = time.perf_counter() - started
    part.proba[SELECTED] = part.proba[part.selected]
    trained = _self_train(cells, part, specs, settings, self_training)
    if trained:
        part.proba[SELF_TRAINED] = class_probabilities(trained.pipeline, cells.X[part.test], k)
        part.self_trained = trained
    for name in TITLES:
        part.proba[name] = baseline_probabilities(
            name, cells.colour, cells.y, part.train, part.test, k, settings.seed
        )


def _self_train(
    cells: Cells,
    part: Part,
    specs: Sequence[ClassifierSpec],
    settings: TuningSettings,
    self_training: SelfTrainingSettings,
) -> SelfTrained | None:
    unlabelled = np.flatnonzero((cells.y == NO_LABEL) & ~cells.test)
    if not len(unlabelled) or self_training.rounds == 0:
        return None
    # A cell of a patient under test would let self-training see that patient.
    allowed = unlabelled[~np.isin(cells.groups[unlabelled], cells.groups[part.test])]
    part.withheld = len(unlabelled) - len(allowed)
    rows = np.concatenate([part.train, allowed])
    spec = next(spec for spec in specs if spec.name == part.selected)
    started = time.perf_counter()
    trained = self_train(
        spec, part.tuned[spec.name].params, cells.X[rows], cells.y[rows], cells.groups[rows],
        threshold=self_training.threshold, rounds=self_training.rounds,
        n_classes=len(cells.classes), pca=settings.pca, seed=settings.seed,
    )  # fmt: skip
    part.seconds[SELF_TRAINED] = time.perf_counter() - started
    return trained


def _final_models(
    cells: Cells,
    final: Part,
    specs: Sequence[ClassifierSpec],
    settings: TuningSettings,
    self_training: SelfTrainingSettings,
) -> tuple[Pipeline, SelfTrained | None]:
    spec = next(spec for spec in specs if spec.name == final.selected)
    model = _fit(cells, final, spec, settings)
    trained = final.self_trained or _self_train(cells, final, specs, settings, self_training)
    return model, trained
