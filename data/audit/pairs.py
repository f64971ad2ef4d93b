"""Pairs of images that show the same: near duplicates, and crops that share ground."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from data.audit.fingerprint import NORMAL, reduced, reduction, squared
from data.audit.pairs_candidates import Laid, local_candidates, oriented, whole_candidates
from data.audit.register import Likeness, by_shift, by_warp, structure

Read = Callable[[int], np.ndarray]
Progress = Callable[[int, int], None]

FEW = 6  # matching points: two rims of red cells give as many now and then
CLOSE = 0.9  # correlation that shared ground of few points must reach
KEPT = 64  # planes in memory while candidates are compared
# Bounds between what was seen for true pairs and for similar cells. Those of one picture are
# stricter: a warp makes a round cell fit another one.
PICTURE = Likeness(similarity=0.94, lowest=0.80, textured=3)
GROUND = Likeness(similarity=0.80, lowest=0.40, textured=4)
ROUGHLY = 0.90  # correlation of thumbnails without which the images are not read
WHOLE = 0.70  # overlap of a picture with what was cut out of it and may have been scaled
SAME_FRAME = 0.85  # share of the larger image from which shared ground is the same picture
UNCROPPED = 0.97  # overlap from which a crop is not worth saying
RECOLOURED = 8.0  # grey levels by which the mean colours then differ


class Pair(NamedTuple):
    """Two images that a split must not part, and how it is known."""

    first: int
    second: int
    kind: Literal["near", "ground"]
    similarity: float  # correlation over the overlap
    overlap: float  # share of the smaller image
    shift: tuple[int, int]  # x, y in the first image of the second's corner, in its pixels
    evidence: str  # one plain line


class _Planes(NamedTuple):
    """What is compared of an image."""

    square: np.ndarray  # (NORMAL, NORMAL) uint8 lightness
    structure: np.ndarray  # (h, w) float32, of the reduced image
    colour: np.ndarray  # (3,) mean


class _Reader:
    """Reads the images that are compared, and keeps the last of them."""

    def __init__(self, prints: np.ndarray, read: Read) -> None:
        self.prints = prints
        self.read = read
        self.kept: OrderedDict[int, _Planes] = OrderedDict()

    def __call__(self, number: int) -> _Planes:
        if number not in self.kept:
            image = self.read(number)
            self.kept[number] = _Planes(
                squared(image), structure(reduced(image)), image.mean(axis=(0, 1))
            )
            if len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        self.kept.move_to_end(number)
        return self.kept[number]


def find_pairs(prints: np.ndarray, read: Read, progress: Progress | None = None) -> list[Pair]:
    """Near duplicates and shared ground, without comparing all pairs.

    Fingerprints name candidates: whole pictures in eight orientations by their thumbnails, crops
    by local points that agree on one shift. Only these are read again and compared by their
    pixels. Many that look alike are tied together in a chain, not each with each.

    Found are the same picture recompressed, scaled, recoloured, slightly cropped, mirrored or
    turned by quarter turns, and crops of one field at the same scale and orientation.

    Args:
        prints: (n,) of fingerprint.DTYPE.
        read: gives an image again, (h, w, 3) uint8 RGB, by its number; what it raises is passed on.
        progress: called with (compared, total) candidates.

    Returns:
        Pairs with first < second, sorted; at most one for two images.
    """
    if len(prints) < 2:
        return []
    whole = {(first, second): view for first, second, view in whole_candidates(prints)}
    local = {(laid.first, laid.second): laid for laid in local_candidates(prints)}
    reader = _Reader(prints, read)
    candidates = sorted(whole.keys() | local.keys())
    found = []
    for done, key in enumerate(candidates, 1):
        pair = _same_picture(reader, *key, whole[key]) if key in whole else None
        if pair is None and key in local:
            pair = _shared_ground(reader, local[key])
        if pair is not None:
            found.append(pair)
        if progress is not None:
            progress(done, len(candidates))
    return found


def _same_picture(reader: _Reader, first: int, second: int, orientation: int) -> Pair | None:
    """Whether the second, so oriented, is the first but for a slight crop."""
    thumbnails = reader.prints["thumbnail"]
    rough = by_warp(
        structure(thumbnails[first], 3), structure(oriented(thumbnails[second], orientation), 3), 30
    )
    if rough[0].similarity < ROUGHLY:
        return None
    a, b = reader(first), reader(second)
    turned = np.ascontiguousarray(oriented(b.square, orientation))
    alike, warp, share = by_warp(structure(a.square), structure(turned), 50)
    if not alike.reaches(PICTURE) or share < WHOLE:
        return None
    corner = -np.linalg.solve(warp[:, :2], warp[:, 2]) / NORMAL
    height, width = reader.prints["size"][first]
    shift = (round(float(corner[0] * width)), round(float(corner[1] * height)))
    changes = []
    if orientation >= 4:
        changes.append("mirrored")
    if orientation % 4:
        changes.append(f"turned by {90 * (orientation % 4)} degrees")
    if share < UNCROPPED:
        changes.append("cropped")
    elif (reader.prints["size"][first] != reader.prints["size"][second]).any():
        changes.append("resized")
    if np.abs(a.colour - b.colour).max() > RECOLOURED:
        changes.append("recoloured")
    what = ", ".join(changes) or "saved anew"
    evidence = f"the same picture, {what}: correlation {alike.similarity:.3f}"
    return Pair(first, second, "near", alike.similarity, share, shift, evidence)


def _shared_ground(reader: _Reader, laid: Laid) -> Pair | None:
    """Whether the two agree wherever they overlap at the shift."""
    a, b = reader(laid.first), reader(laid.second)
    alike, shift, share = by_shift(a.structure, b.structure, laid.shift)
    if not alike.reaches(GROUND) or (laid.points < FEW and alike.similarity < CLOSE):
        return None
    factor = reduction(*reader.prints["size"][laid.first].tolist())
    shift = (shift[0] * factor, shift[1] * factor)
    found = f"correlation {alike.similarity:.3f}, {laid.points} matching points"
    sizes = a.structure.size, b.structure.size
    kind: Literal["near", "ground"] = "ground"
    evidence = f"shares {share:.0%} of its ground, shifted by {shift} px: {found}"
    if share * min(sizes) / max(sizes) >= SAME_FRAME:
        kind = "near"
        what = f"shifted by {shift} px" if any(shift) else "saved anew"
        evidence = f"the same picture, {what}: {found}"
    return Pair(laid.first, laid.second, kind, alike.similarity, share, shift, evidence)
