"""The commands about runs. Stages are imported when they run, so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from data.errors import BlastlineError
from pipeline.console import say, warn
from pipeline.options import (
    PARTLY,
    Again,
    Agreement,
    AllowOverlap,
    Alpha,
    AuditOption,
    Augment,
    Backbone,
    Balanced,
    Calibration,
    Classifiers,
    Config,
    Control,
    Dataset,
    Decision,
    Engine,
    FeedbackRounds,
    FeedbackThreshold,
    FeedbackWeight,
    Folds,
    Gate,
    Growth,
    Heatmaps,
    Images,
    Layer,
    Metric,
    Pca,
    Pooling,
    Positive,
    Precision,
    Prevalences,
    Rehash,
    Robustness,
    Rounds,
    Run,
    Sampler,
    Seed,
    Sensitivity,
    Size,
    Soft,
    SplitBy,
    Steps,
    Storage,
    StudySeconds,
    Threshold,
    Trials,
    TrialSeconds,
    Views,
    Weights,
    Work,
    Workers,
    resolve,
)  # fmt: skip

app = typer.Typer()


@app.command()
def extract(
    config: Config = None, run: Run = None, work: Work = None, seed: Seed = None,
    dataset: Dataset = None, images: Images = None, folds: Folds = None, split: SplitBy = None,
    allow_overlap: AllowOverlap = None, audit: AuditOption = None,
    backbone: Backbone = None, weights: Weights = None, alpha: Alpha = None, layer: Layer = None,
    size: Size = None, steps: Steps = None, pooling: Pooling = None, views: Views = None,
    augment: Augment = None, engine: Engine = None, precision: Precision = None, gate: Gate = None,
    control: Control = None, robustness: Robustness = None, rehash: Rehash = False,
) -> None:  # fmt: skip
    """Scan, then turn each new image into an embedding, once.

    Reads: the images and the weights. Writes: embeddings/DATASET/BACKBONE-DIGEST.h5, and
    RUN/extract.json and outcomes.csv. Images that cannot be read are listed and left out; the exit
    code is then 3.

    Example: blastline extract --dataset pbc2020 --images ~/PBC --backbone densenet169,resnet50
    """
    resolved = resolve(locals(), "rehash")
    from pipeline.extract import run_extract

    failed = run_extract(resolved, rehash=rehash)
    if failed:
        warn(
            f"blastline: extract: {failed} image(s) could not be read, all others are embedded; "
            "mend or remove them and extract again, or go on without them: 'blastline fit'"
        )
        raise typer.Exit(PARTLY)


@app.command()
def fit(
    config: Config = None, run: Run = None, work: Work = None, seed: Seed = None,
    dataset: Dataset = None, backbone: Backbone = None, layer: Layer = None,
    classifiers: Classifiers = None, trials: Trials = None, metric: Metric = None, pca: Pca = None,
    sampler: Sampler = None, trial_seconds: TrialSeconds = None,
    study_seconds: StudySeconds = None, calibration: Calibration = None,
    decision: Decision = None, positive: Positive = None, sensitivity: Sensitivity = None,
    prevalences: Prevalences = None, heatmaps: Heatmaps = None,
    storage: Storage = None, workers: Workers = None,
    rounds: Rounds = None, threshold: Threshold = None, growth: Growth = None,
    balanced: Balanced = None, soft: Soft = None, agreement: Agreement = None,
    feedback_rounds: FeedbackRounds = None, feedback_threshold: FeedbackThreshold = None,
    feedback_weight: FeedbackWeight = None, again: Again = False,
) -> None:  # fmt: skip
    """Tune, test and self-train classifiers on the embeddings.

    Reads: RUN/manifest.csv, extract.json and the embeddings. Writes: studies/DATASET.log,
    RUN/run.json, predictions.csv, label_errors.csv, bundle/ (and bundle-self-trained/,
    bundle-feedback/). Ctrl-C keeps finished trials; the same command goes on from there. Where
    nothing has changed it says so and ends.

    Example: blastline fit --run pbc2020-densenet169 --classifiers svm,logistic --trials 30
    """
    resolved = resolve(locals(), "again")
    from pipeline.reuse import unchanged

    if not again and unchanged(resolved):
        resolved.write()  # the work folder may have moved
        say(
            f"fit: nothing has changed since the last fit: {resolved.run_folder / 'run.json'} "
            "holds (--again fits all the same)"
        )
        return
    from pipeline.fit import run_fit

    run_fit(resolved)


@app.command()
def tune(
    config: Config = None, run: Run = None, work: Work = None, dataset: Dataset = None,
    backbone: Backbone = None, storage: Storage = None,
    first: Annotated[int, typer.Option(help="Outer part to begin with.", min=0)] = 0,
) -> None:  # fmt: skip
    """Help a fit that runs elsewhere: work on its studies until none is left.

    Reads: as fit. Writes: trials into the studies, on another machine by way of --storage. It
    needs the same run folder and embeddings, and the settings of the fit (--config).

    Example: blastline tune --run pbc2020-densenet169 --storage postgresql+psycopg://me@host/studies
    """
    resolved = resolve(locals(), "first")
    from pipeline.fit import run_tune

    run_tune(resolved, first)


@app.command()
def report(
    config: Config = None, run: Run = None, work: Work = None, dataset: Dataset = None,
    backbone: Backbone = None,
) -> None:  # fmt: skip
    """Write the HTML report of a finished run, and its figures as tables.

    Reads: RUN/run.json and pictures. Writes: RUN/report.html, one file that needs no network;
    results.csv and model-card.md, and patients.csv where patients are known.

    Example: blastline report --run synthetic-smearnet+morphology
    """
    resolved = resolve(locals())
    from pipeline.history import warn_unfitted
    from reports.build import write_report
    from reports.csv import write_tables
    from reports.model_card import write_model_card
    from reports.pictures import missing

    warn_unfitted(resolved)
    say(f"report: {write_report(resolved.run_folder)}")
    if lost := missing(resolved.run_folder):
        warn(f"report: {lost}")
    say(f"tables: {', '.join(map(str, write_tables(resolved.run_folder)))}")
    say(f"model card: {write_model_card(resolved.run_folder)}")


@app.command()
def compare(
    runs: Annotated[
        list[str], typer.Argument(help="Two or more: names below --work, or run folders.")
    ],
    work: Work = None,
    out: Annotated[
        Path | None, typer.Option(help="The page [default: compare.html in the work folder].")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="The run that others are compared with; else the first.")
    ] = None,
) -> None:
    """Put finished runs on the same images side by side, with paired differences.

    Reads: run.json, predictions.csv and the manifest of each run. Writes: compare.html, one file
    that needs no network. Only cells that both runs tested under the same label are compared.

    Example: blastline compare pbc2020-densenet169 pbc2020-vgg16 --reference pbc2020-vgg16
    """
    from pipeline.compare import run_compare

    run_compare(runs, Path(work or "runs").expanduser(), out, reference)


@app.command()
def dashboard(
    config: Config = None, run: Run = None, work: Work = None, dataset: Dataset = None,
    backbone: Backbone = None, storage: Storage = None,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8080,
) -> None:  # fmt: skip
    """Show the tuning studies of a data set in the browser.

    Reads: studies/DATASET.log, or the storage that the run or --storage names. Writes: nothing.

    Example: blastline dashboard --dataset pbc2020 --port 8081
    """
    resolved = resolve(locals(), "port")
    from pipeline.dashboard import run_dashboard

    run_dashboard(resolved, port)


@app.command()
def predict(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, such as runs/RUN/bundle.")],
    images: Annotated[list[Path], typer.Argument(help="Image files or folders.")],
    weights: Weights = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV file; standard output if not given.")
    ] = None,
    work: Work = None,
) -> None:
    """Classify new images with a fitted bundle.

    Reads: the bundle, the images and the weights it was fitted with. Writes: CSV lines of image,
    class, probabilities, and how unlike the training cells it is. Images that cannot be read are
    left out; the exit code is then 3.

    Example: blastline predict runs/synthetic-smearnet+morphology/bundle cell.png
    """
    from pipeline.predict import run_predict

    failed = run_predict(bundle, images, weights, out, Path(work) if work else None)
    if failed:
        warn(f"blastline: predict: {failed} image(s) could not be read; the others are done")
        raise typer.Exit(PARTLY)


Store = Annotated[Path, typer.Argument(help="Such as runs/embeddings/DATASET/BACKBONE-DIGEST.h5.")]


@app.command()
def verify(store: Store) -> None:
    """Check every checksum, count and the recipe of an embedding store.

    Reads: the store and the parts of an unfinished extraction beside it. Writes: nothing.

    Example: blastline verify runs/embeddings/pbc2020/densenet169-0a1b2c3d.h5
    """
    from pipeline.store import run_verify

    run_verify(store)


@app.command()
def repair(store: Store) -> None:
    """Keep what is sound of a damaged store; the next extraction does the rest again.

    Reads and writes: the store. A file with nothing to save is moved aside, never deleted.

    Example: blastline repair runs/embeddings/pbc2020/densenet169-0a1b2c3d.h5
    """
    from pipeline.store import run_repair

    run_repair(store)


@app.command()
def doctor(work: Work = "runs") -> None:
    """Check this machine: packages, TensorFlow, memory, folders, weights.

    Reads: nothing of yours. Writes: nothing.

    Example: blastline doctor
    """
    from pipeline.doctor import run_doctor

    failed = run_doctor(Path(work or "runs"))
    if failed:
        raise BlastlineError(f"doctor: {failed} check(s) failed; see the lines above")
