"""The options of the command line, each said once and shared by the commands."""

from pathlib import Path
from typing import Annotated, Any

import typer

PARTLY = 3  # exit code where some images failed and all others are done
_RUN, _IN, _OUT = "Run", "Images and embeddings", "Tuning and fitting"
_LEARN = "Unlabelled and doubtful cells"
Config = Annotated[
    Path | None, typer.Option("--config", help="TOML file of settings.", rich_help_panel=_RUN)
]
Run = Annotated[
    str | None,
    typer.Option(help="Name of the run; by default DATASET-BACKBONE.", rich_help_panel=_RUN),
]
Work = Annotated[
    str | None,
    typer.Option(help="Folder for all that is generated [default: runs].", rich_help_panel=_RUN),
]
Seed = Annotated[int | None, typer.Option(help="Seed of everything.", rich_help_panel=_RUN)]
Dataset = Annotated[
    str | None,
    typer.Option(help="Card: a name, or a .toml file of your own.", rich_help_panel=_IN),
]
Images = Annotated[
    str | None,
    typer.Option(help="Folder of images; only read.", rich_help_panel=_IN),
]
Folds = Annotated[int | None, typer.Option(help="Outer folds [default: 5].", rich_help_panel=_IN)]
SplitBy = Annotated[
    str | None,
    typer.Option("--split", help="grouped, or official: the set's own folds.", rich_help_panel=_IN),
]
AllowOverlap = Annotated[
    bool | None,
    typer.Option(
        "--allow-overlap", help="Go on although the split cuts groups.", rich_help_panel=_IN
    ),
]
AuditOption = Annotated[
    bool | None,
    typer.Option("--audit/--no-audit", help="Look for copies and shortcuts.", rich_help_panel=_IN),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        help="One or several with commas; NAME@LAYER for an inner layer [default: "
        "smearnet,morphology].",
        rich_help_panel=_IN,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(help="pretrained, random, a weights file or a folder.", rich_help_panel=_IN),
]
Alpha = Annotated[float | None, typer.Option(help="Width of mobilenet_v2.", rich_help_panel=_IN)]
Layer = Annotated[str | None, typer.Option(help="Inner layer to pool.", rich_help_panel=_IN)]
Size = Annotated[
    int | None, typer.Option(help="Side of the input; native if 0.", rich_help_panel=_IN)
]
Steps = Annotated[
    str | None,
    typer.Option(
        help="Preprocessing, in order, such as 'macenko;centre:0.6' [default: as the card says].",
        rich_help_panel=_IN,
    ),
]
Pooling = Annotated[
    str | None,
    typer.Option(help="average, or tokens: every position by itself.", rich_help_panel=_IN),
]
Views = Annotated[
    int | None,
    typer.Option(
        help="Copies of each image, the first itself: 1 to 8, or 32 with --augment.",
        rich_help_panel=_IN,
    ),
]
Augment = Annotated[
    str | None,
    typer.Option(
        help="What views vary in, such as 'rotate:180;stain:0.1' [default: flips, quarter turns].",
        rich_help_panel=_IN,
    ),
]
Engine = Annotated[
    str | None, typer.Option(help="auto, openvino or keras [default: auto].", rich_help_panel=_IN)
]
Precision = Annotated[
    str | None,
    typer.Option(help="float32, or bf16: faster, after a check.", rich_help_panel=_IN),
]
Gate = Annotated[
    float | None,
    typer.Option(
        help="Centred cosine with float32 that bf16 must reach [default: 0.98].",
        rich_help_panel=_IN,
    ),
]
Rehash = Annotated[
    bool,
    typer.Option("--rehash", help="Hash unchanged images again too.", rich_help_panel=_IN),
]
Classifiers = Annotated[
    str | None,
    typer.Option(
        help="With commas: logistic, svm, dense, dense_svm, knn, committee.", rich_help_panel=_OUT
    ),
]
Trials = Annotated[
    int | None, typer.Option(help="Trials a study [default: 12].", rich_help_panel=_OUT)
]
Metric = Annotated[
    str | None,
    typer.Option(
        help="f1_macro, f1_weighted, accuracy, balanced_accuracy, auroc or log_loss.",
        rich_help_panel=_OUT,
    ),
]
Pca = Annotated[
    int | None, typer.Option(help="Principal components; 0: none.", rich_help_panel=_OUT)
]
Positive = Annotated[
    str | None,
    typer.Option(
        help="Classes that mean disease [default: as the card says].", rich_help_panel=_OUT
    ),
]
Sensitivity = Annotated[
    float | None,
    typer.Option(
        help="That the threshold is to reach on validation cells; 0: best with specificity.",
        rich_help_panel=_OUT,
    ),
]
Prevalences = Annotated[
    str | None,
    typer.Option(
        help="At which predictive values are given [default: 0.01,0.05,0.2,0.5].",
        rich_help_panel=_OUT,
    ),
]
Control = Annotated[
    bool | None,
    typer.Option(
        "--control/--no-control", help="Embed with random weights too, as a baseline.",
        rich_help_panel=_IN,
    ),
]  # fmt: skip
Robustness = Annotated[
    int | None,
    typer.Option(
        help="Cells embedded again, blurred, turned and so on; 0: none [default: 240].",
        rich_help_panel=_IN,
    ),
]
Heatmaps = Annotated[
    int | None,
    typer.Option(
        help="Errors and doubtful cells to explain; 0: none [default: 24].", rich_help_panel=_OUT
    ),
]
Rounds = Annotated[
    int | None,
    typer.Option(help="Self-training rounds; 0: none [default: 10].", rich_help_panel=_LEARN),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Probability that a pseudo-label needs [default: 0.5].", rich_help_panel=_LEARN
    ),
]
Growth = Annotated[
    float | None,
    typer.Option(
        help="Share of the unlabelled cells that a round adds; 1: all at once [default: 0.1].",
        rich_help_panel=_LEARN,
    ),
]
Balanced = Annotated[
    bool | None,
    typer.Option(
        "--balanced/--not-balanced", help="As many of each class as among the labelled cells.",
        rich_help_panel=_LEARN,
    ),
]  # fmt: skip
Soft = Annotated[
    bool | None,
    typer.Option(
        "--soft/--not-soft", help="Weigh pseudo-labels by probability.", rich_help_panel=_LEARN
    ),
]
Agreement = Annotated[
    bool | None,
    typer.Option(
        "--agreement/--no-agreement",
        help="Only cells that all classifiers and each backbone alone agree on.",
        rich_help_panel=_LEARN,
    ),
]
FeedbackRounds = Annotated[
    int | None,
    typer.Option(
        help="Rounds in which doubtful training cells gain weight [default: 0].",
        rich_help_panel=_LEARN,
    ),
]
FeedbackThreshold = Annotated[
    float | None,
    typer.Option(
        help="Probability of its label below which a cell is doubtful [default: 0.6].",
        rich_help_panel=_LEARN,
    ),
]
FeedbackWeight = Annotated[
    float | None,
    typer.Option(help="What its weight is multiplied by [default: 2].", rich_help_panel=_LEARN),
]
Sampler = Annotated[
    str | None, typer.Option(help="tpe, random or grid [default: tpe].", rich_help_panel=_OUT)
]
TrialSeconds = Annotated[
    float | None, typer.Option(help="Limit of a trial; 0: none.", rich_help_panel=_OUT)
]
StudySeconds = Annotated[
    float | None, typer.Option(help="Limit of a study; 0: none.", rich_help_panel=_OUT)
]
Calibration = Annotated[
    str | None,
    typer.Option(help="temperature, sigmoid, isotonic or none.", rich_help_panel=_OUT),
]
Decision = Annotated[
    str | None,
    typer.Option(help="Of two classes: learned threshold, or argmax.", rich_help_panel=_OUT),
]
Storage = Annotated[
    str | None,
    typer.Option(help="Optuna RDB URL for studies across machines.", rich_help_panel=_OUT),
]
Workers = Annotated[
    int | None, typer.Option(help="Processes that share the studies.", rich_help_panel=_OUT)
]
Again = Annotated[
    bool, typer.Option("--again", help="Fit even if nothing has changed.", rich_help_panel=_OUT)
]


def resolve(arguments: dict[str, Any], *but: str) -> Any:
    """The configuration that a command's arguments ask for, ``but`` those that are no settings."""
    from pipeline.config import resolve_config

    settings = {key: value for key, value in arguments.items() if key not in but}
    return resolve_config(settings.pop("config"), settings)
