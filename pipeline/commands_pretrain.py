"""The command that trains SmearNet. It imports what it runs late, so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from features.smearnet.settings import Losses, Settings

app = typer.Typer()
_CELLS, _HOW, _AIMS = "Cells", "Training", "Objectives; 0 leaves one out"
STOPPED = 130


@app.command()
def pretrain(
    images: Annotated[
        Path,
        typer.Option(help="Zip file or folder of CLASS/NAME.jpg; only read.",
                     rich_help_panel=_CELLS),
    ],
    fields: Annotated[
        Path | None,
        typer.Option(help="Folder of smear fields with VOC boxes, such as BCCD.",
                     rich_help_panel=_CELLS),
    ] = None,
    leave_out: Annotated[
        str,
        typer.Option(help="Classes not to train on, with commas; validated on all the same.",
                     rich_help_panel=_CELLS),
    ] = "",
    validation: Annotated[
        bool, typer.Option(help="Keep some cells to validate on.", rich_help_panel=_CELLS)
    ] = True,
    weights: Annotated[
        str,
        typer.Option(help="Of the teachers: a folder, a file, imagenet. Empty: no teacher.",
                     rich_help_panel=_AIMS),
    ] = "",
    teacher: Annotated[
        str,
        typer.Option(help="One backbone or several with commas [default: densenet169].",
                     rich_help_panel=_AIMS),
    ] = "",
    alpha: Annotated[
        float, typer.Option(help="Width of mobilenet_v2 as a teacher.", rich_help_panel=_AIMS)
    ] = 1.0,
    labels: Annotated[
        float, typer.Option(help="Weight of the fine classes.", rich_help_panel=_AIMS)
    ] = Losses.labels,
    distil: Annotated[
        float, typer.Option(help="Weight of the teachers.", rich_help_panel=_AIMS)
    ] = Losses.distil,
    contrast: Annotated[
        float, typer.Option(help="Weight of telling cells by two views.", rich_help_panel=_AIMS)
    ] = Losses.contrast,
    steps: Annotated[
        int, typer.Option(help="Batches in all.", rich_help_panel=_HOW)
    ] = Settings.steps,
    size: Annotated[
        int, typer.Option(help="Side of the pictures in training.", rich_help_panel=_HOW)
    ] = Settings.size,
    batch: Annotated[
        int, typer.Option(help="Pictures a step.", rich_help_panel=_HOW)
    ] = Settings.batch,
    rate: Annotated[
        float, typer.Option(help="Highest learning rate.", rich_help_panel=_HOW)
    ] = Settings.rate,
    strength: Annotated[
        float, typer.Option(help="Of the augmentation.", rich_help_panel=_HOW)
    ] = Settings.strength,
    fields_share: Annotated[
        float, typer.Option(help="Share of cells from smear fields.", rich_help_panel=_HOW)
    ] = Settings.fields_share,
    ema: Annotated[
        float, typer.Option(help="Decay of averaged weights, such as 0.998; 0: none.",
                            rich_help_panel=_HOW)
    ] = Settings.ema,
    precision: Annotated[
        str, typer.Option(help="auto, float32 or bf16.", rich_help_panel=_HOW)
    ] = "auto",
    seed: Annotated[
        int, typer.Option(help="Seed of everything.", rich_help_panel=_HOW)
    ] = Settings.seed,
    work: Annotated[str, typer.Option(help="Folder for all that is generated.")] = "runs",
    out: Annotated[Path | None, typer.Option(help="Folder of the result [WORK/pretrain].")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget an earlier training in that folder.")
    ] = False,
) -> None:  # fmt: skip
    """Train SmearNet, the backbone that comes with Blastline, on normal blood cells.

    Reads: images and fields. Writes: OUT/smearnet.weights.h5, pretrain.json, curve.csv, curve.svg;
    the decoded cells, teachers' embeddings and a checkpoint, so that the same command goes on after
    Ctrl-C.

    Example: blastline pretrain --images images.zip --fields BCCD --weights weights --steps 20000
    """
    from pipeline.pretrain import Sources, choose_precision, run_pretrain

    settings = Settings(
        steps=steps, seed=seed, size=size, batch=batch, rate=rate, strength=strength,
        losses=Losses(labels, distil, contrast), fields_share=fields_share, ema=ema,
        precision=choose_precision(precision),
    )  # fmt: skip
    left_out = tuple(name.strip() for name in leave_out.split(",") if name.strip())
    sources = Sources(images, fields, weights, teacher, alpha, left_out, validation, work)
    if not run_pretrain(sources, settings, out or Path(work) / "pretrain", fresh):
        raise typer.Exit(STOPPED)
