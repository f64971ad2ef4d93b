"""Which cells the report shows, and their small pictures in the run folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from classifiers.cell_parts import Cell, ExplainedCell, Galleries
from classifiers.cells import Cells
from classifiers.protocol import SELECTED, Evaluation, unseen
from data.decode import UnreadableImageError, decode
from data.files import atomic_path
from data.manifest import Manifest
from features.preprocess import resize
from pipeline.scan import ScanRecord

SIDE = 112
SAMPLES_PER_CLASS = 4
SAMPLES = 40  # at most, however many classes there are
LEAST_CONFIDENT = 24


def choose_galleries(
    cells: Cells, evaluation: Evaluation, shown: Callable[[int], dict[str, Any]]
) -> Galleries:
    """Pick cells of each class and those the model is least sure of, and show them.

    The sample is seeded and blind to whether a prediction is right, so that it shows the model as
    it is. Only cells with a test prediction are shown.
    """
    proba = evaluation.test[SELECTED]
    rng = np.random.default_rng(0)
    per_class = max(1, min(SAMPLES_PER_CLASS, SAMPLES // len(cells.classes)))
    sample: list[int] = []
    for code in range(len(cells.classes)):
        of_class = np.flatnonzero(cells.y[evaluation.rows] == code)
        sample += rng.permutation(of_class)[:per_class].tolist()
    doubtful = np.argsort(proba.max(axis=1), kind="stable")[:LEAST_CONFIDENT].tolist()
    return Galleries(
        samples=[Cell(**shown(position)) for position in sample[:SAMPLES]],
        confident_errors=[],
        least_confident=[
            ExplainedCell(**shown(position), heatmap="", neighbours=[], evidence=[])
            for position in doubtful
        ],
    )


def cell_writer(
    manifest: Manifest, cells: Cells, evaluation: Evaluation, scan: ScanRecord, folder: Path
) -> Callable[[int], dict[str, Any]]:
    """What makes the fields of a ``Cell`` from its position among the ``unseen``, and its picture.

    Args:
        folder: of the run, where thumbnails are written.
    """
    rows, proba, decided = unseen(evaluation, len(cells.classes))

    def shown(position: int) -> dict[str, Any]:
        row = manifest.frame.iloc[rows[position]]
        thumbnail = f"thumbnails/{row.sha256[:16]}.jpg"
        _write_thumbnail(Path(scan.images) / row.path, folder / thumbnail)
        named = zip(cells.classes, proba[position], strict=True)
        return {
            "image_id": row.image_id,
            "path": row.path,
            "label": row.label,
            "predicted": cells.classes[int(decided[position])],
            "probabilities": {name: round(float(value), 6) for name, value in named},
            "patient": row.patient,
            "thumbnail": thumbnail,
        }

    return shown


def _write_thumbnail(image: Path, target: Path) -> None:
    """A small JPEG, scaled to a square; where the image is gone the report shows a placeholder."""
    if target.is_file():
        return  # named after the content of the image
    try:
        small = resize(decode(image.read_bytes()), SIDE)
    except (OSError, UnreadableImageError):
        return
    encoded = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    with atomic_path(target) as temporary:
        temporary.write_bytes(encoded.tobytes())
