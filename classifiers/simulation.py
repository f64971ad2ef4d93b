"""Hiding labels: what they were worth, and what self-training, feedback and review win back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from optuna.storages import InMemoryStorage
from scipy.stats import t as student

from classifiers.cells import NO_LABEL, Cells
from classifiers.estimate import Estimate, Part
from classifiers.fitting import predict
from classifiers.metrics import confusion_by_group, from_confusion
from classifiers.nested import Nested
from classifiers.protocol import FED_BACK, SELECTED, SELF_TRAINED, Evaluation, Protocol
from classifiers.review_queue import review_queue
from classifiers.spec import ClassifierSpec

Arm = Literal["labelled", "self_training", "feedback", "review", "random", "all"]
TITLES: dict[Arm, str] = {
    "labelled": "labelled only",
    "self_training": "self-trained",
    "feedback": "confidence feedback",
    "review": "as many labels again, by the review queue",
    "random": "as many labels again, at random",
    "all": "all labels",
}
Choice = Callable[[Cells, Evaluation, np.ndarray, int, int], np.ndarray]


class Outcome(Part):
    """One arm of one draw, on test cells that no arm saw.

    ``share`` of the labels is kept; 1 for the arm with all of them. ``precision`` is the share of
    right pseudo-labels in the round that counts, ``precision_last`` in the last one made.
    """

    seed: int
    share: float
    arm: Arm
    labels: int
    f1_macro: float
    accuracy: float
    selected: str
    round: int | None = None
    pseudo_labels: int | None = None
    precision: float | None = None
    precision_last: float | None = None


class Simulation(Part):
    """All outcomes of a simulation; ``depends_on`` tells whether it can be gone on with."""

    format: Literal[1] = 1
    depends_on: str
    outcomes: list[Outcome]

    def values(self, arm: Arm, share: float) -> dict[int, float]:
        """Seed -> macro F1; of all labels at any share."""
        share = 1.0 if arm == "all" else share
        return {
            each.seed: each.f1_macro
            for each in self.outcomes
            if each.arm == arm and each.share == share
        }

    def labels(self, share: float) -> float:
        """Mean number of labels that were kept at a share."""
        return float(
            np.mean([x.labels for x in self.outcomes if (x.arm, x.share) == ("labelled", share)])
        )

    def share_kept(self, share: float) -> float:
        """Mean share that was truly kept: whole groups, and at least some of each class."""
        whole = {each.seed: each.labels for each in self.outcomes if each.arm == "all"}
        kept = [x for x in self.outcomes if (x.arm, x.share) == ("labelled", share)]
        return float(np.mean([each.labels / whole[each.seed] for each in kept]))

    def of_draws(self, draws: int) -> "Simulation":
        """The outcomes of the first draws alone."""
        some = [each for each in self.outcomes if each.seed < draws]
        return self.model_copy(update={"outcomes": some})

    def gain(self, arm: Arm, share: float, over: Arm = "labelled") -> Estimate:
        """Mean gain in macro F1 over another arm, with a 95 % t interval over the draws."""
        these, those = self.values(arm, share), self.values(over, share)
        return mean_of([these[seed] - those[seed] for seed in sorted(these) if seed in those])


def mean_of(values: Sequence[float]) -> Estimate:
    """Mean with its 95 % t interval; of a single value there is none."""
    n = len(values)
    if n < 2:
        return Estimate(value=values[0] if n else None, low=None, high=None)
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(n))
    reach = float(student.ppf(0.975, n - 1)) * error
    return Estimate(value=mean, low=mean - reach, high=mean + reach)


def choose_labelled(
    y: np.ndarray, groups: np.ndarray, share: float, least: int, seed: int
) -> np.ndarray:
    """(n,) bool: whole groups with about this share of each class's labelled cells.

    Args:
        y: (n,) class codes, -1 where there is no label. groups: (n,).
        least: groups of each class that are kept at least, if it has as many, so that it can be
            learned, calibrated and validated.
    """
    rng = np.random.default_rng(seed)
    kept = np.zeros(len(y), dtype=bool)
    codes = np.unique(groups, return_inverse=True)[1]
    order = rng.permutation(int(codes.max()) + 1)
    for code in np.unique(y[y != NO_LABEL]):
        of_class = y == code
        wanted = share * np.count_nonzero(of_class)
        inside = set(codes[of_class].tolist())
        taken = len(set(codes[of_class & kept].tolist()))
        for group in (int(each) for each in order if int(each) in inside):
            whole = codes == group
            if kept[whole & (y != NO_LABEL)].all():
                continue
            if taken >= least and np.count_nonzero(kept & of_class) >= wanted:
                break
            kept |= whole & (y != NO_LABEL)
            taken += 1
    return kept


class Simulator:
    """Hides labels of a data set and measures what the remaining ones are good for.

    Of each draw one outer fold (or the fixed test set) is the test; of the other cells a share of
    whole groups keeps its labels, and all the rest is unlabelled. Parameters and classifier are
    chosen on the cells with labels alone, in every arm.

    Args:
        cells: with their true labels; cells without one stay so.
        protocol: of the arms; self-training and feedback with the rounds given there.
    """

    def __init__(
        self, cells: Cells, specs: Sequence[ClassifierSpec], protocol: Protocol, seed: int
    ) -> None:
        self.cells, self.specs, self.protocol, self.seed = cells, specs, protocol, seed

    def run(self, seed: int, share: float) -> list[Outcome]:
        """All arms of one draw; a share of 1 has the arm of all labels alone."""
        whole = self._with_test(seed)
        train = np.flatnonzero(~whole.test)
        if share >= 1:
            labels = int(np.count_nonzero(whole.y[train] != NO_LABEL))
            return [
                self._outcome(self._fit(whole, rounds=False), SELECTED, "all", seed, 1.0, labels)
            ]
        least = max(3, self.protocol.tuning.inner_folds)
        kept = train[
            choose_labelled(
                whole.y[train], whole.groups[train], share, least, self.seed + 7919 * seed
            )
        ]
        few = self._showing(whole, kept)
        found = self._fit(few, rounds=True)
        outcomes = [self._outcome(found, SELECTED, "labelled", seed, share, len(kept))]
        if FED_BACK in found.test:
            outcomes.append(self._outcome(found, FED_BACK, "feedback", seed, share, len(kept)))
        if SELF_TRAINED in found.test:
            outcome = self._outcome(found, SELF_TRAINED, "self_training", seed, share, len(kept))
            outcomes.append(self._with_precision(outcome, found, few))
        if len(self._hidden(few, train)) <= len(kept):  # as many again would be all there are
            return outcomes
        ways: tuple[tuple[Arm, Choice], ...] = (("review", self._asked), ("random", self._drawn))
        for arm, more in ways:
            shown = np.concatenate([kept, more(few, found, train, len(kept), seed)])
            again = self._fit(self._showing(whole, shown), rounds=False)
            outcomes.append(self._outcome(again, SELECTED, arm, seed, share, len(shown)))
        return outcomes

    def _with_test(self, seed: int) -> Cells:
        cells = self.cells
        if cells.test.any():
            return cells
        test = cells.folds == seed % (int(cells.folds.max()) + 1)
        return replace(cells, test=test, folds=np.where(test, -1, cells.folds))

    def _showing(self, whole: Cells, rows: np.ndarray) -> Cells:
        """The cells with the labels of these rows and of the test alone."""
        shown = whole.test.copy()
        shown[rows] = True
        return replace(
            whole,
            y=np.where(shown, whole.y, NO_LABEL),
            folds=np.where(shown, whole.folds, -1),
        )

    def _fit(self, cells: Cells, *, rounds: bool) -> Evaluation:
        protocol = self.protocol
        if not rounds:
            protocol = replace(
                protocol,
                self_training=replace(protocol.self_training, rounds=0),
                feedback=replace(protocol.feedback, rounds=0),
            )
        return Nested(cells, self.specs, InMemoryStorage(), "simulation", protocol).evaluate()

    def _outcome(
        self, found: Evaluation, name: str, arm: Arm, seed: int, share: float, labels: int
    ) -> Outcome:
        y, k = self.cells.y[found.rows], len(self.cells.classes)
        by_group = confusion_by_group(y, found.decided[name], np.zeros(len(y), dtype=int), k)
        figures = from_confusion(by_group[0])
        part = found.final
        return Outcome(
            seed=seed, share=share, arm=arm, labels=labels,
            f1_macro=float(figures["f1_macro"]), accuracy=float(figures["accuracy"]),
            selected=part.selected,
            round=part.in_rounds[name].best_round_ if name in part.in_rounds else None,
        )  # fmt: skip

    def _with_precision(self, outcome: Outcome, found: Evaluation, few: Cells) -> Outcome:
        """How many pseudo-labels were right, since here the truth is known."""
        fitted = found.final.in_rounds[SELF_TRAINED]
        if not fitted.rounds_:
            return outcome
        pool = np.flatnonzero((few.y == NO_LABEL) & ~few.test)
        truth = self.cells.y[pool[~np.isin(few.groups[pool], few.groups[few.test])]]

        def precision(number: int) -> tuple[int, float | None]:
            codes = fitted.rounds_[number].pseudo_labels
            some = (codes != NO_LABEL) & (truth != NO_LABEL)
            right = fitted.classes_[codes[some]] == truth[some]
            return int(some.sum()), float(right.mean()) if some.any() else None

        count, of_best = precision(fitted.best_round_)
        return outcome.model_copy(
            update={
                "pseudo_labels": count,
                "precision": of_best,
                "precision_last": precision(len(fitted.rounds_) - 1)[1],
            }
        )

    def _asked(
        self, few: Cells, found: Evaluation, train: np.ndarray, count: int, seed: int
    ) -> np.ndarray:
        """Rows whose labels a reviewer would be asked for first."""
        hidden = self._hidden(few, train)
        proba = predict(found.model, few.X, hidden, len(few.classes))[0]
        queue = review_queue(
            few.X[hidden], proba, few.y[hidden], few.groups[hidden], count, errors=None,
            seed=seed,
        )  # fmt: skip
        return hidden[queue.rows]

    def _drawn(
        self, few: Cells, found: Evaluation, train: np.ndarray, count: int, seed: int
    ) -> np.ndarray:
        """As many rows at random."""
        hidden = self._hidden(few, train)
        return np.random.default_rng(seed).permutation(hidden)[:count]

    def _hidden(self, few: Cells, train: np.ndarray) -> np.ndarray:
        """Rows whose labels are known, but not shown."""
        return train[(few.y[train] == NO_LABEL) & (self.cells.y[train] != NO_LABEL)]
