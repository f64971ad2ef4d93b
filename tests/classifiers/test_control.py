import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from classifiers import control
from classifiers.baselines import CONTROL, TITLES, TRIVIAL
from classifiers.cells import Cells, Split
from classifiers.control import all_baselines, control_probabilities
from classifiers.preparation import Block
from classifiers.trials import TuningSettings

TUNING = TuningSettings(1, "f1_macro", 3, 0, 0, "random", 0, 0)
K = 3


class Reader:
    """Embeddings that are read on demand, a few rows at a time."""

    def __init__(self, X: np.ndarray) -> None:
        self._X, self.shape = X, X.shape
        self.read: set[int] = set()
        self.most = 0

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        self.read |= set(np.asarray(rows).tolist())
        self.most = max(self.most, len(rows))
        return self._X[rows]


def planted(n: int = 90, views: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings that tell the class in their first columns, classes, and groups of three."""
    rng = np.random.default_rng(0)
    y = np.arange(n) // 3 % K
    shape = (n, views, 8) if views else (n, 8)
    X = rng.normal(size=shape)
    X[..., :K] += 4 * np.eye(K)[y][:, None] if views else 4 * np.eye(K)[y]
    return X.astype(np.float32), y, np.array([f"g{number // 3}" for number in range(n)])


def probabilities(
    X: object, y: np.ndarray, groups: np.ndarray, train: np.ndarray, test: np.ndarray, k: int = K
) -> np.ndarray:
    return control_probabilities(X, y, groups, train, test, k, "f1_macro", 3, 0)  # type: ignore[arg-type]


TRAIN, TEST = np.arange(60), np.arange(60, 90)


@pytest.mark.parametrize("views", [0, 3])
def test_what_the_embeddings_tell_is_found(views: int) -> None:
    X, y, groups = planted(views=views)
    proba = probabilities(X, y, groups, TRAIN, TEST)
    assert proba.shape == (30, K)
    assert_allclose(proba.sum(axis=1), 1)
    assert_array_equal(proba.argmax(axis=1), y[TEST])


def test_cells_under_test_teach_it_nothing() -> None:
    X, y, groups = planted()
    before = probabilities(X, y, groups, TRAIN, TEST)
    other = y.copy()
    other[TEST] = (y[TEST] + 1) % K
    assert_array_equal(probabilities(X, other, groups, TRAIN, TEST), before)
    moved = X.copy()
    moved[TEST[1:]] += 100
    assert_allclose(probabilities(moved, y, groups, TRAIN, TEST)[0], before[0])


def test_a_class_that_training_lacks_has_no_chance() -> None:
    X, y, groups = planted()
    proba = probabilities(X, y, groups, TRAIN, TEST, k=K + 1)
    assert (proba[:, K] < 1e-9).all()


def test_rows_on_disk_are_read_as_far_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, groups = planted(300)
    monkeypatch.setattr(control, "DRAWN", 60)
    monkeypatch.setattr(control, "CHUNK", 16)
    reader = Reader(X)
    train, test = np.arange(0, 200), np.arange(200, 300)
    proba = probabilities(reader, y, groups, train, test)
    assert_array_equal(proba.argmax(axis=1), y[test])
    assert reader.most < 70
    assert len(reader.read & set(train.tolist())) < 70


def test_the_penalty_is_chosen_on_groups_that_the_fit_did_not_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a cell's group gives its class away, only grouped folds show what holds elsewhere."""
    X, y, groups = planted()
    fitted: list[set[str]] = []
    seen = control._prepare

    def prepare(rows: np.ndarray) -> object:
        fitted.append({groups[int(np.flatnonzero((row == X).all(axis=1))[0])] for row in rows})
        return seen(rows)

    monkeypatch.setattr(control, "_prepare", prepare)
    probabilities(X, y, groups, TRAIN, TEST)
    *inner, whole = fitted
    assert whole == set(groups[TRAIN])
    assert not whole & set(groups[TEST])
    left_out = [whole - each for each in inner]
    assert set().union(*left_out) == whole
    assert sum(len(each) for each in left_out) == len(whole)


def cells_with(control_rows: np.ndarray | None) -> tuple[Cells, Split]:
    X, y, groups = planted()
    cells = Cells(
        X=X, blocks=(Block("a", 8),), colour=np.ones((len(y), 3), np.float32), y=y, groups=groups,
        sha256=np.arange(len(y)).astype(str), folds=np.zeros(len(y), int),
        test=np.zeros(len(y), bool), classes=("a", "b", "c"), control=control_rows,
    )  # fmt: skip
    return cells, Split("fold 0", TRAIN, TEST)


def test_a_run_has_a_control_where_there_are_embeddings_of_one() -> None:
    assert set(all_baselines(*cells_with(None), TUNING)) == set(TRIVIAL)
    found = all_baselines(*cells_with(planted()[0]), TUNING)
    assert set(found) == {*TRIVIAL, CONTROL} == set(TITLES)
    assert_array_equal(found[CONTROL].argmax(axis=1), planted()[1][TEST])


def test_it_ends_when_it_is_told_to() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        all_baselines(*cells_with(planted()[0]), TUNING, stop)
