"""Fitting in rounds: each teaches the next, copies that leave out a fold say whether it helped."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from classifiers.calibration import Calibrated, group_numbers, validate_cells, validate_training
from classifiers.cells import NO_LABEL
from classifiers.committee import Committee
from classifiers.learner import Learner, Prepared, shares_gram
from classifiers.round_record import Changes, Round, Validation
from data.errors import BlastlineError
from data.splits import grouped_folds

MEMORY = 1 << 30  # bytes for Gram matrices of all copies, where nobody says another number
NO_FOLDS = "too few groups to validate a round: no round was made"
WORSE, ALL_ROUNDS = "the score no longer rose", "limit of rounds"
UNCHANGED = "nothing changed any more"


@dataclass
class Copy:
    """Cells that one copy of the model may be fitted on, and what they count in this round.

    Attributes:
        rows: (c,) rows of X: labelled cells, then unlabelled ones. held: (h,) rows left out.
        known: (c,) bool, labelled. groups: (c,). learners: one for each pipeline.
        codes: (c,) classes. weights: (c,); 0 for a cell left out.
        scores: for each pipeline (c, k) after the last fit.
    """

    rows: np.ndarray
    held: np.ndarray
    known: np.ndarray
    groups: np.ndarray
    learners: list[Learner]
    codes: np.ndarray
    weights: np.ndarray
    scores: list[np.ndarray] = field(default_factory=list)


class InRounds(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """What self-training and confidence feedback have in common.

    The whole model and a copy a fold, which leaves out the groups of that fold, go through the
    rounds side by side. What a copy learns from it chooses by itself, so that the scores of the
    cells left out say truly what a round did; all these scores together calibrate, which is all
    that a copy ever hears of them. The best round counts. If that is round 0, the result is
    exactly the plain classifier.

    A subclass says in ``_teach`` what the next round is fitted on.

    Attributes:
        model_: the fitted ``Calibrated`` or ``Committee`` of the best round.
        rounds_: what each round did, the plain classifier first.
        best_round_: number of the round that counts. stopped_: why there were no more.
        classes_: (k,) sorted.
    """

    estimator: Calibrated | Committee
    rounds: int
    patience: int
    memory: int

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def fit(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None,
        plain: Calibrated | Committee | None = None,
    ) -> "InRounds":  # fmt: skip
        """Fit on (n, d) cells or (n, v, d) views, (n,) classes and (n,) groups.

        Integer classes of -1 are unlabelled cells. Without groups each cell is its own.
        ``plain`` is the estimator fitted on the labelled cells, if that is at hand.

        Raises:
            ValueError: no labels, labels of fewer than two classes, or settings out of range.
        """
        self._check_settings()
        X, y = validate_training(self, X, y, least=1)
        labelled = (
            y != NO_LABEL if np.issubdtype(y.dtype, np.signedinteger) else np.full(len(y), True)
        )
        if not labelled.any():
            raise ValueError(
                f"all {len(y)} cells are unlabelled ({NO_LABEL}); expected labelled ones of at "
                "least 2 classes"
            )
        groups = group_numbers(groups, y)
        if plain is None:
            plain = clone(self.estimator).fit(X[labelled], y[labelled], groups[labelled])
        self.model_: Calibrated | Committee = plain
        self.classes_ = self.model_.classes_
        codes = np.full(len(y), NO_LABEL)
        codes[labelled] = np.searchsorted(self.classes_, y[labelled])
        self.rounds_: list[Round] = []
        self.best_round_ = 0
        self.stopped_ = self._nothing_to_do(labelled)
        if not self.stopped_:
            self._go(X, codes, groups)
        return self

    def _check_settings(self) -> None:
        if self.rounds < 0 or self.patience < 1:
            raise ValueError(
                f"rounds {self.rounds} and patience {self.patience}; expected at least 0 and 1"
            )

    @abstractmethod
    def _nothing_to_do(self, labelled: np.ndarray) -> str:
        """Why no round is made, for (n,) bool; empty if some are."""

    @abstractmethod
    def _teach(self, copies: Sequence[Copy], model: Calibrated | Committee) -> Changes:
        """Set codes and weights of the next round; what changed, nothing if nothing did."""

    def _voters(self) -> list[BaseEstimator]:
        """Further pipelines that learn beside the members, without a part in the result."""
        return []

    def _go(self, X: np.ndarray, codes: np.ndarray, groups: np.ndarray) -> None:
        """Make the rounds and keep the best."""
        members = members_of(self.estimator)
        labelled = np.flatnonzero(codes != NO_LABEL)
        y, of = codes[labelled], groups[labelled]
        try:
            folds = grouped_folds(y, of, members[0].folds, members[0].random_state, strict=False)
        except BlastlineError:
            self.stopped_ = NO_FOLDS
            return
        parts = [labelled[folds == fold] for fold in np.unique(folds)]
        copies = [
            self._copy(X, codes, groups, held, len(parts) + 1) for held in [*parts, labelled[:0]]
        ]
        whole, best = copies[-1], None
        metric = members[0].metric
        changes: Changes = {}
        highest, plain = 0, None
        for number in range(self.rounds + 1):
            model = self._model(*self._fit_copies(copies, labelled, y), y, of)
            found = Validation.of(model, y, of, metric)
            plain = plain or found
            self.rounds_.append(_record(found, whole, changes))
            if found.score > self.rounds_[highest].score:
                highest = number
            if found.score > self.rounds_[self.best_round_].score and found.beats(plain, metric):
                self.best_round_ = number
                best = model, whole.codes.copy(), whole.weights.copy()
            if number == self.rounds:
                self.stopped_ = ALL_ROUNDS
                break
            if number - highest >= self.patience:
                self.stopped_ = WORSE
                break
            changes = self._teach(copies, model)
            if not changes:
                self.stopped_ = UNCHANGED
                break
        if best:
            self.model_ = self._finish(whole, *best)

    def _copy(
        self, X: np.ndarray, codes: np.ndarray, groups: np.ndarray, held: np.ndarray, number: int
    ) -> Copy:
        """The copy that leaves out some labelled rows, and all unlabelled ones of their groups."""
        free = np.flatnonzero(~np.isin(groups, groups[held]))
        known = codes[free] != NO_LABEL
        rows = np.concatenate([free[known], free[~known]])
        known = codes[rows] != NO_LABEL
        pipelines = [member.estimator for member in members_of(self.estimator)] + self._voters()
        memory = self.memory // (number * max(1, sum(map(shares_gram, pipelines))))
        # Members that prepare alike, as most do, share what is prepared.
        part = Prepared(X[rows], X[held], known)
        learners = [
            Learner(each, part, groups[rows], len(self.classes_), memory) for each in pipelines
        ]
        return Copy(
            rows, held, known, groups[rows], learners, codes[rows].copy(), known.astype(float)
        )

    def _fit_copies(
        self, copies: Sequence[Copy], labelled: np.ndarray, y: np.ndarray
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Out-of-fold scores of the labelled cells for each pipeline, and which cells teach."""
        scores = [np.empty((len(y), len(self.classes_))) for _ in copies[0].learners]
        informed = np.zeros(len(y), dtype=bool)
        for copy in copies:
            held = np.searchsorted(labelled, copy.held)
            copy.scores = []
            for number, learner in enumerate(copy.learners):
                found, scores[number][held], known = learner.scores(copy.codes, copy.weights)
                copy.scores.append(found)
            if len(known) > 1:
                informed[held] = np.isin(y[held], known)
        return scores, informed

    def _model(
        self, scores: Sequence[np.ndarray], informed: np.ndarray, y: np.ndarray, groups: np.ndarray
    ) -> Calibrated | Committee:
        """What the copies' scores make of the members; nothing of it is fitted yet."""
        members = [
            each.of_scores(None, self.classes_, found, y, informed, groups)
            for each, found in zip(members_of(self.estimator), scores, strict=False)
        ]
        for each in members:
            each.n_features_in_ = self.n_features_in_
        if isinstance(self.estimator, Calibrated):
            return members[0]
        named = [
            (name, each) for (name, _), each in zip(self.estimator.members, members, strict=True)
        ]
        return Committee.of(named, self.estimator.decision, self.estimator.metric)

    def _finish(
        self, whole: Copy, model: Calibrated | Committee, codes: np.ndarray, weights: np.ndarray
    ) -> Calibrated | Committee:
        """Fit the members once more as they were in the best round."""
        for each, learner in zip(members_of(model), whole.learners, strict=False):
            each.estimator_ = learner.fitted(codes, weights)
        return model

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 probabilities of (n, d) cells or (n, v, d) views, rows summing to 1."""
        check_is_fitted(self)
        return self.model_.predict_proba(validate_cells(self, X))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) classes."""
        check_is_fitted(self)
        return self.model_.predict(validate_cells(self, X))


def members_of(model: Calibrated | Committee) -> list[Calibrated]:
    """The classifiers that vote; the model itself if it is one alone."""
    if isinstance(model, Calibrated):
        return [model]
    return [each for _, each in getattr(model, "members_", model.members)]


def probabilities(model: Calibrated | Committee, scores: Sequence[np.ndarray]) -> np.ndarray:
    """(n, k) probabilities of cells with these (n, k) scores by each member."""
    votes = [each.calibrate(found) for each, found in zip(members_of(model), scores, strict=False)]
    return np.mean(votes, axis=0)


def _record(found: Validation, whole: Copy, changes: Changes) -> Round:
    pool = ~whole.known
    used = np.where(whole.weights[pool] > 0, whole.codes[pool], NO_LABEL)
    return Round(found.score, float(found.losses.mean()), changes, used)
