"""Trials of a study: their search space, their scores fold by fold, and when they are pruned."""

import json
import threading
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import BaseTrial, FrozenTrial, Trial, TrialState
from sklearn.base import BaseEstimator
from sklearn.utils.validation import has_fit_parameter

from classifiers.objectives import OBJECTIVES
from classifiers.preparation import Preparation, first_preparation, suggest_preparation
from classifiers.scores import all_classes, class_scores, over_views
from classifiers.spec import ClassifierSpec, Params
from classifiers.studies import fail
from classifiers.training_part import TrainingPart

STARTUP = 4  # trials before a study begins to prune
Point = tuple[Preparation, Params]


@dataclass(frozen=True)
class TuningSettings:
    """How to tune.

    Attributes:
        trials: parameter settings tried a study, those of an earlier run counted in; a grid has
            its own number.
        metric: a name in ``classifiers.objectives.OBJECTIVES``, maximised.
        inner_folds: grouped folds inside each training part.
        pca: principal components kept; 0 for none.
        seed: of sampler, folds and classifiers.
        sampler: ``tpe``, ``random`` or ``grid``.
        trial_seconds, study_seconds: 0 for no limit. A trial is checked after each fold, and
            ends as pruned; a study begins no further trial.
        jobs: folds of a trial fitted at once, in threads; it changes no result.
        shared: whether several processes may work on the studies: the sampler then guesses what
            those under way will bring, and the order of trials is no longer the same each time.
    """

    trials: int
    metric: str
    inner_folds: int
    pca: int
    seed: int
    sampler: str = "tpe"
    trial_seconds: float = 0
    study_seconds: float = 0
    jobs: int = 1
    shared: bool = False


class StoppedError(Exception):
    """Raised in a thread that is to end because another one failed or Ctrl-C was pressed."""


def suggest(
    spec: ClassifierSpec, trial: BaseTrial, part: TrainingPart, settings: TuningSettings
) -> Point:
    """Preparation and parameters of the classifier from its search space."""
    preparation = part.fitting(suggest_preparation(trial, part.blocks, settings.pca))
    return preparation, spec.suggest(trial, preparation.pca or part.width)


def search_space(spec: ClassifierSpec, part: TrainingPart, settings: TuningSettings) -> str:
    """The search space as text: a study whose space has changed must not be continued."""
    trial = optuna.trial.FixedTrial(first_preparation(part.blocks) | spec.first)
    suggest(spec, trial, part, settings)
    space = {
        name: optuna.distributions.distribution_to_json(value)
        for name, value in trial.distributions.items()
    }
    grid = {name: list(values) for name, values in spec.grid.items()}
    return json.dumps(space | ({"grid": grid} if settings.sampler == "grid" else {}))


def score_fold(
    spec: ClassifierSpec, point: Point, part: TrainingPart, number: int, settings: TuningSettings
) -> float:
    """Score of a classifier on one inner fold, fitted on the others; views are averaged."""
    preparation, params = point[0], point[1] | spec.while_tuning
    fold = part.fold(number, preparation)
    estimator, train, held = (
        spec.share(fold, params, settings.seed)
        if spec.share
        else (spec.build(params, settings.seed), fold.train, fold.held)
    )
    fit_quietly(estimator, train, fold.y, fold.groups)
    tested = part.held(number)
    scores = over_views(class_scores(estimator, held), part.X[tested])
    n_classes = int(part.y.max()) + 1
    scores = all_classes(scores, estimator.classes_, n_classes)
    return OBJECTIVES[settings.metric](part.y[tested], scores)


def fit_quietly(estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, groups: np.ndarray) -> None:
    """Fit, with groups if it takes them; a poor trial's solver need not converge."""
    wanted = {"groups": groups} if has_fit_parameter(estimator, "groups") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y, **wanted)


class FoldMedian(optuna.pruners.BasePruner):
    """Prunes a trial whose mean score so far lies below the median of the finished ones.

    Means are over the same folds on both sides, so an easy fold flatters nobody.
    """

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether to stop the trial now."""
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < STARTUP:
            return False
        folds = list(trial.intermediate_values)
        means = [np.mean([each.intermediate_values[fold] for fold in folds]) for each in complete]
        return float(np.mean(list(trial.intermediate_values.values()))) < float(np.median(means))


@dataclass
class _Running:
    trial: Trial
    point: Point
    scores: list[float] = field(default_factory=list)
    seconds: float = 0.0
    pruned: bool = False


def run_trials(
    study: optuna.Study, trials: Sequence[Trial], spec: ClassifierSpec, part: TrainingPart,
    settings: TuningSettings, stop: threading.Event | None = None,
) -> None:  # fmt: skip
    """Score trials fold by fold, each fold for all of them, so that what they share stays at hand.

    All of them end as complete or pruned; if this is cut short, as failed.

    Raises:
        StoppedError: ``stop`` was set.
    """
    try:
        running = [_Running(trial, suggest(spec, trial, part, settings)) for trial in trials]
        with ThreadPoolExecutor(settings.jobs) as pool:
            for start in range(0, part.n_folds, settings.jobs):
                numbers = range(part.n_folds)[start : start + settings.jobs]
                for each in running:
                    if stop and stop.is_set():
                        raise StoppedError
                    if each.pruned:
                        continue
                    begun = time.perf_counter()
                    score = partial(score_fold, spec, each.point, part, settings=settings)
                    found = list(pool.map(score, numbers))
                    each.seconds += time.perf_counter() - begun
                    for number, value in zip(numbers, found, strict=True):
                        if not each.pruned:
                            _report(study, each, number, value, part.n_folds, settings)
        for each in running:
            if not each.pruned:
                study.tell(each.trial, float(np.mean(each.scores)), skip_if_finished=True)
    except UpdateFinishedTrialError:
        # After long silence another process took this one for dead: the slot is claimed again.
        for trial in trials:
            fail(trial, "given up by another process")
    except BaseException:  # Ctrl-C too: a trial must not stay 'running' in the storage
        for trial in trials:
            fail(trial, "interrupted")
        raise


def _report(
    study: optuna.Study, each: _Running, number: int, value: float, n_folds: int,
    settings: TuningSettings,
) -> None:  # fmt: skip
    """Report a fold's score; prune unless it was the last fold, or the study is a grid."""
    each.scores.append(value)
    each.trial.report(value, step=number)
    if number + 1 == n_folds:
        return
    late = 0 < settings.trial_seconds < each.seconds
    if late:
        each.trial.set_user_attr("stopped", f"longer than {settings.trial_seconds:g} s")
    if late or (settings.sampler != "grid" and each.trial.should_prune()):
        study.tell(each.trial, state=TrialState.PRUNED, skip_if_finished=True)
        each.pruned = True
