"""What a round of fitting did, and whether to believe that it helped."""

from dataclasses import dataclass, field

import numpy as np

from classifiers.calibration import Calibrated
from classifiers.committee import Committee
from classifiers.metrics import confusion_by_group, from_confusion, gain_and_error
from classifiers.objectives import OBJECTIVES
from classifiers.scores import FLOOR
from classifiers.threshold import THRESHOLD_METRICS

CREDIBLE = 2  # standard errors, added over the gains of score and log loss
Changes = dict[str, float | np.ndarray]


@dataclass(frozen=True)
class Round:
    """What one round did; round 0 is the plain classifier.

    Attributes:
        score: the metric on labelled cells, each scored by the copy that left out its group.
        log_loss: mean log loss of the same, calibrated.
        changes: what the round was given that the one before was not, by name: numbers, or (k,)
            numbers by class.
        pseudo_labels: (n,) code each unlabelled cell was fitted with, -1 for none.
    """

    score: float
    log_loss: float
    changes: Changes = field(default_factory=dict)
    pseudo_labels: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class Validation:
    """Labelled cells as the copies that left out their groups see them.

    Attributes:
        y, groups: (n,). decided: (n,) predicted codes. losses: (n,) log losses.
        score: the metric over all cells.
    """

    y: np.ndarray
    groups: np.ndarray
    decided: np.ndarray
    losses: np.ndarray
    score: float

    @classmethod
    def of(
        cls, model: Calibrated | Committee, y: np.ndarray, groups: np.ndarray, metric: str
    ) -> "Validation":
        """By the out-of-fold probabilities of a model."""
        proba = np.maximum(np.asarray(model.out_of_fold_), FLOOR)
        decided = model.decide(proba)
        if metric in THRESHOLD_METRICS:
            k = proba.shape[1]
            confusion = confusion_by_group(y, decided, np.zeros(len(y), dtype=int), k)
            score = float(from_confusion(confusion[0])[metric])
        else:
            score = OBJECTIVES[metric](y, np.log(proba))
        return cls(y, groups, decided, -np.log(proba[np.arange(len(y)), y]), score)

    def beats(self, plain: "Validation", metric: str) -> bool:
        """Whether this gains on the plain classifier by more than luck.

        On the few labels that self-training is for, the best of many rounds always looks better
        than it is. So score and log loss must both gain, and their gains, each in its own
        standard errors, must add up to two. On pure noise that still happens to about one in six
        self-trainings: asking for more takes away more true gains than false ones. Where the
        metric depends on no decision (``auroc``, ``log_loss``) the log loss alone must gain two.
        """
        of = np.unique(self.groups, return_inverse=True)[1]
        by_group = np.bincount(of, plain.losses - self.losses)
        less, its_error = by_group.sum(), np.sqrt(len(by_group)) * by_group.std()
        if metric not in THRESHOLD_METRICS:
            return bool(less > CREDIBLE * its_error)
        k = int(max(self.y.max(), plain.decided.max(), self.decided.max())) + 1
        gain, error = gain_and_error(self.y, plain.decided, self.decided, self.groups, k, metric)
        if min(gain, less) <= 0:
            return False
        return bool(gain * its_error + less * error > CREDIBLE * error * its_error)
