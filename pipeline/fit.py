"""Stage fit: embeddings and labels -> tuned, tested classifiers, predictions, bundle, run.json."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from classifiers.bundle import Bundle, write_bundle
from classifiers.nested import (
    Evaluation,
    SelfTrainingSettings,
    evaluate_nested,
    work_units,
)
from classifiers.preparation import class_probabilities
from classifiers.registry import find_classifiers
from classifiers.result import ClassifierResult, Estimate
from classifiers.tuning import TuningSettings, open_studies
from data.files import atomic_path
from pipeline.config import RunConfig
from pipeline.console import progress, say
from pipeline.inputs import FitInputs, load_inputs
from pipeline.outcome import assemble
from pipeline.thumbnails import choose_galleries


def studies_path(config: RunConfig) -> Path:
    """The journal with all studies of the data set."""
    return Path(config.work) / "studies" / f"{Path(config.dataset).stem}.log"


def run_fit(config: RunConfig) -> Path:
    """Tune, select, test, self-train; write everything that the report and prediction need.

    Raises:
        BlastlineError: earlier stages are missing, or the set is too small to split.
    """
    started = time.perf_counter()
    specs = find_classifiers(config.classifiers)
    inputs = load_inputs(config)
    folder = config.run_folder
    settings = TuningSettings(
        config.trials, config.metric, config.inner_folds, config.pca, config.seed
    )
    storage = open_studies(studies_path(config))
    name = " + ".join(recipe.name for recipe in inputs.recipes)
    total = work_units(inputs.cells, len(specs), config.trials)
    # One BLAS thread is several times faster than two at these sizes on a shared machine.
    with progress("fitting", "step") as update, threadpool_limits(1):
        done = 0

        def step(what: str, count: int) -> None:
            nonlocal done
            done += count
            update(done, total, what)

        evaluation = evaluate_nested(
            inputs.cells, specs, storage, f"{Path(config.dataset).stem} | {name}", settings,
            SelfTrainingSettings(config.threshold, config.rounds), step,
        )  # fmt: skip
        galleries = choose_galleries(inputs.manifest, inputs.cells, evaluation, inputs.scan, folder)
    _write_predictions(inputs, evaluation, folder / "predictions.csv")
    _write_bundles(config, inputs, evaluation)
    result = assemble(config, inputs, evaluation, galleries, time.perf_counter() - started)
    result.write(folder / "run.json")
    config.write()  # now that it describes the result beside it
    _tell(config, evaluation, result.classifiers)
    if result.split.warning:
        say(f"      WARNING: {result.split.warning}")
    return folder / "run.json"


def _write_predictions(inputs: FitInputs, evaluation: Evaluation, path: Path) -> None:
    """One row an image and classifier: out-of-fold or test; unlabelled cells by the final model."""
    cells, frame = inputs.cells, inputs.manifest.frame
    unlabelled = np.flatnonzero((cells.y < 0) & ~cells.test)
    sets = [(name, evaluation.rows, proba) for name, proba in evaluation.test.items()]
    if len(unlabelled):
        k = len(cells.classes)
        proba = class_probabilities(evaluation.model, cells.X[unlabelled], k)
        sets.append(("selected", unlabelled, proba))
        if evaluation.self_trained:
            pipeline = evaluation.self_trained.pipeline
            proba = class_probabilities(pipeline, cells.X[unlabelled], k)
            sets.append(("self_training", unlabelled, proba))
    tables = []
    for name, rows, proba in sets:
        columns = ["image_id", "path", "label", "patient", "group", "split", "fold"]
        table = frame.iloc[rows][columns].reset_index(drop=True)
        table["classifier"] = name
        table["predicted"] = np.array(cells.classes, dtype=object)[proba.argmax(axis=1)]
        for code, label in enumerate(cells.classes):
            table[f"p_{label}"] = np.round(proba[:, code], 6)
        tables.append(table)
    with atomic_path(path) as temporary:
        pd.concat(tables).to_csv(temporary, index=False)


def _write_bundles(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> None:
    models = {"bundle": evaluation.model}
    if evaluation.self_trained:
        models["bundle-self-trained"] = evaluation.self_trained.pipeline
    for name, model in models.items():
        bundle = Bundle(
            model, inputs.cells.classes, inputs.recipes, config.run_name, config.weights
        )
        write_bundle(bundle, config.run_folder / name)


def _tell(
    config: RunConfig, evaluation: Evaluation, classifiers: dict[str, ClassifierResult]
) -> None:
    tuned = [tuned for part in evaluation.parts for tuned in part.tuned.values()]
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
    say(f"      result: {config.run_folder / 'run.json'}")


def _interval(figure: Estimate) -> str:
    if figure.low is None:
        return f"{figure.value:.3f}" if figure.value is not None else "not defined"
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})"
