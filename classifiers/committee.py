"""Several classifiers that vote with their probabilities."""

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from classifiers.calibration import validate_cells, validate_training
from classifiers.threshold import check_decision, decide, learn_threshold

Members = Sequence[tuple[str, BaseEstimator]]


class Committee(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classifiers whose probabilities are averaged (the sum rule; Kittler et al. 1998,
    doi:10.1109/34.667881).

    Members get X as it is; only ``Calibrated`` ones understand (n, v, d) views.

    Args:
        members: (name, classifier) pairs, best with calibrated probabilities. A member whose
            ``fit`` has a parameter ``groups`` gets them.
        decision: ``learned`` threshold of two classes, or ``argmax``, as in ``Calibrated``.
        metric: what the threshold maximises.

    Attributes:
        members_: (name, fitted classifier) pairs. classes_: (k,) sorted, those of any member.
        threshold_: learned from ``out_of_fold_``, 0.5 without.
        out_of_fold_: (n, k) mean out-of-fold probabilities of the training cells over the members
            that have them. None if none has, or if they are not of the same cells.
        informed_, codes_, groups_: (n,) of these cells, as in ``Calibrated``, or None.
    """

    def __init__(
        self, members: Members, decision: str = "learned", metric: str = "f1_macro"
    ) -> None:
        self.members = members
        self.decision = decision
        self.metric = metric

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> "Committee":
        """Fit every member on (n, d) cells or (n, v, d) views, (n,) classes and (n,) groups.

        Raises:
            ValueError: no member, fewer than two classes, or an unknown decision or metric.
        """
        check_decision(self.decision, self.metric)
        X, y = validate_training(self, X, y)
        fitted = []
        for name, member in self.members:
            wanted = groups is not None and has_fit_parameter(member, "groups")
            extra = {"groups": groups} if wanted else {}
            fitted.append((name, clone(member).fit(X, y, **extra)))
        return self._learn(fitted)

    @classmethod
    def of(
        cls, members: Members, decision: str = "learned", metric: str = "f1_macro"
    ) -> "Committee":
        """A committee of fitted members, as they are.

        Raises:
            ValueError: no member, or an unknown decision or metric.
        """
        check_decision(decision, metric)
        self = cls(members, decision, metric)._learn(list(members))
        self.n_features_in_ = self.members_[0][1].n_features_in_
        return self

    def _learn(self, fitted: list[tuple[str, BaseEstimator]]) -> "Committee":
        if not fitted:
            raise ValueError("a committee of no members; expected at least one")
        self.members_ = fitted
        self.classes_ = np.unique(np.concatenate([member.classes_ for _, member in fitted]))
        self.threshold_ = 0.5
        self.out_of_fold_ = self.informed_ = self.codes_ = self.groups_ = None
        scored = [m for _, m in fitted if getattr(m, "out_of_fold_", None) is not None]
        if scored and all(_same_cells(scored[0], each) for each in scored[1:]):
            self.out_of_fold_ = self._mean([(each, each.out_of_fold_) for each in scored])
            self.informed_ = np.all([each.informed_ for each in scored], axis=0)
            self.codes_ = np.searchsorted(self.classes_, scored[0].classes_[scored[0].codes_])
            self.groups_ = scored[0].groups_
            if self.decision == "learned":
                some = self.informed_
                self.threshold_ = learn_threshold(
                    self.codes_[some], self.out_of_fold_[some], self.groups_[some], self.metric
                )
        return self

    def _mean(self, votes: list[tuple[BaseEstimator, np.ndarray]]) -> np.ndarray:
        total = np.zeros((len(votes[0][1]), len(self.classes_)))
        for member, proba in votes:
            total[:, np.searchsorted(self.classes_, member.classes_)] += proba
        return total / len(votes)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 mean probabilities, rows summing to 1."""
        check_is_fitted(self)
        X = validate_cells(self, X)
        return self._mean([(member, member.predict_proba(X)) for _, member in self.members_])

    def uncalibrated_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) mean of the members' probabilities without calibration; all are ``Calibrated``."""
        check_is_fitted(self)
        X = validate_cells(self, X)
        return self._mean([(member, member.uncalibrated_proba(X)) for _, member in self.members_])

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """(n,) positions in ``classes_`` that are predicted at (n, k) probabilities."""
        return decide(proba, self.threshold_)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) classes."""
        proba = self.predict_proba(X)
        return self.classes_[self.decide(proba)]


def _same_cells(first: BaseEstimator, other: BaseEstimator) -> bool:
    return all(
        np.array_equal(of_first, of_other)
        for of_first, of_other in (
            (first.classes_[first.codes_], other.classes_[other.codes_]),
            (first.groups_, other.groups_),
        )
    )
