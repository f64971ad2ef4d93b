"""A map of the embeddings in two dimensions, and what it keeps of their neighbourhoods."""

import contextlib
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from classifiers.cells import NO_LABEL, Rows
from classifiers.preparation import Block, Preparation

MOST = 3000  # cells shown
FEWEST = 5  # of each class, where it has as many
COMPONENTS = 50
NEIGHBOURS = 10
PERPLEXITY = 30
ITERATIONS = 1000
SMALLEST = 10  # cells; of fewer, the principal components show as much
CHUNK = 512  # rows read at a time
Step = Callable[[int, int], None]  # iterations done, in all


@dataclass(frozen=True)
class EmbeddingMap:
    """Where cells lie on the plane.

    Attributes:
        xy: (n, 2) float64 from 0 to 1, one scale for both axes.
        method: in words.
        nearest: (n, k) positions of each cell's nearest cells by prepared embedding, nearest first.
        kept: share of these that are among the k nearest on the plane too; None of too few cells.
    """

    xy: np.ndarray
    method: str
    nearest: np.ndarray
    kept: float | None


@dataclass(frozen=True)
class Mixing:
    """Who lies beside whom among the nearest cells; None where there is no such pair.

    Attributes:
        same_class: share of pairs of labelled neighbours that have one label.
        same_patient: share of those with one label that are of one patient.
        class_chance, patient_chance: the same, if neighbours were drawn by lot.
    """

    same_class: float | None
    class_chance: float | None
    same_patient: float | None
    patient_chance: float | None


