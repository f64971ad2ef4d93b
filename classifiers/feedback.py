"""Confidence feedback: cells that the classifier is unsure of count more in the next round."""

from collections.abc import Sequence

import numpy as np

from classifiers.calibration import Calibrated
from classifiers.committee import Committee
from classifiers.learner import takes_weights
from classifiers.round_record import Changes
from classifiers.rounds import MEMORY, Copy, InRounds, members_of, probabilities
from data.errors import BlastlineError
from data.splits import grouped_folds


class ConfidenceFeedback(InRounds):
    """A classifier that gives doubtful training cells more weight, as long as that helps.

    Each round looks at the probability that each labelled cell has of its own label, out of fold
    once more inside the cells that a copy may see, and multiplies the weight of those below the
    threshold. It is boosting by filtering (Freund and Schapire 1997, doi:10.1006/jcss.1997.1504)
    with one classifier in place of an ensemble. A wrong label is doubtful too: the copies that
    leave out a fold say when it does more harm than good. Unlabelled cells take no part.

    Args:
        estimator: unfitted ``Calibrated`` classifier, or ``Committee`` of such. Members that know
            no weights stay as they are.
        threshold: probability of its own label below which a cell is fed back.
        weight: what the weight of such a cell is multiplied by, > 1.
        rounds: at most this many. patience: rounds without a better score before it stops.
        memory: bytes that Gram matrices shared by the rounds may take.
    """

    def __init__(
        self, estimator: Calibrated | Committee, threshold: float = 0.6, weight: float = 2.0,
        rounds: int = 3, patience: int = 2, memory: int = MEMORY,
    ) -> None:  # fmt: skip
        self.estimator = estimator
        self.threshold = threshold
        self.weight = weight
        self.rounds = rounds
        self.patience = patience
        self.memory = memory

    def _check_settings(self) -> None:
        super()._check_settings()
        if not (0 < self.threshold < 1 and self.weight > 1):
            raise ValueError(
                f"threshold {self.threshold} and weight {self.weight}; expected 0 < threshold < 1 "
                "and weight > 1"
            )

    def _nothing_to_do(self, labelled: np.ndarray) -> str:
        if self.rounds == 0:
            return "no rounds asked for"
        knowing = any(takes_weights(each.estimator) for each in members_of(self.estimator))
        return "" if knowing else "the classifier knows no weights"

    def _teach(self, copies: Sequence[Copy], model: Calibrated | Committee) -> Changes:
        changed, report = False, Changes()
        for copy in copies:  # the whole one comes last
            own = self._confidence(copy, model)
            doubtful = copy.known & (own < self.threshold)
            changed |= bool(doubtful.any())
            copy.weights[doubtful] *= self.weight
            copy.weights[copy.known] /= copy.weights[copy.known].mean()
            report = {
                "fed_back": np.bincount(copy.codes[doubtful], minlength=len(self.classes_)),
                "confidence": float(own[copy.known].mean()),
            }
        return report if changed else {}

    def _confidence(self, copy: Copy, model: Calibrated | Committee) -> np.ndarray:
        """(c,) probability that each labelled cell of a copy has of its label; 1 for the others.

        Scored by fits on the copy's own cells without a fold of groups, so that the cells which
        the copy leaves out have no say in the weights it learns from.
        """
        known = np.flatnonzero(copy.known)
        first = members_of(model)[0]
        own = np.ones(len(copy.rows))
        try:
            folds = grouped_folds(
                copy.codes[known], copy.groups[known], first.folds, first.random_state, strict=False
            )
        except BlastlineError:  # too few groups are left to say
            return own
        for fold in np.unique(folds):
            held = known[folds == fold]
            weights = copy.weights.copy()
            weights[held] = 0
            found = [learner.scores(copy.codes, weights) for learner in copy.learners]
            sure = probabilities(model, [each for each, _, _ in found])[held, copy.codes[held]]
            # A class that these fits never met is no doubt of theirs.
            own[held] = np.where(np.isin(copy.codes[held], found[0][2]), sure, 1.0)
        return own
