"""Which model judges which disturbed cell, whatever the shape of the run."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from classifiers.cells import Disturbed, Split
from classifiers.evaluation.stress_parts import RobustnessPart
from classifiers.protocol import SELECTED, Evaluation, Part
from pipeline.config import RunConfig
from pipeline.robustness import robustness_of

N, K = 40, 4


class Constant:
    """A model that always decides on one class, if it may."""

    def __init__(self, code: int, allowed: np.ndarray) -> None:
        self.classes_ = np.arange(K)
        self._code, self._allowed = code, allowed

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        assert np.isin(X.reshape(len(X), -1)[:, 0].astype(int), self._allowed).all()
        return np.tile(np.eye(K)[self._code], (len(X), 1))

    def decide(self, proba: np.ndarray) -> np.ndarray:
        codes: np.ndarray = proba.argmax(axis=1)
        return codes


class Nearest:
    """A model that goes by the second column alone."""

    classes_ = np.arange(K)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        column = X[:, 1] if X.ndim == 2 else X[:, :, 1].mean(axis=1)
        return np.eye(K)[np.clip(np.rint(column).astype(int), 0, K - 1)]

    def decide(self, proba: np.ndarray) -> np.ndarray:
        codes: np.ndarray = proba.argmax(axis=1)
        return codes


def embedded(rows: np.ndarray, values: np.ndarray, views: int = 0) -> np.ndarray:
    """(m, 2) or (m, views, 2): the row's number, and a value."""
    X = np.column_stack([rows, values]).astype(np.float32)
    return np.repeat(X[:, None], views, axis=1) if views else X


def examined(parts: list[Part], y: np.ndarray, disturbed: list[Disturbed]) -> RobustnessPart:
    rows = np.sort(np.concatenate([part.split.test for part in parts]))
    evaluation = Evaluation(
        parts, rows, {SELECTED: np.eye(K)[y[rows]]}, {SELECTED: y[rows]}, np.eye(K)[y[rows]], None
    )
    names = np.array([f"{number:064}" for number in range(N)])
    inputs: Any = SimpleNamespace(
        cells=SimpleNamespace(
            y=y, groups=names, sha256=names, classes=tuple("abcd"), X=None, on_disk=True
        ),
        disturbed=tuple(disturbed),
        manifest=SimpleNamespace(
            frame=pd.DataFrame({"path": names, "sha256": names, "image_id": names})
        ),
        scan=SimpleNamespace(images="/nowhere"),
    )
    return robustness_of(RunConfig(), inputs, evaluation)


def part(name: str, test: np.ndarray, model: Any) -> Part:
    train = np.setdiff1d(np.arange(N), test)
    return Part(Split(name, train, test), model=model)


@pytest.mark.parametrize("views", [0, 3])
def test_each_cell_is_judged_by_the_model_that_tested_it(views: int) -> None:
    y = np.random.default_rng(0).permutation(N) % K  # the fold is the class
    folds = [np.flatnonzero(y == fold) for fold in range(K)]
    parts = [part(f"fold {n}", test, Constant(n, test)) for n, test in enumerate(folds)]
    parts.append(part("final", np.empty(0, int), Constant(0, np.empty(0))))
    rows = np.random.default_rng(1).permutation(N)[:25]  # in no order
    found = examined(parts, y, [Disturbed("blur", 1, "", rows, embedded(rows, rows, views))])
    assert (found.n, found.perturbed[0].accuracy.value, found.perturbed[0].changed) == (25, 1, 0)


def test_beside_a_fixed_test_set_the_final_model_judges_its_cells_alone() -> None:
    y = np.arange(N) % K
    test, rows = np.arange(30, N), np.arange(20, N)
    final = part("final", test, Nearest())
    found = examined([final], y, [Disturbed("blur", 1, "", rows, embedded(rows, y[rows]))])
    assert (found.n, found.perturbed[0].changed) == (10, 0)


def test_a_feature_that_a_disturbance_destroys_is_found_out() -> None:
    y, rows = np.arange(N) % K, np.arange(N)
    parts = [part("final", rows, Nearest())]
    spared = Disturbed("noise", 1, "", rows, embedded(rows, y + 0.2))
    spoilt = Disturbed("blur", 1, "", rows, embedded(rows, np.zeros(N)))
    found = examined(parts, y, [spared, spoilt])
    assert [each.changed for each in found.perturbed] == [0, 0.75]
    change = found.perturbed[1].f1_macro_change
    assert change.high is not None
    assert change.high < -0.5


def test_only_cells_that_all_disturbances_have_are_compared() -> None:
    y = np.arange(N) % K
    some = [np.arange(0, 20), np.arange(10, 30)]
    parts = [part("final", np.arange(5, N), Nearest())]
    disturbed = [Disturbed("blur", n, "", rows, embedded(rows, y[rows])) for n, rows in
                 enumerate(some, 1)]  # fmt: skip
    found = examined(parts, y, disturbed)
    assert found.n == 10
    assert "blur 3" in found.note
    assert "JPEG 1, JPEG 2" in found.note


def test_nothing_is_measured_where_no_disturbed_cell_is_under_test() -> None:
    rows = np.arange(10)
    parts = [part("final", np.arange(20, N), Nearest())]
    found = examined(
        parts, np.arange(N) % K, [Disturbed("blur", 1, "", rows, embedded(rows, rows))]
    )
    assert (found.n, found.perturbed) == (0, [])
    assert "extract again" in found.note
