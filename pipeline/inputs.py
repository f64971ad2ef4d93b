"""What the earlier stages left for fit, aligned row by row."""

from dataclasses import dataclass

import numpy as np

from classifiers.nested import Cells
from data.errors import BlastlineError
from data.manifest import Manifest
from features.fuse import fuse
from features.recipe import Recipe
from pipeline.config import RunConfig
from pipeline.extract import ExtractRecord, read_extract
from pipeline.scan import ScanRecord, read_scan


@dataclass(frozen=True)
class FitInputs:
    """What earlier stages left for fit, aligned: row i of ``cells`` is row i of ``manifest``."""

    manifest: Manifest
    scan: ScanRecord
    extract: ExtractRecord
    recipes: tuple[Recipe, ...]  # one a backbone
    cells: Cells


def load_inputs(config: RunConfig) -> FitInputs:
    """Read manifest and embeddings; images that could not be read are left out.

    Raises:
        BlastlineError: a stage is missing, or a class has lost all its images.
    """
    whole, scan = read_scan(config)
    extract, stores, baseline = read_extract(config)
    frame = whole.frame
    usable = ~frame.path.isin(extract.failed) & (frame.split != "excluded")
    manifest = Manifest(frame[usable], whole.classes)
    frame = manifest.frame
    labelled = frame[frame.split.isin(("train", "test"))]
    for name in manifest.classes:
        if name not in set(labelled.label):
            raise BlastlineError(
                f"run {config.run_folder}: class '{name}' has no readable image left; add images "
                "and extract again"
            )
    sha256 = list(frame.sha256)
    cells = Cells(
        X=fuse([store.embeddings(sha256) for store in stores]),
        colour=baseline.embeddings(sha256),
        y=np.where(frame.split == "unlabelled", -1, manifest.codes()),
        groups=frame.group.to_numpy(str),
        sha256=frame.sha256.to_numpy(str),
        folds=manifest.folds(),
        test=(frame.split == "test").to_numpy(bool),
        classes=manifest.classes,
    )
    return FitInputs(manifest, scan, extract, tuple(store.recipe for store in stores), cells)
