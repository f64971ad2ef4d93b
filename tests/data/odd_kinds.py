"""What the tables of odd image files are made of: pixels, and makers of the rarer files."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from data.decode import UNREADABLE
from tests.data.built_files import (
    HEIGHT,
    WIDTH,
    bmp,
    png,
    quads,
    rows,
)
from tests.data.images import encode, noise

EMBEDDED = "embedded"
RGB = noise()
GREY = RGB[..., 0]
DEEP = np.random.default_rng(1).integers(0, 2**16, (HEIGHT, WIDTH)).astype(np.uint16)
DEEP_RGB = np.random.default_rng(2).integers(0, 2**16, (HEIGHT, WIDTH, 3)).astype(np.uint16)
SMOOTH = np.dstack([np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) * k for k in (5, 3, 2)])
SMOOTH = SMOOTH.astype(np.uint8)  # JPEG keeps it within a few grey levels
BLOCKS = np.kron(noise(3, 2, 3) // 2 + 60, np.ones((8, 8, 1), np.uint8))
BITS = (GREY > 127).astype(np.uint8)
FEW = Image.fromarray(RGB).quantize(16)
INDICES = np.asarray(FEW)
FEW_RGB = np.asarray(FEW.convert("RGB"))
PALETTE = bytes(FEW.getpalette()[:48])


@dataclass(frozen=True)
class OddImage:
    """One kind of file.

    Attributes:
        name: what it is, also a fit file name.
        suffix: of the file, with the dot; not always the one of its content.
        make: the content of the file.
        outcome: embedded, unreadable, too large or not an image.
        reason: what the reason must contain.
        pixels: what must be decoded, (height, width, 3) uint8; None unless embedded.
        tolerance: grey levels that a pixel may be off.
    """

    name: str
    suffix: str
    make: Callable[[], bytes]
    outcome: str
    reason: str = ""
    pixels: np.ndarray | None = None
    tolerance: int = 0


def grey(values: np.ndarray) -> np.ndarray:
    """Three equal channels."""
    return np.dstack([values.astype(np.uint8)] * 3)


def interlaced() -> bytes:
    """Grey in the seven passes of Adam7."""
    starts = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    passes = [rows(GREY[y::dy, x::dx]) for x, y, dx, dy in [*starts, (0, 1, 1, 2)]]
    return png(b"".join(passes), colour=0, interlaced=1)


def run_lengths() -> bytes:
    """INDICES in the encoding of BMP: runs, a literal stretch and ends of lines."""
    data = b""
    for row in INDICES[::-1]:
        data += b"".join(bytes([1, value]) for value in row[:12])
        data += bytes([0, 12]) + row[12:].tobytes() + b"\0\0"
    return bmp(data + b"\0\1", 8, quads(PALETTE), compression=1)


def cmyk() -> bytes:
    """A JPEG of four inks, inverted as Adobe does; Pillow inverts on saving."""
    return encode(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG", quality=95)


def ycck() -> bytes:
    """Like cmyk(), but the first three inks transformed to YCbCr, which the marker then says."""
    ycc = np.asarray(Image.fromarray(255 - SMOOTH).convert("YCbCr"))
    planes = np.dstack([255 - ycc, np.zeros(SMOOTH.shape[:2], np.uint8)])
    content = encode(Image.fromarray(planes, "CMYK"), "JPEG", quality=95)
    at = content.index(b"Adobe") + 11
    assert content[at] == 0
    return content[:at] + b"\2" + content[at + 1 :]


def patched(content: bytes, at: int, new: bytes) -> bytes:
    """The same with some bytes replaced."""
    return content[:at] + new + content[at + len(new) :]


def frames(kind: str) -> bytes:
    """Three images in one file."""
    images = [Image.fromarray(noise(seed)) for seed in (1, 2, 3)]
    return encode(images[0], kind, save_all=True, append_images=images[1:])


def phone() -> bytes:
    """A JPEG with a preview behind it."""
    previews = [Image.new("RGB", (8, 8), "blue")]
    picture = Image.fromarray(SMOOTH)
    return encode(picture, "MPO", save_all=True, append_images=previews, quality=95)


def rotated(kind: str, orientation: int, **options: Any) -> bytes:
    """BLOCKS with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(BLOCKS, kind, exif=exif, **options)


def good(
    name: str, make: Callable[[], bytes], pixels: np.ndarray, off: int = 0, suffix: str = ""
) -> OddImage:
    """A row of the table; the suffix is the beginning of the name unless given."""
    return OddImage(
        name, suffix or "." + name.split("-")[0], make, EMBEDDED, "", pixels.astype(np.uint8), off
    )


def bad(name: str, make: Callable[[], bytes], reason: str, outcome: str = UNREADABLE) -> OddImage:
    """Likewise."""
    return OddImage(name, "." + name.split("-")[0], make, outcome, reason)


JPEG = encode(SMOOTH, "JPEG", quality=95)
PNG = encode(RGB, "PNG")
BMP = encode(RGB, "BMP")
TIFF = encode(RGB, "TIFF")
LZW = encode(RGB, "TIFF", compression="tiff_lzw")
DEFLATED = encode(RGB, "TIFF", compression="tiff_deflate")
ALPHA = np.where(BITS, 255, 0).astype(np.uint8)
LAID = np.where(BITS[..., None], RGB, 255)  # RGB where ALPHA is full, else white
GREY_LAID = np.where(BITS, GREY, 255)
YCBCR = Image.fromarray(RGB).convert("YCbCr")
YCBCR_RGB = np.asarray(YCBCR.convert("RGB"))
INKS = Image.fromarray(RGB).convert("CMYK")
TRUE_BLOCKS = {  # as EXIF defines it: where the first row and the first column of the file belong
    1: BLOCKS, 2: BLOCKS[:, ::-1], 3: BLOCKS[::-1, ::-1], 4: BLOCKS[::-1],
    5: BLOCKS.swapaxes(0, 1), 6: np.rot90(BLOCKS, -1), 7: BLOCKS[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90(BLOCKS),
}  # fmt: skip
BOMB = b"a\0\0" + zlib.compress(bytes(4_000_000), 9)
PLANES = {284: [2], 273: [0, 480, 960], 279: [480] * 3}
TILED = {273: [], 278: [], 279: [], 322: [16], 323: [16], 324: [0, 768, 1536, 2304], 325: [768] * 4}
TILES = np.pad(RGB, ((0, 12), (0, 8), (0, 0))).reshape(2, 16, 2, 16, 3).swapaxes(1, 2)
MASKS = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
MAP = [*(value * 257 for value in range(256))] * 3
