"""Probabilities and the decision threshold of a classifier, learned on grouped folds."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    has_fit_parameter,
    validate_data,
)

from classifiers.calibrators import CALIBRATORS, affordable
from classifiers.scores import all_classes, as_rows, class_scores, over_views, per_view, softmax
from classifiers.threshold import check_decision, decide, learn_threshold
from data.errors import BlastlineError
from data.splits import grouped_folds


class Calibrated(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier whose probabilities and decision threshold come from grouped folds.

    Copies of it score each cell out of fold; a calibrator and, for two classes, a threshold are
    learned from these scores. Then it is fitted once on all cells. Cells may have several views:
    they train as rows of one group, and their scores are averaged before anything else.

    Args:
        estimator: a classifier or a pipeline, preparation included. If its ``fit`` has a parameter
            ``groups``, it gets them.
        method: ``temperature`` keeps the order of the classes; ``sigmoid`` and ``isotonic``
            calibrate each class against the rest and may change it; ``none`` is the softmax.
        folds: grouped folds to learn from; below 2 nothing is learned.
        decision: ``learned`` threshold, or ``argmax``, the most probable class. Of more than two
            classes it is always the most probable one.
        metric: what the threshold maximises, one of ``classifiers.threshold.METRICS``.
        random_state: seed of the folds.

    Attributes:
        estimator_: fitted on all cells. classes_: (k,) sorted.
        calibrated_: False where no calibrator was asked for, or none could be learned: no grouped
            folds, or fewer than two classes in them. The softmax stands in.
        method_: the method used. With fewer than 100 scored cells in a class ``isotonic`` gives
            way to ``sigmoid``, with fewer than 10 that to ``temperature``.
        parameters_: arrays of the calibrator. temperature_: float, or None with other methods.
        threshold_: the second of two classes is predicted above this probability of it.
        out_of_fold_scores_: (n, k) scores of the training cells before calibration; None where
            there are no grouped folds.
        out_of_fold_: (n, k) the same as probabilities. The copy that scored a cell never saw its
            group, but the calibrator saw all scores: by one parameter for ``temperature``, two a
            class for ``sigmoid``, and freely for ``isotonic``, which flatters its figures most.
        informed_: (n,) bool cells whose copy knew their class and another one: calibrator and
            threshold are learned from these.
        codes_: (n,) classes of the training cells, as positions in ``classes_``.
        groups_: (n,) numbers of their groups.
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        method: str = "temperature",
        folds: int = 3,
        decision: str = "learned",
        metric: str = "f1_macro",
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.folds = folds
        self.decision = decision
        self.metric = metric
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> "Calibrated":
        """Fit on (n, d) cells or (n, v, d) views, (n,) classes and (n,) groups.

        Without groups each cell is its own.

        Raises:
            ValueError: fewer than two classes, or an unknown method, decision or metric.
        """
        self._check_settings()
        X, y = validate_training(self, X, y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        groups = group_numbers(groups, y)
        self.estimator_ = _fit(clone(self.estimator), X, y, groups)
        scores, informed = self._score_out_of_fold(X, y, codes, groups)
        return self._learn(scores, codes, informed, groups)

    @classmethod
    def from_fitted(
        cls,
        estimator: BaseEstimator,
        X_held: np.ndarray,
        y_held: np.ndarray,
        groups: np.ndarray | None = None,
        *,
        method: str = "temperature",
        decision: str = "learned",
        metric: str = "f1_macro",
    ) -> "Calibrated":
        """Calibrate a fitted estimator on cells of groups that it did not see; fit nothing again.

        The held-out cells take the place of the out-of-fold ones. Those of a class that the
        estimator does not know teach nothing.

        Raises:
            ValueError: an unknown method, decision or metric.
        """
        self = cls(estimator, method=method, decision=decision, metric=metric)
        self._check_settings()
        X, y = validate_training(self, X_held, y_held, least=1)
        self.estimator_, self.classes_ = estimator, np.asarray(estimator.classes_)
        codes = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        scores = over_views(class_scores(estimator, as_rows(X)), X)
        return self._learn(scores, codes, self.classes_[codes] == y, group_numbers(groups, y))

    def of_scores(
        self, estimator: BaseEstimator, classes: np.ndarray, scores: np.ndarray,
        codes: np.ndarray, informed: np.ndarray, groups: np.ndarray,
    ) -> "Calibrated":  # fmt: skip
        """A copy of these settings around a fitted estimator, calibrated by out-of-fold scores.

        Args:
            classes: (k,) sorted. scores: (n, k) of labelled cells, by estimators like this one
                that saw nothing of the cell's group. codes, informed, groups: (n,) of these
                cells, as in the attributes.
        """
        copy = clone(self)
        copy.estimator_, copy.classes_ = estimator, classes
        return copy._learn(scores, codes, informed, groups)

    def _check_settings(self) -> None:
        if self.method not in CALIBRATORS:
            raise ValueError(f"method '{self.method}'; expected one of {', '.join(CALIBRATORS)}")
        check_decision(self.decision, self.metric)

    def _score_out_of_fold(
        self, X: np.ndarray, y: np.ndarray, codes: np.ndarray, groups: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """``out_of_fold_scores_`` and ``informed_``."""
        scores, informed = np.empty((len(y), len(self.classes_))), np.zeros(len(y), dtype=bool)
        if self.folds < 2:
            return None, informed
        try:
            folds = grouped_folds(codes, groups, self.folds, self.random_state, strict=False)
        except BlastlineError:
            return None, informed
        for fold in np.unique(folds):
            held, train = folds == fold, folds != fold
            known = np.unique(codes[train])
            if len(known) > 1:
                copy = _fit(clone(self.estimator), X[train], y[train], groups[train])
                found = over_views(class_scores(copy, as_rows(X[held])), X[held])
                informed[held] = np.isin(codes[held], known)
            else:  # nothing to tell apart
                found = np.zeros((np.count_nonzero(held), 1))
            scores[held] = all_classes(found, known, len(self.classes_))
        return scores, informed

    def _learn(
        self,
        scores: np.ndarray | None,
        codes: np.ndarray,
        informed: np.ndarray,
        groups: np.ndarray,
    ) -> "Calibrated":
        """Calibrator and threshold from scores by copies that never saw the cell's group."""
        sizes = np.bincount(codes[informed], minlength=len(self.classes_))
        self.method_ = affordable(self.method, sizes)
        self.calibrated_ = self.method_ != "none"
        self.parameters_, self.threshold_, self.out_of_fold_ = [], 0.5, None
        self.out_of_fold_scores_, self.informed_ = scores, informed
        self.codes_, self.groups_ = codes, groups
        if scores is not None:
            learn = CALIBRATORS[self.method_].learn
            self.parameters_ = learn(scores[informed], codes[informed])
            self.out_of_fold_ = self.calibrate(scores)
            if self.decision == "learned":
                self.threshold_ = learn_threshold(
                    codes[informed], self.out_of_fold_[informed], groups[informed], self.metric
                )
        is_temperature = self.method_ == "temperature"
        self.temperature_ = float(self.parameters_[0][0]) if is_temperature else None
        return self

    def calibrate(self, scores: np.ndarray) -> np.ndarray:
        """(n, k) probabilities from (n, k) scores of the estimator, means over views."""
        return CALIBRATORS[self.method_].apply(scores, self.parameters_)

    def _scores(self, X: np.ndarray) -> np.ndarray:
        check_is_fitted(self)
        X = validate_cells(self, X)
        return over_views(class_scores(self.estimator_, as_rows(X)), X)

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Scores before calibration, means over views: (n, k), or (n,) for two classes."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 probabilities of (n, d) cells or (n, v, d) views, rows summing to 1."""
        return self.calibrate(self._scores(X))

    def uncalibrated_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) probabilities as they would be without calibration: softmax of the scores."""
        return softmax(self._scores(X))

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """(n,) positions in ``classes_`` that are predicted at (n, k) probabilities."""
        return decide(proba, self.threshold_)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) classes."""
        proba = self.predict_proba(X)
        return self.classes_[self.decide(proba)]


