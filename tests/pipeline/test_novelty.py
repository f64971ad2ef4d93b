"""What fit finds out of strangeness and of the split, and what predict says of strange cells."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from optuna.storages import InMemoryStorage

from classifiers.bundle import FORMAT
from classifiers.cells import NO_LABEL, Cells, Disturbed, Split, make_splits
from classifiers.nested import Nested
from classifiers.novelty import Novelty
from classifiers.preparation import Block
from classifiers.protocol import Evaluation
from classifiers.registry import CLASSIFIERS
from data.splits import grouped_folds
from pipeline import novelty
from pipeline.config import RunConfig
from pipeline.inputs import FitInputs
from pipeline.novelty import _unlabelled, novelty_of
from pipeline.predict import _unfamiliar, run_predict
from pipeline.premium import premium_of
from tests.classifiers.examples import protocol, settings
from tests.pipeline.commands import Guarded, Run

WIDTH = 12


class Reader:
    """Rows that are read when asked for, never all at once."""

    def __init__(self, X: np.ndarray) -> None:
        self.X, self.shape = X, X.shape

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        assert len(rows) < len(self.X)
        return self.X[rows]


def made_up(
    *, effect: float = 0.0, unlabelled: int = 0, fixed: bool = False, views: int = 0
) -> Cells:
    """Two classes of 20 patients with 8 cells each; then unlabelled cells of two more patients."""
    rng = np.random.default_rng(0)
    groups = np.append(np.repeat(np.arange(20), 8), np.repeat([90, 91], unlabelled))
    y = np.where(groups < 90, groups % 2, 0)
    X = rng.normal(size=(len(y), WIDTH)) + effect * rng.normal(size=(92, WIDTH))[groups]
    X[:, 0] += 2 * y
    y = np.where(groups < 90, y, NO_LABEL)
    X[y == NO_LABEL] += 6.0  # nothing like the labelled ones
    if views:
        X = X[:, None] + rng.normal(0, 0.1, (len(X), views, WIDTH))
    labelled = y >= 0
    folds = np.full(len(y), -1)
    folds[labelled] = grouped_folds(y[labelled], groups[labelled], 4, 0)
    test = fixed & labelled & (folds == 0)
    return Cells(
        X=X.astype(np.float32), blocks=(Block("made up", WIDTH),),
        colour=np.zeros((len(y), 3), np.float32), y=y, groups=groups.astype(str),
        sha256=np.array([f"{row:064x}" for row in range(len(y))]),
        folds=np.where(test, -1, folds), test=test, classes=("well", "sick"),
    )  # fmt: skip


def examined(
    cells: Cells, *, unit: str = "patient", disturbed: tuple[Disturbed, ...] = (),
    names: tuple[str, ...] = ("logistic",),
) -> tuple[RunConfig, FitInputs, Evaluation]:  # fmt: skip
    """The evaluation of such cells, as the examinations are given it."""
    nothing, scan = cast(Any, None), cast(Any, SimpleNamespace(unit=unit))
    inputs = FitInputs(nothing, scan, nothing, (), cells, disturbed)
    nested = Nested(
        cells, [CLASSIFIERS[name] for name in names], InMemoryStorage(), "test",
        protocol(settings(trials=1), committee=len(names) > 1),
    )  # fmt: skip
    return RunConfig(folds=4, classifiers=names), inputs, nested.evaluate()


def test_strange_unlabelled_and_disturbed_cells_are_told() -> None:
    cells = made_up(unlabelled=10)
    rows = np.arange(0, 160, 4)
    assert isinstance(cells.X, np.ndarray)
    shifted = Disturbed("shift", 3, "by 6", rows, cells.X[rows] + 6)
    same = Disturbed("nothing", 1, "none", rows, cells.X[rows])
    middle = replace(shifted, strength=2)
    part = novelty_of(*examined(cells, disturbed=(shifted, same, middle)))
    tested, strange, by_6, none = part.sets
    assert [each.name for each in part.sets] == [
        "cells under test", "unlabelled cells", "shift", "nothing",
    ]  # fmt: skip
    assert [each.n for each in part.sets] == [160, 20, 40, 40]
    assert tested.flagged.value is not None
    assert tested.flagged.value < 0.15
    for each in (strange, by_6):
        assert each.flagged.value == 1
        assert each.auroc is not None
        assert each.auroc.value == 1
    assert none.auroc is not None
    # The very same cells, each by the model that tested it.
    assert none.auroc.value == pytest.approx(0.5, abs=0.01)
    assert part.note == ""
    assert part.references == 160
    assert part.limit_low is not None
    assert part.limit_low < (part.limit_high or 0)


@pytest.mark.parametrize("views", [0, 3])
def test_a_class_left_out_is_judged_as_if_it_were_unknown(
    views: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = made_up(views=views)
    X = np.array(cells.X)
    X[cells.y == 1] += 8.0  # far from the other class, but never from its own
    cells = replace(cells, X=X)
    monkeypatch.setattr(novelty, "_new", lambda cells: Watching(cells, seen))
    seen: list[np.ndarray] = []
    first = make_splits(cells)[0]
    found = novelty._left_out(cells, first, 0)
    assert [(each.name, each.kind) for each in found] == [
        ("well", "left out"), ("sick", "left out"),
    ]  # fmt: skip
    assert [each.n for each in found] == np.bincount(cells.y[first.test]).tolist()
    for each in found:
        assert each.flagged.value == 1
        assert each.auroc is not None
        assert each.auroc.value == 1
    for code, groups in enumerate(seen):  # neither the class nor a patient under test
        assert set(groups) == set(cells.groups[first.train][cells.y[first.train] != code])


class Watching(Novelty):
    """A score that notes the groups that it was fitted on."""

    def __init__(self, cells: Cells, seen: list[np.ndarray]) -> None:
        super().__init__(tuple(block.width for block in cells.blocks))
        self.seen = seen

    def fit(self, X: np.ndarray, groups: np.ndarray) -> Novelty:
        self.seen.append(groups)
        return super().fit(X, groups)


def test_kinds_that_look_alike_are_not_told_apart() -> None:
    cells, found = made_up(), []
    first = make_splits(cells)[0]
    for seed in range(6):
        same = np.random.default_rng(seed).normal(size=np.shape(cells.X)).astype(np.float32)
        found += novelty._left_out(replace(cells, X=same), first, 0)
    areas = [each.auroc.value for each in found if each.auroc and each.auroc.value is not None]
    flagged = [each.flagged.value for each in found if each.flagged.value is not None]
    assert len(areas) == len(flagged) == 12
    assert np.mean(areas) == pytest.approx(0.5, abs=0.1)
    assert np.mean(flagged) < 0.15


def test_classes_that_cannot_be_left_out_are_passed_over() -> None:
    cells = made_up()
    one = np.where(cells.y == 0, "a", "b")  # one patient a class: nobody would remain to learn
    first = make_splits(cells)[0]
    assert novelty._left_out(replace(cells, groups=one), first, 0) == []
    few = Split(first.name, first.train, first.test[:: len(first.test) // 6])
    assert novelty._left_out(cells, few, 0) == []


def test_an_unlabelled_cell_is_never_scored_by_a_model_that_knows_its_group() -> None:
    cells = made_up(unlabelled=4)
    groups = cells.groups.copy()
    last = groups[cells.folds == 3][0]  # all parts but the last train on this patient
    groups[160:164] = last
    cells = replace(cells, groups=groups, X=groups.astype(np.float32)[:, None])
    splits = make_splits(cells)[:-1]
    seen = []

    class Watcher:
        def __init__(self, split: Split) -> None:
            self.known = set(cells.groups[split.train].astype(float))

        def relative(self, X: np.ndarray) -> np.ndarray:
            assert not self.known & set(X[:, 0].astype(float))
            seen.append(X[:, 0])
            return np.ones(len(X))

    found = _unlabelled(cells, splits, cast(Any, [Watcher(each) for each in splits]), 0)
    assert sorted(np.concatenate(seen)) == [float(last)] * 4 + [91] * 4
    assert sorted(found.groups) == [last] * 4 + ["91"] * 4


@pytest.mark.parametrize("kind", ["fixed", "views", "disk"])
def test_other_kinds_of_sets(kind: str) -> None:
    cells = made_up(fixed=kind == "fixed", views=3 if kind == "views" else 0)
    config, inputs, evaluation = examined(cells)
    usual = novelty_of(config, inputs, evaluation), premium_of(config, inputs, evaluation)
    if kind == "disk":
        assert isinstance(cells.X, np.ndarray)
        more = np.vstack([cells.X, cells.X[:1]])  # so that no reading is of all
        inputs = replace(inputs, cells=replace(cells, X=Reader(more)))
        assert inputs.cells.on_disk
        assert novelty_of(config, inputs, evaluation) == usual[0]
        assert premium_of(config, inputs, evaluation) == usual[1]
    else:
        assert len(usual[0].sets) == 1
        assert usual[0].sets[0].n == len(evaluation.rows)
        assert usual[1].n == len(evaluation.final.split.train)
    assert usual[1].folds == 4


def test_the_premium_of_patients_who_are_known_again() -> None:
    lows = [
        premium_of(*examined(made_up(effect=effect), names=("svm",))).premium["accuracy"].low
        for effect in (0.0, 4.0)
    ]
    assert lows[0] is not None
    assert lows[1] is not None
    assert lows[0] <= 0 < lows[1]


def test_a_committee_is_measured_as_its_members_mean() -> None:
    config, inputs, evaluation = examined(made_up(), names=("logistic", "svm"))
    final = replace(evaluation.final, selected="committee")
    both = replace(evaluation, parts=[*evaluation.parts[:-1], final])
    assert premium_of(config, inputs, both).classifier == "committee, the mean of its members"
    final = replace(evaluation.final, selected="svm")
    one = replace(evaluation, parts=[*evaluation.parts[:-1], final])
    assert premium_of(config, inputs, one).classifier == CLASSIFIERS["svm"].title


@pytest.mark.parametrize("unit", ["image", "patient"])
def test_why_a_premium_was_not_measured(unit: str) -> None:
    config, inputs, evaluation = examined(made_up(), unit=unit)
    if unit == "patient":
        single = np.array([f"p{row}" for row in range(160)])
        inputs = replace(inputs, cells=replace(inputs.cells, groups=single))
    part = premium_of(config, inputs, evaluation)
    assert part.premium == {}
    assert ("name no patients" if unit == "image" else "single image") in part.note


def test_a_class_of_one_patient_leaves_a_note_and_no_failure() -> None:
    config, inputs, evaluation = examined(made_up())
    y = np.where(inputs.cells.groups == "3", 2, inputs.cells.y)
    inputs = replace(inputs, cells=replace(inputs.cells, y=y, classes=("a", "b", "c")))
    assert "one group only" in premium_of(config, inputs, evaluation).note


def predicted(
    bundle: Path, images: Path, capfd: pytest.CaptureFixture[str]
) -> tuple[list[dict[str, str]], str]:
    """Rows and what standard error says."""
    capfd.readouterr()
    assert run_predict(bundle, [images], None, None) == 0
    out, err = capfd.readouterr()
    return list(csv.DictReader(io.StringIO(out))), err


def test_predict_marks_strange_cells(
    finished_run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = finished_run.folder / "bundle"
    rows, err = predicted(bundle, finished_run.images, capfd)
    assert list(rows[0])[:2] == ["image", "class"]
    assert list(rows[0])[-2:] == ["novelty", "familiar"]
    assert all((float(row["novelty"]) <= 1) == (row["familiar"] == "yes") for row in rows)
    strange = sum(row["familiar"] == "no" for row in rows)
    assert strange < len(rows) / 10
    assert ("unlike those it was trained on" in err) == (strange > 0)
    assert "do not trust" not in err
    for number in range(3):
        pixels = np.full((64, 64, 3), 10 * number, dtype=np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    rows, err = predicted(bundle, tmp_path, capfd)
    assert [row["familiar"] for row in rows] == ["no"] * 3
    assert "3 of 3 cells unlike those it was trained on" in err
    assert "do not trust" in err


@pytest.mark.parametrize(
    ("count", "of", "trusted"),
    [(1, 40, True), (2, 40, True), (12, 40, False), (2, 9, True), (3, 3, False)],
)
def test_a_few_strange_cells_are_no_alarm(count: int, of: int, trusted: bool) -> None:
    line = _unfamiliar(count, of)
    assert f"{count} of {of} cells unlike" in line
    assert ("do not trust" in line) != trusted
    assert "may still be of a kind that it was not trained on" in line


def test_a_bundle_of_before_is_refused_in_one_line(run: Run, guarded: Guarded) -> None:
    header = run.folder / "bundle/bundle.json"
    header.write_text(header.read_text().replace(f'"format": {FORMAT}', '"format": 3'))
    done = guarded("predict", run.folder / "bundle", run.images)
    assert done.code == 2
    assert "format 3" in done.err
    assert "fit again" in done.err
