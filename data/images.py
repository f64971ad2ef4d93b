"""Images of a manifest, read back as they were scanned."""

import hashlib
from pathlib import Path

import numpy as np

from data.decode import MAX_BYTES, UnreadableImageError, decode
from data.files import read_regular


def read_content(root: Path, path: str, sha256: str) -> bytes:
    """The bytes of an image file that still has the content it was hashed by.

    Args:
        root: the image folder. path: below it.

    Raises:
        OSError: it is gone or cannot be read. UnreadableImageError: it has changed since.
    """
    content = read_regular(root / path, MAX_BYTES)
    if len(content) <= MAX_BYTES and hashlib.sha256(content).hexdigest() != sha256:
        raise UnreadableImageError("changed since it was scanned: extract again")
    return content


def read_image(root: Path, path: str, sha256: str) -> np.ndarray:
    """The same, decoded: (h, w, 3) uint8 RGB.

    Raises:
        OSError: it is gone or cannot be read. UnreadableImageError: it is damaged or has changed.
    """
    return decode(read_content(root, path, sha256))
