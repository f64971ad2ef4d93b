"""Tuning: one Optuna study a classifier and training part, scored on grouped inner folds."""

import hashlib
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import TrialState
from sklearn.base import BaseEstimator

from classifiers.metrics import SCORES
from classifiers.preparation import (
    class_probabilities,
    fit_params,
    fit_pipeline,
    make_pipeline,
    preparation,
)
from classifiers.spec import ClassifierSpec, Params
from data.errors import BlastlineError

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class TuningSettings:
    """How to tune.

    Attributes:
        trials: parameter settings tried a study, those of an earlier run counted in.
        metric: a name in ``classifiers.metrics.SCORES``, maximised.
        inner_folds: grouped folds inside each training part.
        pca: principal components kept; 0 for none.
        seed: of sampler, folds and classifiers.
    """

    trials: int
    metric: str
    inner_folds: int
    pca: int
    seed: int


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    Attributes:
        params: parameters to build the classifier from.
        shown: the same as Optuna's own parameters, for people.
        value: mean score over the inner folds.
        reused: trials that an earlier run had finished.
    """

    params: Params
    shown: Params
    value: float
    fold_scores: list[float]
    study: str
    trials: int
    pruned: int
    reused: int
    seconds: float


class TrainingPart:
    """Rows of one training part with their inner folds; each preparation is made once a fold.

    Args:
        X: (n, d) float32. y: (n,) class codes. groups: (n,). folds: (n,) inner fold of each row.

    Raises:
        BlastlineError: an inner fold would train on a single class.
    """

    def __init__(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray, folds: np.ndarray) -> None:
        self.X, self.y, self.groups, self.folds = X, y, groups, folds
        self.n_folds = int(folds.max()) + 1
        self._prepared: dict[tuple[int, bool, int], tuple[np.ndarray, np.ndarray]] = {}
        for fold in range(self.n_folds):
            if len(np.unique(y[folds != fold])) < 2:
                raise BlastlineError(
                    f"split: too few patients or groups ({len(np.unique(groups))} in a training "
                    "part) to tune on inner folds; expected at least three groups of each class: "
                    "add images, or lower the number of outer folds"
                )

    def prepared(self, fold: int, root: bool, pca: int) -> tuple[np.ndarray, np.ndarray]:
        """Training and validation rows of a fold after preparation fitted on the former."""
        key = (fold, root, pca)
        if key not in self._prepared:
            held = self.folds == fold
            steps = preparation(root=root, pca=min(pca, int((~held).sum()), self.X.shape[1]))
            fitted = steps.fit_transform(self.X[~held])
            self._prepared[key] = fitted, steps.transform(self.X[held])
        return self._prepared[key]

    def score(
        self, spec: ClassifierSpec, params: Params, fold: int, settings: TuningSettings
    ) -> float:
        """Score of a classifier on one inner fold, fitted on the others."""
        own = {key: value for key, value in params.items() if key != "root"} | spec.while_tuning
        train, validation = self.prepared(fold, bool(params["root"]), settings.pca)
        held = self.folds == fold
        estimator = spec.build(own, settings.seed)
        fit_quietly(estimator, train, self.y[~held], fit_params(spec, self.groups[~held]))
        return SCORES[settings.metric](self.y[held], estimator.predict(validation))

    def out_of_fold(
        self, spec: ClassifierSpec, params: Params, n_classes: int, settings: TuningSettings
    ) -> np.ndarray:
        """(n, n_classes) probabilities of every row from the inner fold that held it out."""
        proba = np.zeros((len(self.y), n_classes))
        for fold in range(self.n_folds):
            held = self.folds == fold
            pipeline = make_pipeline(spec, params, pca=settings.pca, seed=settings.seed)
            fit_pipeline(pipeline, spec, self.X[~held], self.y[~held], self.groups[~held])
            proba[held] = class_probabilities(pipeline, self.X[held], n_classes)
        return proba


def fit_quietly(
    estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, params: dict[str, np.ndarray]
) -> None:
    """Fit without the warnings of a solver that a poor trial did not let converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y, **params)


