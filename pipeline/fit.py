"""Stage fit: embeddings and labels -> tuned, tested classifiers, predictions, bundle, run.json."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from classifiers.bundle import Bundle, write_bundle
from classifiers.estimate import Estimate
from classifiers.evaluation.in_depth import disease_codes
from classifiers.fitting import FitSettings, predict
from classifiers.fold import memory_for_sharing
from classifiers.nested import Nested
from classifiers.protocol import (
    FED_BACK,
    SELECTED,
    SELF_TRAINED,
    Evaluation,
    FeedbackSettings,
    Protocol,
    SelfTrainingSettings,
    unseen,
)
from classifiers.registry import COMMITTEE, find_classifiers
from classifiers.result import ClassifierResult, RunResult
from classifiers.studies import open_studies, storage_errors
from classifiers.trials import TuningSettings
from classifiers.tuning import Tuned
from data.errors import BlastlineError
from data.files import atomic_path
from pipeline.config import RunConfig, positive_of
from pipeline.console import progress, say
from pipeline.examine import examine
from pipeline.inputs import FitInputs, load_inputs
from pipeline.label_errors import label_errors_of
from pipeline.novelty import fit_novelty
from pipeline.outcome import assemble
from pipeline.pictures import sweep, write_pictures
from pipeline.reuse import NAME, write_fingerprint
from pipeline.studies import storage_of
from pipeline.study_pages import StudyPages
from pipeline.thumbnails import cell_writer
from pipeline.workers import other_workers

BUNDLES = {SELF_TRAINED: "bundle-self-trained", FED_BACK: "bundle-feedback"}


def run_fit(config: RunConfig) -> Path:
    """Tune, select, test, self-train; write everything that the report and prediction need.

    Raises:
        BlastlineError: earlier stages are missing, or the set is too small to split.
    """
    started = time.perf_counter()
    inputs = load_inputs(config)
    folder = config.run_folder
    with storage_errors(storage_of(config)), _nested(config, inputs) as nested:
        with other_workers(config):
            evaluation = nested.evaluate()
        shown = cell_writer(inputs.manifest, inputs.cells, evaluation, inputs.scan, folder)
        errors, doubted = label_errors_of(inputs.manifest, inputs.cells, evaluation, folder, shown)
        tables = {"predictions.csv": _predictions(inputs, evaluation), "label_errors.csv": doubted}
    bundles = _bundles(config, inputs, evaluation)
    examined = examine(config, inputs, evaluation, shown)
    spent = time.perf_counter() - started
    result = assemble(config, inputs, evaluation, examined, errors, spent)
    write_pictures(examined.pictures, folder)
    (folder / NAME).unlink(missing_ok=True)  # from here on files of two fits may lie together
    _write(result, tables, bundles, folder)
    config.write()  # now that it describes the result beside it
    sweep(result, folder)
    if all(each.trials == each.wanted for each in _all_tuned(evaluation)):
        write_fingerprint(config, result)  # a study cut short goes on the next time
    _tell(config, evaluation, result.classifiers)
    if result.split.warning:
        say(f"      WARNING: {result.split.warning}")
    return folder / "run.json"


def run_tune(config: RunConfig, first: int) -> None:
    """Work on the studies of a run that another process fits, and nothing else.

    Args:
        first: number of the outer part to begin with, so that workers start apart.
    """
    with storage_errors(storage_of(config)), _nested(config, load_inputs(config), True) as nested:
        nested.tune_all(first)
    say(f"tune: nothing left to do for run {config.run_name}")


@contextmanager
def _nested(config: RunConfig, inputs: FitInputs, shared: bool = False) -> Iterator[Nested]:
    """The evaluation that a configuration asks for, with progress shown while it runs."""
    specs, _ = find_classifiers(config.classifiers)
    disease_codes(inputs.cells.classes, positive_of(config))  # a wrong name is told at once
    cores = max(1, (os.cpu_count() or 1) // config.workers)
    parts = 1 if inputs.cells.test.any() else config.folds + 1
    threads = min(cores, parts)
    protocol = protocol_of(config, threads, max(1, cores // threads), shared)
    storage = open_studies(storage_of(config))
    dataset = Path(config.dataset).stem
    name = " + ".join(recipe.name for recipe in inputs.recipes)
    pages = StudyPages(config, inputs, storage, name)
    # One BLAS thread is several times faster than two at these sizes on a shared machine.
    with progress("fitting", "step") as update, threadpool_limits(1):
        done: Counter[str] = Counter()

        def step(what: str, count: int) -> None:
            done["steps"] += count
            update(done["steps"], nested.work_units, what)

        nested = Nested(
            inputs.cells, specs, storage, f"{dataset} | {name}", protocol, step,
            pages.show, pages.describe,
        )  # fmt: skip
        yield nested


def protocol_of(config: RunConfig, threads: int, jobs: int, shared: bool = False) -> Protocol:
    """How a configuration wants classifiers tuned, fitted and tested.

    Args:
        threads: outer parts at once. jobs: trials of a study at once.
        shared: whether other processes work on the studies.

    Raises:
        BlastlineError: agreement of one alone is asked for.
    """
    if config.agreement and len(config.backbones) == 1 and COMMITTEE not in config.classifiers:
        raise BlastlineError(
            "--agreement: there is nothing to agree with a single backbone and no committee; name "
            "several backbones, add committee to the classifiers, or leave it out"
        )
    return Protocol(
        TuningSettings(
            config.trials, config.metric, config.inner_folds, config.pca, config.seed,
            config.sampler, config.trial_seconds, config.study_seconds,
            jobs=jobs,
            shared=shared or config.workers > 1 or bool(config.storage),
        ),
        FitSettings(
            config.calibration, config.decision, config.metric, config.inner_folds, config.seed
        ),
        COMMITTEE in config.classifiers,
        SelfTrainingSettings(
            config.threshold, config.growth, config.balanced, config.soft, config.agreement,
            config.rounds,
        ),
        FeedbackSettings(
            config.feedback_threshold, config.feedback_weight, config.feedback_rounds
        ),
        positive_of(config), config.sensitivity or None,
        threads, memory_for_sharing() // (threads * config.workers),
    )  # fmt: skip


def _predictions(inputs: FitInputs, evaluation: Evaluation) -> pd.DataFrame:
    """One row an image and classifier: out-of-fold or test; unlabelled cells by the final model."""
    cells, frame = inputs.cells, inputs.manifest.frame
    unlabelled = np.flatnonzero((cells.y < 0) & ~cells.test)
    sets = [
        (name, evaluation.rows, proba, evaluation.decided[name])
        for name, proba in evaluation.test.items()
        if name != SELECTED
    ]
    sets.insert(0, (SELECTED, *unseen(evaluation, len(cells.classes))))
    if len(unlabelled):
        models = {SELECTED: evaluation.model}
        for name, each in evaluation.final.in_rounds.items():
            models[name] = each.model_
        for name, model in models.items():
            found = predict(model, cells.X, unlabelled, len(cells.classes))
            sets.append((name, unlabelled, *found))
    tables = []
    for name, rows, proba, decided in sets:
        columns = ["image_id", "path", "label", "patient", "group", "split", "fold"]
        table = frame.iloc[rows][columns].reset_index(drop=True)
        table["classifier"] = name
        table["predicted"] = np.array(cells.classes, dtype=object)[decided]
        columns = [f"p_{label}" for label in cells.classes]
        tables.append(table.join(pd.DataFrame(np.round(proba, 6), columns=columns)))
    return pd.concat(tables)


def _bundles(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> dict[str, Bundle]:
    """What predicts on new images, by the name of its folder."""
    models = {"bundle": evaluation.model}
    for kind, name in BUNDLES.items():
        if kind in evaluation.final.in_rounds:
            models[name] = evaluation.final.in_rounds[kind].model_
    novelty = fit_novelty(inputs.cells, evaluation.final.split, config.seed)
    return {
        name: Bundle(
            model, inputs.cells.classes, inputs.recipes, config.run_name, config.weights, novelty
        )
        for name, model in models.items()
    }


def _write(
    result: RunResult, tables: dict[str, pd.DataFrame], bundles: dict[str, Bundle], folder: Path
) -> None:
    """Put a result in place of an earlier one, with nothing left to compute in between."""
    for name, table in tables.items():
        with atomic_path(folder / name) as temporary:
            table.to_csv(temporary, index=False)
    for name in BUNDLES.values():
        if name not in bundles:
            shutil.rmtree(folder / name, ignore_errors=True)
    for name, bundle in bundles.items():
        write_bundle(bundle, folder / name)
    result.write(folder / "run.json")


def _all_tuned(evaluation: Evaluation) -> list[Tuned]:
    return [tuned for part in evaluation.parts for tuned in part.tuned.values()]


def _tell(
    config: RunConfig, evaluation: Evaluation, classifiers: dict[str, ClassifierResult]
) -> None:
    tuned = _all_tuned(evaluation)
    reused = sum(min(each.reused, each.trials) for each in tuned)
    trials = sum(each.trials for each in tuned)
    pruned = sum(each.pruned for each in tuned)
    say(
        f"fit: {len(tuned)} studies, {trials:,} trials ({reused:,} from an earlier run, {pruned:,} "
        f"pruned); chosen: {evaluation.final.selected}"
    )
    width = max(len(name) for name in classifiers)
    say(f"      {'test cells':{width}}  {'accuracy':19}  macro F1")
    for name, each in classifiers.items():
        accuracy, f1 = each.test.accuracy, each.test.f1_macro
        say(f"      {name:{width}}  {_interval(accuracy)}  {_interval(f1)}")
    for name, each in classifiers.items():
        for note in each.notes:
            say(f"      {name}: {note}")
    if config.workers > 1 or config.storage:
        say("      shared studies: the order of trials is not repeatable")
    say(f"      result: {config.run_folder / 'run.json'}")


def _interval(figure: Estimate) -> str:
    if figure.low is None:
        return f"{figure.value:.3f}" if figure.value is not None else "not defined"
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})"
