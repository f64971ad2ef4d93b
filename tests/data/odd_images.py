"""Bad and odd image files made on the spot, and what must become of each."""

import io
import struct
import zipfile
from collections.abc import Callable

import numpy as np
from PIL import Image

from data.decode import MAX_PIXELS, NOT_AN_IMAGE, TOO_LARGE
from tests.data.built_files import bmp, bottom_up, chunk, png, quads, rows, tiff
from tests.data.images import encode
from tests.data.odd_kinds import (
    BITS,
    BMP,
    BOMB,
    DEEP_RGB,
    DEFLATED,
    GREY,
    INDICES,
    JPEG,
    LZW,
    PALETTE,
    PNG,
    RGB,
    TIFF,
    TILED,
    TILES,
    OddImage,
    bad,
    frames,
    patched,
    run_lengths,
)
from tests.data.odd_readable import READABLE


def zipped() -> bytes:
    """An image in an archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a.png", encode(RGB, "PNG"))
    return stream.getvalue()


REFUSED: tuple[OddImage, ...] = (
    bad("png-empty", lambda: b"", "empty file"),
    bad("jpg-cut-in-the-header", lambda: JPEG[:100], "damaged"),
    bad("jpg-cut-in-the-middle", lambda: encode(RGB, "JPEG")[:-200], "truncated"),
    bad("jpg-cut-by-a-byte", lambda: JPEG[:-1], "truncated"),
    bad("jpg-12-bits", lambda: patched(JPEG, JPEG.index(b"\xff\xc0") + 4, b"\x0c"), "12-bit"),
    bad("jpg-no-rows", lambda: patched(JPEG, JPEG.index(b"\xff\xc0") + 5, b"\0\0"), "header"),
    bad("png-cut-in-the-header", lambda: PNG[:20], "damaged"),
    bad("png-cut-in-the-middle", lambda: PNG[:700], "truncated"),
    bad("png-cut-by-a-byte", lambda: PNG[:-1], "truncated"),
    bad("png-without-end", lambda: PNG[:-12], "truncated"),
    bad("png-changed-header", lambda: patched(PNG, 29, b"\0"), "checksum"),
    bad("png-changed-pixels", lambda: patched(PNG, 600, bytes([PNG[600] ^ 1])), "checksum"),
    bad("png-rows-missing", lambda: png(rows(RGB[:10])), "missing"),
    bad("png-line-ends-converted", lambda: PNG.replace(b"\r\n", b"\n"), "damaged"),
    bad("png-no-palette", lambda: png(rows(GREY), colour=3), "palette"),
    bad(
        "png-beyond-the-palette",
        lambda: png(rows(INDICES), colour=3, before=chunk(b"PLTE", PALETTE[:30])),
        "palette",
    ),
    bad("png-zero-width", lambda: png(b"", width=0), "header"),
    bad("png-text-bomb", lambda: png(rows(RGB), before=chunk(b"zTXt", BOMB)), "large"),
    bad("png-profile-bomb", lambda: png(rows(RGB), before=chunk(b"iCCP", BOMB)), "large"),
    bad("png-animated", lambda: frames("PNG"), "frames"),
    bad(
        "png-frame-of-a-part",
        lambda: png(
            rows(RGB[:2, :2]), before=chunk(b"fcTL", struct.pack(">5I", 0, 2, 2, 1, 1) + bytes(6))
        ),
        "missing",
    ),
    bad("bmp-cut-in-the-header", lambda: BMP[:30], "damaged"),
    bad("bmp-cut-in-the-middle", lambda: BMP[:700], "truncated"),
    bad("bmp-cut-by-a-byte", lambda: BMP[:-1], "truncated"),
    bad("bmp-run-lengths-cut", lambda: run_lengths()[:-100], "not enough"),
    bad("bmp-zero-height", lambda: patched(BMP, 22, bytes(4)), "header"),
    bad(
        "bmp-two-greys-of-8-bits",
        lambda: bmp(bottom_up(BITS), 8, quads(b"\0\0\0\xff\xff\xff")),
        "palette",
    ),
    bad("tif-cut-in-the-header", lambda: TIFF[:6], "damaged"),
    bad("tif-cut-in-the-middle", lambda: tiff(RGB.tobytes())[:900], "truncated"),
    bad("tif-cut-by-a-byte", lambda: tiff(RGB.tobytes())[:-1], "truncated"),
    bad("tif-lzw-damaged", lambda: patched(LZW, 200, b"\xff" * 60), "damaged"),
    bad("tif-deflate-damaged", lambda: patched(DEFLATED, 200, bytes(range(60))), "damaged"),
    bad("tif-strip-missing", lambda: tiff(RGB.tobytes(), tags={278: [10]}), "missing"),
    bad("tif-pages", lambda: frames("TIFF"), "pages"),
    bad("tif-directory-of-itself", lambda: b"II*\0" + struct.pack("<IHI", 8, 0, 8), "header"),
    bad("tif-bigtiff-big-endian", lambda: tiff(RGB.tobytes(), order=">", big=True), "unsupported"),
    bad("tif-float", lambda: encode(Image.new("F", (4, 4)), "TIFF"), "floating-point"),
    bad("tif-32", lambda: encode(Image.new("I", (4, 4)), "TIFF"), "32-bit"),
    bad("tif-signed-8", lambda: tiff(GREY.tobytes(), 1, photometric=1, tags={339: [2]}), "signed"),
    bad(
        "tif-planes-of-16",
        lambda: tiff(
            np.moveaxis(DEEP_RGB, -1, 0).tobytes(), bits=16, tags={284: [2], 273: [0, 960, 1920]}
        ),
        "planes",
    ),
    bad(
        "tif-ycbcr-reduced", lambda: tiff(RGB.tobytes(), photometric=6, tags={530: [2, 2]}), "YCbCr"
    ),
    bad(
        "tif-palette-of-8-bits",
        lambda: tiff(GREY.tobytes(), 1, photometric=3, tags={320: [*range(256)] * 3}),
        "palette",
    ),
    bad(
        "jpg-claims-a-huge-size",
        lambda: patched(JPEG, JPEG.index(b"\xff\xc0") + 5, b"\xff\xff" * 2),
        "too large",
        TOO_LARGE,
    ),
    bad("png-claims-a-huge-size", lambda: png(b"", 60_000, 60_000), "too large", TOO_LARGE),
    bad(
        "png-just-too-large", lambda: png(b"", MAX_PIXELS // 1000 + 1, 1000), "too large", TOO_LARGE
    ),
    bad(
        "bmp-claims-a-huge-size",
        lambda: patched(BMP, 18, struct.pack("<II", 60_000, 60_000)),
        "too large",
        TOO_LARGE,
    ),
    bad(
        "tif-claims-a-huge-size",
        lambda: tiff(b"", tags={256: [60_000], 257: [60_000]}),
        "too large",
        TOO_LARGE,
    ),
    bad(
        "tif-claims-a-huge-tile",
        lambda: tiff(TILES.tobytes(), tags={**TILED, 322: [60_000], 323: [60_000]}),
        "too large",
        TOO_LARGE,
    ),
)
OTHERS: dict[str, Callable[[], bytes]] = {
    "csv": lambda: b"cell,label\n1,blast\n",
    "text-that-begins-as-bmp": lambda: b"BM is what this text, a long one, begins with.\n",
    "two-letters": lambda: b"BM",
    "html": lambda: b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "git-lfs": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
    "zeros": lambda: bytes(5000),
    "zip": zipped,
    "dicom": lambda: bytes(128) + b"DICM\2\0\0\0UL\4\0\0\0\0\0",
    "numpy": lambda: b"\x93NUMPY\1\0" + RGB.tobytes(),
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "pdf": lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "heic": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "jpeg-2000": lambda: b"\0\0\0\x0cjP  \r\n\x87\n",
    "gif": lambda: encode(RGB, "GIF"),
    "webp": lambda: encode(RGB, "WEBP"),
}
ODD_IMAGES: tuple[OddImage, ...] = (
    *READABLE,
    *REFUSED,
    *(bad(f"png-{kind}", make, "not an image", NOT_AN_IMAGE) for kind, make in OTHERS.items()),
)
