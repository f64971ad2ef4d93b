"""Text and scale bars burned into images: sharp edges at one place of the frame."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, isqrt, sqrt

import cv2
import numpy as np

from data.audit.association_strength import (
    few_of_each,
    is_shortcut,
    permuted_classes,
    strengths_of,
)

SHARES = (0.5, 0.25, 0.1)  # of the images: what bears a label more often is found
FEWEST = 5  # images that bear it
STANDS_OUT = 2.0  # times the edges at the places opposite; without a label hardly ever 1.3
_FAINT = 8.0  # grey levels a pixel: edges of a label are above, whatever its colours
_SURE = 2.5  # standard errors of a share
_HIGH = 0.9  # rank of the edges that show how far longer texts reach
_LONGER = 5  # places that they may reach further
_LARGEST = 0.25  # share of the frame: what is larger is no label, but the field's own rim
_ROUNDS = 199  # permutations, so that p is 0.005 at least; labels are searched in each
_COLUMNS = 16  # places whose content is tested for following the class
_FRACTIONS = 3  # decimals of the step's numbers


@dataclass(frozen=True)
class BurnedIn:
    """A label at one place of the frame.

    Attributes:
        left, top, right, bottom: shares of width and height that hold all of it.
        share: share of the images that bear it, by class.
        strength: how closely its presence or its content follows the class, see Association.
        p: how often permuted classes reach that strength in any label that is found with them.
        follows_class: strongly and surely, so that the class can be read off it.
        text: one sentence for the user.
        step: the preprocessing step that blanks it.
    """

    left: float
    top: float
    right: float
    bottom: float
    share: dict[str, float]
    strength: float
    p: float
    follows_class: bool
    text: str
    step: str


def burned_in(
    pictures: np.ndarray,
    edges: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    classes: Sequence[str],
    seed: int,
) -> list[BurnedIn]:
    """Find labels that most images of a class (or of all) bear at the same place.

    A place is part of one where the edges of many images are twice as strong as those of as many
    images at one of the three places opposite it in the frame (mirrored left to right, top to
    bottom, or both): cells and the rim of a microscope's field lie evenly about the centre, labels
    do not. Text may differ from image to image. A label in less than a tenth of the images of each
    class, or in fewer than FEWEST, is not found.

    Args:
        pictures: (n, g, g, 3) uint8. edges: (n, g, g) uint8, as in ``properties.DTYPE``.
        y: (n,) class codes. groups: (n,) names or numbers. seed: of the permutations behind p.
    """
    boxes = _boxes(*next(_searches(edges, [y], groups, len(classes))))
    if not boxes:
        return []
    luck = _by_luck(pictures, edges, y, groups, len(classes), seed)
    usual = _usual(edges)
    found = []
    for box, places in boxes:
        present, *others = _columns(pictures, edges, places, usual)
        strength = float(strengths_of([present, *others], [y], len(classes)).max())
        p = (1 + np.count_nonzero(luck >= strength - 1e-9)) / (1 + len(luck))
        share = {classes[code]: float(present[y == code].mean()) for code in np.unique(y).tolist()}
        found.append(_describe(box, edges.shape[1], share, strength, p))
    return found


def _by_luck(
    pictures: np.ndarray,
    edges: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    n_classes: int,
    seed: int,
) -> np.ndarray:
    """(_ROUNDS,) strength of the strongest label that is found with permuted classes, or 0.

    Labels are searched class by class, so those found follow the class more than others do; only
    a search with permuted classes tells by how much.
    """
    few = few_of_each(y, seed)
    pictures, edges, groups = pictures[few], edges[few], groups[few]
    permuted = permuted_classes(y[few], groups, _ROUNDS, seed)
    rounds_of: dict[bytes, list[int]] = {}  # many rounds find the same places
    for number, found in enumerate(_searches(edges, permuted, groups, n_classes)):
        for _, places in _boxes(*found):
            rounds_of.setdefault(places.tobytes(), []).append(number)
    usual, luck = _usual(edges), np.zeros(_ROUNDS)
    for each, rounds in rounds_of.items():
        places = np.frombuffer(each, bool).reshape(usual.shape)
        columns = _columns(pictures, edges, places, usual)
        strongest = strengths_of(columns, list(permuted[rounds]), n_classes).max(axis=0)
        luck[rounds] = np.maximum(luck[rounds], strongest)
    return luck


def _columns(
    pictures: np.ndarray, edges: np.ndarray, places: np.ndarray, usual: np.ndarray
) -> list[np.ndarray]:
    """(n,) each: whether an image bears the label at these places, and what it is like there."""
    strongest = np.argsort(-np.median(edges[:, places], axis=0))[:_COLUMNS]
    sharp, content = edges[:, places][:, strongest], pictures[:, places][:, strongest]
    present = sharp.mean(axis=1) >= max(_FAINT, STANDS_OUT * float(usual[places].mean()))
    return [present, *sharp.T.astype(float), *content.mean(axis=2).T]


def _usual(edges: np.ndarray) -> np.ndarray:
    return _opposite(np.median(edges, axis=0))


def _searches(
    edges: np.ndarray, labellings: Iterable[np.ndarray], groups: np.ndarray, n_classes: int
) -> Iterator[np.ndarray]:
    """For each of several y, (2, g, g) bool: what stands out, and how far longer texts reach."""
    numbers = np.unique(groups, return_inverse=True)[1]
    flat = np.ascontiguousarray(edges.reshape(len(edges), -1).T)
    whole = _standing_out(flat, numbers)
    for y in labellings:
        found = whole.copy()
        for code in range(n_classes):
            found |= _standing_out(flat[:, y == code], numbers[y == code])
        yield found


def _standing_out(flat: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """(2, g, g) bool of (g * g, n) edges: where surely SHARES of the images have edges of a label,
    and where some have.
    """
    n, grid = flat.shape[1], isqrt(len(flat))
    sure, reach = found = np.zeros((2, grid, grid), bool)
    if n * max(SHARES) < FEWEST:
        return found
    ranked = np.sort(flat, axis=1, kind="stable")  # of bytes, several times as fast
    n_groups = np.count_nonzero(np.bincount(numbers))
    for share in SHARES:
        if n * share >= FEWEST:
            error = _SURE * sqrt(share * (1 - share) / n_groups)
            low = _quantile(ranked, max(0.05, 1 - share - error))
            usual = _quantile(ranked, 1 - share)
            sure |= low >= np.maximum(_FAINT, STANDS_OUT * _opposite(usual))
    if n >= 4 * FEWEST:
        high = _quantile(ranked, _HIGH)
        reach |= high >= np.maximum(2 * _FAINT, STANDS_OUT * _opposite(high))
    return found


def _quantile(ranked: np.ndarray, share: float) -> np.ndarray:
    """(g, g) float64 quantile of (g * g, n) numbers that are sorted, interpolated."""
    grid, place = isqrt(len(ranked)), share * (ranked.shape[1] - 1)
    low, high = (ranked[:, round_(place)].astype(np.float64) for round_ in (floor, ceil))
    return np.asarray(low + (place - floor(place)) * (high - low)).reshape(grid, grid)


def _opposite(edges: np.ndarray) -> np.ndarray:
    """The weakest (g, g) edges of the places opposite; one place off, as cells are not exact."""
    near = cv2.dilate(edges, np.ones((3, 3), np.uint8))
    return np.minimum(np.minimum(near[::-1], near[:, ::-1]), near[::-1, ::-1])


def _boxes(sure: np.ndarray, reach: np.ndarray) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """Left, top, right, bottom (places) of each label, and the (g, g) places that are it."""
    square = np.ones((3, 3), np.uint8)
    grown = sure.astype(np.uint8)
    for _ in range(_LONGER):
        grown = cv2.dilate(grown, square) & (reach | sure).astype(np.uint8)
    # Words stand a place apart, and a scale bar below its number.
    count, parts = cv2.connectedComponents(cv2.dilate(grown, square), connectivity=8)
    boxes: list[tuple[tuple[int, ...], np.ndarray]] = []
    for part in range(1, count):
        places = (parts == part) & sure
        rows, columns = np.nonzero((parts == part) & (grown > 0))
        # Strokes end within the next place.
        corners = (columns.min() - 1, rows.min() - 1, columns.max() + 2, rows.max() + 2)
        left, top, right, bottom = np.clip(corners, 0, len(sure)).tolist()
        small = (right - left) * (bottom - top) <= _LARGEST * sure.size
        if np.count_nonzero(places) >= 2 and small:
            boxes.append(((left, top, right, bottom), places))
    return boxes


def _describe(
    box: tuple[int, ...], grid: int, share: dict[str, float], strength: float, p: float
) -> BurnedIn:
    left, top, right, bottom = (_outward(each / grid, i < 2) for i, each in enumerate(box))
    step = f"mask:{left:g},{top:g},{right:g},{bottom:g}"
    follows_class = is_shortcut(strength, p)
    most, least = max(share, key=share.__getitem__), min(share, key=share.__getitem__)
    borne = f"{100 * share[most]:.0f} % of {most} and {100 * share[least]:.0f} % of {least} images"
    if share[least] == share[most]:
        borne = f"{100 * share[most]:.0f} % of every class"
    follows = "follows the class" if follows_class else "does not follow the class"
    text = (
        f"burned-in label {follows}: sharp edges {_where(left, right, top, bottom)} of "
        f"{borne} (strength {strength:.2f})"
    )
    return BurnedIn(left, top, right, bottom, share, strength, p, follows_class, text, step)


def _outward(value: float, down: bool) -> float:
    """A share with few decimals, rounded so that the rectangle does not shrink."""
    scaled = value * 10**_FRACTIONS
    return (floor(scaled) if down else ceil(scaled)) / 10**_FRACTIONS


def _where(left: float, right: float, top: float, bottom: float) -> str:
    across, down = (left + right) / 2, (top + bottom) / 2
    column = "left" if across < 1 / 3 else "right" if across > 2 / 3 else ""
    row = "upper" if down < 1 / 3 else "lower" if down > 2 / 3 else ""
    if row and column:
        return f"in the {row} {column} corner"
    return f"at the {row or column} side" if row or column else "in the middle"
