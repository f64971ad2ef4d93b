"""Likely label errors of a run: a table of all, and the first of them for the report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from classifiers.cell_parts import SuspectCell
from classifiers.cells import Cells
from classifiers.label_errors import find_label_errors
from classifiers.protocol import Evaluation, unseen
from classifiers.result import LabelErrorsPart
from data.decisions import HISTORY_FILE
from data.manifest import Manifest
from data.relabel import read_history

LISTED = 24  # in the report


def label_errors_of(
    manifest: Manifest, cells: Cells, evaluation: Evaluation, folder: Path,
    shown: Callable[[int], dict[str, Any]],
) -> tuple[LabelErrorsPart, pd.DataFrame]:  # fmt: skip
    """Labels that the out-of-fold predictions contradict: the first of them, and a table of all.

    They are sought among all cells, since others are judged by comparison with them; those that a
    reviewer of the run has decided on are then left out, of the table too.

    Args:
        folder: of the run. shown: makes the fields of a ``Cell`` from its position.
    """
    rows, proba, _ = unseen(evaluation, len(cells.classes))
    errors = find_label_errors(proba, cells.y[rows])
    names = np.array(cells.classes, dtype=object)
    decided = read_history(folder / HISTORY_FILE).sha256
    settled = np.isin(cells.sha256[rows[errors.rows]], decided.to_numpy(str))
    found, suggested = errors.rows[~settled], errors.suggested[~settled]
    table = manifest.frame.iloc[rows[found]]
    table = table[["image_id", "path", "label", "patient", "group", "fold"]].reset_index(drop=True)
    table["suggested"] = names[suggested]
    table["quality"] = np.round(errors.quality[found], 6)
    of = names[cells.y[rows[found]]]
    part = LabelErrorsPart(
        checked=len(rows),
        decided=int(settled.sum()),
        suspected={name: int((of == name).sum()) for name in cells.classes},
        listed=[
            SuspectCell(
                **shown(int(position)),
                suggested=str(names[code]),
                quality=round(float(errors.quality[position]), 6),
            )
            for position, code in zip(found[:LISTED], suggested[:LISTED], strict=True)
        ],
    )
    return part, table