def choose_cells(y: np.ndarray, most: int = MOST, seed: int = 0) -> np.ndarray:
    """Sorted row numbers of at most ``most`` cells to show, drawn by lot within each class.

    Classes keep their shares, but for the rarest, of which ``FEWEST`` are kept; unlabelled cells
    are a quarter of those shown at most. The draw does not know what is predicted.

    Args:
        y: (n,) class codes, -1 where unlabelled.
    """
    rng = np.random.default_rng(seed)
    labelled, unlabelled = np.flatnonzero(y != NO_LABEL), np.flatnonzero(y == NO_LABEL)
    spare = min(len(unlabelled), most // 4)
    turn = np.empty(len(y))  # in what order the cells of all classes would be drawn
    for code in np.unique(y[labelled]):
        of_class = rng.permutation(np.flatnonzero(y == code))
        turn[of_class] = np.arange(len(of_class)) / len(of_class)
        turn[of_class[:FEWEST]] = -1
    drawn = rng.permutation(labelled)
    drawn = drawn[np.argsort(turn[drawn], kind="stable")][: most - spare]
    others = rng.permutation(unlabelled)[: min(spare, len(drawn) // 3)]
    return np.sort(np.concatenate([drawn, others]))


def project(
    X: Rows, rows: np.ndarray, blocks: tuple[Block, ...], seed: int = 0,
    on_step: Step = lambda done, total: None,
) -> EmbeddingMap:  # fmt: skip
    """Lay cells out on a plane, cells of like embeddings side by side.

    Views are averaged; embeddings take the signed root, are standardised, backbones weighing the
    same. Their principal components go into t-SNE (van der Maaten and Hinton 2008,
    jmlr.org/papers/v9/vandermaaten08a.html), started from the first two of them (Kobak and Berens
    2019, doi:10.1038/s41467-019-13056-x). The same cells give the same map.

    Args:
        X: (all, d) or (all, views, d) embeddings, of which only ``rows`` are read.
        rows: (n,) row numbers. blocks: the backbones' columns.
        on_step: called as t-SNE goes on.
    """
    weights = tuple((block.width, 1.0) for block in blocks) if len(blocks) > 1 else ()
    prepared = _averaged(X, rows)
    for _, step in Preparation(root=True, weights=weights).steps():
        prepared = step.fit_transform(prepared)
    n, found = len(prepared), _components(prepared, seed)
    method = "the first two principal components"
    plane = found[:, :2]
    if n >= SMALLEST and found[:, 0].std() > 0:
        method = "t-SNE"
        # More threads add up in another order, and t-SNE makes another map of that.
        with threadpool_limits(1):
            plane = _tsne(found, seed, on_step)
    k = min(NEIGHBOURS, n - 1)
    nearest = _nearest(prepared, k)
    kept = None
    if n > 2 * NEIGHBOURS:
        near = _nearest(plane, k)
        kept = float((nearest[:, :, None] == near[:, None, :]).any(axis=2).mean())
    return EmbeddingMap(_framed(plane), method, nearest, kept)


def mixing(nearest: np.ndarray, y: np.ndarray, patients: np.ndarray) -> Mixing:
    """How classes, and patients within a class, keep to themselves among nearest cells.

    Args:
        nearest: (n, k) positions. y: (n,) class codes, -1 where unlabelled.
        patients: (n,) names, empty where unknown.
    """
    one = np.repeat(np.arange(len(y)), nearest.shape[1])
    other = nearest.ravel()
    known = y != NO_LABEL
    pairs = known[one] & known[other]
    one, other = one[pairs], other[pairs]
    alike = y[one] == y[other]
    by_class = _share_by_lot(y[one], y[known], np.zeros(known.sum(), int), np.zeros(len(one), int))
    named = known & (patients != "")
    both = alike & named[one] & named[other]
    codes = np.unique(patients, return_inverse=True)[1]
    same = codes[one[both]] == codes[other[both]]
    by_patient = _share_by_lot(codes[one[both]], codes[named], y[named], y[one[both]])
    return Mixing(_mean(alike), _mean(by_class), _mean(same), _mean(by_patient))


def _share_by_lot(
    of: np.ndarray, codes: np.ndarray, among: np.ndarray, where: np.ndarray
) -> np.ndarray:
    """(m,) chance that another cell of the same stratum ``where`` bears the same code ``of``.

    Args:
        codes, among: (n,) code and stratum of every cell.
    """
    if not len(of):
        return np.empty(0)
    counts = np.zeros((among.max() + 1, codes.max() + 1))
    np.add.at(counts, (among, codes), 1)
    return (counts[where, of] - 1) / np.maximum(counts.sum(axis=1)[where] - 1, 1)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _averaged(X: Rows, rows: np.ndarray) -> np.ndarray:
    """(n, d) float32 embeddings of some rows, each the mean of its views."""
    parts = [X[rows[start : start + CHUNK]] for start in range(0, len(rows), CHUNK)]
    return np.concatenate([part.mean(axis=1) if part.ndim == 3 else part for part in parts])


def _components(prepared: np.ndarray, seed: int) -> np.ndarray:
    """(n, 2 to 50) scores; columns that the cells cannot give are zero."""
    count = min(COMPONENTS, *prepared.shape)
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # of cells that are all the same
        scores = PCA(count, random_state=seed).fit_transform(prepared)
    return np.pad(np.nan_to_num(scores), ((0, 0), (0, max(0, 2 - count))))


def _tsne(components: np.ndarray, seed: int, on_step: Step) -> np.ndarray:
    """(n, 2) places by t-SNE."""
    start = components[:, :2] / components[:, 0].std() * 1e-4
    tsne = TSNE(
        perplexity=min(PERPLEXITY, (len(components) - 1) / 3),
        max_iter=ITERATIONS,
        init=start.astype(np.float32),
        random_state=seed,
        verbose=2,
    )
    with contextlib.redirect_stdout(_Iterations(on_step)):
        return tsne.fit_transform(components)


class _Iterations(io.StringIO):
    """Standard output of t-SNE: the one place where it says how far it is."""

    def __init__(self, on_step: Step) -> None:
        super().__init__()
        self._on_step = on_step

    def write(self, text: str) -> int:
        """Pass the number of the iteration on, and nothing else."""
        found = re.search(r"Iteration (\d+)", text)
        if found:
            self._on_step(int(found[1]), ITERATIONS)
        return len(text)


def _nearest(X: np.ndarray, k: int) -> np.ndarray:
    """(n, k) positions of the nearest other rows, nearest first."""
    if k < 1:
        return np.empty((len(X), 0), int)
    return NearestNeighbors(n_neighbors=k).fit(X).kneighbors(return_distance=False)


def _framed(plane: np.ndarray) -> np.ndarray:
    """Places from 0 to 1, one scale for both axes, what is narrower in the middle."""
    low, high = plane.min(axis=0).astype(np.float64), plane.max(axis=0).astype(np.float64)
    span = float((high - low).max()) or 1.0
    return np.clip((plane - (low + high) / 2) / span + 0.5, 0, 1)
