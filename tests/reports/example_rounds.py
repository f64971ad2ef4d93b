"""Fitting in rounds and likely label errors, made up."""

from classifiers.cell_parts import SuspectCell
from classifiers.estimate import Estimate
from classifiers.result import InRoundsPart, LabelErrorsPart, RoundPart


def self_training(names: list[str], odd: str) -> InRoundsPart:
    """Five folds of which two keep a round; the last rounds were made by one fold alone."""

    def given(added: int, dropped: int) -> dict[str, dict[str, int]]:
        return {"added": dict.fromkeys(names, added), "dropped": {names[0]: dropped}}

    return InRoundsPart(
        settings={"rounds": 4, "threshold": 0.55, "growth": 0.1, "balanced": True, "soft": False}
        | ({f"new {odd}": 3} if odd else {}),
        metric="f1_macro",
        rounds=[
            _round(0, 5, 0.0, {}, None),
            _round(1, 5, 0.004, given(61, 0), 0.987),
            _round(2, 4, 0.011, given(7, 3), 0.9412),
            _round(3, 1, -0.006, given(0, 10), None),
        ],
        stopped={"the score no longer rose": 4, f"limit of rounds {odd}": 1},
        kept=[2, 0, 0, 2, 0],
        kept_final=1,
        unlabelled=192,
        withheld=38,
        f1_macro_gain=Estimate(value=0.0081, low=-0.0042, high=0.0203),
    )


def feedback(names: list[str], odd: str) -> InRoundsPart:
    """Rolled back in all five folds."""
    fed = {"fed_back": {name: 10 * number for number, name in enumerate(names)}}
    return InRoundsPart(
        settings={"feedback_rounds": 3, "feedback_threshold": 0.6, "feedback_weight": 2.0},
        metric=f"own metric {odd}" if odd else "balanced_accuracy",
        rounds=[_round(0, 5, 0.0, {}, None), _round(1, 5, -0.0123, fed, 0.812)],
        stopped={"the score no longer rose": 5},
        kept=[0] * 5,
        kept_final=0,
        unlabelled=0,
        withheld=0,
        f1_macro_gain=Estimate(value=0.0, low=0.0, high=0.0),
    )


def _round(
    number: int, folds: int, gain: float, counts: dict[str, dict[str, int]], sure: float | None
) -> RoundPart:
    return RoundPart(
        number=number,
        folds=folds,
        score=0.87654 + gain,
        score_gain=gain,
        log_loss=0.4321 - gain,
        counts=counts,
        confidence=sure,
    )


def label_errors(names: list[str], supports: list[int], odd: str) -> LabelErrorsPart:
    """Two cells of the first class and one of the last look like another class; two are listed."""

    def cell(number: int, label: str, suggested: str) -> SuspectCell:
        rest = {name: 0.0625 for name in names if name not in (label, suggested)}
        return SuspectCell(
            image_id=f"suspect-{number}{odd}",
            path=f"{label}/P{number:02}.png",
            label=label,
            predicted=suggested,
            probabilities={suggested: 0.9012, label: 0.0345, **rest},
            patient=f"P{number:02}{odd}",
            thumbnail="../outside.png",
            suggested=suggested,
            quality=0.0369,
        )

    return LabelErrorsPart(
        checked=sum(supports),
        decided=0,
        suspected=dict.fromkeys(names, 0) | {names[0]: 2, names[-1]: 1},
        listed=[cell(1, names[0], names[1]), cell(2, names[-1], names[0])],
    )
