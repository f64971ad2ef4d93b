"""Untrusted image files -> RGB uint8, or a reason why not."""

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ExifTags import Base as Tag
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

MAX_BYTES = 256 * 2**20  # a 10,000 x 8,000 BMP field still fits
MAX_PIXELS = 80_000_000
UNREADABLE, TOO_LARGE, NOT_AN_IMAGE = "unreadable", "too large", "not an image"
LONGEST_REASON = 200
PIECE = 2**16  # bytes of a PNG inflated at a time
BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # sizes: "BM" alone also begins many a text
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the latter two are BigTIFF
ADAM7 = (  # first column and row, and steps, of the passes of an interlaced PNG
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
UPRIGHT = {  # EXIF orientation -> what sets the image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadableImageError(Exception):
    """Why a file cannot serve as an image, as a phrase of one line without the file's name.

    Attributes:
        outcome: UNREADABLE, TOO_LARGE or NOT_AN_IMAGE.
    """

    def __init__(self, reason: str, outcome: str = UNREADABLE) -> None:
        super().__init__(reason)
        self.outcome = outcome


def decode(content: bytes) -> np.ndarray:
    """Decode the content of one image file; the content decides its kind, not a suffix.

    Colour:
        - 8-bit RGB is kept as it is. Grey, black and white, palettes, YCbCr, CMYK and LAB become
          RGB; a CMYK or YCCK JPEG is taken as inverted, as Adobe writes it. Colour profiles and
          gamma are ignored.
        - 16-bit grey and colour keep their upper eight bits, 12-bit grey likewise. A TIFF whose
          zero is white is inverted. Signed, 32-bit and floating-point pixels are refused: they
          have no agreed black and white.
        - Transparency is laid over white, the colour of an empty field; the fourth byte of a plain
          32-bit BMP is padding, not transparency.

    Geometry: rotation is applied (EXIF, else XMP; absurd values are ignored), in any of the four
    formats that bears it. Interlaced, progressive, striped, tiled, top-down and run-length encoded
    files are read, little-endian BigTIFF too. Any size and aspect ratio from 1x1 up to MAX_PIXELS.

    Refused besides: several pages or frames (of a phone's JPEG with a preview behind it, the first
    picture is taken); a truncated file (OpenCV would return the part it has); a PNG with a wrong
    checksum or a compressed text beyond Pillow's limit; pixels that are not there (a missing
    strip, an index beyond the palette); the few TIFF layouts and BMP palettes that Pillow would
    misread, see _check_tiff and _check_layout. What follows the end of an image is ignored. JPEG,
    BMP and most TIFF bear no checksum: altered pixels that still decode cannot be told.

    Bytes and pixels (of the image and of a TIFF's tile) are counted before any pixel is decoded.

    Args:
        content: the bytes of a JPEG, PNG, BMP or TIFF file.

    Returns:
        (height, width, 3) uint8, channels in the order red, green, blue.

    Raises:
        UnreadableImageError: with the outcome TOO_LARGE beyond MAX_BYTES or MAX_PIXELS,
            NOT_AN_IMAGE for another format, UNREADABLE for an empty file and all else.
        MemoryError: the machine lacks memory, which says nothing about the file.
    """
    if not content:
        raise UnreadableImageError("empty file")
    if len(content) > MAX_BYTES:
        raise UnreadableImageError(
            f"too large: {len(content)} bytes, at most {MAX_BYTES}", TOO_LARGE
        )
    reader = _reader(content)
    if reader is None:
        raise UnreadableImageError("not an image (JPEG, PNG, BMP or TIFF)", NOT_AN_IMAGE)
    what = "damaged or unsupported header"
    try:
        with _silence(), reader(io.BytesIO(content)) as image:
            what = "damaged"
            _check_size(image)
            _check_layout(image, content)
            colours = _colours(image)
            image.load()
            if image.mode in ("P", "PA") and np.asarray(image.getchannel(0)).max() >= colours:
                raise UnreadableImageError("damaged: a colour beyond the palette")
            return np.asarray(_upright(_rgb(image, content), image))
    except (UnreadableImageError, MemoryError):
        raise
    except Exception as error:  # Pillow raises a dozen kinds, depending on what is damaged
        raise UnreadableImageError(f"{what}: {_one_line(error)}") from None


def _reader(content: bytes) -> type[ImageFile] | None:
    if content.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if content.startswith(b"\x89PNG"):
        return PngImageFile
    if content.startswith(TIFF_MAGIC):
        return TiffImageFile
    if content.startswith(b"BM") and int.from_bytes(content[14:18], "little") in BMP_HEADERS:
        return BmpImageFile
    return None


def _check_size(image: ImageFile) -> None:
    sizes = [image.size]
    if isinstance(image, TiffImageFile):  # a tile is decoded whole, however small the image
        sizes.append((image.tag_v2.get(Tag.TileWidth, 1), image.tag_v2.get(Tag.TileLength, 1)))
    for width, height in sizes:
        if not isinstance(width, int) or not isinstance(height, int):
            raise ValueError("invalid dimensions")
        if width * height > MAX_PIXELS:
            raise UnreadableImageError(
                f"too large: {width}x{height} pixels, at most {MAX_PIXELS}", TOO_LARGE
            )


def _check_layout(image: ImageFile, content: bytes) -> None:
    """Refuse, before decoding, what Pillow would decode without a word, but wrongly."""
    if getattr(image, "is_animated", False):  # n_frames would walk a TIFF's whole chain of pages
        raise UnreadableImageError("several pages or frames; expected one image")
    raw = bool(image.tile) and image.tile[0][0] == "raw"
    planes = 1
    if isinstance(image, PngImageFile):
        _check_png(content)
    elif isinstance(image, TiffImageFile):
        planes = _check_tiff(image.tag_v2, image.mode, raw)
    elif isinstance(image, BmpImageFile) and raw:
        bits = content[24 if content[14] == 12 else 28]
        if bits != {"1": 1, "L": 8}.get(image.mode, bits):
            raise UnreadableImageError(f"unsupported: a palette of few greys at {bits} bits")
    boxes = [tile[1] or (0, 0, 0, 0) for tile in image.tile]
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
    if covered < image.width * image.height * planes:
        raise UnreadableImageError("damaged: pixels are missing")


def _check_tiff(tags: ImageFileDirectory_v2, mode: str, raw: bool) -> int:
    """Into how many planes the pixels are split, if Pillow itself is to read them."""
    formats = set(tags.get(Tag.SampleFormat, (1,)))
    if formats != {1} or mode in ("I", "F"):
        kind = "floating-point" if 3 in formats else "signed or 32-bit"
        raise UnreadableImageError(f"{kind} pixels; expected 8 or 16 bits, unsigned")
    if mode in ("P", "PA") and max(tags[Tag.ColorMap]) < 256:
        raise UnreadableImageError("unsupported: a TIFF palette of 8 bits")
    if not raw:
        return 1
    if mode == "YCbCr" and tags.get(Tag.YCbCrSubSampling) != (1, 1):
        raise UnreadableImageError("unsupported: uncompressed YCbCr of reduced colour")
    if tags.get(Tag.PlanarConfiguration, 1) != 2:
        return 1
    if set(tags.get(Tag.BitsPerSample, (1,))) != {8} or mode not in ("L", "RGB", "CMYK"):
        raise UnreadableImageError("unsupported: separate planes of this kind of pixels")
    return len(mode)  # a letter each


def _check_png(content: bytes) -> None:
    """Checksums, the end, and data for every row: Pillow would leave rows black."""
    view, at, name = memoryview(content), 8, b""
    pieces = []
    while name != b"IEND":
        start, end = at + 8, at + 8 + int.from_bytes(view[at : at + 4])
        name = bytes(view[at + 4 : start])
        if end + 4 > len(view):
            raise UnreadableImageError("damaged: truncated PNG")
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4]):
            raise UnreadableImageError("damaged: a PNG with a wrong checksum")
        if (name == b"IHDR") != (at == 8):
            raise UnreadableImageError("damaged: a PNG whose header is misplaced")
        if name == b"IDAT":
            pieces += [view[i : min(i + PIECE, end)] for i in range(start, end, PIECE)]
        at = end + 4
    missing = _png_size(content)
    inflater = zlib.decompressobj()
    for piece in [*pieces, memoryview(b"")]:
        while missing > 0 and (rows := inflater.decompress(piece, PIECE)):
            missing -= len(rows)
            piece = memoryview(inflater.unconsumed_tail)
    if missing > 0:
        raise UnreadableImageError("damaged: pixels are missing")


