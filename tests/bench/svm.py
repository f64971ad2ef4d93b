"""The kernel machine against scikit-learn's."""

import statistics
from pathlib import Path

import numpy as np
from sklearn.svm import SVC

from classifiers.svm import SVM
from tests.bench.measure import in_turns, rate, ratio, table


def kernel_svm(rows: int, width: int) -> str:
    """Fit and predict of the RBF machine against scikit-learn's SVC, same penalty and gamma."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2 * rows)
    X = (rng.normal(size=(2 * rows, width)) + 0.15 * y[:, None]).astype(np.float32)
    train, test = slice(0, rows), slice(rows, None)
    fast = SVM(C=10, gamma=1 / width, calibration_folds=0)
    slow = SVC(C=10, gamma=1 / width)
    mine, other = in_turns(
        lambda: rate(lambda: fast.fit(X[train], y[train]).predict(X[test]), 1),
        lambda: rate(lambda: slow.fit(X[train], y[train]).predict(X[test]), 1),
    )
    same = 100 * np.mean(fast.predict(X[test]) == slow.predict(X[test]))
    seconds = [1 / statistics.median(side) for side in (other, mine)]
    times = f"{seconds[0]:.2f} | {seconds[1]:.2f} | **{ratio(mine, other):.1f}**"
    return f"| {rows:,} x {width} | {times} | {same:.2f} % |"


def kernel_machines(folder: Path) -> list[str]:
    """Two sizes."""
    rows = [kernel_svm(rows, width) for rows, width in ((1000, 256), (2000, 2048))]
    head = "rows x width | scikit-learn SVC, s | Blastline, s | ratio | same predictions"
    return ["Fit and predict as many rows, two classes.", "", *table(head, rows)]
