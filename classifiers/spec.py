"""What every classifier's file says of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import BaseTrial
from sklearn.base import BaseEstimator

Params = dict[str, Any]


@dataclass(frozen=True)
class ClassifierSpec:
    """What tuning, fitting and the report need to know of a classifier.

    Attributes:
        build: parameters and seed -> unfitted scikit-learn estimator with ``predict_proba``.
        suggest: an Optuna trial and the number of features -> parameters, ``root`` among them.
        first: Optuna's parameters of the first trial, a guess that tuning must beat.
        uses_groups: whether ``fit`` takes ``groups``, for an inner split of its own.
        while_tuning: parameters for the fits of a study that change no predicted class, only
            save time.
    """

    name: str
    title: str
    build: Callable[[Params, int], BaseEstimator]
    suggest: Callable[[BaseTrial, int], Params]
    first: Params
    uses_groups: bool = False
    while_tuning: Params = field(default_factory=dict)
