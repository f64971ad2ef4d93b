"""Explanations of a run's errors and doubtful cells, each by the model that tested the cell."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifiers.calibration import Calibrated
from classifiers.cell_parts import ExplainedCell, Galleries
from classifiers.cells import make_splits
from classifiers.logistic import SPEC
from classifiers.preparation import Preparation, make_pipeline
from classifiers.protocol import SELECTED, Evaluation, Part
from data.decode import decode
from pipeline import explain
from pipeline.config import RunConfig, resolve_config
from pipeline.explain import explained_galleries
from pipeline.inputs import FitInputs, load_inputs
from pipeline.pictures import write_pictures
from pipeline.thumbnails import cell_writer
from tests.pipeline.commands import blastline

PARAMS = {"C": 0.1, "class_weight": None, "l1_ratio": 0.0}


@pytest.fixture(scope="module")
def extracted(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("explained")
    blastline("extract", "--work", work, "--run", "two", "--images", images, "--folds", 2,
              "--backbone", "mean_colour,morphology").well()  # fmt: skip
    return work


@pytest.fixture
def made(extracted: Path, tmp_path: Path) -> Iterator[tuple[RunConfig, FitInputs, Evaluation]]:
    work = tmp_path / "work"
    shutil.copytree(extracted, work)
    config = resolve_config(None, {"work": str(work), "run": "two", "heatmaps": 6})
    inputs = load_inputs(config)
    yield config, inputs, evaluated(inputs)


def evaluated(inputs: FitInputs) -> Evaluation:
    """A model a part, and what it says of the cells of its test side."""
    cells = inputs.cells
    X = np.asarray(cells.X)
    parts, proba = [], np.zeros((len(cells.y), len(cells.classes)))
    for split in make_splits(cells):
        model = Calibrated(make_pipeline(SPEC, Preparation(False), PARAMS, 0))
        model.fit(X[split.train], cells.y[split.train], cells.groups[split.train])
        part = Part(split, model=model, selected="logistic", models={"logistic": model})
        parts.append(part)
        if len(split.test):
            proba[split.test] = model.predict_proba(X[split.test])
    rows = np.sort(np.concatenate([part.split.test for part in parts]))
    decided = proba[rows].argmax(axis=1)
    return Evaluation(parts, rows, {SELECTED: proba[rows]}, {SELECTED: decided}, proba[rows], None)


def galleries(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> Galleries:
    folder = config.run_folder
    shown = cell_writer(inputs.manifest, inputs.cells, evaluation, inputs.scan, folder)
    found, pictures = explained_galleries(config, inputs, evaluation, shown)
    write_pictures(pictures, folder)
    return found


def explained(found: Galleries) -> list[ExplainedCell]:
    return [*found.confident_errors, *found.least_confident]


def part_of(evaluation: Evaluation, inputs: FitInputs, image_id: str) -> Part:
    row = int(np.flatnonzero(inputs.manifest.frame.image_id == image_id)[0])
    return next(part for part, _ in evaluation.tested if row in part.split.test)


def test_each_cell_is_explained_by_the_part_that_tested_it(
    made: tuple[RunConfig, FitInputs, Evaluation],
) -> None:
    config, inputs, evaluation = made
    found = galleries(*made)
    frame = inputs.manifest.frame.set_index("image_id")
    assert (found.note, found.descriptors) == ("", True)
    assert len(explained(found)) == 6
    for cell in explained(found):
        part = part_of(evaluation, inputs, cell.image_id)
        train = set(inputs.manifest.frame.image_id.iloc[part.split.train])
        assert len(cell.neighbours) == 4
        for near in cell.neighbours:
            assert near.image_id in train
            assert near.label == frame.label[near.image_id]
            assert near.patient == frame.patient[near.image_id] != cell.patient
            assert (config.run_folder / near.thumbnail).is_file()
            assert -1 <= near.likeness <= 1
        assert cell.method == "occlusion"
        assert cell.rival != cell.predicted
        picture, heat = (
            decode((config.run_folder / name).read_bytes()) for name in (cell.picture, cell.heatmap)
        )
        assert picture.shape == heat.shape
        assert (picture != heat).any()
        gains = [abs(each.gain) for each in cell.evidence]
        assert gains == sorted(gains, reverse=True)
        for each in cell.evidence:
            assert each.unit
            usual = np.asarray(inputs.cells.X)[part.split.train, 3:]
            assert any(np.isclose(np.median(usual, axis=0), each.usual))


def test_another_model_never_writes_over_the_pictures_of_a_result(
    made: tuple[RunConfig, FitInputs, Evaluation],
) -> None:
    config, _, evaluation = made
    first = galleries(*made)
    heat = {each.heatmap: (config.run_folder / each.heatmap).read_bytes()
            for each in explained(first)}  # fmt: skip
    for part in evaluation.parts:  # another classifier on the same cells
        assert isinstance(part.model, Calibrated)
        part.model.estimator_[-1].coef_ *= np.array([0.1, 3, 1] + [0.5] * 100)[
            : part.model.estimator_[-1].coef_.shape[1]
        ]
    second = galleries(*made)
    assert not set(heat) & {each.heatmap for each in explained(second)}
    assert {name: (config.run_folder / name).read_bytes() for name in heat} == heat


def test_none_asked_for_shows_the_cells_without_explanations(
    made: tuple[RunConfig, FitInputs, Evaluation],
) -> None:
    config, inputs, evaluation = made
    found = galleries(config.model_copy(update={"heatmaps": 0}), inputs, evaluation)
    assert len(explained(found)) == 24
    assert not any(each.heatmap or each.neighbours or each.evidence for each in explained(found))
    assert "none was asked for" in found.note


def test_images_that_are_gone_cost_the_pictures_only(
    made: tuple[RunConfig, FitInputs, Evaluation],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config, inputs, evaluation = made
    gone = replace(inputs, scan=replace(inputs.scan, images=str(tmp_path / "gone")))
    found = galleries(config, gone, evaluation)
    assert found.note == "the images of all 6 cells are gone or cannot be read"
    assert "cannot be read below" in capsys.readouterr().err
    assert not any(each.picture or each.heatmap or each.method for each in explained(found))
    assert all(len(each.neighbours) == 4 and each.rival for each in explained(found))


def test_an_image_that_changed_has_no_heat_map(
    made: tuple[RunConfig, FitInputs, Evaluation], tmp_path: Path
) -> None:
    config, inputs, evaluation = made
    first = explained(galleries(*made))[0]
    folder = tmp_path / "changed"
    shutil.copytree(inputs.scan.images, folder)
    shutil.copy(next(folder.rglob("*.png")), folder / first.path)
    changed = replace(inputs, scan=replace(inputs.scan, images=str(folder)))
    found = galleries(config, changed, evaluation)
    assert found.note == f"{first.path}: changed since it was scanned: extract again"
    assert [each.image_id for each in explained(found) if not each.heatmap] == [first.image_id]


def test_an_engine_that_cannot_be_built_is_asked_once_and_told(
    made: tuple[RunConfig, FitInputs, Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(*_: object) -> Any:
        asked.append(1)
        raise RuntimeError("no such device\nand more")

    monkeypatch.setattr(explain.HeatMaps, "of", refuse)
    found = galleries(*made)
    assert (found.note, len(asked)) == ("no such device", 1)
    assert all(each.picture and not each.heatmap for each in explained(found))


def test_embeddings_on_disk_are_read_in_parts(
    made: tuple[RunConfig, FitInputs, Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reader:
        def __init__(self, rows: np.ndarray) -> None:
            self._rows, self.shape = rows, rows.shape

        def __getitem__(self, rows: np.ndarray) -> np.ndarray:
            assert len(rows) <= 20
            return self._rows[rows]

    config, inputs, evaluation = made
    monkeypatch.setattr(explain, "CHUNK", 20)
    monkeypatch.setattr("classifiers.likeness.READ", 20)
    on_disk = replace(inputs, cells=replace(inputs.cells, X=Reader(np.asarray(inputs.cells.X))))
    in_memory = galleries(config, inputs, evaluation)
    assert galleries(config, on_disk, evaluation) == in_memory.model_copy(update={"drawn": True})


def test_ctrl_c_ends_at_once_and_keeps_the_old_pictures(
    made: tuple[RunConfig, FitInputs, Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = made[0]
    galleries(*made)
    before = sorted((config.run_folder / "heatmaps").iterdir())

    def stop(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(explain.HeatMaps, "of", stop)
    with pytest.raises(KeyboardInterrupt):
        galleries(*made)
    assert sorted((config.run_folder / "heatmaps").iterdir()) == before
