"""What an image tells without a look at its cell: the file, the frame and global numbers."""

import cv2
import numpy as np

from data.errors import BlastlineError

GRID = 32  # places along each side of the frame
FORMATS = ("jpeg", "png", "bmp", "tiff")
NO_QUALITY = -1  # not a JPEG
DTYPE = np.dtype(
    [
        ("width", "<u4"),  # pixels
        ("height", "<u4"),
        ("format", "u1"),  # number in FORMATS
        ("quality", "i1"),  # 1 to 100 on libjpeg's scale, or NO_QUALITY
        ("bytes", "<u4"),
        ("border", "u1", (3,)),  # median R, G, B of the outermost pixels
        ("black", "<f4"),  # share of black pixels
        ("numbers", "<f4", (12,)),  # see NUMBERS
        ("picture", "u1", (GRID, GRID, 3)),  # the whole frame, scaled by area
        ("edges", "u1", (GRID, GRID)),  # root mean square gradient, grey levels a pixel
    ]
)
NUMBERS = (
    "mean red", "mean green", "mean blue", "spread of red", "spread of green", "spread of blue",
    "mean chroma", "spread of chroma", "entropy of grey", "skewness of grey", "sharpness",
    "Laplacian energy",
)  # fmt: skip
PART_TITLES = {
    "file": "Size, format, quality, bytes",
    "mean_colour": "Mean colour of the image",
    "global_numbers": "Twelve colour and texture numbers",
    "border_colour": "Colour of the border",
    "border": "The whole border",
    "top": "The upper border",
    "bottom": "The lower border",
    "left": "The left border",
    "right": "The right border",
    "top_left": "The upper left corner",
    "top_right": "The upper right corner",
    "bottom_left": "The lower left corner",
    "bottom_right": "The lower right corner",
}
_BLACK = 12  # brightest channel of a black pixel: JPEG leaves a little noise on black
_LONGEST = 512  # pixels of a side on which edges are measured: bounds the work on whole fields
_CORNER = 6  # places of a corner's side: a fifth of the frame
_STRIP = 2  # places of a border's depth
_MAGIC = ((b"\xff\xd8", "jpeg"), (b"\x89PNG", "png"), (b"BM", "bmp"), (b"II", "tiff"),
          (b"MM", "tiff"))  # fmt: skip
# The luminance table of the JPEG standard (ITU T.81, table K.1), its values in rising order.
_LUMINANCE = np.array(
    [10, 11, 12, 12, 13, 14, 14, 14, 16, 16, 16, 17, 18, 19, 22, 22, 24, 24, 24, 26, 29, 35, 37,
     40, 40, 49, 51, 51, 55, 55, 56, 56, 57, 58, 60, 61, 62, 64, 64, 68, 69, 72, 77, 78, 80, 81, 87,
     87, 92, 92, 95, 98, 99, 100, 101, 103, 103, 103, 104, 109, 112, 113, 120, 121]
)  # fmt: skip


