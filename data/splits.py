"""Folds that keep every group whole and every class on both sides."""

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from data.errors import BlastlineError

ATTEMPTS = 20  # shuffles tried until every class stands on both sides of every fold


def grouped_folds(
    labels: np.ndarray, groups: np.ndarray, n_folds: int, seed: int, *, strict: bool = True
) -> np.ndarray:
    """Assign each row to one of ``n_folds`` folds, stratified by class, groups kept whole.

    Args:
        labels: (n,) class of each row.
        groups: (n,) group of each row; rows of one group get one fold.
        n_folds: at least 2; lowered to the number of groups when there are fewer.
        seed: of the shuffle. The same arguments give the same folds.
        strict: refuse a class that cannot stand on both sides of every fold. Inner folds are not
            strict: there, such a class only scores as missed.

    Returns:
        (n,) int64 fold numbers from 0.

    Raises:
        BlastlineError: fewer than two groups, or a class with all its cells in one group: such a
            class cannot be both learned and tested.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    unique_groups, group_codes = np.unique(groups, return_inverse=True)
    if len(unique_groups) < 2:
        raise BlastlineError(
            f"split: all {len(labels)} labelled images belong to one group; "
            "expected at least two patients or groups to split between"
        )
    for label in np.unique(labels) if strict else ():
        of_class = np.unique(group_codes[labels == label])
        if len(of_class) < 2:
            raise BlastlineError(
                f"split: class '{label}' occurs in one group only "
                f"('{unique_groups[of_class[0]]}'); expected at least two, so that it can be both "
                "learned and tested: add images of another patient or drop the class"
            )
    counts = np.unique(labels, return_counts=True)[1]
    n_folds = int(min(n_folds, len(unique_groups), counts.max()))
    if n_folds < 2:
        raise BlastlineError(
            f"split: each of {len(counts)} classes has a single image in a training part; "
            "expected at least three groups of each class: add images"
        )
    # Where every image is its own group the plain splitter gives the same guarantee, faster.
    plain = len(unique_groups) == len(labels) and counts.min() >= n_folds
    splitter = StratifiedKFold if plain else StratifiedGroupKFold
    folds = np.empty(len(labels), dtype=np.int64)
    for attempt in range(ATTEMPTS):
        parts = splitter(n_folds, shuffle=True, random_state=seed + 1000 * attempt).split(
            labels, labels, None if plain else group_codes
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of rare classes: they are judged below
            for fold, (_, rows) in enumerate(parts):
                folds[rows] = fold
        spread = {label: len(np.unique(folds[labels == label])) for label in np.unique(labels)}
        if min(spread.values()) > 1 or (not strict and attempt == ATTEMPTS - 1):
            # The splitter leaves a fold empty at times: number those that have rows.
            return np.unique(folds, return_inverse=True)[1]
    worst = min(spread, key=lambda label: spread[label])
    raise BlastlineError(
        f"split: no shuffle puts class '{worst}' into two of {n_folds} folds; "
        "lower the number of folds"
    )
