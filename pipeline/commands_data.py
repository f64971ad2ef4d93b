"""The commands about images. Stages are imported when they run, so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.options import (
    PARTLY,
    AllowOverlap,
    AuditOption,
    Augment,
    Backbone,
    Config,
    Dataset,
    Folds,
    Images,
    Rehash,
    Run,
    Seed,
    SplitBy,
    Steps,
    Views,
    Work,
    resolve,
)  # fmt: skip

app = typer.Typer()
card_app = typer.Typer(no_args_is_help=True)
app.add_typer(card_app, name="card", help="Make a card for images of your own.")


@app.command()
def scan(
    config: Config = None, run: Run = None, work: Work = None, seed: Seed = None,
    dataset: Dataset = None, images: Images = None, folds: Folds = None, split: SplitBy = None,
    allow_overlap: AllowOverlap = None, audit: AuditOption = None, rehash: Rehash = False,
) -> None:  # fmt: skip
    """List the images, audit them, and make groups and folds.

    Reads: the image folder and its card. Writes: RUN/manifest.csv, scan.json, config.toml,
    audit.json and ties.csv; audit/DATASET for all runs. A split that shares patients, copies or
    ground between its sides ends with an error, unless --allow-overlap says otherwise.

    Example: blastline scan --dataset pbc2020 --images ~/PBC_dataset_normal_DIB
    """
    resolved = resolve(locals(), "rehash")
    from pipeline.scan import run_scan, write_scan

    write_scan(resolved, run_scan(resolved, rehash=rehash))


@app.command()
def audit(
    config: Config = None, run: Run = None, work: Work = None, seed: Seed = None,
    dataset: Dataset = None, images: Images = None, folds: Folds = None, split: SplitBy = None,
) -> None:  # fmt: skip
    """Look for copies, shared ground and shortcuts; tell all, stop at nothing.

    Reads: the image folder and its card. Writes: RUN/audit.json and ties.csv, the list of all
    pairs and their sides of the split; audit/DATASET for all runs. scan does the same as a part of
    its work, but ends where the split overlaps.

    Example: blastline audit --dataset cnmc2019 --images ~/C-NMC_Leukemia --split official
    """
    resolved = resolve(locals())
    from pipeline.scan import run_audit

    run_audit(resolved)


@app.command()
def gallery(
    config: Config = None, run: Run = None, work: Work = None, seed: Seed = None,
    dataset: Dataset = None, images: Images = None, backbone: Backbone = None,
    steps: Steps = None, views: Views = None, augment: Augment = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to [WORK/gallery].")] = None,
) -> None:  # fmt: skip
    """Draw sheets of cells before and after every step and augmentation, and of their views.

    Reads: a few images; draws synthetic cells where no folder is given. Writes: steps.png,
    augmentations.png and views.png in WORK/gallery.

    Example: blastline gallery --images ~/PBC --steps 'macenko;centre:0.6' --augment rotate:180
    """
    resolved = resolve(locals(), "out")
    from pipeline.gallery import run_gallery

    run_gallery(resolved, out)


@app.command()
def crop(
    fields: Annotated[list[Path], typer.Argument(help="Smear fields, or folders; only read.")],
    out: Annotated[Path, typer.Option(help="New or empty folder, or one of such crops.")],
    dataset: Dataset = None,
    size: Annotated[int, typer.Option(help="Side that crops are scaled to; 0: not scaled.")] = 0,
    margin: Annotated[float, typer.Option(help="Around a cell, as a share of its side.")] = 0.2,
    annotations: Annotated[
        bool,
        typer.Option("--annotations", help="Crop what VOC boxes or .xyc files beside them mark."),
    ] = False,
    classes: Annotated[
        str | None,
        typer.Option(help="Boxes to crop, with commas [all but red cells and platelets]."),
    ] = None,
) -> None:
    """Crop the nucleated cells out of smear fields.

    Reads: the fields, and with --annotations what lies beside them. Writes: OUT/cells,
    OUT/labels.csv (label and patient are yours to fill in; then scan OUT with --dataset csv) and
    OUT/overlays, to check by eye. What was cropped before is not cropped again. Fields that cannot
    be read are left out; the exit code is then 3.

    Example: blastline crop ~/ALL_IDB1/im --out ~/all-idb1-cells --dataset all_idb1 --annotations
    """
    from pipeline.crop import CropSettings, run_crop

    wanted = tuple(name.strip() for name in (classes or "").split(",") if name.strip())
    settings = CropSettings(dataset or "", size, margin, annotations, wanted)
    if run_crop(fields, out, settings):
        raise typer.Exit(PARTLY)


@app.command()
def cards(
    name: Annotated[str | None, typer.Argument(help="One card, or the path of your own.")] = None,
) -> None:
    """List the data sets that have a card: classes, licence, citation, caveats, where to get them.

    Reads: the cards. Writes: nothing.

    Example: blastline cards cnmc2019
    """
    from pipeline.cards import show_card, show_cards

    show_card(name) if name else show_cards()


@card_app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder of images; only looked at.")],
    out: Annotated[
        Path | None, typer.Option(help="Card to write; never overwritten [FOLDER.toml].")
    ] = None,
) -> None:
    """Write a first card for a folder: what its paths tell, and what they do not.

    Reads: names of files, and CSV files among them. Writes: the card, for you to finish.

    Example: blastline card new ~/cells --out my-set.toml
    """
    from pipeline.cards import new_card

    new_card(folder, out)


@app.command()
def draw(
    out: Annotated[Path, typer.Argument(help="Folder to write to; new, empty or drawn before.")],
    fields: Annotated[int, typer.Option(help="Smear fields, each of a patient.", min=1)] = 12,
    cells: Annotated[int, typer.Option(help="Nucleated cells in each field.", min=1)] = 6,
    touching: Annotated[int, typer.Option(help="Pairs of these that touch.", min=0)] = 1,
    seed: Annotated[int, typer.Option(help="Another seed, other fields.", min=0)] = 0,
) -> None:
    """Draw synthetic smear fields with true boxes and masks, to try out crop.

    Reads: nothing. Writes: OUT/fields, OUT/cells and OUT/nuclei (masks), OUT/truth.csv.

    Example: blastline draw fields --touching 2
    """
    from pipeline.draw import run_draw

    run_draw(out, fields=fields, cells=cells, touching=touching, seed=seed)
