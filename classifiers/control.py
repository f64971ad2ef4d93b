"""What a classifier must beat: trivial ones, and one on the network with random weights."""

from collections.abc import Callable

import numpy as np
from sklearn.pipeline import Pipeline

from classifiers.baselines import CONTROL, TRIVIAL, baseline_probabilities
from classifiers.cells import Cells, Rows, Split, draw_groups
from classifiers.fitting import CHUNK, DRAWN
from classifiers.logistic import Logistic
from classifiers.objectives import OBJECTIVES
from classifiers.preparation import Preparation
from classifiers.scores import all_classes, as_rows, class_scores, over_views, per_view, softmax
from classifiers.trials import TuningSettings
from data.splits import grouped_folds

COSTS = (1e-3, 1e-2, 1e-1, 1.0)  # inverse strengths of the penalty that are tried


def all_baselines(
    cells: Cells, split: Split, tuning: TuningSettings, on_fold: Callable[[], None] = lambda: None
) -> dict[str, np.ndarray]:
    """Name -> (n_test, k) probabilities of each baseline that a run has, fitted on its train rows.

    Args:
        on_fold: called as work goes on; what it raises ends it.
    """
    k = len(cells.classes)
    found = {
        name: baseline_probabilities(
            name, cells.colour, cells.y, split.train, split.test, k, tuning.seed
        )
        for name in TRIVIAL
    }
    if cells.control is not None:
        found[CONTROL] = control_probabilities(
            cells.control, cells.y, cells.groups, split.train, split.test, k, tuning.metric,
            tuning.inner_folds, tuning.seed, on_fold,
        )  # fmt: skip
    return found


def control_probabilities(
    X: Rows, y: np.ndarray, groups: np.ndarray, train: np.ndarray, test: np.ndarray,
    n_classes: int, metric: str, folds: int, seed: int,
    on_fold: Callable[[], None] = lambda: None,
) -> np.ndarray:  # fmt: skip
    """(n_test, n_classes) probabilities of a logistic regression on the embeddings of a control.

    It is prepared as the classifiers are, and its penalty is chosen on inner grouped folds of the
    train rows, because a weak control would flatter the pretrained weights. Of very many train
    rows it sees whole groups of about ``DRAWN``.

    Args:
        X: (n, d) or (n, views, d) float32. y: (n,) class codes. groups: (n,) names.
        train, test: row numbers.
        metric: what the penalty maximises, a name in ``OBJECTIVES``.
        on_fold: called before each fit; what it raises ends the work.

    Raises:
        BlastlineError: the train rows are of fewer than two groups.
    """
    rows = train[draw_groups(groups[train], DRAWN, seed)]
    known, y, groups = X[rows], y[rows], groups[rows]
    parts = grouped_folds(y, groups, folds, seed, strict=False)
    gained = dict.fromkeys(COSTS, 0.0)
    for number in np.unique(parts):
        held, rest = parts == number, parts != number
        if len(np.unique(y[rest])) < 2:
            continue
        prepare = _prepare(known[rest])
        for cost in COSTS:
            on_fold()
            model = _fit(prepare, cost, known[rest], y[rest], seed)
            scores = _scores(prepare, model, known[held], n_classes)
            gained[cost] += OBJECTIVES[metric](y[held], scores)
    on_fold()
    prepare = _prepare(known)
    model = _fit(prepare, max(COSTS, key=lambda cost: gained[cost]), known, y, seed)
    starts = range(0, len(test), CHUNK)
    each = [_scores(prepare, model, X[test[at : at + CHUNK]], n_classes) for at in starts]
    return softmax(np.concatenate(each))


def _prepare(X: np.ndarray) -> Pipeline:
    return Pipeline(Preparation(root=True).steps()).fit(as_rows(X))


def _fit(prepare: Pipeline, cost: float, X: np.ndarray, y: np.ndarray, seed: int) -> Logistic:
    model = Logistic(C=cost, max_iter=300, random_state=seed)
    return model.fit(prepare.transform(as_rows(X)), per_view(y, X))


def _scores(prepare: Pipeline, model: Logistic, X: np.ndarray, n_classes: int) -> np.ndarray:
    """(n, n_classes) scores, means over views; classes unknown to the model lie far below."""
    found = over_views(class_scores(model, prepare.transform(as_rows(X))), X)
    return all_classes(found, model.classes_, n_classes)
