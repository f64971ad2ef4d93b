"""The out-of-distribution score of a run."""

from collections.abc import Sequence

import numpy as np

from classifiers.cells import NO_LABEL, Cells, Rows, Split
from classifiers.estimate import Estimate
from classifiers.evaluation.novelty_figures import (
    Scored,
    errors_by_novelty,
    flagged_in,
    quantiles,
    told_apart,
)
from classifiers.evaluation.stress_parts import NoveltyOf, NoveltyPart, Wrong
from classifiers.fitting import CHUNK
from classifiers.novelty import ACCEPTED, Novelty, draw_references, mean_of_views
from classifiers.protocol import SELECTED, Evaluation
from data.errors import BlastlineError
from pipeline.config import RunConfig
from pipeline.console import progress
from pipeline.inputs import FitInputs

STRENGTHS = (1, 3)  # of disturbances: the mildest and the strongest
LEFT_OUT = 10  # classes at most that stand for an unknown cell type in turn, the largest
FEWEST = 5  # cells under test of such a class


def fit_novelty(cells: Cells, split: Split, seed: int) -> Novelty:
    """The score of a part, on at most ``REFERENCES`` of its training cells.

    Raises:
        BlastlineError: all of them are of one group.
    """
    rows = _drawn(split.train, seed)
    return _new(cells).fit(cells.X[rows], cells.groups[rows])


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
            sets += _disturbed(inputs, rows, test, splits, fitted)
            found = told_apart(test, [each for each in sets if len(each.scores)], config.seed)
            errors = errors_by_novelty(
                test, cells.y[rows], evaluation.decided[SELECTED], cells.classes, config.seed
            )
        # One part tells enough: every class left out costs as much as a part.
        left_out = _left_out(cells, tested[0][0].split, config.seed)
    except BlastlineError as error:
        return unmeasured(str(error))
    training = evaluation.final.split.train
    limits = [each.limit_ for each in fitted]
    return NoveltyPart(
        neighbours=fitted[0].neighbours_,
        components=fitted[0].components_,
        references=len(_drawn(training, config.seed)),
        accepted=ACCEPTED,
        limit_low=min(limits),
        limit_high=max(limits),
        training=quantiles(np.concatenate([each.training_ / each.limit_ for each in fitted])),
        sets=found,
        left_out=left_out,
        by_class=errors.by_class,
        error_familiar=errors.familiar,
        error_flagged=errors.flagged,
        auroc_errors=errors.auroc,
        note="",
    )


def _left_out(cells: Cells, split: Split, seed: int) -> list[NoveltyOf]:
    """Each class as if it were a cell type that the training cells lack."""
    train, test = (_drawn(rows, seed) for rows in (split.train, split.test))
    tested = np.bincount(cells.y[split.test], minlength=len(cells.classes))
    largest = np.argsort(-tested, kind="stable")[:LEFT_OUT]
    codes = [code for code in sorted(largest) if tested[code] >= FEWEST]
    if not codes:
        return []
    references, strangers = _read(cells.X, train), _read(cells.X, test)
    found = []
    with progress("leaving out cell types", "class") as update:
        for number, code in enumerate(codes):
            update(number, len(codes), cells.classes[code])
            others = cells.y[train] != code
            if len(np.unique(cells.groups[train[others]])) < 2:
                continue
            novelty = _new(cells).fit(references[others], cells.groups[train[others]])
            scores, own = novelty.relative(strangers), cells.y[test] == code
            known = Scored("other classes", "tested", scores[~own], cells.groups[test[~own]])
            stranger = Scored(
                cells.classes[code], "left out", scores[own], cells.groups[test[own]],
                against=known if len(known.scores) else None,
            )  # fmt: skip
            found.append(flagged_in(stranger, seed))
    return found


def _new(cells: Cells) -> Novelty:
    return Novelty(tuple(block.width for block in cells.blocks))


def _drawn(rows: np.ndarray, seed: int) -> np.ndarray:
    """At most ``REFERENCES`` of some rows."""
    return rows[draw_references(len(rows), seed)]


def _read(X: Rows, rows: np.ndarray) -> np.ndarray:
    """(n, d) embeddings, views averaged before more of them are read."""
    parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    return np.concatenate([mean_of_views(X[some]) for some in parts])


def _relative(novelty: Novelty, X: Rows, rows: np.ndarray) -> np.ndarray:
    parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    return np.concatenate([np.empty(0), *(novelty.relative(X[some]) for some in parts)])


def _unlabelled(
    cells: Cells, splits: Sequence[Split], fitted: Sequence[Novelty], seed: int
) -> Scored:
    """Unlabelled cells, each by the first part that has no training cell of its group."""
    rows = np.flatnonzero((cells.y == NO_LABEL) & ~cells.test)
    if len(rows):
        rows = _drawn(rows, seed)
    scores = np.full(len(rows), np.nan)
    for split, novelty in zip(splits, fitted, strict=True):
        known = np.isin(cells.groups[rows], cells.groups[split.train])
        some = np.isnan(scores) & ~known
        scores[some] = _relative(novelty, cells.X, rows[some])
    scored = np.isfinite(scores)
    return Scored("unlabelled cells", "unlabelled", scores[scored], cells.groups[rows[scored]])


def _disturbed(
    inputs: FitInputs, rows: np.ndarray, test: Scored, splits: Sequence[Split],
    fitted: Sequence[Novelty],
) -> list[Scored]:  # fmt: skip
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
                test.of(np.searchsorted(rows, of)),
            )
        )
    return found


def unmeasured(note: str) -> NoveltyPart:
    """A part without figures, and why."""
    none = Estimate(value=None, low=None, high=None)
    return NoveltyPart(
        neighbours=0, components=0, references=0, accepted=ACCEPTED, limit_low=None,
        limit_high=None, training=[], sets=[], left_out=[], by_class={},
        error_familiar=Wrong(n=0, wrong=0, share=none),
        error_flagged=Wrong(n=0, wrong=0, share=none), auroc_errors=none, note=note,
    )  # fmt: skip
