"""The robustness of a run's classifier."""

from functools import reduce
from pathlib import Path

import cv2
import numpy as np

from classifiers.cells import Disturbed
from classifiers.estimate import Estimate
from classifiers.evaluation.robustness import examine_robustness
from classifiers.evaluation.stress_parts import RobustnessPart
from classifiers.fitting import predict
from classifiers.protocol import SELECTED, Evaluation
from data.decode import UnreadableImageError
from data.files import atomic_path
from data.images import read_image
from features.disturb import disturb
from features.preprocess import resize
from pipeline.config import RunConfig
from pipeline.console import progress
from pipeline.disturbed import KINDS
from pipeline.inputs import FitInputs
from reports import words

SIDE = 96  # of the pictures of an example, pixels


def robustness_of(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> RobustnessPart:
    """The selected classifier on disturbed images of cells under test.

    Each cell is judged by the model of the part that tested it. Pictures of one cell under each
    disturbance are written into the run folder, if its image is there.
    """
    cells, all_disturbed = inputs.cells, inputs.disturbed
    rows = reduce(np.intersect1d, [each.rows for each in all_disturbed], evaluation.rows)
    if not all_disturbed or not len(rows):
        return _unmeasured(config)
    places = np.searchsorted(evaluation.rows, rows)
    plain = evaluation.decided[SELECTED][places]
    decided = []
    with progress("classifying disturbed cells", "step") as update:
        for number, each in enumerate(all_disturbed):
            update(number, len(all_disturbed), words.disturbance(each.kind))
            decided.append(_decide(each, rows, evaluation, len(cells.classes)))
    part = examine_robustness(
        cells.y[rows], cells.groups[rows], plain, list(zip(all_disturbed, decided, strict=True)),
        len(cells.classes), config.seed, _note(all_disturbed),
    )  # fmt: skip
    right = rows[plain == cells.y[rows]]
    example = min(right if len(right) else rows, key=lambda row: cells.sha256[row])
    return _with_example(part, inputs, int(example), config.run_folder)


def _decide(each: Disturbed, rows: np.ndarray, evaluation: Evaluation, k: int) -> np.ndarray:
    """(len(rows),) codes decided on a disturbed embedding, by who never trained on the cell."""
    order = np.argsort(each.rows)
    decided = np.full(len(rows), -1)
    for part, _ in evaluation.tested:
        mine = np.flatnonzero(np.isin(rows, part.split.test))
        if part.model is not None and len(mine):
            at = order[np.searchsorted(each.rows, rows[mine], sorter=order)]
            decided[mine] = predict(part.model, each.X, at, k)[1]
    return decided


def _unmeasured(config: RunConfig) -> RobustnessPart:
    none = Estimate(value=None, low=None, high=None)
    note = (
        "no disturbed embeddings of cells under test were found; extract again"
        if config.robustness
        else "it was switched off (--robustness 0, ROBUSTNESS=0)"
    )
    return RobustnessPart(n=0, n_groups=0, accuracy=none, f1_macro=none, perturbed=[], note=note)


def _note(all_disturbed: tuple[Disturbed, ...]) -> str:
    found = {(each.kind, each.strength) for each in all_disturbed}
    gone = [
        f"{words.disturbance(kind)} {strength}"
        for kind, strength in KINDS
        if (kind, strength) not in found
    ]
    if not gone:
        return ""
    return f"not measured, since their embeddings are gone (extract again): {', '.join(gone)}"


def _with_example(
    part: RobustnessPart, inputs: FitInputs, row: int, folder: Path
) -> RobustnessPart:
    """The part with pictures of one cell; without, where its image is gone."""
    shown = inputs.manifest.frame.iloc[row]
    try:
        image = read_image(Path(inputs.scan.images), shown.path, shown.sha256)
    except (OSError, UnreadableImageError):
        return part
    name = f"thumbnails/{shown.sha256[:16]}"
    pictures = [
        each.model_copy(
            update={
                "thumbnail": _write(
                    disturb(each.kind, each.strength)(image),
                    folder,
                    f"{name}-{each.kind}-{each.strength}.jpg",
                )
            }
        )
        for each in part.perturbed
    ]
    plain = _write(image, folder, f"{name}-plain.jpg")
    return part.model_copy(
        update={"example": shown.image_id, "thumbnail": plain, "perturbed": pictures}
    )


def _write(image: np.ndarray, folder: Path, name: str) -> str:
    """Write the middle of a picture, where the cell is: a whole one would look undisturbed."""
    height, width = image.shape[:2]
    image = image[height // 4 : height - height // 4, width // 4 : width - width // 4]
    # Hardly compressed: the picture of a JPEG's faults is to show those faults alone.
    encoded = cv2.imencode(".jpg", resize(image, SIDE)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    with atomic_path(folder / name) as temporary:
        temporary.write_bytes(encoded[1].tobytes())
    return name
