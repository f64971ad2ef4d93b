"""Self-training: pseudo-labels for unlabelled cells, around any classifier, without leaks."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.validation import check_is_fitted

from classifiers.cells import NO_LABEL


class GroupColumn(ClassifierMixin, BaseEstimator):
    """Carries the groups as the last column of X, for meta-estimators that slice rows.

    ``SelfTrainingClassifier`` hands fit parameters on unsliced, so groups given beside X no
    longer fit the rows and an inner split would mix patients. A column is sliced with its row.

    Args:
        estimator: sees X without the column; its ``fit`` takes groups.
        shape: of the embeddings of one cell, (d,) or (views, d).
    """

    def __init__(self, estimator: BaseEstimator, shape: tuple[int, ...]) -> None:
        self.estimator = estimator
        self.shape = shape

    def fit(self, X: np.ndarray, y: np.ndarray) -> "GroupColumn":
        """Fit on (n, features + 1): all numbers of a cell's embedding, and the group code."""
        self.estimator_ = clone(self.estimator).fit(self._cells(X), y, X[:, -1])
        self.classes_ = self.estimator_.classes_
        return self

    def _cells(self, X: np.ndarray) -> np.ndarray:
        return X[:, :-1].reshape(len(X), *self.shape)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) probabilities for (n, features + 1) rows."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(self._cells(X))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) classes for (n, features + 1) rows."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@dataclass(frozen=True)
class SelfTrained:
    """A self-trained model and how it came about.

    Attributes:
        model: fitted on labels and pseudo-labels; takes plain embeddings.
        added: for each round, how many pseudo-labels each class got, (rounds, k) int64.
        stopped: scikit-learn's reason: no_change, max_iter or all_labeled.
    """

    model: BaseEstimator
    added: np.ndarray
    stopped: str


def self_train(
    estimator: BaseEstimator,
    X: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    *,
    threshold: float,
    rounds: int,
    n_classes: int,
) -> SelfTrained:
    """Fit, label the cells it is sure of, fit again, until nothing changes (Yarowsky 1995).

    Args:
        estimator: unfitted; its probabilities should be calibrated on grouped folds.
        X: (n, d) or (n, views, d) float32. y: (n,) class codes, -1 where unlabelled. groups: (n,).
        threshold: probability above which a prediction becomes a pseudo-label, below 1.
        rounds: at most this many; zero gives exactly the plain classifier.
    """
    labelled = y != NO_LABEL
    if rounds == 0 or labelled.all():
        fitted = clone(estimator).fit(X[labelled], y[labelled], groups[labelled])
        reason = "no rounds asked for" if rounds == 0 else "no unlabelled cells"
        return SelfTrained(fitted, np.zeros((0, n_classes), dtype=np.int64), reason)
    codes = np.unique(groups, return_inverse=True)[1]
    # float32 holds whole numbers exactly up to 2**24, far more than there are groups.
    with_groups = np.column_stack([X.reshape(len(X), -1), codes.astype(X.dtype)])
    trainer = SelfTrainingClassifier(
        GroupColumn(estimator, X.shape[1:]), threshold=threshold, max_iter=rounds
    ).fit(with_groups, y)
    added = np.stack(
        [
            np.bincount(trainer.transduction_[trainer.labeled_iter_ == number], minlength=n_classes)
            for number in range(1, trainer.n_iter_ + 1)
        ]
    )
    return SelfTrained(trainer.estimator_.estimator_, added, trainer.termination_condition_)
