"""What the novelty score tells apart: new cells, disturbed cells, wrong decisions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from classifiers.estimate import Estimate
from classifiers.evaluation.ranking import rank_figures
from classifiers.evaluation.resamples import Resamples, figure
from classifiers.evaluation.stress_parts import NoveltyOf, Wrong

POINTS = 41  # of a distribution as a figure draws it


@dataclass(frozen=True)
class Scored:
    """Cells of one kind, each scored by a model that did not train on its group.

    Attributes:
        scores: (n,) novelty over the operating point. groups: (n,).
        strength, setting: of a disturbance, as in ``NoveltyOf``.
        against: what they are to be told from; None: the cells under test.
    """

    name: str
    kind: Literal["tested", "unlabelled", "disturbed", "left out"]
    scores: np.ndarray
    groups: np.ndarray
    strength: int = 0
    setting: str = ""
    against: "Scored | None" = None

    def of(self, some: np.ndarray) -> "Scored":
        """Some of them, by position or mask."""
        return replace(self, scores=self.scores[some], groups=self.groups[some])


def quantiles(scores: np.ndarray) -> list[float]:
    """``POINTS`` quantiles of (n,) scores at evenly spaced shares, lowest and highest included."""
    return [float(each) for each in np.quantile(scores, np.linspace(0, 1, POINTS))]


def told_apart(tested: Scored, others: Sequence[Scored], seed: int) -> list[NoveltyOf]:
    """What is found of cells under test, which come first, and of sets told from them."""
    beside = [replace(each, against=each.against or tested) for each in others]
    return [flagged_in(each, seed) for each in (tested, *beside)]


def flagged_in(scored: Scored, seed: int) -> NoveltyOf:
    """Share flagged, and AUROC of telling the cells from what they are against, if anything.

    Intervals resample groups; one that has cells in both sets is drawn as a whole.
    """
    auroc = None
    if scored.against is not None:
        scores = np.concatenate([scored.against.scores, scored.scores])
        strange = np.arange(len(scores)) >= len(scored.against.scores)
        resamples = Resamples.of(np.concatenate([scored.against.groups, scored.groups]), seed)
        auroc = figure(rank_figures(strange, scores, resamples)[0])
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
    familiar: Wrong
    flagged: Wrong
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
    among = np.column_stack([~flagged, flagged])
    wrongs = np.column_stack([wrong, wrong])
    familiar, strange = (
        Wrong(n=int(some.sum()), wrong=int(wrong[some].sum()), share=share)
        for some, share in zip(among.T, resamples.proportions(wrongs, among), strict=True)
    )
    return Errors(
        dict(zip(classes, by_class, strict=True)),
        familiar,
        strange,
        figure(rank_figures(wrong, tested.scores, resamples)[0]),
    )
