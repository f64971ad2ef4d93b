"""Self-training: pseudo-labels for unlabelled cells, around any classifier, without leaks."""

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, clone

from classifiers.calibration import Calibrated
from classifiers.cells import NO_LABEL
from classifiers.committee import Committee
from classifiers.round_record import Changes
from classifiers.rounds import MEMORY, Copy, InRounds, members_of, probabilities
from classifiers.threshold import centred


class SelfTraining(InRounds):
    """A classifier that labels the unlabelled cells it is surest of, and learns from these too.

    (Yarowsky 1995, doi:10.3115/981658.981684.) Each round considers all unlabelled cells anew,
    so that a pseudo-label which no longer holds is dropped, and takes a share more of them. By
    default it takes as many of each class as the labels suggest: else the easy classes crowd out
    the others (Zou et al. 2018, doi:10.1007/978-3-030-01219-9_18).

    Args:
        estimator: unfitted ``Calibrated`` classifier, or ``Committee`` of such.
        threshold: calibrated probability that a pseudo-label needs at least; where the classifier
            decides between two classes at another threshold than 0.5, as if that were 0.5.
        growth: share of the unlabelled cells that each round adds to what it may take; 1 for all
            that reach the threshold at once.
        balanced: take cells in proportion to the classes of the labelled ones.
        soft: weigh each pseudo-label by its probability, where the classifier knows weights.
        agreement: take only cells that all members, and each of several backbones alone, put
            into one class.
        rounds: at most this many. patience: rounds without a better score before it stops.
        memory: bytes that Gram matrices shared by the rounds may take.
    """

    def __init__(
        self, estimator: Calibrated | Committee, threshold: float = 0.5, growth: float = 0.1,
        balanced: bool = True, soft: bool = False, agreement: bool = False, rounds: int = 10,
        patience: int = 10, memory: int = MEMORY,
    ) -> None:  # fmt: skip
        self.estimator = estimator
        self.threshold = threshold
        self.growth = growth
        self.balanced = balanced
        self.soft = soft
        self.agreement = agreement
        self.rounds = rounds
        self.patience = patience
        self.memory = memory

    def _check_settings(self) -> None:
        super()._check_settings()
        if not (0 <= self.threshold < 1 and 0 < self.growth <= 1):
            raise ValueError(
                f"threshold {self.threshold} and growth {self.growth}; expected 0 <= threshold < 1 "
                "and 0 < growth <= 1"
            )

    def _nothing_to_do(self, labelled: np.ndarray) -> str:
        if self.rounds == 0:
            return "no rounds asked for"
        return "no unlabelled cells" if labelled.all() else ""

    def _voters(self) -> list[BaseEstimator]:
        """The members' pipelines once for each backbone that has a weight, with it alone."""
        voters = []
        for each in members_of(self.estimator) if self.agreement else []:
            steps = getattr(each.estimator, "named_steps", {})
            weights = ("weigh" in steps and steps["weigh"].weights) or ()
            for number, (_, weight) in enumerate(weights):
                alone = [(w, float(n == number)) for n, (w, _) in enumerate(weights)]
                if weight:
                    voters.append(clone(each.estimator).set_params(weigh__weights=tuple(alone)))
        return voters

    def _teach(self, copies: Sequence[Copy], model: Calibrated | Committee) -> Changes:
        changed, report = False, Changes()
        for copy in copies:  # the whole one comes last
            before = np.where(copy.weights > 0, copy.codes, NO_LABEL)[~copy.known]
            self._relabel(copy, model)
            after = np.where(copy.weights > 0, copy.codes, NO_LABEL)[~copy.known]
            changed |= not np.array_equal(before, after)
            new = (after != before) & (after != NO_LABEL)
            k = len(self.classes_)
            report = {
                "added": np.bincount(after[new], minlength=k),
                "dropped": np.bincount(
                    before[(after != before) & (before != NO_LABEL)], minlength=k
                ),
                "confidence": self._confidence,
            }
        return report if changed else {}

    def _relabel(self, copy: Copy, model: Calibrated | Committee) -> None:
        """Choose pseudo-labels for the unlabelled cells of a copy by its own probabilities."""
        pool = ~copy.known
        proba = centred(probabilities(model, copy.scores)[pool], model.threshold_)
        best, sure = proba.argmax(axis=1), proba.max(axis=1)
        eligible = sure >= self.threshold
        if self.agreement:
            for votes in copy.scores:
                eligible &= votes[pool].argmax(axis=1) == best
        number = len(self.rounds_)
        budget = _up(min(1.0, number * self.growth) * len(best))
        prior = np.bincount(copy.codes[copy.known], minlength=proba.shape[1]) / copy.known.sum()
        taken = np.zeros(len(best), dtype=bool)
        quotas = (
            [(best == code, _up(share * budget)) for code, share in enumerate(prior)]
            if self.balanced
            else [(np.full(len(best), True), budget)]
        )
        for among, quota in quotas:
            some = np.flatnonzero(among & eligible)
            taken[some[np.argsort(-sure[some], kind="stable")[:quota]]] = True
        copy.codes[pool] = best
        copy.weights[pool] = taken * (sure if self.soft else 1.0)
        self._confidence = float(sure[taken].mean()) if taken.any() else float("nan")


def _up(amount: float) -> int:
    """The next whole number; what only rounding puts above one stays there."""
    return int(np.ceil(round(amount, 6)))
