"""Embeddings on disk: tuned on some whole groups, fitted by streaming, tested on all."""

from dataclasses import replace

import numpy as np
import optuna
import pytest

from classifiers import fitting, nested
from classifiers.cells import Cells, draw_groups
from classifiers.nested import Nested
from classifiers.preparation import Block
from classifiers.protocol import Evaluation
from classifiers.registry import CLASSIFIERS
from classifiers.spec import ClassifierSpec
from data.splits import grouped_folds
from tests.classifiers.examples import blobs, protocol, settings

SPECS = [CLASSIFIERS[name] for name in ("logistic", "svm", "knn")]


class OnDisk:
    """Rows that are no array, and that note how many are asked for at once."""

    def __init__(self, X: np.ndarray) -> None:
        self._X, self.shape, self.largest = X, X.shape, 0

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        self.largest = max(self.largest, len(rows))
        return self._X[rows]


@pytest.fixture
def cells() -> Cells:
    sample = blobs(600, noise=3.0)
    y = sample.y // 2
    return Cells(
        X=sample.X,
        blocks=(Block("made up", sample.X.shape[1]),),
        colour=sample.X[:, :3],
        y=y,
        groups=sample.groups,
        sha256=np.array([f"{row:064x}" for row in range(600)]),
        folds=grouped_folds(y, sample.groups, 3, 0),
        test=np.zeros(600, dtype=bool),
        classes=("a", "b", "c"),
    )


def evaluated(cells: Cells, specs: list[ClassifierSpec]) -> Evaluation:
    how = protocol(settings(2), committee=len(specs) > 1, rounds=2, feedback=1)
    return Nested(cells, specs, optuna.storages.InMemoryStorage(), "disk", how).evaluate()


@pytest.fixture(autouse=True)
def small_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "DRAWN", 150)
    monkeypatch.setattr(nested, "DRAWN", 150)
    monkeypatch.setattr(fitting, "CHUNK", 64)


def test_no_more_is_read_at_once_than_is_drawn(cells: Cells) -> None:
    disk = OnDisk(np.asarray(cells.X))
    evaluated(replace(cells, X=disk), SPECS[:1])
    assert disk.largest < 155


def test_it_does_as_well_as_in_memory(cells: Cells) -> None:
    disk = OnDisk(np.asarray(cells.X))
    found, plain = evaluated(replace(cells, X=disk), SPECS), evaluated(cells, SPECS)
    for name in ("logistic", "svm", "committee"):
        accuracy = [(each.decided[name] == cells.y).mean() for each in (found, plain)]
        assert accuracy[0] > accuracy[1] - 0.05, name
    assert found.final.in_rounds == {}
    assert set(found.final.values) >= {"logistic", "svm", "knn"}


@pytest.mark.parametrize("limit", [1, 37, 100, 599, 600, 1000])
def test_whole_groups_are_drawn_until_there_are_enough(cells: Cells, limit: int) -> None:
    rows = draw_groups(cells.groups, limit, 0)
    drawn = set(cells.groups[rows])
    assert len(rows) == np.isin(cells.groups, list(drawn)).sum()  # no group is cut
    assert min(limit, 600) <= len(rows)
    assert len(drawn) >= 10  # enough to split further
    assert len(rows) < max(limit, 50) + 5  # groups of five, ten of them at least
    np.testing.assert_array_equal(rows, draw_groups(cells.groups, limit, 0))


@pytest.mark.parametrize("seed", range(5))
def test_the_part_for_calibration_is_whole_groups_and_never_a_whole_class(
    cells: Cells, seed: int
) -> None:
    y = np.where(cells.groups == cells.groups[0], 3, cells.y)  # a class of one group
    held = fitting.held_part(y, cells.groups, seed)
    assert not set(cells.groups[held]) & set(cells.groups[~held])
    assert set(y[~held]) == set(y)
    assert 0 < held.sum() <= 155