def open_studies(path: Path) -> BaseStorage:
    """The journal that keeps all studies of a data set; made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        storage = JournalStorage(JournalFileBackend(str(path)))
        _cut_unfinished_line(path)
    except Exception as error:  # what Optuna raises depends on the damage
        raise BlastlineError(
            f"{path}: not a journal of studies ({error!r}); move it away to start anew"
        ) from None
    return storage


def _cut_unfinished_line(path: Path) -> None:
    """Remove half a line that a killed process left: the next entry would be glued to it."""
    lock = JournalFileSymlinkLock(str(path))  # others may be writing
    lock.acquire()
    try:
        with path.open("rb+") as journal:
            *whole, half = journal.read().split(b"\n")
            if whole:
                json.loads(whole[-1])  # Optuna forgives a last line of anything
            elif half:
                raise ValueError("not one whole line")
            if half:
                journal.truncate(sum(len(line) + 1 for line in whole))
    finally:
        lock.release()


def search_space(spec: ClassifierSpec, n_features: int) -> str:
    """The parameters that a classifier searches and their ranges, as a text that names a study."""
    trial = optuna.create_study().ask()
    spec.suggest(trial, n_features)
    return str(sorted((name, repr(each)) for name, each in trial.distributions.items()))


def fingerprint(*parts: object) -> str:
    """Eight hexadecimal digits that change with the data or protocol of a study."""
    digest = hashlib.sha256()
    for part in parts:
        text = (
            "\n".join(map(str, part)) if isinstance(part, list | tuple | np.ndarray) else str(part)
        )
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:8]


def tune(
    spec: ClassifierSpec,
    part: TrainingPart,
    storage: BaseStorage,
    name: str,
    settings: TuningSettings,
    on_trial: Callable[[int], None] | None = None,
) -> Tuned:
    """Find parameters on the inner folds; a study that exists is continued, never repeated.

    The sampler is TPE (Bergstra et al. 2011); a trial whose running score falls below the median
    of the earlier ones is pruned after a fold. On Ctrl-C all finished trials are kept.

    Args:
        name: of the study; it must change whenever the part's data do.
        on_trial: called with the number of trials that have just been dealt with.
    """
    started = time.perf_counter()
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([settings.metric])
    reused = len(study.get_trials(deepcopy=False, states=FINISHED))
    for stale in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(stale.number, state=TrialState.FAIL)  # left by a run that was killed
    # A resumed sampler must not draw the first run's random numbers again.
    study.sampler = optuna.samplers.TPESampler(seed=settings.seed + reused, n_startup_trials=5)
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if reused == 0 and not waiting:  # after a Ctrl-C in the first trial it is asked for again
        study.enqueue_trial(spec.first)
    if on_trial and reused:
        on_trial(min(reused, settings.trials))
    for _ in range(reused, settings.trials):
        _run_trial(study, spec, part, settings)
        if on_trial:
            on_trial(1)
    # A study may hold more trials of another run; the same number asked for gives the same answer.
    used = study.get_trials(deepcopy=False, states=FINISHED)[: settings.trials]
    complete = [trial for trial in used if trial.state == TrialState.COMPLETE]
    best = max(complete, key=lambda trial: trial.value or 0.0)
    return Tuned(
        params=spec.suggest(optuna.trial.FixedTrial(best.params), part.X.shape[1]),
        shown=dict(best.params),
        value=float(best.value or 0.0),
        fold_scores=[float(score) for score in best.user_attrs["fold_scores"]],
        study=name,
        trials=len(used),
        pruned=len(used) - len(complete),
        reused=min(reused, settings.trials),
        seconds=time.perf_counter() - started,
    )


def _run_trial(
    study: optuna.Study, spec: ClassifierSpec, part: TrainingPart, settings: TuningSettings
) -> None:
    trial = study.ask()
    try:
        params = spec.suggest(trial, part.X.shape[1])
        scores: list[float] = []
        for fold in range(part.n_folds):
            scores.append(part.score(spec, params, fold, settings))
            trial.report(float(np.mean(scores)), step=fold)
            trial.set_user_attr("fold_scores", scores)
            if fold + 1 < part.n_folds and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                return
        study.tell(trial, float(np.mean(scores)))
    except BaseException:  # Ctrl-C too: the trial must not stay 'running' in the journal
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        raise
