"""What a split is worth: the same classifier under random and under grouped folds."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from classifiers.estimate import Estimate
from classifiers.evaluation.ranking import mean_auroc
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.metrics import confusion_by_group, from_confusion
from classifiers.preparation import PreparedClassifier
from classifiers.scores import all_classes, as_rows, class_scores, over_views, per_view, softmax
from data.splits import grouped_folds

Task = tuple[np.ndarray, np.ndarray]  # row numbers to train on and to test
Fit = Callable[[Task], np.ndarray]  # (n_test, k) probabilities
FIGURES = ("accuracy", "f1_macro", "auroc")


class Premium(NamedTuple):
    """Figures under each split by name, and random minus grouped.

    Attributes:
        absent: codes of classes that some fold has no cell of, under either split.
    """

    folds: int
    absent: tuple[int, ...]
    grouped: dict[str, Estimate]
    random: dict[str, Estimate]
    premium: dict[str, Estimate]


def leakage_premium(
    y: np.ndarray, groups: np.ndarray, k: int, fit: Fit, n_folds: int, seed: int,
    repeats: int = 1, run: Callable[[Fit, Sequence[Task]], Iterable[np.ndarray]] = map,
) -> Premium:  # fmt: skip
    """Accuracy, macro F1 and macro AUROC under folds of whole groups and under folds of cells.

    The second are the first with the cells of each class dealt anew: each fold keeps its number
    of cells of each class, since a classifier trained on another mix of classes than it is tested
    on is worse for that, whatever it knows of groups.

    Cells of one patient on both sides of a split make a classifier look better than it is on new
    patients (record-wise against subject-wise cross-validation: Tougui et al. 2021,
    doi:10.4258/hir.2021.27.3.189; dependence between training and test samples as a kind of
    leakage: Kapoor and Narayanan 2023, doi:10.1016/j.patter.2023.100804). Both arms are the same
    cells, folds of the same classes and sizes, shuffles and code; only what a fold keeps together
    differs. Figures are means over the repeats, not figures of mean probabilities, which would be
    those of an ensemble. Intervals resample the same groups in both arms.

    Args:
        y: (n,) class codes of k classes. groups: (n,).
        fit: trains anew on the first rows and gives probabilities of the second.
        n_folds: lowered to the number of groups. repeats: shuffles of each arm.
        run: as ``map``; may work on several folds at once.

    Raises:
        BlastlineError: a class whose cells are all of one group, so that it cannot be tested.
    """
    splits: list[np.ndarray] = []  # grouped and random in turns
    for repeat in range(repeats):
        grouped = grouped_folds(y, groups, n_folds, seed + repeat)
        splits += [grouped, _dealt_anew(y, grouped, seed + repeat)]
    tasks = [
        (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
        for folds in splits
        for fold in range(int(folds.max()) + 1)
    ]
    found = iter(run(fit, tasks))
    resamples = Resamples.of(groups, seed)
    figures = []
    for folds in splits:
        proba = np.empty((len(y), k))
        for fold in range(int(folds.max()) + 1):
            proba[folds == fold] = next(found)
        figures.append(_figures(y, proba, groups, resamples))
    means = [np.mean(figures[arm::2], axis=0) for arm in range(2)]
    return Premium(
        int(splits[0].max()) + 1,
        tuple(code for code in np.unique(y).tolist() if _absent(y == code, splits[::2])),
        *(
            {name: figure(values) for name, values in zip(FIGURES, each, strict=True)}
            for each in (*means, means[1] - means[0])
        ),
    )


def _dealt_anew(y: np.ndarray, folds: np.ndarray, seed: int) -> np.ndarray:
    """(n,) the fold numbers of the cells, shuffled among those of each class."""
    rng = np.random.default_rng(seed)
    dealt = folds.copy()
    for code in np.unique(y):
        of_class = np.flatnonzero(y == code)
        dealt[of_class] = rng.permutation(folds[of_class])
    return dealt


def _absent(own: np.ndarray, splits: Sequence[np.ndarray]) -> bool:
    """Whether a fold of some split has none of its ``own`` cells, (n,) bool."""
    return any(len(np.unique(folds[own])) <= folds.max() for folds in splits)


def _figures(
    y: np.ndarray, proba: np.ndarray, groups: np.ndarray, resamples: Resamples
) -> np.ndarray:
    """(3, 1 + b) accuracy, macro F1 and macro AUROC, deciding for the most probable class."""
    k = proba.shape[1]
    by_group = confusion_by_group(y, proba.argmax(axis=1), groups, k)
    drawn = resamples.draws.T @ by_group.reshape(len(by_group), -1)
    of_labels = from_confusion(drawn.reshape(-1, k, k))
    areas = mean_auroc(y, proba, resamples)
    return np.stack([of_labels["accuracy"], of_labels["f1_macro"], areas])


def plain_fit(
    build: Sequence[Callable[[], PreparedClassifier]], X: np.ndarray, y: np.ndarray,
    groups: np.ndarray, k: int,
) -> Fit:  # fmt: skip
    """Preparation and classifier fitted anew, without calibration; several vote by their mean.

    Args:
        build: make unfitted pipelines. X: (n, d) or (n, views, d). y: (n,) class codes of k.
        groups: (n,) for classifiers that hold out cells to stop early; the same in both arms.
    """

    def fit(task: Task) -> np.ndarray:
        train, test = task
        total = np.zeros((len(test), k))
        for make in build:
            model = make().fit(as_rows(X[train]), per_view(y[train], X), per_view(groups[train], X))
            scores = over_views(class_scores(model, as_rows(X[test])), X[test])
            total += softmax(all_classes(scores, model.classes_, k))
        return total / len(build)

    return fit
