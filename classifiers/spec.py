"""What every classifier's file says of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import BaseTrial
from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from classifiers.chunks import Chunks
    from classifiers.fold import Fold

Params = dict[str, Any]
Shared = tuple[BaseEstimator, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class ClassifierSpec:
    """What tuning, fitting and the report need to know of a classifier.

    Attributes:
        build: parameters and seed -> unfitted scikit-learn estimator with ``predict_proba``. If
            its ``fit`` has a parameter ``groups``, it gets them, for inner splits of its own.
        suggest: an Optuna trial and the number of features -> parameters for ``build``.
        first: Optuna's parameters of the first trial, a guess that tuning must beat.
        grid: Optuna's parameter -> values, for a search of every combination.
        while_tuning: parameters that only save time in the fits of a study.
        share: how trials share work on one inner fold: the fold, parameters and seed -> an unfitted
            estimator, what to fit it on and what to predict on (a kernel matrix, say), in place
            of ``build`` and the fold's features. The scores must be the same.
        stream: how to fit on more rows than memory holds: parameters, seed and prepared rows in
            chunks -> the fitted estimator that ``build`` stands for. None: it cannot.
    """

    name: str
    title: str
    build: Callable[[Params, int], BaseEstimator]
    suggest: Callable[[BaseTrial, int], Params]
    first: Params
    grid: dict[str, Sequence[Any]]
    while_tuning: Params = field(default_factory=dict)
    share: "Callable[[Fold, Params, int], Shared] | None" = None
    stream: "Callable[[Params, int, Chunks], BaseEstimator] | None" = None
