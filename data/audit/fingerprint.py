"""Fingerprint of an image: what tells, without its pixels, which others it may be a copy of."""

from typing import NamedTuple

import cv2
import numpy as np

SIDE = 32  # of the thumbnail
NORMAL = 160  # side to which whole pictures are brought to compare them
POINTS = 144
LENGTH = 32  # of a descriptor
LARGEST = 450  # longest side, in pixels, on which points are looked for
REACH = 16  # half the side of the patch that a descriptor sums up
SPACING = 4  # no stronger corner lies nearer to a point, in pixels
BLACK = 10  # lightness of what was blacked out, as JPEG leaves it
FADE = 6.0  # pixels over which the picture fades there
_FLAT = 1e-6  # of the corner response: below it are the steps of an 8-bit gradient

DTYPE = np.dtype(
    [
        ("size", "<i4", (2,)),
        ("thumbnail", "u1", (SIDE, SIDE)),
        ("points", "<i2", (POINTS, 2)),
        ("descriptors", "i1", (POINTS, LENGTH)),
    ]
)


class Fingerprint(NamedTuple):
    """Some 6 kB that stand for an image, whatever its size."""

    size: np.ndarray  # (2,) int32: height, width
    thumbnail: np.ndarray  # (SIDE, SIDE) uint8: lightness of the whole image
    points: np.ndarray  # (POINTS, 2) int16: x, y in the reduced plane; -1 where there is none
    descriptors: np.ndarray  # (POINTS, LENGTH) int8: the ground around each point


def fingerprint(image: np.ndarray) -> Fingerprint:
    """A thumbnail and upright local descriptors, both of lightness alone.

    Points are corners (Shi and Tomasi 1994, doi:10.1109/CVPR.1994.323794). A descriptor holds the
    low frequencies of the patch around its point, without its mean and contrast. Points are
    neither turned nor scaled: crops of one field have its orientation and scale.

    Args:
        image: (height, width, 3) uint8 RGB, of any size.
    """
    height, width = image.shape[:2]
    plane = reduced(image)
    thumbnail = cv2.resize(squared(image), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    points = np.full((POINTS, 2), -1, np.int16)
    descriptors = np.zeros((POINTS, LENGTH), np.int8)
    found = _corners(plane)
    points[: len(found)] = found
    descriptors[: len(found)] = _descriptors(plane, found)
    return Fingerprint(np.array([height, width], np.int32), thumbnail, points, descriptors)


def pack(prints: list[Fingerprint]) -> np.ndarray:
    """The same as one structured array, (n,) of DTYPE, to keep in memory or in a file."""
    packed = np.zeros(len(prints), DTYPE)
    for row, each in enumerate(prints):
        packed[row] = tuple(each)
    return packed


def lightness(image: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 to (h, w) uint8: mean of the largest and smallest channel.

    Unlike luminance it survives a change of hue, and swapped channels.
    """
    red, green, blue = cv2.split(image)
    most = cv2.max(cv2.max(red, green), blue)
    least = cv2.min(cv2.min(red, green), blue)
    return cv2.addWeighted(most, 0.5, least, 0.5, 0)


def reduction(height: int, width: int) -> int:
    """By which power of two a large image is reduced, so that equal scales stay equal."""
    factor = 1
    while max(height, width) > LARGEST * factor:
        factor *= 2
    return factor


def reduced(image: np.ndarray) -> np.ndarray:
    """(h, w) uint8 lightness of an image, at most LARGEST long."""
    plane = lightness(image)
    height, width = plane.shape
    factor = reduction(height, width)
    if factor > 1:
        size = (max(1, width // factor), max(1, height // factor))
        # whole pixels only: the last odd row would shift the scale by a fraction
        plane = plane[: size[1] * factor or None, : size[0] * factor or None]
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return _unmasked(plane)


def squared(image: np.ndarray) -> np.ndarray:
    """(NORMAL, NORMAL) uint8 lightness of an image of any size and shape."""
    plane = lightness(image)
    shrink = min(plane.shape) >= NORMAL
    how = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return _unmasked(cv2.resize(plane, (NORMAL, NORMAL), interpolation=how))


def _unmasked(plane: np.ndarray) -> np.ndarray:
    """Let the picture fade into what was blacked out: one mask is the outline of many images."""
    black = cv2.morphologyEx(
        (plane <= BLACK).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)
    )
    if not black.any() or black.all():
        return plane
    kept = 1 - cv2.dilate(black, np.ones((7, 7), np.uint8)).astype(np.float32)
    if not kept.any():
        return plane
    values = plane.astype(np.float32)
    mean = float((values * kept).sum() / kept.sum())
    near = cv2.GaussianBlur((values - mean) * kept, (0, 0), FADE)
    near /= cv2.GaussianBlur(kept, (0, 0), FADE) + 0.02
    return np.where(kept > 0, plane, np.rint(near + mean).clip(0, 255)).astype(np.uint8)


def _corners(plane: np.ndarray) -> np.ndarray:
    """(n, 2) x, y of the strongest corners, no two nearer than SPACING, none near the border."""
    height, width = plane.shape
    if min(height, width) <= 2 * REACH + 1:
        return np.zeros((0, 2), np.int16)
    smooth = cv2.GaussianBlur(plane.astype(np.float32) / 255, (0, 0), 1.5)
    response = cv2.cornerMinEigenVal(smooth, blockSize=7, ksize=3)
    window = np.ones((2 * SPACING + 1, 2 * SPACING + 1), np.uint8)
    peaks = (response == cv2.dilate(response, window)) & (response > _FLAT)
    inner = np.s_[REACH : height - REACH, REACH : width - REACH]
    rows, columns = np.nonzero(peaks[inner])
    strength = response[inner][rows, columns]
    best = np.argsort(-strength, kind="stable")[:POINTS]
    return np.stack([columns[best], rows[best]], axis=1).astype(np.int16) + REACH


def _basis() -> np.ndarray:
    """(64, LENGTH): the low frequencies of an 8x8 patch, its mean left out (DCT-II)."""
    k, x = np.mgrid[0:8, 0:8]
    rows = np.cos(np.pi * k * (2 * x + 1) / 16) * np.where(k == 0, np.sqrt(0.5), 1) / 2
    order = sorted((i + j, i, j) for i in range(8) for j in range(8))[1 : LENGTH + 1]
    return np.stack([np.outer(rows[i], rows[j]).ravel() for _, i, j in order], 1).astype(np.float32)


BASIS = _basis()
OFFSETS = np.linspace(-REACH + 1.5, REACH - 1.5, 8).round().astype(int)


def _descriptors(plane: np.ndarray, points: np.ndarray) -> np.ndarray:
    smooth = cv2.GaussianBlur(plane, (0, 0), 1.5)
    rows = points[:, 1, None, None] + OFFSETS[:, None]
    columns = points[:, 0, None, None] + OFFSETS
    values = smooth[rows, columns].reshape(len(points), 64).astype(np.float32) @ BASIS
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.rint(values * (127 / np.maximum(lengths, 1e-3))).clip(-127, 127).astype(np.int8)
