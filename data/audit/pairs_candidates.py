"""Candidates for pairs: images whose fingerprints say that they may show the same ground."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from data.audit.fingerprint import LARGEST, SIDE
from data.audit.pairs_index import Whitening, neighbours

ORIENTATIONS = 8  # quarter turns of the picture and of its mirror image
BORDERS = (1, 2)  # pixels of its border that a thumbnail may lack, of SIDE
WHOLE_WIDTH, WHOLE_BITS, WHOLE_TABLES = 24, 14, 32
WHOLE_ALIKE = 0.8  # correlation of whitened thumbnails
NEAREST = 5  # most alike images of an image that are compared: bounds the time
LOCAL_WIDTH, LOCAL_BITS, LOCAL_TABLES = 32, 24, 16
COMMON = 0.3  # share of the points, those around which most images look alike, left out
STOP = 48  # points that look alike, beyond which they are of a label or a mask
VOTES = 2  # points that must agree on a shift before all points are asked
LOOK_AHEAD = 6  # later votes of an image pair that a vote is compared with
BIN = 3  # pixels by which their shifts may differ
APART = 8  # pixels that lie at least between them
CHUNK = 2_000_000  # matches worked on at once: bounds the memory
NEAR = 2  # pixels by which a point may lie off
SAME = 0.8  # correlation of the descriptors of one point
POINTS_AGREE = 4  # points that must agree in the end ...
SHARE_AGREES = 0.2  # ... and their share of the points in the overlap


class Laid(NamedTuple):
    """A shift at which one image may continue another."""

    first: int
    second: int
    shift: tuple[int, int]  # x, y in the first's reduced plane of the second's corner
    points: int  # that agree


def oriented(image: np.ndarray, orientation: int) -> np.ndarray:
    """One of the ORIENTATIONS of (..., h, w) pixels: from 4 on mirrored, then quarter turns."""
    image = image[..., ::-1] if orientation >= 4 else image
    return np.rot90(image, orientation % 4, axes=(-2, -1))


def whole_candidates(prints: np.ndarray) -> list[tuple[int, int, int]]:
    """Firsts, seconds and the orientation that brings the second onto the first."""
    coarse = [_coarse(oriented(prints["thumbnail"], each)) for each in range(ORIENTATIONS)]
    coarse += [_coarse(_inner(prints["thumbnail"], border)) for border in BORDERS]
    flat = (coarse[0] != 0).sum(axis=1) == 0
    views = np.concatenate(coarse)
    image = np.tile(np.arange(len(prints)), len(coarse))
    whitening = Whitening(views, WHOLE_WIDTH)
    unit = np.concatenate(list(whitening.project(views, np.eye(WHOLE_WIDTH, dtype=np.float32))))
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-6)
    found: set[tuple[int, int]] = set()
    for a, b in neighbours(views, whitening, WHOLE_BITS, WHOLE_TABLES):
        a, b = np.minimum(a, b), np.maximum(a, b)
        kept = (a < len(prints)) & (image[a] != image[b]) & ~flat[image[a]] & ~flat[image[b]]
        a, b = a[kept], b[kept]
        kept = (unit[a] * unit[b]).sum(axis=1) > WHOLE_ALIKE
        found.update(zip(a[kept].tolist(), b[kept].tolist(), strict=True))
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for upright, view in found:
        first, second, orientation = upright, int(image[view]), view // len(prints)
        orientation = orientation if orientation < ORIENTATIONS else 0  # a narrower upright one
        if first > second:  # the same said the other way round: the inverse brings it back
            first, second = second, first
            orientation = orientation if orientation >= 4 else -orientation % 4
        rank = (float(unit[upright] @ unit[view]), orientation)
        best[first, second] = max(best.get((first, second), rank), rank)
    nearest = _nearest(list(best), [alike for alike, _ in best.values()])
    return sorted((*pair, best[pair][1]) for pair in nearest)


def _nearest(pairs: list[tuple[int, int]], alike: list[float]) -> set[tuple[int, int]]:
    """Pairs that are among the NEAREST most alike of the one or the other image."""
    seen: Counter[int] = Counter()
    kept = set()
    for _, pair in sorted(zip(alike, pairs, strict=True), reverse=True):
        if min(seen[each] for each in pair) < NEAREST:
            kept.add(pair)
        seen.update(pair)
    return kept


def _inner(thumbnails: np.ndarray, border: int) -> np.ndarray:
    """Thumbnails of the pictures less a narrow border, as one who crops slightly leaves it."""
    inner = thumbnails[:, border : SIDE - border, border : SIDE - border]
    return np.stack([cv2.resize(each, (SIDE, SIDE)) for each in inner])


def _coarse(thumbnails: np.ndarray) -> np.ndarray:
    """(n, SIDE, SIDE) to (n, 256) int8 without mean and contrast; 0 for a flat image."""
    half = SIDE // 2
    values = thumbnails.reshape(-1, half, 2, half, 2).mean(axis=(2, 4), dtype=np.float32)
    values = values.reshape(-1, half * half)
    values -= values.mean(axis=1, keepdims=True)
    spread = values.std(axis=1, keepdims=True)
    values *= np.where(spread >= 1, 30 / (spread + 1), 0)  # most pixels lie within 4 spreads
    return np.rint(values).clip(-127, 127).astype(np.int8)


def local_candidates(prints: np.ndarray) -> Iterator[Laid]:
    """Image pairs of which several points agree on one shift, in order of the firsts."""
    image, point = np.nonzero(prints["points"][..., 0] >= 0)
    if len(image) < 2:
        return
    image = image.astype(np.int32)
    descriptors = prints["descriptors"][image, point]
    whitening = Whitening(descriptors, LOCAL_WIDTH)
    rarity = whitening.rarity(descriptors)
    rare = np.flatnonzero(rarity >= np.quantile(rarity, COMMON))
    image, descriptors = image[rare], descriptors[rare]
    place = prints["points"][image, point[rare]]
    met = [np.zeros(0, np.uint64)]
    for a, b in neighbours(descriptors, whitening, LOCAL_BITS, LOCAL_TABLES, STOP):
        a, b = np.minimum(a, b), np.maximum(a, b)
        kept = image[a] != image[b]
        met.append(a[kept].astype(np.uint64) << np.uint64(32) | b[kept])
    pairs = np.concatenate(met)
    met.clear()
    pairs.sort()
    pairs = pairs[np.r_[True, pairs[1:] != pairs[:-1]][: len(pairs)]]
    # Rows are in the order of their images, so the pairs of an image lie together.
    ends = np.searchsorted(pairs, np.searchsorted(image, np.arange(len(prints) + 1)) << 32)
    for start, end in _blocks(ends):
        a = (pairs[start:end] >> np.uint64(32)).astype(np.int64)
        b = (pairs[start:end] & np.uint64(2**32 - 1)).astype(np.int64)
        for first, second, shift in _votes(image[a], image[b], place[a], place[b]):
            laid = _ask_all(prints, first, second, shift)
            if laid is not None:
                yield laid


def _blocks(ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of about CHUNK elements, each from one end to a later one."""
    start = 0
    for end in ends.tolist():
        if end - start >= CHUNK or end == ends[-1] > start:
            yield start, end
            start = end


