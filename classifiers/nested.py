"""Nested evaluation: tune inside each outer fold, test on cells that nothing has seen."""

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from functools import partial

import numpy as np
import optuna
from optuna.storages import BaseStorage

from classifiers.cells import FINAL, NO_LABEL, Cells, draw_groups, make_splits
from classifiers.committee import Committee
from classifiers.control import all_baselines
from classifiers.evaluation.in_depth import disease_codes, disease_probability
from classifiers.evaluation.operating import choose_threshold
from classifiers.feedback import ConfidenceFeedback
from classifiers.fitting import (
    DRAWN,
    Model,
    fit_on_disk,
    predict,
    predict_uncalibrated,
    unfitted,
    unfitted_committee,
)
from classifiers.objectives import OBJECTIVES
from classifiers.protocol import (
    FED_BACK,
    SELECTED,
    SELF_TRAINED,
    Evaluation,
    Part,
    Protocol,
    out_of_fold,
)
from classifiers.registry import COMMITTEE
from classifiers.rounds import InRounds
from classifiers.scores import FLOOR
from classifiers.selftraining import SelfTraining
from classifiers.spec import ClassifierSpec
from classifiers.training_part import TrainingPart
from classifiers.trials import StoppedError, search_space
from classifiers.tuning import fingerprint, tune
from data.splits import grouped_folds

Step = Callable[[str, int], None]  # what is going on, units of work just done


