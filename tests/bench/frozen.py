"""Real cells, their frozen embeddings, and what a linear classifier makes of them in five folds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed

from classifiers.control import control_probabilities
from classifiers.estimate import Estimate
from classifiers.metrics import (
    confusion_by_group,
    estimate,
    from_confusion,
    resample_groups,
    resampled_confusion,
)
from classifiers.streaming import StoredRows
from data.found import find_images
from data.manifest import Manifest
from data.scan import split_images
from data.splits import grouped_folds
from features.disturb import disturb
from features.engine import Engine
from features.engine_shared import SharedEngine
from features.extract import Job, extract
from features.ground import is_cut_out
from features.store import EmbeddingStore
from pipeline.audit import tie_images
from pipeline.config import RunConfig
from pipeline.disturbed import choose_sample
from pipeline.recipes import make_plan, store_path

FOLDS, INNER, SEED = 5, 3, 0
Change = Callable[[np.ndarray], np.ndarray]


def zoom(factor: float) -> Change:
    """The cell at another size in a frame of the same size, about its centre.

    Above 1 what no longer fits is lost. Below 1 the shrunk picture's outermost eighth is mirrored
    around it, to and fro: the whole of it would put halves of the cell at every side. Black where
    the cell was cut out on black.
    """

    def change(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        h, w = (max(1, round(side * min(factor, 1 / factor))) for side in (height, width))
        top, left = (height - h) // 2, (width - w) // 2
        if factor > 1:
            middle = image[top : top + h, left : left + w]
            return cv2.resize(middle, (width, height), interpolation=cv2.INTER_LINEAR)
        small = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
        if is_cut_out(image):
            beyond = top, height - h - top, left, width - w - left
            return cv2.copyMakeBorder(small, *beyond, cv2.BORDER_CONSTANT)
        return small[np.ix_(_mirrored(height, h, top), _mirrored(width, w, left))]

    return change


def _mirrored(count: int, size: int, start: int) -> np.ndarray:
    """Where in ``size`` pixels each of ``count`` is taken from, the first of them at ``start``."""
    band = max(1, size // 8)
    at = np.arange(count) - start
    out = np.maximum(-1 - at, at - size) % (2 * band)  # from the nearer edge
    depth = np.minimum(out, 2 * band - 1 - out)
    return np.where(at < 0, depth, np.where(at < size, at, size - 1 - depth))


CHANGES: dict[str, Change] = {
    "stain": disturb("stain", 2),
    "blur": disturb("blur", 2),
    "JPEG 30": disturb("jpeg", 2),
    "half size": zoom(0.5),
    "double size": zoom(2.0),
}


@dataclass(frozen=True)
class Known:
    """Labelled cells of one source, all arrays of length n.

    Attributes:
        y: class codes. groups: cells that the audit ties have the same.
        repeats: how often five folds are drawn anew.
        sample: bool, the cells that are disturbed.
        left_out: what cannot be folded, for people.
    """

    name: str
    dataset: str
    root: Path
    sha256: np.ndarray
    paths: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]
    repeats: int
    sample: np.ndarray
    left_out: str

    @property
    def told(self) -> str:
        """Size and classes, for people."""
        left = f" (left out: {self.left_out})" if self.left_out else ""
        return f"{self.name}: {len(self.y):,} cells of {len(self.classes)} classes{left}"


def known_cells(
    config: RunConfig, name: str, source: str = "", repeats: int = 1, disturbed: int = 0
) -> Known:
    """Labelled cells of one source of a data set.

    Args:
        source: of the manifest; empty: all.
        disturbed: cells that are disturbed, drawn with the set's own shares of classes; 0: all.
    """
    card, root = config.card(), Path(config.images)
    found = find_images(card, root)
    tied = tie_images(config, root, {path: found.hashes[path] for path in found.names})
    manifest = split_images(card, found, ties=tied.pairs, copies=tied.copies).manifest
    frame = manifest.frame
    frame = frame[(frame.split == "train") & ((frame.source == source) | (source == ""))]
    frame = frame.drop_duplicates("sha256")
    counts = frame.label.value_counts()
    rare = counts[counts < FOLDS]
    frame = frame[~frame.label.isin(rare.index)]
    classes = tuple(each for each in manifest.classes if each in set(frame.label))
    drawn = list(frame.sha256)
    if disturbed:
        drawn = choose_sample(Manifest(frame, classes), set(), disturbed, SEED)
    return Known(
        name, config.dataset, root,
        frame.sha256.to_numpy(str), frame.path.to_numpy(str),
        np.array([classes.index(label) for label in frame.label]), frame.group.to_numpy(str),
        classes, repeats, frame.sha256.isin(drawn).to_numpy(bool),
        ", ".join(f"{count} {label}" for label, count in rare.items()),
    )  # fmt: skip


def embeddings(
    known: Known, config: RunConfig, changes: Sequence[str] = ()
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Embeddings of all cells, and of the sample under each change; cached in the work folder.

    Returns:
        (n, d) or (n, views, d) float32, and an array of (sample, d) for each change.
    """
    card = config.card()
    plans = [make_plan(config, card, name, layer) for name, layer in config.backbones]
    engines = [SharedEngine(plan.make_engine) for plan in plans]

    def run(names: Sequence[str], rows: np.ndarray) -> list[np.ndarray]:
        sha256 = list(known.sha256[rows])
        images = list(zip(sha256, known.paths[rows], strict=True))
        jobs: list[list[Job]] = []
        for name in names:
            jobs.append([])
            for plan, engine in zip(plans, engines, strict=True):
                steps = (*((f"bench:{name}",) if name else ()), *plan.recipe.steps)
                recipe = replace(plan.recipe, steps=steps)
                store = EmbeddingStore(store_path(config, recipe), recipe)
                jobs[-1].append(Job(store, lambda e=engine, n=name: _changed(e, n)))  # type: ignore[misc]
        extract(known.root, images, [job for each in jobs for job in each])
        stored = [StoredRows([job.store for job in each], sha256) for each in jobs]
        return [rows[np.arange(len(rows))] for rows in stored]

    (plain,) = run([""], np.arange(len(known.y)))
    return plain, run(changes, np.flatnonzero(known.sample)) if changes else []


