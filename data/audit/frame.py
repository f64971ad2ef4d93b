"""Where in the frame the class can be read off, place by place, and where the cells lie."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from data.audit.association_strength import few_of_each, permuted_keeping_classes
from data.errors import BlastlineError

# Share of the pooled covariance in each class's own: few images give poor covariances.
SHRINKAGE = 0.1
LEAST_GAIN = 0.05  # of the way from chance to perfect: what a finding passes
PERMUTATIONS = 19  # so that luck passes the best of them in one set of 20
UNKNOWN = 1.0  # the level where classes cannot be permuted; no accuracy passes it
LEAST_CONTRAST = 0.2  # of shares of cells: below it, as in whole fields, no place is the usual one
SELDOM = 0.1  # of the cells reach the border of their usual place
_FLOOR = 1.0  # grey levels squared: what rounding to 8 bits leaves of the variance
_NEVER = -1e30  # log density
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


@dataclass(frozen=True)
class Frame:
    """What the frame tells of the class.

    Attributes:
        picture: (g, g, 3) uint8 mean of all images.
        skill: (g, g) float64 of ``frame_map``. cells: (g, g) bool of ``cell_region``.
        chance: balanced accuracy of guessing.
        level: what a finding passes: ``best_by_luck``, and LEAST_GAIN; UNKNOWN if not known.
        telling: number of places outside the cells where the class shows all the same.
        text: one sentence for the user.
    """

    picture: np.ndarray
    skill: np.ndarray
    cells: np.ndarray
    chance: float
    level: float
    telling: int
    text: str


def look_at_frame(
    pictures: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    folds: np.ndarray,
    n_classes: int,
    seed: int,
) -> Frame:
    """Find out where in the frame the class can be read off, and whether without a cell.

    Args and errors: as for ``frame_map`` and ``best_by_luck``.
    """
    skill = frame_map(pictures, y, folds, n_classes)
    cells = cell_region(cell_share(pictures))
    chance = 1 / len(np.unique(y))
    luck = best_by_luck(pictures, y, groups, folds, n_classes, seed)
    level = max(luck, chance + LEAST_GAIN * (1 - chance))
    telling = int(np.count_nonzero(skill[~cells] > level))
    where = "outside the usual place of the cells" if cells.any() else "at any one place"
    best = float(skill[~cells].max()) if not cells.all() else chance
    passing = (
        f"{telling} of {np.count_nonzero(~cells)} places pass {level:.3f}, which by luck alone one "
        "set in 20 does at any place"
    )
    if luck == UNKNOWN:
        passing = "what luck reaches is not known, as too few groups hold the rare classes"
    text = (
        f"{where} colour tells the class with a balanced accuracy of {best:.3f} at most (chance "
        f"{chance:.3f}); {passing}"
    )
    picture = pictures.mean(axis=0).round().astype(np.uint8)
    return Frame(picture, skill, cells, chance, level, telling, text)


def frame_map(pictures: np.ndarray, y: np.ndarray, folds: np.ndarray, n_classes: int) -> np.ndarray:
    """How well the class can be told from the colour at each place of the frame alone.

    At each place a Gaussian a class is fitted to R, G, B (quadratic discriminant analysis with
    covariances drawn towards the pooled one: Friedman 1989, doi:10.1080/01621459.1989.10478752;
    classes count alike, however common) on all folds but one and tested on that one.

    Args:
        pictures: (n, g, g, 3) uint8, the frames of all images at one small size.
        y: (n,) class codes. folds: (n,) fold numbers from 0, groups kept whole.

    Returns:
        (g, g) float64 balanced accuracy out of fold; chance is 1 / number of classes that occur.

    Raises:
        BlastlineError: fewer than two folds or two classes.
    """
    n_folds, present = int(folds.max(initial=-1)) + 1, np.unique(y)
    if n_folds < 2 or len(present) < 2:
        raise BlastlineError(
            f"frame map: found {n_folds} folds and {len(present)} classes; expected two of each at "
            "least: give the labelled images with their folds"
        )
    # Rows of one fold and class lie together, so that sums are sums of slices.
    order = np.lexsort((y, folds))
    cell = folds[order] * n_classes + y[order]
    bounds = np.searchsorted(cell, np.arange(n_folds * n_classes + 1))
    found = [
        _row(_monomials(pictures[:, row][order]), bounds.tolist(), n_folds, n_classes)
        for row in range(pictures.shape[1])
    ]
    return np.stack(found)


def best_by_luck(
    pictures: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    folds: np.ndarray,
    n_classes: int,
    seed: int,
) -> float:
    """The highest accuracy at any place of the maps of 19 permutations of classes among groups.

    The best of a thousand places lies above chance even where there is nothing to see. Where there
    is nothing, the best of the true map is as likely as any of these to be the highest, so it
    passes this figure in one set of 20. Large sets are permuted on ``few_of_each``, which makes
    the figure higher than need be, but hardly more than LEAST_GAIN does.

    Args:
        groups: (n,) names or numbers. seed: of the permutations. Others as for ``frame_map``.

    Returns:
        UNKNOWN where fewer permutations than that keep every class.
    """
    few = few_of_each(y, seed)
    permuted = permuted_keeping_classes(y[few], groups[few], PERMUTATIONS, seed)
    if len(permuted) < PERMUTATIONS:
        return UNKNOWN
    maps = [frame_map(pictures[few], codes, folds[few], n_classes) for codes in permuted]
    return float(max(each.max() for each in maps))


def cell_share(pictures: np.ndarray) -> np.ndarray:
    """Share of the images in which each place belongs to a stained cell.

    A place belongs to a cell where its chroma (the brightest channel less the darkest) lies above
    the image's own threshold by Otsu's method (1979, doi:10.1109/TSMC.1979.4310076).

    Args:
        pictures: (n, g, g, 3) uint8.

    Returns:
        (g, g) float64 from 0 to 1.
    """
    chroma = pictures.max(axis=3) - pictures.min(axis=3)
    share = np.zeros(chroma.shape[1:])
    for each in chroma:
        share += cv2.threshold(each, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    return share / max(1, len(chroma))


def cell_region(share: np.ndarray) -> np.ndarray:
    """(g, g) bool where cells usually lie, from ``cell_share``; nowhere if they lie all over.

    Chroma shows the nucleus best, so one place around is taken for cytoplasm.
    """
    low, high = float(share.min()), float(share.max())
    if high - low < LEAST_CONTRAST:
        return np.zeros(share.shape, bool)
    stained = (share >= low + SELDOM * (high - low)).astype(np.uint8)
    parts = cv2.connectedComponents(stained, connectivity=4)[1]  # red cells may lie about it
    nuclei = (parts == parts.flat[share.argmax()]).astype(np.uint8)
    return cv2.dilate(nuclei, np.ones((3, 3), np.uint8)).astype(bool)


def _monomials(colours: np.ndarray) -> np.ndarray:
    """(places, n, 10) float32: one, the colours and their products, of (n, places, 3) uint8.

    The logarithm of a Gaussian's density is a weighted sum of these, and their sums are all that
    fitting needs. Colours are centred, which float32 needs for products.
    """
    x = np.ascontiguousarray(colours.transpose(1, 2, 0), dtype=np.float32) - 128
    found = np.empty((len(x), 10, x.shape[2]), np.float32)
    found[:, 0], found[:, 1:4] = 1, x
    for number, (i, j) in enumerate(_PAIRS, 4):
        np.multiply(x[:, i], x[:, j], out=found[:, number])
    return found.transpose(0, 2, 1)


def _row(terms: np.ndarray, bounds: list[int], n_folds: int, n_classes: int) -> np.ndarray:
    """(places,) balanced accuracy out of fold in one row of the frame."""
    slices = [slice(start, end) for start, end in pairwise(bounds)]
    sums = np.stack([terms[:, part].sum(axis=1, dtype=np.float64) for part in slices], axis=1)
    sums = sums.reshape(len(terms), n_folds, n_classes, 10)
    hits, rows = np.zeros((len(terms), n_classes)), np.zeros(n_classes)
    for fold in range(n_folds):
        test = slice(bounds[fold * n_classes], bounds[(fold + 1) * n_classes])
        weights = _fit(sums.sum(axis=1) - sums[:, fold])
        answers = (terms[:, test] @ weights.astype(np.float32)).argmax(axis=2)
        for code in range(n_classes):
            part = slices[fold * n_classes + code]
            inside = slice(part.start - test.start, part.stop - test.start)
            hits[:, code] += np.count_nonzero(answers[:, inside] == code, axis=1)
            rows[code] += part.stop - part.start
    return np.asarray((hits[:, rows > 0] / rows[rows > 0]).mean(axis=1))


def _fit(sums: np.ndarray) -> np.ndarray:
    """(places, 10, k) weights of the monomials from their sums, (places, k, 10)."""
    count = sums[..., 0]
    seen = np.maximum(count, 1)
    mean = sums[..., 1:4] / seen[..., None]
    squares = np.empty((*count.shape, 3, 3))
    for number, (i, j) in enumerate(_PAIRS, 4):
        squares[..., i, j] = squares[..., j, i] = sums[..., number]
    scatter = squares - seen[..., None, None] * mean[..., :, None] * mean[..., None, :]
    pooled = scatter.sum(axis=1, keepdims=True) / count.sum(axis=1)[:, None, None, None]
    # The weight of the pooled covariance is also that of a few images of every class.
    own = (1 - SHRINKAGE) * count / (count + 10)
    covariance = own[..., None, None] * scatter / seen[..., None, None]
    covariance += (1 - own)[..., None, None] * pooled + _FLOOR * np.eye(3)
    inverse = np.linalg.inv(covariance)
    toward = (inverse @ mean[..., None])[..., 0]
    weights = np.empty((*count.shape, 10))
    weights[..., 0] = -0.5 * ((mean * toward).sum(-1) + np.linalg.slogdet(covariance)[1])
    weights[..., 1:4] = toward
    for number, (i, j) in enumerate(_PAIRS, 4):
        weights[..., number] = -(0.5 if i == j else 1.0) * inverse[..., i, j]
    # A class never seen never answers; infinity would make BLAS warn.
    weights[..., 0] = np.where(count > 0, weights[..., 0], _NEVER)
    return weights.transpose(0, 2, 1)
