"""Tuning: one Optuna study a classifier and training part, scored on grouped inner folds."""

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.trial import Trial, TrialState

from classifiers.preparation import Preparation, first_preparation
from classifiers.spec import ClassifierSpec, Params
from classifiers.studies import FINISHED, claim, drop_stale, wait_for_others
from classifiers.training_part import TrainingPart
from classifiers.trials import FoldMedian, TuningSettings, run_trials, suggest
from data.errors import BlastlineError


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    Attributes:
        preparation, params: to build the classifier from.
        shown: the same as Optuna's own parameters, for people.
        value: mean score over the inner folds.
        reused: trials that an earlier run had finished. wanted: that were asked for.
    """

    preparation: Preparation
    params: Params
    shown: Params
    value: float
    fold_scores: list[float]
    study: str
    trials: int
    pruned: int
    reused: int
    wanted: int
    seconds: float


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
    on_trial: Callable[[int], None] = lambda count: None,
    stop: threading.Event | None = None,
    on_open: Callable[[optuna.Study], None] = lambda study: None,
) -> Tuned:
    """Find parameters on the inner folds; a study that exists is continued, never repeated.

    The sampler is TPE (Bergstra et al. 2011) unless settings say otherwise; a trial whose running
    score falls below the median of the finished ones is pruned after a fold, except in a grid. On
    Ctrl-C all finished trials are kept. The same seed gives the same study, unless several
    processes share it or it was interrupted.

    Args:
        name: of the study; it must change whenever the part's data do.
        on_trial: called with the number of trials that have just been dealt with.
        stop: set by another thread to end this one after the fold at work.
        on_open: called with the study before its first trial.

    Raises:
        BlastlineError: not one trial was completed within the limits of time.
    """
    started = time.perf_counter()
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True,
        pruner=FoldMedian(),
    )  # fmt: skip
    drop_stale(study)  # trials of killed processes
    on_open(study)
    grid = _grid(spec, part) if settings.sampler == "grid" else []
    wanted = len(grid) or settings.trials
    reused = len(study.get_trials(deepcopy=False, states=FINISHED))
    study.sampler = _sampler(settings, reused)
    for params in grid or [first_preparation(part.blocks) | spec.first]:
        study.enqueue_trial(params, skip_if_exists=True)
    dealt = min(reused, wanted)
    if dealt:
        on_trial(dealt)
    # Points of a grid that share their kernel follow one another fold by fold.
    wave = len(spec.grid[list(spec.grid)[-1]]) if grid else 1
    late = False
    while not late:
        late = 0 < settings.study_seconds < time.perf_counter() - started
        trials = [] if late else list(_claimed(study, wanted, wave))
        if trials:
            run_trials(study, trials, spec, part, settings, stop)
            dealt += len(trials)
            on_trial(len(trials))
        elif wait_for_others(study, wanted, stop) or (stop and stop.is_set()):
            break
    if dealt < wanted:
        on_trial(wanted - dealt)  # left out for lack of time, or dealt with by other processes
    return _found(study, spec, part, settings, wanted, reused, time.perf_counter() - started)


def _sampler(settings: TuningSettings, reused: int) -> optuna.samplers.BaseSampler:
    # A resumed sampler must not draw the first run's random numbers again, nor workers the same.
    seed = None if settings.shared else settings.seed + reused
    if settings.sampler != "tpe":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=5, constant_liar=settings.shared)


def _grid(spec: ClassifierSpec, part: TrainingPart) -> list[Params]:
    """Every point of the grid with the first preparation; the last parameter changes quickest."""
    fixed = first_preparation(part.blocks)
    return [
        fixed | dict(zip(spec.grid, values, strict=True))
        for values in itertools.product(*spec.grid.values())
    ]


def _claimed(study: optuna.Study, wanted: int, wave: int) -> Iterator[Trial]:
    for _ in range(wave):
        trial = claim(study, wanted)
        if trial is None:
            return
        yield trial


def _found(
    study: optuna.Study, spec: ClassifierSpec, part: TrainingPart, settings: TuningSettings,
    wanted: int, reused: int, seconds: float,
) -> Tuned:  # fmt: skip
    used = study.get_trials(deepcopy=False, states=FINISHED)[:wanted]
    complete = [trial for trial in used if trial.state == TrialState.COMPLETE]
    if not complete:
        raise BlastlineError(
            f"study '{study.study_name}': no trial of {spec.name} was completed within the limits "
            "of time; raise the limit of a trial or of a study, or leave the classifier out"
        )
    best = max(complete, key=lambda trial: trial.value or 0.0)
    preparation, params = suggest(spec, optuna.trial.FixedTrial(best.params), part, settings)
    return Tuned(
        preparation=preparation,
        params=params,
        shown=dict(best.params),
        value=float(best.value or 0.0),
        fold_scores=[float(best.intermediate_values[n]) for n in range(part.n_folds)],
        study=study.study_name,
        trials=len(used),
        pruned=len(used) - len(complete),
        reused=min(reused, wanted),
        wanted=wanted,
        seconds=seconds,
    )