class _Changed:
    streams = 1

    def __init__(self, engine: Engine, change: Change) -> None:
        self._engine, self._change = engine, change
        self.description, self.batch = engine.description, engine.batch

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        return self._engine.prepare(self._change(image), sha256)

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        return self._engine.embed(prepared)


def _changed(engine: SharedEngine, name: str) -> Engine:
    lent = engine.lend(())
    return _Changed(lent, CHANGES[name]) if name else lent


def decisions(
    known: Known, X: np.ndarray, changed: Sequence[np.ndarray] = ()
) -> tuple[np.ndarray, list[np.ndarray]]:
    """What a logistic regression decides of each cell, learned from the other folds' cells.

    It is the one that Blastline puts on embeddings of random weights: prepared as all classifiers
    are, its penalty chosen on inner folds of the training cells, views as rows. Folds are drawn
    ``known.repeats`` times, the same for whatever embeddings.

    Args:
        X: (n, d) or (n, views, d). changed: (sample, d) each; never trained on.

    Returns:
        (repeats, n) codes, and (repeats, sample) for each of ``changed``.
    """
    n, some = len(known.y), np.flatnonzero(known.sample)
    cell = np.concatenate([np.arange(n), *[some] * len(changed)])
    rows = np.concatenate([X, *changed])
    y, groups = known.y[cell], known.groups[cell]
    work = []
    for repeat in range(known.repeats):
        folds = grouped_folds(known.y, known.groups, FOLDS, SEED + repeat)
        for fold in range(FOLDS):
            train = np.flatnonzero(folds != fold)
            work.append((repeat, train, np.flatnonzero(folds[cell] == fold)))
    found = Parallel(n_jobs=-1)(
        delayed(control_probabilities)(
            rows, y, groups, train, test, len(known.classes), "f1_macro", INNER, SEED
        )
        for _, train, test in work
    )
    decided = np.empty((known.repeats, len(cell)), dtype=np.int64)
    for (repeat, _, test), proba in zip(work, found, strict=True):
        decided[repeat, test] = proba.argmax(axis=1)
    return decided[:, :n], np.split(decided[:, n:], len(changed), axis=1) if changed else []


def macro_f1(
    y: np.ndarray, decided: np.ndarray, groups: np.ndarray, k: int
) -> tuple[float, np.ndarray]:
    """Macro F1 of (repeats, n) codes, mean over the repeats; of the cells and of each resample.

    Whole groups are drawn, the same ones in every repeat and for whatever is decided of these
    cells, so that two of them may be subtracted.
    """
    counts = resample_groups(groups, SEED)
    by_group = [confusion_by_group(y, each, groups, k) for each in decided]
    whole = [from_confusion(each.sum(axis=0))["f1_macro"] for each in by_group]
    drawn = [from_confusion(resampled_confusion(counts, each))["f1_macro"] for each in by_group]
    return float(np.mean(whole)), np.mean(drawn, axis=0)


def scored(known: Known, decided: np.ndarray) -> Estimate:
    """Macro F1 of all cells with its interval."""
    return estimate(*macro_f1(known.y, decided, known.groups, len(known.classes)))


def gained(known: Known, first: np.ndarray, second: np.ndarray) -> Estimate:
    """Macro F1 of the second decisions minus that of the first, paired, with its interval."""
    one, other = (
        macro_f1(known.y, each, known.groups, len(known.classes)) for each in (first, second)
    )
    return estimate(other[0] - one[0], other[1] - one[1])
