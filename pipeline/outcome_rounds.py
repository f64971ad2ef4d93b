"""What became of the classifier that was fitted in rounds, for the run's result."""

from collections import Counter

import numpy as np

from classifiers.cells import NO_LABEL, Cells
from classifiers.metrics import paired_gain
from classifiers.protocol import SELECTED, SELF_TRAINED, Evaluation
from classifiers.result import InRoundsPart, RoundPart
from classifiers.rounds import InRounds
from pipeline.config import RunConfig

SETTINGS = {
    SELF_TRAINED: ("rounds", "threshold", "growth", "balanced", "soft", "agreement"),
    "feedback": ("feedback_rounds", "feedback_threshold", "feedback_weight"),
}


def part_of_rounds(
    name: str, config: RunConfig, cells: Cells, evaluation: Evaluation
) -> InRoundsPart | None:
    """Rounds over all tested parts; None where this kind was not asked for.

    Args:
        name: ``self_training`` or ``feedback``.
    """
    parts = [part for part in evaluation.parts if name in part.proba]
    if not parts:
        return None
    fitted = [part.in_rounds[name] for part in parts]
    longest = max(len(each.rounds_) for each in fitted)
    rows, pool = evaluation.rows, (cells.y == NO_LABEL) & ~cells.test
    of_pool = name == SELF_TRAINED
    return InRoundsPart(
        settings={key: getattr(config, key) for key in SETTINGS[name]},
        metric=config.metric,
        rounds=[_round(number, fitted, cells.classes) for number in range(longest)],
        stopped=dict(Counter(each.stopped_ for each in fitted)),
        kept=[each.best_round_ for each in fitted],
        kept_final=evaluation.final.in_rounds[name].best_round_,
        unlabelled=int(pool.sum()) if of_pool else 0,
        withheld=round(float(np.mean([part.withheld for part in parts]))) if of_pool else 0,
        f1_macro_gain=paired_gain(
            cells.y[rows], evaluation.decided[SELECTED], evaluation.decided[name],
            cells.groups[rows], len(cells.classes), config.seed,
        ),
    )  # fmt: skip


def _round(number: int, fitted: list[InRounds], classes: tuple[str, ...]) -> RoundPart:
    made = [each for each in fitted if number < len(each.rounds_)]
    rounds = [each.rounds_[number] for each in made]
    changes = [each.changes for each in rounds]
    counts: dict[str, dict[str, int]] = {}
    for each, change in zip(made, changes, strict=True):
        for key, values in change.items():
            if isinstance(values, np.ndarray):
                of_class = counts.setdefault(key, dict.fromkeys(classes, 0))
                for code, count in zip(each.classes_, values, strict=True):
                    of_class[classes[int(code)]] += int(count)
    sure = [float(change["confidence"]) for change in changes if "confidence" in change]
    known = [value for value in sure if np.isfinite(value)]
    return RoundPart(
        number=number,
        folds=len(made),
        score=float(np.mean([each.score for each in rounds])),
        score_gain=float(
            np.mean([each.rounds_[number].score - each.rounds_[0].score for each in made])
        ),
        log_loss=float(np.mean([each.log_loss for each in rounds])),
        counts=counts,
        confidence=float(np.mean(known)) if known else None,
    )
