"""The map of a run's embeddings, and one picture of all cells on it."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from classifiers.cell_parts import MapPart
from classifiers.cells import NO_LABEL
from classifiers.embedding_map import choose_cells, mixing, project
from classifiers.fitting import predict
from classifiers.protocol import Evaluation, unseen
from data.decode import UnreadableImageError
from data.files import atomic_path
from data.images import read_image
from features.preprocess import resize
from pipeline.config import RunConfig
from pipeline.console import progress
from pipeline.inputs import FitInputs

SIDE = 48  # pixels; a multiple of the 16 of a JPEG block, so that no cell runs into the next
QUALITY = 72
BATCH = 64  # images read ahead: what Ctrl-C waits for


@dataclass(frozen=True)
class Sprite:
    """One picture of many cells; ``places`` are (n,) where each cell stands in it, or -1."""

    name: str
    places: list[int]
    columns: int


def map_of(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> MapPart | None:
    """A map of at most ``MOST`` cells.

    Cells are shown with what a model said that was not fitted on them: those under test, those
    held out of inner folds, and unlabelled ones by the final model.
    """
    cells, frame = inputs.cells, inputs.manifest.frame
    rows = choose_cells(cells.y)
    if not len(rows):
        return None
    with progress("mapping the cells", "step") as update:
        found = project(cells.X, rows, cells.blocks, on_step=update)
    shown = frame.iloc[rows]
    patients = shown.patient.to_numpy(str)
    beside = mixing(found.nearest, cells.y[rows], patients)
    predicted, confidence = _predictions(inputs, evaluation, rows)
    sprite = _sprite(shown, Path(inputs.scan.images), config.run_folder)
    return MapPart(
        method=found.method,
        n=len(cells.y),
        n_unlabelled=int((cells.y == NO_LABEL).sum()),
        neighbours=found.nearest.shape[1],
        kept=found.kept,
        same_class=beside.same_class,
        class_chance=beside.class_chance,
        same_patient=beside.same_patient,
        patient_chance=beside.patient_chance,
        x=found.xy[:, 0].round(4).tolist(),
        y=found.xy[:, 1].round(4).tolist(),
        label=cells.y[rows].tolist(),
        predicted=predicted.tolist(),
        confidence=[None if np.isnan(each) else round(float(each), 4) for each in confidence],
        patient=patients.tolist(),
        image_id=shown.image_id.tolist(),
        picture=sprite.places,
        sprite=sprite.name,
        side=SIDE,
        columns=sprite.columns,
    )


def _predictions(
    inputs: FitInputs, evaluation: Evaluation, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) decided class codes, -1 where there is none, and highest probabilities or NaN."""
    cells, k = inputs.cells, len(inputs.cells.classes)
    decided, highest = np.full(len(cells.y), -1), np.full(len(cells.y), np.nan)
    tested, proba, codes = unseen(evaluation, k)
    decided[tested], highest[tested] = codes, proba.max(axis=1)
    unlabelled = rows[cells.y[rows] == NO_LABEL]
    if len(unlabelled):
        proba, codes = predict(evaluation.model, cells.X, unlabelled, k)
        decided[unlabelled], highest[unlabelled] = codes, proba.max(axis=1)
    return decided[rows], highest[rows]


def _sprite(shown: pd.DataFrame, images: Path, folder: Path) -> Sprite:
    """Write the pictures of cells in one file named after its content.

    Args:
        shown: rows of the manifest. folder: of the run.
    """
    whole = list(shown.sha256)
    if (folder / _name(whole)).is_file():  # also where the images are gone by now
        return Sprite(_name(whole), list(range(len(whole))), _columns(len(whole)))
    read = enumerate(_read(shown, images))
    pictured = {number: picture for number, picture in read if picture is not None}
    if not pictured:
        return Sprite("", [-1] * len(whole), 0)
    columns = _columns(len(pictured))
    sheet = np.full((-(-len(pictured) // columns) * SIDE, columns * SIDE, 3), 255, np.uint8)
    places = [-1] * len(whole)
    for place, (number, picture) in enumerate(pictured.items()):
        y, x = (SIDE * each for each in divmod(place, columns))
        sheet[y : y + SIDE, x : x + SIDE] = picture
        places[number] = place
    name = _name([whole[number] for number in pictured])
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    encoded = cv2.imencode(".jpg", sheet[:, :, ::-1], options)[1]
    with atomic_path(folder / name) as temporary:
        temporary.write_bytes(encoded.tobytes())
    return Sprite(name, places, columns)


def _name(sha256: list[str]) -> str:
    """Where the sprite of these images lies: another choice or format has another name."""
    content = f"{SIDE} {QUALITY} {' '.join(sha256)}"
    return f"thumbnails/map-{hashlib.sha256(content.encode()).hexdigest()[:16]}.jpg"


def _columns(count: int) -> int:
    return max(1, round(count**0.5))


def _read(shown: pd.DataFrame, images: Path) -> list[np.ndarray | None]:
    """A small square of each cell; None where its image is gone, changed or unreadable."""
    tasks = list(zip(shown.path, shown.sha256, strict=True))
    found: list[np.ndarray | None] = []
    with progress("picturing the cells", "image") as update:
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            for start in range(0, len(tasks), BATCH):
                some = tasks[start : start + BATCH]
                found += pool.map(lambda task: _small(images, *task), some)
                update(len(found), len(tasks))
        finally:
            pool.shutdown(cancel_futures=True)
    return found


def _small(root: Path, path: str, sha256: str) -> np.ndarray | None:
    try:
        return resize(read_image(root, path, sha256), SIDE)
    except (OSError, UnreadableImageError):
        return None
