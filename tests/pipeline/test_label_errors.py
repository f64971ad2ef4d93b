"""Likely label errors of a run: which cells are listed, and that those decided on are not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from classifiers.calibration import Calibrated
from classifiers.cells import FINAL, Cells, Split
from classifiers.protocol import SELECTED, Evaluation, Part
from classifiers.result import LabelErrorsPart
from data.manifest import Manifest
from data.relabel import lengthen, write_history
from pipeline.label_errors import label_errors_of
from tests.data.decided import CLASSES, FIRST, NOTHING, SECOND, row, said
from tests.data.decided import manifest as manifest_of

N = 30
WRONG = {0: 1, 4: 2, 10: 0, 17: 1}  # cell -> class that it looks like, the likeliest error first


@pytest.fixture
def inputs() -> tuple[Manifest, Cells, Evaluation]:
    """Ten cells a class, all told with certainty but for four that look like another class."""
    y = np.arange(N) % 3
    proba = np.where(np.arange(3) == y[:, None], 0.9, 0.05)
    for place, (cell, like) in enumerate(WRONG.items()):
        sure = 0.98 - 0.01 * place
        proba[cell] = np.where(np.arange(3) == like, sure, (1 - sure) / 2)
    manifest = manifest_of(
        *(row(each, f"g{each}", "train", str(each // 3 % 2), CLASSES[y[each]]) for each in range(N))
    )
    nothing = np.zeros((N, 3), dtype=np.float32)
    cells = Cells(
        nothing, (), nothing, y, manifest.frame.group.to_numpy(str),
        manifest.frame.sha256.to_numpy(str), manifest.frame.fold.to_numpy(int),
        np.zeros(N, dtype=bool), CLASSES,
    )  # fmt: skip
    rows = np.arange(N)
    final = Part(Split(FINAL, rows, rows[:0]), selected="logistic")
    final.models["logistic"] = Calibrated(LogisticRegression())
    evaluation = Evaluation(
        [final], rows, {SELECTED: proba}, {SELECTED: proba.argmax(axis=1)}, proba, None
    )
    return manifest, cells, evaluation


def found(
    inputs: tuple[Manifest, Cells, Evaluation], folder: Path
) -> tuple[LabelErrorsPart, pd.DataFrame]:
    def shown(position: int) -> dict[str, Any]:
        return {
            "image_id": f"i{position}", "path": "", "label": "", "predicted": "",
            "probabilities": {}, "patient": "", "thumbnail": "",
        }  # fmt: skip

    return label_errors_of(*inputs, folder, shown)


def test_contradicted_labels_are_listed_the_likeliest_first(
    inputs: tuple[Manifest, Cells, Evaluation], tmp_path: Path
) -> None:
    part, table = found(inputs, tmp_path)
    assert (part.checked, part.decided) == (N, 0)
    assert [each.image_id for each in part.listed] == [f"i{cell}" for cell in WRONG]
    assert [each.suggested for each in part.listed] == [CLASSES[like] for like in WRONG.values()]
    assert table.image_id.tolist() == [f"i{cell}" for cell in WRONG]
    assert table.suggested.tolist() == [CLASSES[like] for like in WRONG.values()]
    assert part.suspected == {"a": 1, "b": 2, "c": 1}


def test_cells_that_reviewers_decided_on_are_left_out_and_counted(
    inputs: tuple[Manifest, Cells, Evaluation], tmp_path: Path
) -> None:
    before = found(inputs, tmp_path)[1].set_index("image_id")
    history = lengthen(NOTHING, [said(4, "b"), said(5, "c")], FIRST)
    write_history(tmp_path / "relabelled.csv", lengthen(history, [said(17, "a")], SECOND))
    part, table = found(inputs, tmp_path)
    assert [each.image_id for each in part.listed] == ["i0", "i10"]
    assert part.suspected == {"a": 1, "b": 1, "c": 0}
    assert (part.checked, part.decided) == (N, 2)
    assert table.set_index("image_id").equals(before.loc[["i0", "i10"]])


def test_the_content_of_an_image_is_known_whatever_it_is_called(
    inputs: tuple[Manifest, Cells, Evaluation], tmp_path: Path
) -> None:
    renamed = replace(said(0, "a"), image_id="old name", path="old name.png")
    write_history(tmp_path / "relabelled.csv", lengthen(NOTHING, [renamed], FIRST))
    assert found(inputs, tmp_path)[1].image_id.tolist() == ["i4", "i10", "i17"]
