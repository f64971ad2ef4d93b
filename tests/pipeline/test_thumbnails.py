"""Which cells are worth a look."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classifiers.protocol import SELECTED
from pipeline.thumbnails import cells_to_look_at


def example(n: int, k: int, seed: int, accuracy: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(k), n)
    decided = proba.argmax(axis=1)
    y = np.where(rng.random(n) < accuracy, decided, (decided + 1) % k)
    rows = np.arange(n) * 2
    labels = np.full(2 * n, -1)
    labels[rows] = y
    evaluation = SimpleNamespace(rows=rows, test={SELECTED: proba}, decided={SELECTED: decided})
    return SimpleNamespace(y=labels), evaluation


@given(
    st.integers(1, 60), st.integers(2, 5), st.integers(0, 99), st.floats(0, 1), st.integers(1, 30)
)
def test_errors_and_doubtful_cells_share_the_places(
    n: int, k: int, seed: int, accuracy: float, count: int
) -> None:
    cells, evaluation = example(n, k, seed, accuracy)
    errors, doubtful, wrong = cells_to_look_at(cells, evaluation, count)
    proba, decided = evaluation.test[SELECTED], evaluation.decided[SELECTED]
    is_wrong = decided != cells.y[evaluation.rows]
    assert wrong == is_wrong.sum()
    assert len(set(errors + doubtful)) == len(errors) + len(doubtful) == min(count, n)
    assert is_wrong[errors].all()
    assert len(errors) >= min(wrong, count - count // 2)
    sure = proba[np.arange(n), decided]
    assert (np.diff(sure[errors]) <= 0).all()
    left = np.setdiff1d(np.flatnonzero(is_wrong), errors)
    assert not len(left) or not errors or sure[left].max() <= sure[errors].min()
    highest = proba.max(axis=1)
    assert (np.diff(highest[doubtful]) >= 0).all()
    rest = np.setdiff1d(np.arange(n), errors + doubtful)
    assert not len(rest) or not doubtful or highest[rest].min() >= highest[doubtful].max()
