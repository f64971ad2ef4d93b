"""The evaluation in depth against a loop over resamples with scikit-learn's metrics."""

import time
from pathlib import Path

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    roc_auc_score,
)
from threadpoolctl import threadpool_limits

from classifiers.evaluation.in_depth import evaluate_in_depth
from classifiers.metrics import RESAMPLES
from tests.bench.measure import in_turns, ratio, table

CELLS, CLASSES = 15_000, 4
TRIED = 10  # resamples of the loop; the others would take as long each


def made_up() -> tuple[np.ndarray, np.ndarray]:
    """Codes and probabilities of a classifier that is right in about 85 % of the cells."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, CELLS)
    named = np.where(rng.random(CELLS) < 0.8, y, rng.integers(0, CLASSES, CELLS))
    return y, 0.5 * rng.dirichlet(np.ones(CLASSES), CELLS) + 0.5 * np.eye(CLASSES)[named]


def loop(y: np.ndarray, proba: np.ndarray, size: int) -> float:
    """Seconds of five of the figures, resample by resample, of groups of so many cells."""
    rng = np.random.default_rng(0)
    started = time.perf_counter()
    for _ in range(TRIED):
        drawn = rng.integers(0, CELLS // size, CELLS // size)
        rows = (size * drawn[:, None] + np.arange(size)).ravel()
        truth, p = y[rows], proba[rows]
        accuracy_score(truth, p.argmax(axis=1))
        f1_score(truth, p.argmax(axis=1), average="macro")
        roc_auc_score(truth, p, multi_class="ovr")
        average_precision_score(np.eye(CLASSES)[truth], p)
        brier_score_loss(truth, p)
    return (time.perf_counter() - started) * RESAMPLES / TRIED


def whole(y: np.ndarray, proba: np.ndarray, size: int) -> float:
    """Seconds of all figures with their intervals, of groups of so many cells."""
    started = time.perf_counter()
    evaluate_in_depth(
        y, proba, np.arange(CELLS) // size, np.full(len(y), ""), tuple("abcd"), (), None, 0,
        uncalibrated=proba, calibration="temperature",
    )  # fmt: skip
    return time.perf_counter() - started


def evaluation(folder: Path) -> list[str]:
    """Cells of 100 patients, and as many groups as cells."""
    y, proba = made_up()
    rows = []
    for size in (150, 1):
        with threadpool_limits(1):
            ours, theirs = in_turns(
                lambda size=size: whole(y, proba, size),  # type: ignore[misc]
                lambda size=size: loop(y, proba, size),  # type: ignore[misc]
            )
        found = f"{np.median(theirs):,.0f} | {np.median(ours):.1f} | **{ratio(theirs, ours):.0f}**"
        rows.append(f"| {CELLS // size:,} | {found} |")
    return [
        f"{CELLS:,} cells, {CLASSES} classes, {RESAMPLES:,} resamples of whole groups, one thread. "
        "Blastline: all of evaluate_in_depth. Loop: accuracy, macro F1, AUROC, average precision "
        f"and Brier score alone, by scikit-learn for each resample ({TRIED} of them, scaled up).",
        "", *table("groups | loop, s | Blastline, s | ratio", rows),
    ]  # fmt: skip
