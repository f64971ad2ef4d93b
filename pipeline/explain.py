"""What explains the predictions of a run: heat maps, cells that look alike, descriptors."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from classifiers.cell_parts import Cell, Evidence, ExplainedCell, Galleries, Neighbour
from classifiers.cells import NO_LABEL, draw_groups
from classifiers.evidence import Contrast, descriptor_evidence
from classifiers.fitting import CHUNK, DRAWN, Model
from classifiers.likeness import nearest_labelled
from classifiers.protocol import SELECTED, Evaluation, Part
from data.decode import UnreadableImageError
from data.images import read_image
from pipeline.config import RunConfig
from pipeline.console import progress, warn
from pipeline.heatmaps import REFUSALS, HeatMaps
from pipeline.inputs import FitInputs
from pipeline.overlay import jpeg, overlay, picture_of
from pipeline.recipes import networks_folder
from pipeline.thumbnails import cells_to_look_at, sample_cells, write_thumbnail

FOLDER = "heatmaps"
LISTED = 24  # errors and doubtful cells where none is explained
MOST = 120  # explained cells: about 5 MB of the page
NEIGHBOURS = 4
DESCRIPTORS = "morphology"  # the backbone whose columns have names and units


def explained_galleries(
    config: RunConfig, inputs: FitInputs, evaluation: Evaluation,
    shown: Callable[[int], dict[str, Any]],
) -> tuple[Galleries, dict[str, bytes]]:  # fmt: skip
    """The cells that the report shows; errors and doubtful ones are explained.

    Each is explained by the model of the part that tested it. What cannot be explained is shown
    without, and a note says why.

    Args:
        shown: makes the fields of a ``Cell`` from its position among the cells under test.

    Returns:
        The cells, and the pictures that explain them by their path inside the run folder.
    """
    count = min(config.heatmaps or LISTED, MOST)
    errors, doubtful, wrong = cells_to_look_at(inputs.cells, evaluation, count)
    explaining = _Explaining(config, inputs, evaluation)
    if config.heatmaps:
        explaining.explain([*errors, *doubtful])

    def explained(position: int) -> ExplainedCell:
        return ExplainedCell(**shown(position), **explaining.found.get(position, {}))

    found = Galleries(
        samples=[Cell(**shown(each)) for each in sample_cells(inputs.cells, evaluation)],
        confident_errors=[explained(each) for each in errors],
        least_confident=[explained(each) for each in doubtful],
        errors=wrong,
        drawn=inputs.cells.on_disk,
        descriptors=bool(config.heatmaps) and _descriptors(inputs) is not None,
        note=explaining.note if config.heatmaps else "none was asked for (heatmaps = 0)",
    )
    if gone := _gone(config.run_folder, found, inputs.scan.images):
        warn(f"fit: {gone}; the report goes without them: fit again with the images in place")
    return found, explaining.pictures


def _gone(run_folder: Path, found: Galleries, images: str) -> str:
    """How many of the cells that the report shows have no picture; empty where all have one."""
    shown = [*found.samples, *found.confident_errors, *found.least_confident]
    lost = [each for each in shown if not (run_folder / each.thumbnail).is_file()]
    if not lost:
        return ""
    how = "all" if len(lost) == len(shown) else f"{len(lost):,} of"
    return f"{how} {len(shown):,} images of cells to show cannot be read below {images}"


@dataclass
class _Explaining:
    """Explanations as they come: fields of ``ExplainedCell`` by position, pictures by name."""

    config: RunConfig
    inputs: FitInputs
    evaluation: Evaluation
    found: dict[int, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    note: str = ""
    maps: HeatMaps | None = None
    unread: list[str] = field(default_factory=list)  # cells, with the reason

    def explain(self, positions: list[int]) -> None:
        """Explain the cells at these positions among those under test."""
        self._begin()
        with progress("explaining", "cell") as update:
            for part, tested in self.evaluation.tested:
                chosen = np.array(positions, dtype=int)[np.isin(positions, tested)].tolist()
                if not chosen or part.model is None:
                    continue
                rows = self.evaluation.rows[chosen]
                near = self._neighbours(part, rows)
                usual = _usual(self.inputs, part)
                for position, row, neighbours in zip(chosen, rows, near, strict=True):
                    update(len(self.found), len(positions))
                    cell = np.asarray(self.inputs.cells.X[np.array([row])])[0]
                    code = int(self.evaluation.decided[SELECTED][position])
                    contrast = Contrast.of(part.model, cell, code)
                    self.found[position] = {
                        "rival": self._class(part.model, contrast.rival),
                        "neighbours": neighbours,
                        "evidence": self._evidence(contrast, cell, usual),
                        **self._pictures(int(row), cell, contrast),
                    }
                    update(len(self.found), len(positions))
        if self.unread and not self.note:
            self.note = self._unread()

    def _unread(self) -> str:
        count, of = len(self.unread), len(self.found)
        if count == 1:
            return self.unread[0]
        if count == of:
            return f"the images of all {of} cells are gone or cannot be read"
        return f"the images of {count} of {of} cells cannot be read, such as {self.unread[0]}"

    def _keep(self, sha256: str, picture: bytes) -> str:
        """The name of a picture of an image: never that of another picture of it."""
        name = f"{FOLDER}/{sha256[:16]}-{hashlib.sha256(picture).hexdigest()[:16]}.jpg"
        self.pictures[name] = picture
        return name

    def _class(self, model: Model, position: int) -> str:
        return self.inputs.cells.classes[int(np.asarray(model.classes_)[position])]

    def _begin(self) -> None:
        networks = networks_folder(self.config.work)
        try:
            self.maps = HeatMaps(self.inputs.recipes, self.config.weights, networks)
        except REFUSALS as error:
            self.note = _line(error)

    def _pictures(self, row: int, cell: np.ndarray, contrast: Contrast) -> dict[str, str]:
        """Fields of the pictures of a cell; they stay empty where it cannot be read."""
        entry = self.inputs.manifest.frame.iloc[row]
        try:
            image = read_image(Path(self.inputs.scan.images), entry.path, entry.sha256)
        except (OSError, UnreadableImageError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.unread.append(f"{entry.path}: {reason}")
            return {}
        said = {"picture": self._keep(entry.sha256, jpeg(picture_of(image)))}
        if self.maps is None:
            return said
        try:
            found = self.maps.of(image, cell if cell.ndim == 1 else cell[0], contrast)
        except REFUSALS as error:  # an engine that cannot be built now cannot be built later
            self.maps, self.note = None, _line(error)
            return said
        heatmap = self._keep(entry.sha256, jpeg(overlay(found.image, found.relevance)))
        return said | {"heatmap": heatmap, "method": found.method}

    def _neighbours(self, part: Part, rows: np.ndarray) -> list[list[Neighbour]]:
        """For each row the training cells of the part that are most like it.

        Embeddings on disk are compared with whole groups of about ``DRAWN`` training cells.
        """
        cells, train = self.inputs.cells, part.split.train
        if cells.on_disk:
            train = train[draw_groups(cells.groups[train], DRAWN, self.config.seed)]
        known = np.full(len(cells.y), NO_LABEL)
        known[train] = cells.y[train]
        names, likeness = nearest_labelled(cells.X, known, cells.groups, rows, NEIGHBOURS)
        return [
            [self._neighbour(int(name), float(cosine)) for name, cosine in pairs if name >= 0]
            for pairs in (zip(*each, strict=True) for each in zip(names, likeness, strict=True))
        ]

    def _neighbour(self, row: int, likeness: float) -> Neighbour:
        entry = self.inputs.manifest.frame.iloc[row]
        return Neighbour(
            image_id=entry.image_id,
            label=entry.label,
            patient=entry.patient,
            thumbnail=write_thumbnail(
                Path(self.inputs.scan.images), entry.path, entry.sha256, self.config.run_folder
            ),
            likeness=round(likeness, 4),
        )

    def _evidence(
        self, contrast: Contrast, cell: np.ndarray, usual: np.ndarray | None
    ) -> list[Evidence]:
        columns = _descriptors(self.inputs)
        if usual is None or columns is None:
            return []
        from features.morphology import DESCRIPTORS as TABLE  # scikit-image takes a while

        named = [(each.name, each.unit) for each in TABLE]
        return descriptor_evidence(contrast, cell, list(columns), named, usual)


def _descriptors(inputs: FitInputs) -> range | None:
    """The columns that are named descriptors, None where there are none."""
    start = 0
    for recipe, block in zip(inputs.recipes, inputs.cells.blocks, strict=True):
        if recipe.backbone == DESCRIPTORS:
            return range(start, start + block.width)
        start += block.width
    return None


def _usual(inputs: FitInputs, part: Part) -> np.ndarray | None:
    """Medians of the descriptors over the part's training cells."""
    columns, train = _descriptors(inputs), part.split.train
    if columns is None:
        return None
    values = [
        np.asarray(inputs.cells.X[train[start : start + CHUNK]])[..., columns.start : columns.stop]
        for start in range(0, len(train), CHUNK)
    ]
    return np.median(np.concatenate(values).reshape(-1, len(columns)), axis=0)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
