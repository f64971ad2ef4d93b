"""The commands about labels. Stages are imported when they run, so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from data.errors import BlastlineError
from pipeline.options import (
    Agreement,
    Backbone,
    Balanced,
    Classifiers,
    Config,
    Dataset,
    FeedbackRounds,
    FeedbackThreshold,
    FeedbackWeight,
    Growth,
    Images,
    Metric,
    Rounds,
    Run,
    Soft,
    Threshold,
    Trials,
    Work,
    resolve,
)

app = typer.Typer()


@app.command()
def review(
    config: Config = None, run: Run = None, work: Work = None, dataset: Dataset = None,
    backbone: Backbone = None,
    cells: Annotated[int, typer.Option(help="Cells to ask about, at most.", min=1)] = 200,
    reviewer: Annotated[str, typer.Option(help="Name that the page begins with.")] = "",
    out: Annotated[Path | None, typer.Option(help="Page to write [RUN/review.html].")] = None,
) -> None:  # fmt: skip
    """Write a page to review doubtful cells and likely label errors, the most useful first.

    Reads: a fitted run, its embeddings and the images. Writes: one HTML file that needs no
    network; it keeps decisions in the browser and downloads them as a CSV file for relabel.

    Example: blastline review --run pbc2020-densenet169 --cells 100
    """
    resolved = resolve(locals(), "cells", "reviewer", "out")
    from pipeline.history import warn_unfitted
    from pipeline.review import run_review

    warn_unfitted(resolved)
    run_review(resolved, cells, out, reviewer)


@app.command()
def relabel(
    decisions: Annotated[Path, typer.Argument(help="CSV file that the review page downloaded.")],
    config: Config = None, run: Run = None, work: Work = None, dataset: Dataset = None,
    images: Images = None, backbone: Backbone = None,
) -> None:  # fmt: skip
    """Take over the decisions of a review; the next fit uses them, nothing is extracted again.

    Reads: the decisions and the run's manifest. Writes: RUN/manifest-relabelled.csv beside the old
    one, and RUN/relabelled.csv, the history of every decision. A file with an error changes
    nothing. To take a decision back, decide again on the page that keeps it, or give a CSV row of
    the same reviewer with the other decision and a later time: the last one on a cell holds.

    Example: blastline relabel decisions.csv --run pbc2020-densenet169
    """
    resolved = resolve(locals(), "decisions")
    from pipeline.relabel import run_relabel

    run_relabel(resolved, decisions)


@app.command("simulate-labels")
def simulate_labels(
    config: Config = None, run: Run = None, work: Work = None, dataset: Dataset = None,
    backbone: Backbone = None,
    shares: Annotated[str, typer.Option(help="Percentages of labels kept.")] = "5,10,20,50",
    draws: Annotated[int, typer.Option(help="Draws of the cells that keep theirs.", min=1)] = 5,
    classifiers: Classifiers = None, trials: Trials = None, metric: Metric = None,
    rounds: Rounds = None, threshold: Threshold = None, growth: Growth = None,
    balanced: Balanced = None, soft: Soft = None, agreement: Agreement = None,
    feedback_rounds: FeedbackRounds = None, feedback_threshold: FeedbackThreshold = None,
    feedback_weight: FeedbackWeight = None,
) -> None:  # fmt: skip
    """Hide labels, and measure what self-training, feedback and the review queue win back.

    Whole patients or groups keep their labels; an outer fold is the test of each draw. Reads: the
    run's manifest and embeddings. Writes: RUN/simulation.json and simulation.svg. Ctrl-C keeps
    finished draws; the same command goes on from there.

    Example: blastline simulate-labels --run pbc2020-densenet169 --shares 5,10 --draws 5
    """
    resolved = resolve(locals(), "shares", "draws")
    from pipeline.simulate import run_simulation

    run_simulation(resolved, [_share(text) for text in shares.split(",")], draws)


def _share(text: str) -> float:
    try:
        return float(text) / 100
    except ValueError:
        raise BlastlineError(
            f"--shares: '{text.strip()}' is no number; expected percentages with commas, such as "
            "5,10,20,50"
        ) from None