def properties(content: bytes, image: np.ndarray) -> np.ndarray:
    """Measure one image.

    Args:
        content: the bytes of its file. image: (h, w, 3) uint8 RGB, decoded from them.

    Returns:
        () structured array of DTYPE, 4 kB: ``tobytes`` and ``np.frombuffer`` keep it on disk.

    Raises:
        BlastlineError: content that is no JPEG, PNG, BMP or TIFF.
    """
    found = np.zeros((), DTYPE)
    height, width = image.shape[:2]
    found["width"], found["height"], found["bytes"] = width, height, len(content)
    found["format"] = FORMATS.index(_format(content))
    found["quality"] = jpeg_quality(content)
    rim = max(1, min(height, width) // 100)
    border = [image[:rim], image[-rim:], image[:, :rim], image[:, -rim:]]
    found["border"] = np.median(np.concatenate([each.reshape(-1, 3) for each in border]), axis=0)
    black = cv2.inRange(image, (0, 0, 0), (_BLACK,) * 3)
    found["black"] = cv2.countNonZero(black) / (height * width)
    found["picture"] = _scale(image, GRID, GRID)
    shrink = min(1.0, _LONGEST / max(height, width))
    small = _scale(image, max(1, round(width * shrink)), max(1, round(height * shrink)))
    squares, found["numbers"] = _texture(small)
    found["edges"] = np.minimum(np.sqrt(_scale(squares, GRID, GRID)), 255).round()
    return found


def jpeg_quality(content: bytes) -> int:
    """Quality of a JPEG on libjpeg's scale of 1 to 100; NO_QUALITY for another format.

    It is the quality whose scaled luminance table lies nearest to the file's first one. Programs
    with tables of their own get the number that is most like theirs.
    """
    table = _first_table(content)
    if len(table) != 64:
        return NO_QUALITY
    return int(np.abs(_TABLES - np.sort(table)).sum(axis=1).argmin()) + 1


def size_names(table: np.ndarray) -> np.ndarray:
    """(n,) strings such as ``360x363`` of (n,) records."""
    return np.array([f"{w}x{h}" for w, h in zip(table["width"], table["height"], strict=True)])


def parts_of(table: np.ndarray) -> dict[str, np.ndarray]:
    """What a trivial classifier may see, by the names of PART_TITLES.

    Args:
        table: (n,) records of DTYPE.

    Returns:
        (n, d) float32 each. Corners and borders are colours and edges of their places, coarser.
    """
    frame = np.concatenate([table["picture"], table["edges"][..., None]], axis=3)
    first, last = slice(None, _STRIP), slice(-_STRIP, None)
    near, far = slice(None, _CORNER), slice(-_CORNER, None)
    file = [table[name] for name in ("width", "height", "format", "quality", "bytes")]
    sides = {
        "top": _coarse(frame[:, first], _STRIP, 4),
        "bottom": _coarse(frame[:, last], _STRIP, 4),
        "left": _coarse(frame[:, :, first], 4, _STRIP),
        "right": _coarse(frame[:, :, last], 4, _STRIP),
    }
    parts = {
        "file": np.stack(file, axis=1),
        "mean_colour": table["numbers"][:, :3],
        "global_numbers": table["numbers"],
        "border_colour": table["border"],
        "border": np.concatenate(list(sides.values()), axis=1),
        **sides,
        "top_left": _coarse(frame[:, near, near], 2, 2),
        "top_right": _coarse(frame[:, near, far], 2, 2),
        "bottom_left": _coarse(frame[:, far, near], 2, 2),
        "bottom_right": _coarse(frame[:, far, far], 2, 2),
    }
    return {name: np.ascontiguousarray(part, dtype=np.float32) for name, part in parts.items()}


def _coarse(frame: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(n, d) means over blocks of rows x columns places of an (n, h, w, c) part of the frame."""
    n, height, width, channels = frame.shape
    shape = (n, height // rows, rows, width // columns, columns, channels)
    return frame.reshape(shape).mean(axis=(2, 4), dtype=np.float32).reshape(n, -1)


def _texture(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared gradient at each pixel, (h, w) float32, and the twelve numbers."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    red, green, blue = cv2.split(image)
    chroma = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
    cv2.multiply(across, across, dst=across)  # in place: fresh memory costs more than the sums
    cv2.multiply(down, down, dst=down)
    squares = cv2.add(across, down, dst=across)
    laplacian = cv2.Laplacian(grey, cv2.CV_16S)
    share = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(float) / grey.size
    level = np.arange(256) - (share * np.arange(256)).sum()
    variance = max((share * level**2).sum(), 1e-6)
    used = share[share > 0]
    numbers = [
        *(value for each in cv2.meanStdDev(image) for value in each.ravel()),
        *(float(value.item()) for value in cv2.meanStdDev(chroma)),
        -(used * np.log2(used)).sum(),
        (share * level**3).sum() / variance**1.5,
        np.sqrt(cv2.mean(squares)[0]),
        cv2.norm(laplacian) / np.sqrt(grey.size),
    ]
    return squares, np.array(numbers, np.float32)


def _scale(image: np.ndarray, width: int, height: int) -> np.ndarray:
    shrink = image.shape[0] >= height and image.shape[1] >= width
    return cv2.resize(
        image, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    )


def _format(content: bytes) -> str:
    for magic, name in _MAGIC:
        if content.startswith(magic):
            return name
    raise BlastlineError(
        f"image properties: found a file that begins with {content[:4]!r}; expected a JPEG, PNG, "
        "BMP or TIFF: leave it out"
    )


def _first_table(content: bytes) -> np.ndarray:
    """The first quantisation table of a JPEG, of 64 numbers; empty where there is none."""
    at = 2
    while content.startswith(b"\xff\xd8") and at + 5 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xDA:  # the pixels begin
            break
        if marker == 0xDB:
            kind, size = (">u2", 128) if content[at + 4] >> 4 else ("u1", 64)
            table = content[at + 5 : at + 5 + size]
            return (
                np.frombuffer(table, kind).astype(int) if len(table) == size else np.empty(0, int)
            )
        # One byte of padding may stand between segments.
        at += 1 if marker == 0xFF else 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return np.empty(0, int)


def _scaled_tables() -> np.ndarray:
    """(100, 64) luminance tables that libjpeg makes for qualities 1 to 100, values in order."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((_LUMINANCE * scale + 50) // 100, 1, 255)


_TABLES = _scaled_tables()
