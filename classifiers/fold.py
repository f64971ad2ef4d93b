"""One inner fold, and the work that the trials of a study share on it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np

MEMORY_SHARE = 0.25  # of what is free, kept for shared work by all studies together
FALLBACK = 2 << 30  # bytes, where the system does not say what is free


class Memo:
    """Results kept up to a number of bytes; the longest unused go first.

    Several threads may use it, each with keys of its own.

    Args:
        limit: bytes kept; a result that is larger by itself is not kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What ``make`` gave for this key, made again if it was not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        value = make()
        size = _bytes(value)
        with self._lock:
            if size <= self.limit and key not in self._kept:
                self._kept[key] = value, size
                self._size += size
                while self._size > self.limit:
                    self._size -= self._kept.popitem(last=False)[1][1]
        return value


def _bytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, tuple | list):
        return sum(map(_bytes, value))
    return 0 if not hasattr(value, "__dict__") else _bytes(list(vars(value).values()))


def memory_for_sharing() -> int:
    """Bytes that all studies of a process together may keep for shared work."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(line for line in lines if line.startswith("MemAvailable"))
        return int(MEMORY_SHARE * 1024 * int(free.split()[1]))
    except (OSError, StopIteration, ValueError):
        return FALLBACK


class Fold:
    """Training and held-out rows of one inner fold, prepared, with what trials share on them.

    Args:
        key: what tells this fold and preparation from others.
        train: (n, d) float32 training rows. held: (m, d) held-out rows; views are rows.
        y: (n,) class codes and groups: (n,) groups of the training rows.
        memo: keeps shared work.
    """

    def __init__(
        self, key: Hashable, train: np.ndarray, held: np.ndarray, y: np.ndarray,
        groups: np.ndarray, memo: Memo,
    ) -> None:  # fmt: skip
        self.key, self.train, self.held, self.y, self.groups = key, train, held, y, groups
        self._memo = memo

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The result of ``make``, computed once for this fold, preparation and key."""
        return self._memo.get((self.key, key), make)
