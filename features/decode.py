"""Untrusted image files -> RGB uint8, or a reason why not."""

import io
import struct
import warnings

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

MAX_BYTES = 256 * 2**20  # a 10,000 x 8,000 BMP field still fits
MAX_PIXELS = 80_000_000
FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
DAMAGE = (  # Pillow raises any of these for damaged content, depending on the format
    OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, AttributeError,
    ArithmeticError, struct.error,
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
    """Why a file cannot serve as an image, as a phrase without the file's name."""


def decode(content: bytes) -> np.ndarray:
    """Decode the content of one image file.

    Size and pixel count are checked before any pixel is decoded, and a truncated file is an error
    (OpenCV would return the part it has). EXIF rotation is applied; palettes and CMYK become RGB;
    16-bit grey keeps its upper eight bits; transparency is laid over white, the colour of an
    empty field. Files with several frames or pages are refused.

    Args:
        content: the bytes of a JPEG, PNG, BMP or TIFF file.

    Returns:
        (height, width, 3) uint8, channels in the order red, green, blue.

    Raises:
        UnreadableImageError: too large, not an image, truncated, damaged, or of several pages.
    """
    if not content:
        raise UnreadableImageError("empty file")
    if len(content) > MAX_BYTES:
        raise UnreadableImageError(f"too large: {len(content)} bytes, at most {MAX_BYTES}")
    try:
        with warnings.catch_warnings():
            # Pillow warns of large or oddly tagged images; the limits here decide instead.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise UnreadableImageError(
                        f"too large: {width}x{height} pixels, at most {MAX_PIXELS}"
                    )
                pages = getattr(image, "n_frames", 1)
                if pages > 1 and image.format != "MPO":  # a phone's JPEG with a preview behind it
                    raise UnreadableImageError(f"{pages} pages or frames; expected one image")
                image.load()
                return _rgb(_upright(image))
    except UnidentifiedImageError:
        raise UnreadableImageError("not an image (JPEG, PNG, BMP or TIFF)") from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(f"too large: more than {MAX_PIXELS} pixels") from None
    except DAMAGE as error:
        raise UnreadableImageError(f"damaged: {error}") from None


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except DAMAGE:  # the pixels are whole; only what is said about them is not
        return image
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16-bit grey; 32-bit integers hold 16-bit values in practice
        grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise UnreadableImageError("floating-point pixels; expected 8 or 16 bits")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(white, rgba)
    return np.asarray(image.convert("RGB"))
