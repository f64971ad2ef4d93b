"""The out-of-distribution score of a run."""

from collections.abc import Sequence

import numpy as np

from classifiers.cells import NO_LABEL, Cells, Rows, Split, draw_groups
from classifiers.estimate import Estimate
from classifiers.evaluation.novelty_figures import (
    Scored,
    errors_by_novelty,
    quantiles,
    told_apart,
)
from classifiers.evaluation.stress_parts import NoveltyPart
from classifiers.fitting import CHUNK, DRAWN
from classifiers.novelty import ACCEPTED, Novelty, draw_references
from classifiers.protocol import SELECTED, Evaluation
from data.errors import BlastlineError
from pipeline.config import RunConfig
from pipeline.console import progress
from pipeline.inputs import FitInputs

STRENGTHS = (1, 3)  # of disturbances: the mildest and the strongest


def fit_novelty(cells: Cells, split: Split, seed: int) -> Novelty:
    """The score of a part, on at most ``REFERENCES`` of its training cells.

    Raises:
        BlastlineError: all of them are of one group.
    """
    rows = split.train
    rows = rows[draw_references(cells.y[rows], cells.groups[rows], seed)]
    widths = tuple(block.width for block in cells.blocks)
    return Novelty(widths).fit(cells.X[rows], cells.groups[rows])


def novelty_of(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> NoveltyPart:
    """How strange cells are to the models that did not train on them."""
    cells, rows, tested = inputs.cells, evaluation.rows, evaluation.tested
    fitted: list[Novelty] = []
    under_test = np.empty(len(rows))
    try:
        with progress("scoring novelty", "part") as update:
            for part, places in tested:
                fitted.append(fit_novelty(cells, part.split, config.seed))
                under_test[places] = _relative(fitted[-1], cells.X, part.split.test)
                update(len(fitted), len(tested) + 1)
            test = Scored("cells under test", "tested", under_test, cells.groups[rows])
            splits = [part.split for part, _ in tested]
            sets = [_unlabelled(cells, splits, fitted, config.seed)]
            sets += _disturbed(inputs, rows, splits, fitted)
            found = told_apart(test, [each for each in sets if len(each.scores)], config.seed)
            errors = errors_by_novelty(
                test, cells.y[rows], evaluation.decided[SELECTED], cells.classes, config.seed
            )
    except BlastlineError as error:
        return _unmeasured(str(error))
    training = evaluation.final.split.train
    limits = [each.limit_ for each in fitted]
    return NoveltyPart(
        neighbours=fitted[0].neighbours_,
        components=fitted[0].components_,
        references=len(draw_references(cells.y[training], cells.groups[training], config.seed)),
        accepted=ACCEPTED,
        limit_low=min(limits),
        limit_high=max(limits),
        training=quantiles(np.concatenate([each.training_ / each.limit_ for each in fitted])),
        sets=found,
        by_class=errors.by_class,
        error_familiar=errors.familiar,
        error_flagged=errors.flagged,
        auroc_errors=errors.auroc,
        note="",
    )


def _relative(novelty: Novelty, X: Rows, rows: np.ndarray) -> np.ndarray:
    parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    return np.concatenate([np.empty(0), *(novelty.relative(X[some]) for some in parts)])


def _unlabelled(
    cells: Cells, splits: Sequence[Split], fitted: Sequence[Novelty], seed: int
) -> Scored:
    """Unlabelled cells, each by the first part that has no training cell of its group."""
    rows = np.flatnonzero((cells.y == NO_LABEL) & ~cells.test)
    if len(rows):
        rows = rows[draw_groups(cells.groups[rows], DRAWN, seed)]
    scores = np.full(len(rows), np.nan)
    for split, novelty in zip(splits, fitted, strict=True):
        known = np.isin(cells.groups[rows], cells.groups[split.train])
        some = np.isnan(scores) & ~known
        scores[some] = _relative(novelty, cells.X, rows[some])
    scored = np.isfinite(scores)
    return Scored("unlabelled cells", "unlabelled", scores[scored], cells.groups[rows[scored]])


def _disturbed(
    inputs: FitInputs, rows: np.ndarray, splits: Sequence[Split], fitted: Sequence[Novelty]
) -> list[Scored]:
    """Disturbed copies of cells under test, each beside itself and by the part that tested it."""
    found = []
    for each in inputs.disturbed:
        if each.strength not in STRENGTHS:
            continue
        scores = np.full(len(each.rows), np.nan)
        for split, novelty in zip(splits, fitted, strict=True):
            some = np.flatnonzero(np.isin(each.rows, split.test))
            scores[some] = _relative(novelty, each.X, some)
        of = each.rows[np.isfinite(scores)]
        found.append(
            Scored(
                each.kind,
                "disturbed",
                scores[np.isfinite(scores)],
                inputs.cells.groups[of],
                each.strength,
                each.setting,
                np.searchsorted(rows, of),
            )
        )
    return found


def _unmeasured(note: str) -> NoveltyPart:
    none = Estimate(value=None, low=None, high=None)
    return NoveltyPart(
        neighbours=0, components=0, references=0, accepted=ACCEPTED, limit_low=None,
        limit_high=None, training=[], sets=[], by_class={}, error_familiar=none,
        error_flagged=none, auroc_errors=none, note=note,
    )  # fmt: skip
