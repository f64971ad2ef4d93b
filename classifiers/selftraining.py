"""Self-training: pseudo-labels for unlabelled cells, around any classifier, without leaks."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.validation import check_is_fitted

from classifiers.preparation import fit_pipeline, make_pipeline
from classifiers.spec import ClassifierSpec, Params

NO_LABEL = -1


class GroupColumn(ClassifierMixin, BaseEstimator):
    """Carries the groups as the last column of X, for meta-estimators that slice rows.

    ``SelfTrainingClassifier`` hands fit parameters on unsliced, so groups given beside X no
    longer fit the rows and an inner split would mix patients. A column is sliced with its row.

    Args:
        pipeline: the estimator that sees X without the column.
        spec: says whether the estimator wants groups.
    """

    def __init__(self, pipeline: Pipeline, spec: ClassifierSpec) -> None:
        self.pipeline = pipeline
        self.spec = spec

    def fit(self, X: np.ndarray, y: np.ndarray) -> "GroupColumn":
        """Fit on (n, d + 1): d features and the group code."""
        self.pipeline_ = fit_pipeline(clone(self.pipeline), self.spec, X[:, :-1], y, X[:, -1])
        self.classes_ = self.pipeline_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) probabilities for (n, d + 1) rows."""
        check_is_fitted(self)
        return self.pipeline_.predict_proba(X[:, :-1])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) classes for (n, d + 1) rows."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@dataclass(frozen=True)
class SelfTrained:
    """A self-trained pipeline and how it came about.

    Attributes:
        pipeline: fitted on labels and pseudo-labels; takes plain (n, d) rows.
        added: for each round, how many pseudo-labels each class got, (rounds, k) int64.
        stopped: scikit-learn's reason: no_change, max_iter or all_labeled.
    """

    pipeline: Pipeline
    added: np.ndarray
    stopped: str


def self_train(
    spec: ClassifierSpec,
    params: Params,
    X: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    *,
    threshold: float,
    rounds: int,
    n_classes: int,
    pca: int,
    seed: int,
) -> SelfTrained:
    """Fit, label the cells it is sure of, fit again, until nothing changes (Yarowsky 1995).

    Args:
        X: (n, d) float32. y: (n,) class codes, -1 where unlabelled. groups: (n,).
        threshold: probability above which a prediction becomes a pseudo-label, below 1.
        rounds: at most this many; zero gives exactly the plain classifier.
    """
    pipeline = make_pipeline(spec, params, pca=pca, seed=seed)
    labelled = y != NO_LABEL
    if rounds == 0 or labelled.all():
        fitted = fit_pipeline(pipeline, spec, X[labelled], y[labelled], groups[labelled])
        reason = "no rounds asked for" if rounds == 0 else "no unlabelled cells"
        return SelfTrained(fitted, np.zeros((0, n_classes), dtype=np.int64), reason)
    codes = np.unique(groups, return_inverse=True)[1]
    # float32 holds whole numbers exactly up to 2**24, far more than there are groups.
    with_groups = np.column_stack([X, codes.astype(X.dtype)])
    trainer = SelfTrainingClassifier(
        GroupColumn(pipeline, spec), threshold=threshold, max_iter=rounds
    ).fit(with_groups, y)
    added = np.stack(
        [
            np.bincount(trainer.transduction_[trainer.labeled_iter_ == number], minlength=n_classes)
            for number in range(1, trainer.n_iter_ + 1)
        ]
    )
    return SelfTrained(trainer.estimator_.pipeline_, added, trainer.termination_condition_)
