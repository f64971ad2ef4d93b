"""Fitting a classifier with the parameters that a study found, in memory or by streaming."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifiers.calibration import Calibrated
from classifiers.cells import Rows, draw_groups
from classifiers.committee import Committee
from classifiers.preparation import PreparedClassifier, make_pipeline
from classifiers.spec import ClassifierSpec
from classifiers.streaming import fit_streamed
from classifiers.tuning import Tuned
from data.splits import grouped_folds

Model = Calibrated | Committee
DRAWN = 25_000  # cells that classifiers are tuned on, and fitted on if they cannot stream
CHUNK = 8192  # cells read from disk or predicted at a time


@dataclass(frozen=True)
class FitSettings:
    """How a tuned classifier becomes a model.

    Attributes:
        calibration: ``temperature``, ``sigmoid``, ``isotonic`` or ``none``.
        decision: ``learned`` or ``argmax``; of two classes.
        metric: what a learned threshold maximises.
        folds: grouped folds that calibration and threshold are learned on.
        seed: of folds and classifiers.
    """

    calibration: str
    decision: str
    metric: str
    folds: int
    seed: int


def unfitted(spec: ClassifierSpec, tuned: Tuned, settings: FitSettings) -> Calibrated:
    """Preparation, classifier and calibration, ready for ``fit(X, y, groups)``."""
    pipeline = make_pipeline(spec, tuned.preparation, tuned.params, settings.seed)
    return Calibrated(
        pipeline, method=settings.calibration, folds=settings.folds, decision=settings.decision,
        metric=settings.metric, random_state=settings.seed,
    )  # fmt: skip


def unfitted_committee(
    specs: Sequence[ClassifierSpec], tuned: dict[str, Tuned], settings: FitSettings
) -> Committee:
    """All tuned classifiers together, ready for ``fit(X, y, groups)``."""
    members = [(spec.name, unfitted(spec, tuned[spec.name], settings)) for spec in specs]
    return Committee(members, settings.decision, settings.metric)


def fit_on_disk(
    spec: ClassifierSpec, tuned: Tuned, X: Rows, rows: np.ndarray, y: np.ndarray,
    groups: np.ndarray, settings: FitSettings,
) -> Calibrated:  # fmt: skip
    """Fit on more rows than memory is meant to hold.

    A classifier that can stream sees all rows but whole groups of about ``DRAWN`` rows, a tenth at
    most, on which it is calibrated. The others are fitted on whole groups of about ``DRAWN`` rows.

    Args:
        rows: training row numbers of X. y, groups: of these rows.
    """
    if spec.stream is None or tuned.params.get("l1_ratio"):  # an elastic net has no such solver
        drawn = draw_groups(groups, DRAWN, settings.seed)
        return unfitted(spec, tuned, settings).fit(X[rows[drawn]], y[drawn], groups[drawn])
    held = held_part(y, groups, settings.seed)
    pipeline: PreparedClassifier = fit_streamed(
        spec, tuned.preparation, tuned.params, X, rows[~held], y[~held], settings.seed, CHUNK
    )
    some = np.flatnonzero(held)
    return Calibrated.from_fitted(
        pipeline, X[rows[some]], y[some], groups[some], method=settings.calibration,
        decision=settings.decision, metric=settings.metric,
    )  # fmt: skip


def held_part(y: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """(n,) bool: whole groups, a tenth of the rows or about ``DRAWN``; no class as a whole."""
    tenth = np.flatnonzero(grouped_folds(y, groups, 10, seed, strict=False) == 0)
    held = np.zeros(len(y), dtype=bool)
    held[tenth[draw_groups(groups[tenth], DRAWN, seed)]] = True
    lost = np.setdiff1d(y[held], y[~held])
    held[np.isin(groups, np.unique(groups[held & np.isin(y, lost)]))] = False
    return held


def predict_uncalibrated(model: Model, X: Rows, rows: np.ndarray, k: int) -> np.ndarray:
    """(n, k) probabilities of rows of X before calibration."""
    proba = np.zeros((len(rows), k))
    codes = np.asarray(model.classes_, dtype=int)
    for start in range(0, len(rows), CHUNK):
        some = slice(start, start + CHUNK)
        proba[some, codes] = model.uncalibrated_proba(X[rows[some]])
    return proba


def predict(model: Model, X: Rows, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) probabilities and (n,) decided class codes of rows of X."""
    proba = np.zeros((len(rows), k))
    decided = np.zeros(len(rows), dtype=np.int64)
    codes = np.asarray(model.classes_, dtype=int)
    for start in range(0, len(rows), CHUNK):
        some = slice(start, start + CHUNK)
        found = model.predict_proba(X[rows[some]])
        proba[some, codes] = found
        decided[some] = codes[model.decide(found)]
    return proba, decided
