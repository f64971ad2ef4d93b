"""Text and scale bars burned into images: sharp edges at one place of the frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

import cv2
import numpy as np

from data.audit.association_strength import (
    ROUNDS,
    is_shortcut,
    permuted_classes,
    strength_and_p,
)

SHARES = (0.5, 0.25, 0.1)  # of the images: what bears a label more often is found
FEWEST = 5  # images that bear it
STANDS_OUT = 2.0  # times the edges at the places opposite; without a label hardly ever 1.3
_FAINT = 8.0  # grey levels a pixel: edges of a label are above, whatever its colours
_SURE = 2.5  # standard errors of a share
_HIGH = 0.9  # rank of the edges that show how far longer texts reach
_LONGER = 5  # places that they may reach further
_LARGEST = 0.25  # share of the frame: what is larger is no label, but the field's own rim
_COLUMNS = 16  # places whose content is tested for following the class
_FRACTIONS = 3  # decimals of the step's numbers


@dataclass(frozen=True)
class BurnedIn:
    """A label at one place of the frame.

    Attributes:
        left, top, right, bottom: shares of width and height that hold all of it.
        share: share of the images that bear it, by class.
        strength, p: how closely its presence or its content follows the class, see Association.
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
    numbers = np.unique(groups, return_inverse=True)[1]
    sure, reach = np.zeros((2, *edges.shape[1:]), bool)
    for rows in [np.ones(len(y), bool), *(y == code for code in range(len(classes)))]:
        for least in SHARES:
            if np.count_nonzero(rows) * least >= FEWEST:
                sure |= _standing_out(edges[rows], least, len(np.unique(numbers[rows])))
        if np.count_nonzero(rows) >= 4 * FEWEST:
            high = np.quantile(edges[rows], _HIGH, axis=0)
            reach |= high >= np.maximum(2 * _FAINT, STANDS_OUT * _opposite(high))
    permuted: np.ndarray | None = None
    usual = _opposite(np.median(edges, axis=0))
    found = []
    for box, places in _boxes(sure, reach):
        if permuted is None:
            permuted = permuted_classes(y, groups, ROUNDS, seed)
        strongest = np.argsort(-np.median(edges[:, places], axis=0))[:_COLUMNS]
        sharp, content = edges[:, places][:, strongest], pictures[:, places][:, strongest]
        present = sharp.mean(axis=1) >= max(_FAINT, STANDS_OUT * float(usual[places].mean()))
        columns = [present, *sharp.T.astype(float), *content.mean(axis=2).T]
        _, strength, p = strength_and_p(columns, y, permuted, len(classes))
        share = {classes[code]: float(present[y == code].mean()) for code in np.unique(y).tolist()}
        found.append(_describe(box, edges.shape[1], share, strength, p))
    return found


def _standing_out(edges: np.ndarray, share: float, n_groups: int) -> np.ndarray:
    """(g, g) bool, where surely more than this share of the images have edges of a label."""
    error = _SURE * sqrt(share * (1 - share) / n_groups)
    low, usual = np.quantile(edges, [max(0.05, 1 - share - error), 1 - share], axis=0)
    return np.asarray(low >= np.maximum(_FAINT, STANDS_OUT * _opposite(usual)))


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
