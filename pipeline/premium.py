"""The leakage premium of a run."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from classifiers.cells import draw_groups
from classifiers.evaluation.premium import Fit, Task, leakage_premium, plain_fit
from classifiers.evaluation.stress_parts import PremiumPart
from classifiers.preparation import make_pipeline
from classifiers.protocol import Evaluation
from classifiers.registry import CLASSIFIERS, COMMITTEE
from data.errors import BlastlineError
from pipeline.config import RunConfig
from pipeline.console import progress
from pipeline.inputs import FitInputs

REPEATS = 3  # shuffles of each split; where groups are drawn, one is as steady
MOST = 4000  # cells, about: what Ctrl-C waits for is one fit on these
NAMED = 5  # classes named in a note


def premium_of(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> PremiumPart:
    """The selected classifier under a random and under the grouped split.

    It is that of the final model with its parameters; of a committee all members, by the mean of
    their probabilities. Beside a fixed test set the other cells are split. Of many cells whole
    groups are drawn.
    """
    cells, final, unit = inputs.cells, evaluation.final, inputs.scan.unit
    train = final.split.train
    rows = train[_drawn(cells.y[train], cells.groups[train], config.folds, config.seed)]
    y, groups = cells.y[rows], cells.groups[rows]
    n_groups = len(np.unique(groups))
    note = _not_measurable(unit, len(rows), n_groups)
    if note:
        return unmeasured(unit, note)
    names = [name for name in final.tuned if final.selected in (name, COMMITTEE)]
    build = [
        partial(
            make_pipeline, CLASSIFIERS[name], final.tuned[name].preparation,
            final.tuned[name].params, config.seed,
        )
        for name in names
    ]  # fmt: skip
    fit = plain_fit(build, cells.X[rows], y, groups, len(cells.classes))
    repeats = REPEATS if len(rows) == len(train) else 1
    try:
        with progress("measuring the leakage premium", "fit") as update:
            found = leakage_premium(
                y, groups, len(cells.classes), fit, config.folds, config.seed, repeats,
                partial(_at_once, update),
            )  # fmt: skip
    except BlastlineError as error:
        return unmeasured(unit, str(error))
    title = CLASSIFIERS[names[0]].title
    if len(names) > 1:
        title = "committee, the mean of its members"
    return PremiumPart(
        unit=unit, classifier=title, n=len(rows), n_groups=n_groups,
        folds=found.folds, repeats=repeats, grouped=found.grouped, random=found.random,
        premium=found.premium,
        note=_to_know(unit, len(rows), len(train), [cells.classes[code] for code in found.absent]),
    )  # fmt: skip


def _drawn(y: np.ndarray, groups: np.ndarray, least: int, seed: int) -> np.ndarray:
    """Sorted row numbers of whole groups, about ``MOST`` cells, all where there are no more.

    Of each class at least ``least`` groups are among them, as far as it has so many.
    """
    taken = np.isin(groups, groups[draw_groups(groups, MOST, seed)])
    rng = np.random.default_rng(seed)
    for code in np.unique(y):
        have = len(np.unique(groups[taken & (y == code)]))
        others = rng.permutation(np.unique(groups[~taken & (y == code)]))
        taken |= np.isin(groups, others[: max(0, least - have)])
    return np.flatnonzero(taken)


def _to_know(unit: str, n: int, of: int, absent: list[str]) -> str:
    """What limits the figures, in sentences; empty where nothing does."""
    said = []
    if n < of:
        said.append(
            f"To save time it was measured on {n:,} of {of:,} cells, all those of {unit}s drawn "
            "at random."
        )
    if absent:
        names = ", ".join(absent[:NAMED]) + (" and others" if len(absent) > NAMED else "")
        said.append(
            f"Some folds have no cell of {names}, under both splits: of classes in so few "
            f"{unit}s the difference tells little."
        )
    return " ".join(said)


def _not_measurable(unit: str, n: int, n_groups: int) -> str:
    """Why a grouped split would be no other than a random one; empty where it is."""
    if unit == "image":
        return (
            "the images name no patients and no other groups, so there is no split that keeps "
            "patients apart to compare with"
        )
    if n_groups == n:
        return f"every {unit} has a single image, so that both splits are the same"
    return ""


def unmeasured(unit: str, note: str) -> PremiumPart:
    """A part without figures, and why."""
    return PremiumPart(
        unit=unit, classifier="", n=0, n_groups=0, folds=0, repeats=0, grouped={}, random={},
        premium={}, note=note,
    )  # fmt: skip


def _at_once(
    update: Callable[[int, int], None], fit: Fit, tasks: Sequence[Task]
) -> list[np.ndarray]:
    """Fits on several processors; Ctrl-C waits for those that have begun."""
    # One BLAS thread each, and one list of filters for all: as in the nested evaluation.
    with (
        threadpool_limits(1),
        warnings.catch_warnings(),
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):
        warnings.simplefilter("ignore")
        waiting = [pool.submit(fit, task) for task in tasks]
        try:
            for number, _ in enumerate(as_completed(waiting)):
                update(number + 1, len(tasks))
            return [each.result() for each in waiting]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
