"""PNG, BMP and TIFF files built byte by byte, for kinds that no library writes."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

WIDTH, HEIGHT = 24, 20


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    rows: bytes,
    width: int = WIDTH,
    height: int = HEIGHT,
    depth: int = 8,
    colour: int = 2,
    before: bytes = b"",
    interlaced: int = 0,
) -> bytes:
    """A PNG of ``rows``, each of which begins with its filter, and chunks ``before`` them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + data + chunk(b"IEND", b"")


def rows(pixels: np.ndarray) -> bytes:
    """Unfiltered rows of a PNG."""
    return b"".join(b"\0" + row.tobytes() for row in pixels)


def packed(values: np.ndarray, bits: int) -> np.ndarray:
    """Rows of whole bytes from values of a few bits each."""
    planes = [values >> bit & 1 for bit in reversed(range(bits))]
    return np.packbits(np.stack(planes, -1).reshape(len(values), -1), axis=1)


def bmp(
    data: bytes,
    bits: int,
    palette: bytes = b"",
    width: int = WIDTH,
    height: int = HEIGHT,
    compression: int = 0,
    masks: bytes = b"",
) -> bytes:
    """A BMP with the header of Windows 3, or of Windows 95 if there are four masks."""
    size = 108 if masks else 40
    start = 14 + size + len(palette)
    header = struct.pack(
        "<IiiHHIIiiII", size, width, height, 1, bits, compression, len(data), 0, 0,
        len(palette) // 4, 0,
    )  # fmt: skip
    header += (masks + bytes(68))[: size - 40]
    return struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start) + header + palette + data


def bottom_up(pixels: np.ndarray) -> bytes:
    """Rows of a BMP: the last first, each filled to four bytes."""
    return b"".join(row.tobytes() + bytes(-row.nbytes % 4) for row in pixels[::-1])


def quads(palette: bytes) -> bytes:
    """A palette as a BMP stores it."""
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)[:, ::-1]
    return np.pad(colours, ((0, 0), (0, 1))).tobytes()


Tags = dict[int, Sequence[int]]


def tiff(
    data: bytes, samples: int = 3, bits: int = 8, photometric: int = 2, *,
    order: str = "<", big: bool = False, following: int = 0, tags: Tags | None = None,
) -> bytes:  # fmt: skip
    """An uncompressed TIFF or BigTIFF of one strip; ``tags`` replace what follows from the rest.

    Offsets (tags 273 and 324) are counted from the beginning of ``data``.
    """
    fields: Tags = {
        256: [WIDTH], 257: [HEIGHT], 258: [bits] * samples, 259: [1], 262: [photometric], 273: [0],
        277: [samples], 278: [HEIGHT], 279: [len(data)], **(tags or {}),
    }  # fmt: skip
    fields = {tag: values for tag, values in sorted(fields.items()) if len(values)}
    entry, inline, word = (20, 8, "Q") if big else (12, 4, "I")
    first = 16 if big else 8
    outside = first + (8 if big else 2) + entry * len(fields) + inline
    long = [len(values) * 4 for values in fields.values() if len(values) * 4 > inline]
    start = outside + sum(long)
    directory, extra = struct.pack(order + ("Q" if big else "H"), len(fields)), b""
    for tag, values in fields.items():
        shift = start if tag in (273, 324) else 0
        value = struct.pack(f"{order}{len(values)}I", *(each + shift for each in values))
        if len(value) > inline:
            value, extra = struct.pack(order + word, outside + len(extra)), extra + value
        directory += struct.pack(order + "HH" + word, tag, 4, len(values))
        directory += value.ljust(inline, b"\0")
    directory += struct.pack(order + word, following)
    magic = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    magic += struct.pack(order + "HH", 8, 0) if big else b""
    return magic + struct.pack(order + word, first) + directory + extra + data
