"""Whether the trials of a study share work without changing a result."""

import numpy as np
import optuna
from numpy.testing import assert_allclose, assert_array_equal

from classifiers.fold import Fold, Memo
from classifiers.scores import class_scores
from classifiers.spec import ClassifierSpec, Params
from classifiers.trials import fit_quietly


def cells(n: int, classes: int = 3, width: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, width) float32 rows of overlapping blobs, and their classes."""
    y = np.arange(n) % classes
    centres = np.random.default_rng(9).normal(size=(classes, width))
    noise = np.random.default_rng(seed).normal(size=(n, width))
    return (centres[y] + noise).astype(np.float32), y


def a_fold(classes: int = 3, limit: int = 1 << 30) -> Fold:
    """120 training cells in groups of four and 50 held-out ones; ``limit`` bytes are kept."""
    X, y = cells(120, classes)
    return Fold("fold", X, cells(50, classes, seed=1)[0], y, np.arange(120) // 4, Memo(limit))


def random_params(spec: ClassifierSpec, seed: int, width: int = 6) -> Params:
    """A random point of the search space."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return spec.suggest(study.ask(), width)


def assert_sharing_changes_nothing(spec: ClassifierSpec, fold: Fold, params: Params) -> None:
    """The same classes, the same predictions and, but for rounding, the same scores."""
    assert spec.share is not None
    shared, train, held = spec.share(fold, params, 3)
    direct = spec.build(params, 3)
    fit_quietly(shared, train, fold.y, fold.groups)
    fit_quietly(direct, fold.train, fold.y, fold.groups)
    assert_array_equal(shared.classes_, direct.classes_)
    assert_array_equal(shared.predict(held), direct.predict(fold.held))
    assert_allclose(class_scores(shared, held), class_scores(direct, fold.held), atol=1e-9)


def assert_first_and_grid_are_points_of_the_search_space(spec: ClassifierSpec) -> None:
    """Optuna takes them: no name is missing, no value out of range."""
    sizes = [len(values) for values in spec.grid.values()]
    assert 1 < np.prod(sizes) <= 40
    for place in range(max(sizes) + 1):
        point = spec.first if place == 0 else {
            name: values[(place - 1) % len(values)] for name, values in spec.grid.items()
        }  # fmt: skip
        study = optuna.create_study()
        study.enqueue_trial(point)
        trial = study.ask()
        spec.build(spec.suggest(trial, 6), 0)
        assert trial.params == point
