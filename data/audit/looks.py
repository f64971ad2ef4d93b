"""What the audit sees of each image: looked at once, kept by content in the work folder.

Looks lie in parts of ``PART`` images, each a NumPy file that is moved into place whole: a crash or
Ctrl-C costs at most one part. They are mapped, not read: about 10 kB an image that stay on disk.
"""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from data.audit import fingerprint, properties
from data.decode import UnreadableImageError, decode
from data.files import atomic_path
from data.hashes import Progress
from data.images import read_content

FORMAT = 1  # raised when a look at the same image would give other numbers
PART = 512  # images
DTYPE = np.dtype(
    [
        ("sha256", "S64"),
        ("properties", properties.DTYPE),
        ("fingerprint", fingerprint.DTYPE),
    ]
)


class Looks:
    """Looks by content of the image.

    A part that is damaged or of another format is removed and its images are looked at again.

    Args:
        folder: where the parts lie or will lie; shared by all runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: list[np.ndarray] = []
        self._place: dict[bytes, tuple[int, int]] = {}  # content -> part, row
        for path in sorted(folder.glob("*.npy")):
            part = _read(path) if path.name.startswith(f"{FORMAT}-") else None
            if part is None:
                path.unlink(missing_ok=True)
            else:
                self._adopt(part)

    def _adopt(self, part: np.ndarray) -> None:
        number = len(self._parts)
        self._parts.append(part)
        for row, key in enumerate(part["sha256"].tolist()):
            self._place.setdefault(key, (number, row))

    def __contains__(self, sha256: str) -> bool:
        return sha256.encode() in self._place

    def add(self, rows: np.ndarray) -> None:
        """Keep looks, an array of ``DTYPE``."""
        keys = hashlib.sha256(rows["sha256"].tobytes()).hexdigest()
        path = self._folder / f"{FORMAT}-{keys[:16]}.npy"
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, rows, allow_pickle=False)
        part = _read(path)
        self._adopt(rows if part is None else part)

    def take(self, sha256: Iterable[str], field: str) -> np.ndarray:
        """One field of the looks at these images, a structured array in their order.

        Raises:
            KeyError: an image that was not looked at.
        """
        places = np.array([self._place[key.encode()] for key in sha256]).reshape(-1, 2)
        found = np.empty(len(places), DTYPE[field])
        for number in np.unique(places[:, 0]):
            rows = places[:, 0] == number
            found[rows] = self._parts[number][field][places[rows, 1]]
        return found


def look(
    root: Path,
    images: Sequence[tuple[str, str]],
    looks: Looks,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Look at the images that ``looks`` lacks; those that cannot be read by path, and why.

    Images are decoded in threads. On Ctrl-C what was seen so far is kept.

    Args:
        root: the image folder; images are only read.
        images: (sha256, path below root) of each.
        progress: called with (done, total) images.
    """
    wanted = {sha256: path for sha256, path in reversed(images) if sha256 not in looks}
    failed: dict[str, str] = {}
    seen: list[np.ndarray] = []

    def keep() -> None:
        if seen:
            looks.add(np.concatenate(seen))
            seen.clear()

    threads = os.cpu_count() or 1
    waiting: deque[tuple[str, Future]] = deque()
    left = iter(wanted.items())
    with ThreadPoolExecutor(threads) as pool:
        try:
            for done in range(len(wanted)):
                for sha256, path in left:
                    waiting.append((path, pool.submit(_look, root, path, sha256)))
                    if len(waiting) > 4 * threads:
                        break
                path, future = waiting.popleft()
                try:
                    seen.append(future.result())
                except (OSError, UnreadableImageError) as error:
                    failed[path] = getattr(error, "strerror", None) or str(error)
                if len(seen) == PART:
                    keep()
                if progress:
                    progress(done + 1, len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)
            keep()
    return failed


def _look(root: Path, path: str, sha256: str) -> np.ndarray:
    content = read_content(root, path, sha256)
    image = decode(content)
    row = np.empty(1, DTYPE)
    row["sha256"] = sha256.encode()
    row["properties"] = properties.properties(content, image)
    row["fingerprint"] = fingerprint.pack([fingerprint.fingerprint(image)])
    return row


def _read(path: Path) -> np.ndarray | None:
    """A part as a read-only map; None if it is not one."""
    try:
        part = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):  # cut short, or no NumPy file
        return None
    return part if part.dtype == DTYPE and part.ndim == 1 else None
