"""Folds that keep every group whole and every class on both sides."""

import numpy as np

from data.errors import BlastlineError

ATTEMPTS = 20  # shuffles tried until every class stands on both sides of every fold


def grouped_folds(
    labels: np.ndarray, groups: np.ndarray, n_folds: int, seed: int, *, strict: bool = True
) -> np.ndarray:
    """Assign each row to one of ``n_folds`` folds, stratified by class, groups kept whole.

    The folds are those of scikit-learn's StratifiedGroupKFold, or of StratifiedKFold where every
    row is its own group. They are made here because importing scikit-learn takes as long as
    everything else in a scan, and its splitter takes seconds for thousands of groups.

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
    class_names, classes = np.unique(np.asarray(labels), return_inverse=True)
    group_names, groups = np.unique(np.asarray(groups), return_inverse=True)
    if len(group_names) < 2:
        raise BlastlineError(
            f"split: all {len(classes)} labelled images belong to one group; "
            "expected at least two patients or groups to split between"
        )
    for number, name in enumerate(class_names if strict else ()):
        of_class = np.unique(groups[classes == number])
        if len(of_class) < 2:
            raise BlastlineError(
                f"split: class '{name}' occurs in one group only "
                f"('{group_names[of_class[0]]}'); expected at least two, so that it can be both "
                "learned and tested: add images of another patient or drop the class"
            )
    counts = np.bincount(classes)
    n_folds = int(min(n_folds, len(group_names), counts.max()))
    if n_folds < 2:
        raise BlastlineError(
            f"split: each of {len(counts)} classes has a single image in a training part; "
            "expected at least three groups of each class: add images"
        )
    single = len(group_names) == len(classes) and counts.min() >= n_folds
    for attempt in range(ATTEMPTS):
        # The older generator: its stream never changes, nor then do folds once published.
        random = np.random.RandomState(seed + 1000 * attempt)
        if single:
            folds = _deal_rows(classes, n_folds, random)
        else:
            folds = _deal_groups(classes, groups, n_folds, random)
        spread = [len(np.unique(folds[classes == number])) for number in range(len(counts))]
        if min(spread) > 1 or (not strict and attempt == ATTEMPTS - 1):
            # A fold stays empty at times: number those that have rows.
            return np.unique(folds, return_inverse=True)[1]
    worst = class_names[int(np.argmin(spread))]
    raise BlastlineError(
        f"split: no shuffle puts class '{worst}' into two of {n_folds} folds; "
        "lower the number of folds"
    )


def _deal_rows(classes: np.ndarray, n_folds: int, random: np.random.RandomState) -> np.ndarray:
    """Rows dealt evenly, class after class in the order of their first rows."""
    folds = np.empty(len(classes), dtype=np.int64)
    first = np.unique(classes, return_index=True)[1]
    dealt = 0
    for number in np.argsort(first):
        size = int(np.count_nonzero(classes == number))
        # Each class goes on dealing at the fold where the one before it stopped.
        of_class = np.sort(np.arange(dealt, dealt + size) % n_folds)
        random.shuffle(of_class)
        folds[classes == number] = of_class
        dealt += size
    return folds


def _deal_groups(
    classes: np.ndarray, groups: np.ndarray, n_folds: int, random: np.random.RandomState
) -> np.ndarray:
    """Groups dealt greedily, the most uneven first, each to the fold that evens the classes out."""
    sizes = np.bincount(classes)
    content = np.zeros((groups.max() + 1, len(sizes)))  # rows of each group by class
    np.add.at(content, (groups, classes), 1)
    order = np.arange(len(content))
    random.shuffle(order)
    order = order[np.argsort(-np.std(content[order], axis=1), kind="stable")]

    filled = np.zeros((n_folds, len(sizes)))  # rows of each fold by class
    into = np.eye(n_folds)[:, :, None]  # into[i] puts a group into fold i
    fold_of = np.empty(len(content), dtype=np.int64)
    for group in order:
        shares = (filled + into * content[group]) / sizes
        uneven = shares.std(axis=1).mean(axis=1)
        chosen = _choose(uneven.tolist(), filled.sum(axis=1).tolist())
        filled[chosen] += content[group]
        fold_of[group] = chosen
    return fold_of[groups]


def _choose(uneven: list[float], rows: list[float]) -> int:
    """The fold that leaves the classes least uneven; among about equals that with fewest rows."""
    best = 0
    for fold in range(1, len(uneven)):
        difference = uneven[fold] - uneven[best]
        equal = abs(difference) <= 1e-8 + 1e-5 * abs(uneven[best])
        if difference < 0 or (equal and rows[fold] < rows[best]):
            best = fold
    return best
