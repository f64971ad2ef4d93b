"""The one picture of all cells on the map."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from optuna.storages import InMemoryStorage

from classifiers.cell_parts import MapPart
from classifiers.cells import Cells
from classifiers.nested import Nested
from classifiers.preparation import Block
from classifiers.protocol import SELECTED
from classifiers.registry import CLASSIFIERS
from classifiers.result import RunResult
from data.splits import grouped_folds
from pipeline.embedding_map import SIDE, _sprite, map_of
from tests.classifiers.examples import blobs, protocol, settings
from tests.pipeline.commands import Run

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (60, 60, 60)]


@pytest.fixture
def shown(tmp_path: Path) -> pd.DataFrame:
    """Rows of a manifest for five images in a colour each."""
    rows = []
    for number, colour in enumerate(COLOURS):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((70, 90, 3), colour[::-1], np.uint8))
        rows.append((path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
    return pd.DataFrame(rows, columns=["path", "sha256"])


def colours(folder: Path, name: str, places: list[int], columns: int) -> list[tuple[int, ...]]:
    """The mean colour at each place."""
    sheet = cv2.imread(str(folder / name))[:, :, ::-1]
    cells = [divmod(place, columns) for place in places]
    found = [sheet[SIDE * y : SIDE * (y + 1), SIDE * x : SIDE * (x + 1)] for y, x in cells]
    return [tuple(each.reshape(-1, 3).mean(axis=0)) for each in found]


def test_each_cell_has_its_own_picture_and_no_sheet_writes_over_another(
    shown: pd.DataFrame, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    first = _sprite(shown, tmp_path, run)
    found = colours(run, first.name, first.places, first.columns)
    assert np.allclose(found, COLOURS, atol=6)
    second = _sprite(shown.iloc[::-1], tmp_path, run)
    assert {f"thumbnails/{path.name}" for path in (run / "thumbnails").iterdir()} == {
        first.name, second.name,
    }  # fmt: skip
    assert np.allclose(colours(run, first.name, first.places, first.columns), COLOURS, atol=6)


def test_images_that_are_gone_or_changed_have_no_picture_and_shift_no_other(
    shown: pd.DataFrame, tmp_path: Path
) -> None:
    kept = {name: (tmp_path / name).read_bytes() for name in shown.path}
    (tmp_path / "0.png").unlink()
    (tmp_path / "2.png").write_bytes((tmp_path / "3.png").read_bytes())
    (tmp_path / "4.png").write_bytes(b"no image")
    found = _sprite(shown, tmp_path, tmp_path / "run")
    assert [place >= 0 for place in found.places] == [False, True, False, True, False]
    pictured = colours(tmp_path / "run", found.name, [found.places[n] for n in (1, 3)], 1)
    assert np.allclose(pictured, [COLOURS[1], COLOURS[3]], atol=6)
    for name, content in kept.items():
        (tmp_path / name).write_bytes(content)
    whole = _sprite(shown, tmp_path, tmp_path / "run")
    found_again = colours(tmp_path / "run", whole.name, whole.places, whole.columns)
    assert np.allclose(found_again, COLOURS, atol=6)


def test_a_whole_sheet_outlives_its_images_and_none_at_all_is_said_so(
    shown: pd.DataFrame, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    first = _sprite(shown, tmp_path, run)
    for path in shown.path:
        (tmp_path / path).unlink()
    assert _sprite(shown, tmp_path, run) == first
    fewer = _sprite(shown.iloc[1:], tmp_path, run)
    assert (fewer.name, fewer.places) == ("", [-1] * 4)


class Disk:
    """Rows that are no array."""

    def __init__(self, X: np.ndarray) -> None:
        self._X, self.shape = X, X.shape

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self._X[rows]


@pytest.mark.parametrize(
    ("n", "k", "fixed", "disk", "views", "committee"),
    [
        (90, 3, False, False, 1, True),
        (90, 2, True, False, 2, False),
        (90, 3, False, True, 2, False),
        (24, 2, False, False, 1, False),
    ],
)
def test_every_kind_of_run_is_mapped(
    n: int, k: int, fixed: bool, disk: bool, views: int, committee: bool, tmp_path: Path
) -> None:
    sample = blobs(n, noise=3.0)
    y = np.where(np.arange(n) % 8 == 7, -1, np.arange(n) % k)
    X = sample.X if views == 1 else np.stack([sample.X, sample.X + 0.1], axis=1)
    cells = Cells(
        X=Disk(X) if disk else X,
        blocks=(Block("made up", sample.X.shape[1]),),
        colour=sample.X[:, :3],
        y=y,
        groups=sample.groups,
        sha256=np.array([f"{row:064x}" for row in range(n)]),
        folds=np.where(y < 0, -1, grouped_folds(np.maximum(y, 0), sample.groups, 3, 0)),
        test=(np.arange(n) // 5 % 3 == 0) & (y >= 0) & fixed,
        classes=("a", "b", "c")[:k],
    )
    specs = [CLASSIFIERS[name] for name in (("logistic", "knn") if committee else ("logistic",))]
    how = protocol(settings(1), committee=committee)
    evaluation = Nested(cells, specs, InMemoryStorage(), "map", how).evaluate()
    frame = pd.DataFrame({"sha256": cells.sha256})
    frame["path"] = [f"{row}.png" for row in range(n)]
    frame["image_id"] = [f"cell {row}" for row in range(n)]
    frame["patient"] = ""
    inputs: Any = SimpleNamespace(
        cells=cells, manifest=SimpleNamespace(frame=frame),
        scan=SimpleNamespace(images=str(tmp_path / "gone")),
    )  # fmt: skip
    config: Any = SimpleNamespace(run_folder=tmp_path / "run")
    part = map_of(config, inputs, evaluation)
    assert part is not None
    rows = [int(name.split()[1]) for name in part.image_id]
    assert set(np.flatnonzero(y >= 0)) <= set(rows)
    assert part.label == y[rows].tolist()
    assert min(part.predicted) >= 0 and None not in part.confidence
    at = {row: number for number, row in enumerate(rows)}
    decided = evaluation.decided[SELECTED].tolist()
    assert [part.predicted[at[row]] for row in evaluation.rows] == decided
    assert (part.sprite, set(part.picture)) == ("", {-1})
    assert (part.n, part.n_unlabelled) == (n, int((y < 0).sum()))
    assert part.same_patient is None


def test_a_finished_run_maps_every_cell_with_what_was_said_of_it_unseen(finished_run: Run) -> None:
    result = RunResult.read(finished_run.folder / "run.json")
    part = result.embedding_map
    assert isinstance(part, MapPart)
    frame = pd.read_csv(
        finished_run.folder / "predictions.csv", dtype={"patient": str}, keep_default_na=False
    )
    frame = frame[frame.classifier == "selected"].set_index("image_id")
    names = result.dataset.classes
    assert 0 < len(part.x) <= part.n
    for image, label, predicted, patient, sure in zip(
        part.image_id, part.label, part.predicted, part.patient, part.confidence, strict=True
    ):
        row = frame.loc[image]
        assert row.label == ("" if label < 0 else names[label])
        assert row.predicted == names[predicted]
        assert row.patient == patient
        assert sure == pytest.approx(max(row[f"p_{name}"] for name in names), abs=1e-4)
    assert min(part.picture) >= 0 and (finished_run.folder / part.sprite).is_file()
