"""A pipeline that is fitted again and again on the same cells with other labels and weights."""

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from classifiers.distances import squared_distances, to_kernel
from classifiers.preparation import PreparedClassifier
from classifiers.scores import all_classes, as_rows, class_scores, over_views, per_view
from classifiers.svm import EXACT_ROWS, SVM

Steps = list[tuple[str, BaseEstimator]]


class Prepared:
    """Cells of one copy, prepared once for all pipelines that prepare them alike.

    The preparation is fitted once, on the labelled cells, so that features mean the same in all
    rounds and a support vector machine needs one Gram matrix for all of them.

    Args:
        X: (n, d) or (n, v, d) candidates: cells that may be fitted on.
        held: (m, d) or (m, v, d) cells that are only scored.
        labelled: (n,) bool candidates that preparations are fitted on.
    """

    def __init__(self, X: np.ndarray, held: np.ndarray, labelled: np.ndarray) -> None:
        self._X, self._held, self._labelled = X, held, labelled
        # Only the shapes are needed later.
        self.like, self.held_like = (np.empty((*each.shape[:-1], 0)) for each in (X, held))
        self._known: dict[str, tuple[Steps, np.ndarray, np.ndarray]] = {}

    def by(self, steps: Steps) -> tuple[Steps, np.ndarray, np.ndarray]:
        """Fitted copies of the steps, and the rows of candidates and of held cells after them."""
        key = str([(type(step).__name__, sorted(step.get_params().items())) for _, step in steps])
        if key not in self._known:
            fitted = [(name, clone(step)) for name, step in steps]
            rows = as_rows(self._X[self._labelled])
            for _, step in fitted:
                rows = step.fit_transform(rows)
            self._known[key] = fitted, _after(fitted, self._X), _after(fitted, self._held)
        return self._known[key]


def _after(steps: Steps, X: np.ndarray) -> np.ndarray:
    rows = as_rows(X)
    for _, step in steps if len(rows) else []:
        rows = step.transform(rows)
    return rows


class Learner:
    """One pipeline on the cells of one copy, fitted once a round.

    Args:
        estimator: unfitted pipeline of preparation and classifier, or a classifier alone.
        part: the cells.
        groups: (n,) groups of the candidates.
        k: number of classes; codes are 0 to k - 1.
        memory: bytes that a shared Gram matrix may take; beyond, there is none.
    """

    def __init__(
        self, estimator: BaseEstimator, part: Prepared, groups: np.ndarray, k: int, memory: int
    ) -> None:
        steps = _steps(estimator)
        self._name: str = steps[-1][0]
        self._last = steps[-1][1]
        self._like, self._held_like = part.like, part.held_like
        self._groups, self._k = groups, k
        self._before, self._features, self._held = part.by(steps[:-1])
        self._gram: np.ndarray | None = None
        rows = len(self._features)
        if shares_gram(estimator) and rows <= EXACT_ROWS and 8 * rows**2 <= memory:
            gamma = self._last.gamma_at(self._features.shape[1])
            self._gram = to_kernel(squared_distances(self._features), gamma)
            self._held_gram = np.zeros((0, len(self._gram)))
            if len(self._held):
                self._held_gram = to_kernel(squared_distances(self._held, self._features), gamma)

    def scores(
        self, codes: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fit, and score all cells.

        Args:
            codes: (n,) classes of the candidates; what stands where the weight is 0 is ignored.
            weights: (n,) of the candidates, 0 for cells that are left out. A classifier without
                weights takes those above 0 alike.

        Returns:
            (n, k) and (m, k) scores of candidates and held cells, and the codes that were fitted;
            with fewer than two of them nothing is fitted and that one is far ahead.
        """
        known = np.unique(codes[weights > 0])
        if len(known) < 2:
            alone = [
                all_classes(np.zeros((len(like), 1)), known, self._k)
                for like in (self._like, self._held_like)
            ]
            return alone[0], alone[1], known
        if self._gram is None:
            fitted = self._fit(self._last, self._features, codes, weights)
            shown = self._features, self._held
        else:
            machine = clone(self._last).set_params(kernel="precomputed", gamma=None)
            # Rows of weight 0 go, and with them their columns.
            fitted = machine.fit(
                self._gram, per_view(codes, self._like), per_view(weights, self._like)
            )
            shown = self._gram, self._held_gram
        found = [
            all_classes(over_views(class_scores(fitted, rows), like), known, self._k)
            if len(rows)
            else np.zeros((0, self._k))
            for rows, like in zip(shown, (self._like, self._held_like), strict=True)
        ]
        return found[0], found[1], known

    def _fit(
        self, last: BaseEstimator, rows: np.ndarray, codes: np.ndarray, weights: np.ndarray
    ) -> BaseEstimator:
        kept = per_view(weights > 0, self._like)
        extra = {}
        if has_fit_parameter(last, "groups"):
            extra["groups"] = per_view(self._groups, self._like)[kept]
        if has_fit_parameter(last, "sample_weight") and np.any(weights[weights > 0] != 1):
            extra["sample_weight"] = per_view(weights, self._like)[kept]
        return clone(last).fit(rows[kept], per_view(codes, self._like)[kept], **extra)

    def fitted(self, codes: np.ndarray, weights: np.ndarray) -> BaseEstimator:
        """The whole pipeline, fitted with these (n,) codes and weights; nothing is shared."""
        last = self._fit(self._last, self._features, codes, weights)
        return PreparedClassifier([*self._before, (self._name, last)]) if self._before else last


def takes_weights(estimator: BaseEstimator) -> bool:
    """Whether the classifier at the end of a pipeline knows weights of cells."""
    return bool(has_fit_parameter(_steps(estimator)[-1][1], "sample_weight"))


def _steps(estimator: BaseEstimator) -> list[tuple[str, BaseEstimator]]:
    return estimator.steps if isinstance(estimator, Pipeline) else [("", estimator)]


def shares_gram(estimator: BaseEstimator) -> bool:
    """Whether rounds of this pipeline can do with one Gram matrix."""
    last = _steps(estimator)[-1][1]
    return isinstance(last, SVM) and last.kernel != "precomputed"
