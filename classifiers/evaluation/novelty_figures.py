"""What the novelty score tells apart: new cells, disturbed cells, wrong decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from classifiers.estimate import Estimate
from classifiers.evaluation.ranking import rank_figures
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.evaluation.stress_parts import NoveltyOf

POINTS = 41  # of a distribution as a figure draws it


@dataclass(frozen=True)
class Scored:
    """Cells of one kind, each scored by a model that did not train on its group.

    Attributes:
        scores: (n,) novelty over the operating point. groups: (n,).
        strength, setting: of a disturbance, as in ``NoveltyOf``.
        against: positions among the cells under test that they are to be told from; None: all.
    """

    name: str
    kind: Literal["tested", "unlabelled", "disturbed"]
    scores: np.ndarray
    groups: np.ndarray
    strength: int = 0
    setting: str = ""
    against: np.ndarray | None = None


def quantiles(scores: np.ndarray) -> list[float]:
    """``POINTS`` quantiles of (n,) scores at evenly spaced shares, lowest and highest included."""
    return [float(each) for each in np.quantile(scores, np.linspace(0, 1, POINTS))]


def told_apart(tested: Scored, others: Sequence[Scored], seed: int) -> list[NoveltyOf]:
    """Share flagged in each set, and AUROC of telling it from cells under test, which come first.

    Intervals resample groups; one that has cells in both sets is drawn as a whole.
    """
    found = [_set_of(tested, None, seed)]
    for each in others:
        some = slice(None) if each.against is None else each.against
        scores = np.concatenate([tested.scores[some], each.scores])
        strange = np.arange(len(scores)) >= len(scores) - len(each.scores)
        resamples = Resamples.of(np.concatenate([tested.groups[some], each.groups]), seed)
        area = figure(rank_figures(strange, scores, resamples)[0])
        found.append(_set_of(each, area, seed))
    return found


def _set_of(scored: Scored, auroc: Estimate | None, seed: int) -> NoveltyOf:
    whole = np.ones((len(scored.scores), 1), dtype=bool)
    flagged = scored.scores[:, None] > 1
    return NoveltyOf(
        name=scored.name,
        kind=scored.kind,
        strength=scored.strength,
        setting=scored.setting,
        n=len(scored.scores),
        flagged=Resamples.of(scored.groups, seed).proportions(flagged, whole)[0],
        auroc=auroc,
        quantiles=quantiles(scored.scores),
    )


@dataclass(frozen=True)
class Errors:
    """Share flagged by class, and how wrong decisions and novelty go together."""

    by_class: dict[str, Estimate]
    familiar: Estimate  # share decided wrongly
    flagged: Estimate
    auroc: Estimate  # of telling wrong decisions from right ones


def errors_by_novelty(
    tested: Scored, y: np.ndarray, decided: np.ndarray, classes: tuple[str, ...], seed: int
) -> Errors:
    """What the score says of the cells under test.

    Args:
        y, decided: (n,) class codes, true and decided.
    """
    resamples = Resamples.of(tested.groups, seed)
    flagged, wrong = tested.scores > 1, y != decided
    own = y[:, None] == np.arange(len(classes))
    by_class = resamples.proportions(np.repeat(flagged[:, None], len(classes), axis=1), own)
    familiar, strange = resamples.proportions(
        np.column_stack([wrong, wrong]), np.column_stack([~flagged, flagged])
    )
    return Errors(
        dict(zip(classes, by_class, strict=True)),
        familiar,
        strange,
        figure(rank_figures(wrong, tested.scores, resamples)[0]),
    )