def validate_training(
    estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, least: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Check (n, d) cells or (n, v, d) views and (n,) classes as scikit-learn does.

    Raises:
        ValueError: fewer classes than ``least``, or what scikit-learn refuses.
    """
    if getattr(X, "ndim", 2) != 3:
        X, y = validate_data(estimator, X, y)
    else:
        check_consistent_length(X, y)
        rows, of_rows = validate_data(estimator, as_rows(X), per_view(y, X))
        X, y = rows.reshape(X.shape), of_rows[:: X.shape[1]]
    check_classification_targets(y)
    found = len(np.unique(y))
    if found < least:
        raise ValueError(f"needs at least {least} classes, got {found} class")
    return X, y


def validate_cells(estimator: BaseEstimator, X: np.ndarray) -> np.ndarray:
    """Check (n, d) cells or (n, v, d) views for a fitted estimator as scikit-learn does."""
    if getattr(X, "ndim", 2) != 3:
        return validate_data(estimator, X, reset=False)
    return validate_data(estimator, as_rows(X), reset=False).reshape(X.shape)


def group_numbers(groups: np.ndarray | None, y: np.ndarray) -> np.ndarray:
    """(n,) int64 numbers of groups, each cell its own without them."""
    if groups is None:
        return np.arange(len(y))
    check_consistent_length(y, groups)
    return np.unique(groups, return_inverse=True)[1]


def _fit(
    estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, groups: np.ndarray
) -> BaseEstimator:
    # Groups are handed on even where each cell is its own: its views must stay together.
    extra = {"groups": per_view(groups, X)} if has_fit_parameter(estimator, "groups") else {}
    return estimator.fit(as_rows(X), per_view(y, X), **extra)