def _png_size(content: bytes) -> int:
    """Bytes of all rows before compression, each with the one that names its filter."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", content[16:29])
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    sizes = [
        (max(0, -(-(width - x) // dx)), max(0, -(-(height - y) // dy)))
        for x, y, dx, dy in (ADAM7 if interlaced else ((0, 0, 1, 1),))
    ]
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns)


def _colours(image: ImageFile) -> int:
    """How many colours the palette has; loading fills it up to 256."""
    if image.palette is None:
        return 0
    order, colours = image.palette.getdata()
    return len(colours) // len(order.split(";")[0])


def _rgb(image: ImageFile, content: bytes) -> Image.Image:
    clear = image.info.get("transparency")
    if image.mode.startswith("I"):
        return _deep_grey(image, clear)
    if isinstance(image, PngImageFile) and clear is not None:  # given at the depth of the file
        depth = content[24]
        if image.mode == "L":
            image.info["transparency"] = clear * (255 // (2**depth - 1))
        elif image.mode == "RGB" and depth == 16:
            image.info["transparency"] = tuple(value >> 8 for value in clear)
    if image.mode in ("RGBA", "LA", "La", "PA") or clear is not None:
        rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _deep_grey(image: ImageFile, clear: int | None) -> Image.Image:
    deep, bits = np.asarray(image), 16
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2[Tag.BitsPerSample][0]
        if image.tag_v2.get(Tag.PhotometricInterpretation) == 0:  # zero is white
            deep = 2**bits - 1 - deep
    grey = (deep >> (bits - 8)).astype(np.uint8)
    if clear is not None:
        grey[deep == clear] = 255
    return Image.fromarray(grey).convert("RGB")


def _upright(pixels: Image.Image, image: ImageFile) -> Image.Image:
    try:
        turn = UPRIGHT.get(image.getexif().get(Tag.Orientation, 1))
    except Exception:  # the pixels are whole; only what is said about them is not
        return pixels
    return pixels if turn is None else pixels.transpose(turn)


def _one_line(error: Exception) -> str:
    text = "".join(char if char.isprintable() else " " for char in str(error))
    return " ".join(text.split())[:LONGEST_REASON] or type(error).__name__


_lock = threading.Lock()
_silent = 0
_filters = warnings.catch_warnings()


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Pillow's warnings quiet (the checks here decide instead) while any thread decodes.

    With filters set and reset by each thread, one that ends would turn warnings on for the rest.
    """
    global _silent, _filters
    with _lock:
        if not _silent:
            _filters = warnings.catch_warnings(action="ignore")
            _filters.__enter__()
        _silent += 1
    try:
        yield
    finally:
        with _lock:
            _silent -= 1
            if not _silent:
                _filters.__exit__(None, None, None)