class Nested:
    """Tunes, selects, fits and tests every classifier without letting a test cell in.

    In each outer fold the parameters and the classifier itself are chosen on inner grouped folds
    of the training part (Varma and Simon 2006, doi:10.1186/1471-2105-7-91). Unlabelled cells of
    groups under test take no part in self-training there. Embeddings on disk are tuned on whole
    groups of about ``DRAWN`` cells and fitted by streaming.

    Args:
        study_prefix: start of the study names; data and protocol add a fingerprint.
        on_step: called as work goes on; ``work_units`` says how much there will be.
        on_study: called with the classifier and the part once its model is fitted.
        on_open: called with each study before its first trial.
    """

    def __init__(
        self, cells: Cells, specs: Sequence[ClassifierSpec], storage: BaseStorage,
        study_prefix: str, protocol: Protocol, on_step: Step = lambda what, done: None,
        on_study: Callable[[ClassifierSpec, Part], None] = lambda spec, part: None,
        on_open: Callable[[optuna.Study, ClassifierSpec, Part], None] = lambda *opened: None,
    ) -> None:  # fmt: skip
        self.cells, self.specs, self.storage, self.prefix = cells, specs, storage, study_prefix
        self.protocol, self.on_step = protocol, on_step
        self.on_study, self.on_open = on_study, on_open
        self.parts = [Part(split) for split in make_splits(cells)]
        self._stop = threading.Event()

    @property
    def work_units(self) -> int:
        """Number of steps that ``evaluate`` will report."""
        settings = self.protocol.tuning
        trials = [
            int(np.prod([len(v) for v in spec.grid.values()]))
            if settings.sampler == "grid"
            else settings.trials
            for spec in self.specs
        ]
        return len(self.parts) * (sum(trials) + 1)

    def tune_all(self, first: int = 0) -> None:
        """Tune every study and nothing else, beginning with part number ``first``."""
        count = len(self.parts)
        self._each(self._tune, [self.parts[(first + i) % count] for i in range(count)])

    def evaluate(self) -> Evaluation:
        """The whole protocol.

        Raises:
            BlastlineError: too few groups to split, or no trial within the limits of time.
        """
        self._each(self._run, self.parts)
        tested = [part for part in self.parts if len(part.split.test)]
        rows = np.concatenate([part.split.test for part in tested])
        order = np.argsort(rows, kind="stable")
        names = list(tested[0].proba)
        return Evaluation(
            parts=self.parts,
            rows=rows[order],
            test={n: np.concatenate([part.proba[n] for part in tested])[order] for n in names},
            decided={n: np.concatenate([part.decided[n] for part in tested])[order] for n in names},
            uncalibrated=np.concatenate([part.uncalibrated for part in tested])[order],
            thresholds=_thresholds(tested, order),
        )

    def _each(self, work: Callable[[Part], object], parts: Sequence[Part]) -> None:
        threads = min(self.protocol.threads, len(parts))
        if threads == 1:
            for part in parts:
                work(part)
            return
        # Threads share one list of filters: what is ignored in one must be so for all.
        with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
            warnings.simplefilter("ignore")
            try:
                for done in as_completed([pool.submit(work, part) for part in parts]):
                    done.result()
            except BaseException:  # Ctrl-C too: the others end after the fold they are at
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _run(self, part: Part) -> None:
        self._tune(part)
        cells, split = self.cells, part.split
        for spec in self.specs:
            self._go_on()
            self.on_step(f"fitting {spec.name}, {part.name}", 0)
            started = time.perf_counter()
            part.models[spec.name] = self._fit(part, spec)
            part.seconds[spec.name] = time.perf_counter() - started
            self.on_study(spec, part)
        if self.protocol.committee and len(self.specs) > 1:
            members = [(spec.name, part.models[spec.name]) for spec in self.specs]
            settings = self.protocol.fitting
            part.models[COMMITTEE] = Committee.of(members, settings.decision, settings.metric)
            part.seconds[COMMITTEE] = 0.0
        self._go_on()
        part.values = self._values(part)
        part.selected = max(part.values, key=lambda name: part.values[name])
        if len(split.test):
            self.on_step(f"testing, {part.name}", 0)
            for name, model in part.models.items():
                part.proba[name], part.decided[name] = predict(
                    model, cells.X, split.test, len(cells.classes)
                )
            part.proba[SELECTED] = part.proba[part.selected]
            part.decided[SELECTED] = part.decided[part.selected]
            self._evaluate_selected(part)
            self._test_baselines(part)
        self._fit_in_rounds(part)
        part.model = part.models[part.selected]
        if part.name != FINAL:
            part.models.clear()
        self.on_step(f"{part.name} is done", 1)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise StoppedError

    def _tune(self, part: Part) -> None:
        tuning = self.protocol.tuning
        rows = part.split.train
        rows = rows[self._drawn(rows)]
        y, groups = self.cells.y[rows], self.cells.groups[rows]
        folds = grouped_folds(y, groups, tuning.inner_folds, tuning.seed, strict=False)
        training = TrainingPart(
            self.cells.X[rows], y, groups, folds, self.cells.blocks,
            self.protocol.memory,
        )  # fmt: skip
        for spec in self.specs:
            self._go_on()
            mark = fingerprint(
                self.cells.sha256[rows], y, groups, folds, self.cells.classes, tuning.metric,
                tuning.pca, tuning.seed, tuning.sampler, self.cells.X.shape[1:],
                tuning.trial_seconds, search_space(spec, training, tuning),
            )  # fmt: skip
            part.tuned[spec.name] = tune(
                spec, training, self.storage, f"{self.prefix} | {spec.name} | {part.name} | "
                f"{mark}", tuning, partial(self.on_step, f"{spec.name}, {part.name}"), self._stop,
                lambda study, spec=spec: self.on_open(study, spec, part),  # type: ignore[misc]
            )  # fmt: skip

    def _drawn(self, rows: np.ndarray) -> np.ndarray:
        if not self.cells.on_disk:
            return np.arange(len(rows))
        return draw_groups(self.cells.groups[rows], DRAWN, self.protocol.tuning.seed)

    def _fit(self, part: Part, spec: ClassifierSpec) -> Model:
        cells, rows, settings = self.cells, part.split.train, self.protocol.fitting
        tuned = part.tuned[spec.name]
        if cells.on_disk:
            return fit_on_disk(
                spec, tuned, cells.X, rows, cells.y[rows], cells.groups[rows], settings
            )
        model = unfitted(spec, tuned, settings)
        return model.fit(cells.X[rows], cells.y[rows], cells.groups[rows])

    def _values(self, part: Part) -> dict[str, float]:
        """Mean score over the inner folds of each model's out-of-fold probabilities.

        Selection goes by these, so that a committee is measured as its members are.
        """
        rows, tuning = part.split.train, self.protocol.tuning
        y, groups = self.cells.y[rows], self.cells.groups[rows]
        folds = grouped_folds(y, groups, tuning.inner_folds, tuning.seed, strict=False)
        score = OBJECTIVES[tuning.metric]
        values = {}
        for name, model in part.models.items():
            proba = out_of_fold(model, len(rows), len(self.cells.classes))
            if proba is not None:
                scores = np.log(np.maximum(proba, FLOOR))
                each = [score(y[folds == n], scores[folds == n]) for n in np.unique(folds)]
                values[name] = float(np.mean(each))
            elif name in part.tuned:  # there is no such score of the committee
                values[name] = part.tuned[name].value
        return values

    def _evaluate_selected(self, part: Part) -> None:
        """What only the fitted model can tell: its threshold, and probabilities uncalibrated."""
        cells, train, model = self.cells, part.split.train, part.models[part.selected]
        k = len(cells.classes)
        part.uncalibrated = predict_uncalibrated(model, cells.X, part.split.test, k)
        disease = disease_codes(cells.classes, self.protocol.positive)
        inner = out_of_fold(model, len(train), k)
        if len(disease) and inner is not None:
            part.threshold = choose_threshold(
                np.isin(cells.y[train], disease), disease_probability(inner, disease),
                cells.groups[train], self.protocol.sensitivity,
            )  # fmt: skip

    def _test_baselines(self, part: Part) -> None:
        self.on_step(f"baselines, {part.name}", 0)
        found = all_baselines(self.cells, part.split, self.protocol.tuning, self._go_on)
        part.proba |= found
        part.decided |= {name: proba.argmax(axis=1) for name, proba in found.items()}

    def _fit_in_rounds(self, part: Part) -> None:
        """Self-training and confidence feedback around the selected classifier."""
        cells, protocol, split = self.cells, self.protocol, part.split
        if cells.on_disk:
            return
        members = [spec for spec in self.specs if part.selected in (spec.name, COMMITTEE)]
        committee = unfitted_committee(members, part.tuned, protocol.fitting)
        plain = committee if len(members) > 1 else committee.members[0][1]
        if protocol.feedback.rounds:
            estimator = ConfidenceFeedback(
                plain, **asdict(protocol.feedback), memory=protocol.memory
            )
            self._test_in_rounds(part, FED_BACK, estimator, split.train)
        unlabelled = np.flatnonzero((cells.y == NO_LABEL) & ~cells.test)
        if protocol.self_training.rounds and len(unlabelled):
            # A cell of a patient under test would let self-training see that patient.
            allowed = unlabelled[~np.isin(cells.groups[unlabelled], cells.groups[split.test])]
            part.withheld = len(unlabelled) - len(allowed)
            trainer = SelfTraining(plain, **asdict(protocol.self_training), memory=protocol.memory)
            rows = np.concatenate([split.train, allowed])
            self._test_in_rounds(part, SELF_TRAINED, trainer, rows)

    def _test_in_rounds(self, part: Part, name: str, estimator: InRounds, rows: np.ndarray) -> None:
        cells, started = self.cells, time.perf_counter()
        self._go_on()
        self.on_step(f"{name.replace('_', '-')}, {part.name}", 0)
        plain = part.models[part.selected]
        fitted = estimator.fit(cells.X[rows], cells.y[rows], cells.groups[rows], plain)
        part.in_rounds[name] = fitted
        if len(part.split.test):
            part.proba[name], part.decided[name] = predict(
                fitted.model_, cells.X, part.split.test, len(cells.classes)
            )
        part.seconds[name] = time.perf_counter() - started


def _thresholds(tested: Sequence[Part], order: np.ndarray) -> np.ndarray | None:
    """The threshold of the part that tested each cell; None unless each part has one."""
    each = [part.threshold for part in tested]
    if any(value is None for value in each):
        return None
    sizes = [len(part.split.test) for part in tested]
    return np.repeat(np.array(each, dtype=np.float64), sizes)[order]
