"""What the earlier stages left for fit, aligned row by row."""

from dataclasses import dataclass

import numpy as np

from classifiers.cells import Cells, Disturbed, Rows
from classifiers.fitting import CHUNK
from classifiers.preparation import Block
from classifiers.streaming import StoredRows
from data.errors import BlastlineError
from data.manifest import Manifest
from features.recipe import Recipe
from features.store import EmbeddingStore
from pipeline.config import RunConfig
from pipeline.console import warn
from pipeline.disturbed import read_disturbed
from pipeline.extract import ExtractRecord, read_extract
from pipeline.recipes import read_recipe, store_path
from pipeline.scan import ScanRecord, read_scan

IN_MEMORY = 1 << 30  # bytes of embeddings; more stay on disk and are streamed


@dataclass(frozen=True)
class FitInputs:
    """What earlier stages left for fit, aligned: row i of ``cells`` is row i of ``manifest``.

    Attributes:
        recipes: one a backbone.
        disturbed: kinds and strengths of disturbances, as far as they were embedded.
    """

    manifest: Manifest
    scan: ScanRecord
    extract: ExtractRecord
    recipes: tuple[Recipe, ...]
    cells: Cells
    disturbed: tuple[Disturbed, ...] = ()


def load_inputs(config: RunConfig) -> FitInputs:
    """Read manifest and embeddings; images that could not be read are left out.

    Raises:
        BlastlineError: a stage is missing, a class has lost all its images, or an embedding is
            damaged or not finite.
    """
    whole, scan = read_scan(config)
    extract, stores, baseline = read_extract(config)
    frame = whole.frame
    usable = ~frame.path.isin(extract.failed) & (frame.split != "excluded")
    manifest = Manifest(frame[usable], whole.classes, allow_overlap=bool(scan.overlap))
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
        X=_embeddings(stores, sha256),
        blocks=tuple(Block(_short(store.recipe), store.row_shape[-1]) for store in stores),
        colour=baseline.embeddings(sha256),
        y=np.where(frame.split == "unlabelled", -1, manifest.codes()),
        groups=frame.group.to_numpy(str),
        sha256=frame.sha256.to_numpy(str),
        folds=manifest.folds(),
        test=(frame.split == "test").to_numpy(bool),
        classes=manifest.classes,
        control=_control(config, extract, sha256),
    )
    recipes = tuple(store.recipe for store in stores)
    disturbed = (
        read_disturbed(config, recipes, extract.sample, cells.sha256) if config.robustness else ()
    )
    return FitInputs(manifest, scan, extract, recipes, cells, disturbed)


def _control(config: RunConfig, extract: ExtractRecord, sha256: list[str]) -> Rows | None:
    """The embeddings by a network with random weights; a run without them is none the worse."""
    if not config.control or extract.control_recipe is None:
        return None
    recipe = read_recipe(extract.control_recipe, config.run_folder / "extract.json")
    path = store_path(config, recipe)
    try:
        if path.is_file():
            return _embeddings([EmbeddingStore(path, recipe)], sha256)
        reason = f"{path}: the embeddings are gone; run 'blastline extract' again"
    except BlastlineError as error:
        reason = str(error)
    warn(f"fit: no control with random weights ({reason})")
    return None


def _short(recipe: Recipe) -> str:
    return f"{recipe.backbone}@{recipe.layer}" if recipe.layer else recipe.backbone


def _embeddings(stores: list[EmbeddingStore], sha256: list[str]) -> Rows:
    """All embeddings in memory, or a view of the stores where they are too many."""
    rows = StoredRows(stores, sha256)
    if 4 * int(np.prod(rows.shape)) > IN_MEMORY:
        return rows
    # In chunks: the positions of a map, which are averaged, may be fifty times as much.
    return np.concatenate(
        [
            rows[np.arange(start, min(start + CHUNK, len(rows)))]
            for start in range(0, len(rows), CHUNK)
        ]
    )
