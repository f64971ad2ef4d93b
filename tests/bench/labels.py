"""Label errors planted among real cells: how many of the first named ones are true finds."""

from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from classifiers.calibration import Calibrated
from classifiers.label_errors import find_label_errors
from classifiers.preparation import Preparation, make_pipeline
from classifiers.registry import CLASSIFIERS
from pipeline.config import RunConfig
from pipeline.extract import run_extract
from pipeline.inputs import load_inputs
from tests.bench.measure import table
from tests.shared import PBC

SHARE, SEEDS = 0.03, 5
PARAMS = {
    "logistic": lambda d: {"C": 0.3, "l1_ratio": 0.0, "class_weight": None},
    "svm": lambda d: {"C": 10.0, "kernel": "rbf", "gamma": 0.2 / d, "class_weight": "balanced"},
}


def labels(folder: Path) -> list[str]:
    """Plant wrong labels in the PBC subset and look for them by out-of-fold predictions."""
    if not PBC.is_dir():
        return ["Not measured: needs the real pictures in `../shared`."]
    config = RunConfig(
        dataset="pbc2020", images=str(PBC.parent), work=str(folder),
        backbone="morphology",
    )  # fmt: skip
    run_extract(config)
    cells = load_inputs(config).cells
    X, y, groups = np.asarray(cells.X), cells.y, cells.groups
    lines = [
        f"{SHARE:.0%} of the labels of {len(y):,} real cells (PBC subset, {len(cells.classes)} "
        f"classes, morphology) are made wrong: at random, or into the class that the classifier "
        f"confuses most with the true one; means of {SEEDS} draws, lowest in brackets. Classifiers "
        "are fitted and calibrated with the wrong labels, by five grouped folds, parameters fixed.",
        "",
    ]  # fmt: skip
    rows = []
    for name in PARAMS:
        clean = _out_of_fold(name, X, y, groups, 0)
        confused = np.zeros((len(cells.classes),) * 2)
        np.add.at(confused, (y, clean.argmax(axis=1)), 1)
        np.fill_diagonal(confused, -1)
        for kind in ("at random", "confusable"):
            found = np.array(
                [_find(name, X, y, groups, confused, kind, seed) for seed in range(SEEDS)]
            )
            mean, least = found.mean(axis=0), found[:, 0].min()
            first = f"{mean[0]:.2f} ({least:.2f})"
            rows.append(f"| {name} | {kind} | {first} | {mean[1]:.2f} | {mean[2]:.2f} |")
    head = "classifier | wrong labels | right among the first as many | right of all named"
    return [*lines, *table(f"{head} | planted ones named", rows)]


def _out_of_fold(
    name: str, X: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int
) -> np.ndarray:
    params = PARAMS[name](X.shape[1])
    pipeline = make_pipeline(CLASSIFIERS[name], Preparation(root=True), params, seed)
    with threadpool_limits(1):
        return Calibrated(pipeline, folds=5, random_state=seed).fit(X, y, groups).out_of_fold_


def _find(
    name: str, X: np.ndarray, y: np.ndarray, groups: np.ndarray, confused: np.ndarray,
    kind: str, seed: int,
) -> tuple[float, float, float]:  # fmt: skip
    """Precision among the first as many as were planted, and of all named; recall."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(y), round(SHARE * len(y)), replace=False)
    given = y.copy()
    if kind == "confusable":
        given[rows] = confused[y[rows]].argmax(axis=1)
    else:
        given[rows] = (y[rows] + rng.integers(1, len(confused), len(rows))) % len(confused)
    named = find_label_errors(_out_of_fold(name, X, given, groups, seed), given).rows
    right = np.isin(named, rows)
    return right[: len(rows)].sum() / len(rows), right.mean(), right.sum() / len(rows)
