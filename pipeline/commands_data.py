"""The commands about images. Stages are imported when they run, so that help is quick."""

import typer

from pipeline.options import (
    Config,
    Dataset,
    Folds,
    Images,
    Rehash,
    Run,
    Seed,
    Work,
    resolve,
)  # fmt: skip

app = typer.Typer()


@app.command()
def scan(
    config: Config = None, run: Run = None, work: Work = None, seed: Seed = None,
    dataset: Dataset = None, images: Images = None, folds: Folds = None, rehash: Rehash = False,
) -> None:  # fmt: skip
    """List the images, their groups and folds.

    Reads: the image folder and its card. Writes: RUN/manifest.csv, scan.json, config.toml.

    Example: blastline scan --dataset pbc2020 --images ~/PBC_dataset_normal_DIB
    """
    resolved = resolve(locals(), "rehash")
    from pipeline.scan import run_scan, write_scan

    write_scan(resolved, *run_scan(resolved, rehash=rehash))
