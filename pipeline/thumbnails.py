"""Which cells the report shows, and their small pictures in the run folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from classifiers.cells import Cells
from classifiers.protocol import SELECTED, Evaluation, unseen
from data.decode import UnreadableImageError
from data.files import atomic_path
from data.images import read_image
from data.manifest import Manifest
from features.preprocess import resize
from pipeline.scan import ScanRecord

SIDE = 112
SAMPLES_PER_CLASS = 4
SAMPLES = 40  # at most, however many classes there are


def sample_cells(cells: Cells, evaluation: Evaluation) -> list[int]:
    """Positions of a few cells of each class among those under test.

    The sample is seeded and blind to whether a prediction is right, so that it shows the model as
    it is.
    """
    rng = np.random.default_rng(0)
    per_class = max(1, min(SAMPLES_PER_CLASS, SAMPLES // len(cells.classes)))
    sample: list[int] = []
    for code in range(len(cells.classes)):
        of_class = np.flatnonzero(cells.y[evaluation.rows] == code)
        sample += rng.permutation(of_class)[:per_class].tolist()
    return sample[:SAMPLES]


def cells_to_look_at(
    cells: Cells, evaluation: Evaluation, count: int
) -> tuple[list[int], list[int], int]:
    """Confident errors and doubtful cells, ``count`` together and none twice.

    Each kind gets half, and what the other one leaves.

    Returns:
        Positions among the cells under test of those decided wrongly, the highest probability of
        the wrong class first; of those whose highest probability is lowest; and how many were
        decided wrongly.
    """
    proba, decided = evaluation.test[SELECTED], evaluation.decided[SELECTED]
    wrong = np.flatnonzero(decided != cells.y[evaluation.rows])
    sure = proba[wrong, decided[wrong]]
    wrong = wrong[np.argsort(-sure, kind="stable")]
    most = max(count - count // 2, count - (len(proba) - len(wrong)))
    errors = wrong[:most].tolist()
    by_doubt = np.argsort(proba.max(axis=1), kind="stable")
    doubtful = by_doubt[~np.isin(by_doubt, errors)][: count - len(errors)]
    return errors, doubtful.tolist(), len(wrong)


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
        named = zip(cells.classes, proba[position], strict=True)
        return {
            "image_id": row.image_id,
            "path": row.path,
            "label": row.label,
            "predicted": cells.classes[int(decided[position])],
            "probabilities": {name: round(float(value), 6) for name, value in named},
            "patient": row.patient,
            "thumbnail": write_thumbnail(Path(scan.images), row.path, row.sha256, folder),
        }

    return shown


def write_thumbnail(root: Path, path: str, sha256: str, folder: Path) -> str:
    """Write a small square JPEG of an image, unless it is gone or changed.

    Returns:
        Its path inside the run's ``folder``.
    """
    name = f"thumbnails/{sha256[:16]}.jpg"
    target = folder / name
    if target.is_file():
        return name  # named after the content of the image
    try:
        small = resize(read_image(root, path, sha256), SIDE)
    except (OSError, UnreadableImageError):
        return name
    encoded = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    with atomic_path(target) as temporary:
        temporary.write_bytes(encoded.tobytes())
    return name
