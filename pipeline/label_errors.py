"""Likely label errors of a run: label_errors.csv, and the first of them for the report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from classifiers.cells import Cells
from classifiers.label_errors import find_label_errors
from classifiers.protocol import Evaluation, unseen
from classifiers.result import LabelErrorsPart, SuspectCell
from data.files import atomic_path
from data.manifest import Manifest

LISTED = 24  # in the report


def write_label_errors(
    manifest: Manifest, cells: Cells, evaluation: Evaluation, folder: Path,
    shown: Callable[[int], dict[str, Any]],
) -> LabelErrorsPart:  # fmt: skip
    """Find labels that the out-of-fold predictions contradict, and write all of them as CSV.

    Args:
        folder: of the run. shown: makes the fields of a ``Cell`` from its position.
    """
    rows, proba, _ = unseen(evaluation, len(cells.classes))
    errors = find_label_errors(proba, cells.y[rows])
    names = np.array(cells.classes, dtype=object)
    table = manifest.frame.iloc[rows[errors.rows]]
    table = table[["image_id", "path", "label", "patient", "group", "fold"]].reset_index(drop=True)
    table["suggested"] = names[errors.suggested]
    table["quality"] = np.round(errors.quality[errors.rows], 6)
    with atomic_path(folder / "label_errors.csv") as temporary:
        table.to_csv(temporary, index=False)
    of = names[cells.y[rows[errors.rows]]]
    return LabelErrorsPart(
        checked=len(rows),
        suspected={name: int((of == name).sum()) for name in cells.classes},
        listed=[
            SuspectCell(
                **shown(int(position)),
                suggested=str(names[code]),
                quality=round(float(errors.quality[position]), 6),
            )
            for position, code in zip(errors.rows[:LISTED], errors.suggested[:LISTED], strict=True)
        ],
    )