def _votes(
    first: np.ndarray, second: np.ndarray, here: np.ndarray, there: np.ndarray
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Image pairs with the shift on which most of their votes agree, at least VOTES.

    Points side by side look alike for one reason, so that they do not make two votes.
    """
    shift = here - there
    images, shifts = int(second.max(initial=0)) + 1, 2 * LARGEST
    pair = first.astype(np.int64) * images + second
    order = np.argsort(pair * shifts + shift[:, 0] + LARGEST)  # then by the x of the shift
    pair, here, shift = pair[order], here[order], shift[order]
    agree = np.ones(len(pair), np.int64)
    for step in range(1, min(LOOK_AHEAD, len(pair) - 1) + 1):
        same = np.flatnonzero(pair[step:] == pair[:-step])
        same = same[np.abs(shift[same + step] - shift[same]).max(axis=1) <= BIN]
        same = same[np.abs(here[same + step] - here[same]).max(axis=1) >= APART]
        agree[same] += 1
        agree[same + step] += 1
    kept = np.flatnonzero(agree >= VOTES)
    kept = kept[np.lexsort((-agree[kept], pair[kept]))]
    new = np.r_[True, np.diff(pair[kept]) != 0][: len(kept)]
    for row in kept[new].tolist():
        yield int(pair[row]) // images, int(pair[row]) % images, shift[row]


def _ask_all(prints: np.ndarray, first: int, second: int, shift: np.ndarray) -> Laid | None:
    """How many points of the overlap agree on the shift, if enough do."""
    here, there = prints["points"][first].astype(int), prints["points"][second].astype(int)
    descriptors = prints["descriptors"]
    alike = descriptors[first].astype(np.float32) @ descriptors[second].astype(np.float32).T
    i, j = np.nonzero(alike > SAME * 127**2)
    offsets = here[i] - there[j]
    near = np.abs(offsets - shift).max(axis=1) <= BIN
    if near.sum() < POINTS_AGREE:
        return None
    middle = np.median(offsets[near], axis=0).round().astype(int)
    agreed = np.abs(offsets - middle).max(axis=1) <= NEAR
    points = min(len(set(i[agreed].tolist())), len(set(j[agreed].tolist())))
    p, q = here[here[:, 0] >= 0], there[there[:, 0] >= 0] + middle
    expected = min(_inside(p, q), _inside(q, p))
    if points < max(POINTS_AGREE, SHARE_AGREES * expected):
        return None
    return Laid(first, second, (int(middle[0]), int(middle[1])), points)


def _inside(points: np.ndarray, frame: np.ndarray) -> int:
    """How many of the points lie in the box around the other image's."""
    low, high = frame.min(axis=0), frame.max(axis=0)
    return int(((points >= low) & (points <= high)).all(axis=1).sum())
