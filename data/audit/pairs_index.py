"""Index of descriptors by the signs of random projections: near ones meet, most others never."""

from collections.abc import Iterator

import numpy as np

SAMPLE = 20_000  # descriptors that the whitening is learned from
CHUNK = 100_000  # descriptors worked on at once: bounds the memory
WINDOW = 8  # later rows of its bucket that a row is paired with
MET = 1_500_000  # pairs of a table beyond which its buckets are too coarse
MOST_BITS = 32
MOST_ROWS = 2**32


class Whitening:
    """Axes along which the descriptors of a set vary alike, so that each sign tells as much."""

    def __init__(self, descriptors: np.ndarray, width: int) -> None:
        """Learn the ``width`` strongest axes from (n, d) numbers."""
        rows = np.random.default_rng(0).choice(
            len(descriptors), min(len(descriptors), SAMPLE), replace=False
        )
        values = descriptors[np.sort(rows)].astype(np.float32)
        self.mean = values.mean(axis=0)
        spread = np.cov(values - self.mean, rowvar=False)
        spread += (1e-6 * np.trace(spread) + 1e-9) * np.eye(len(spread))
        variances, axes = np.linalg.eigh(spread)
        self.axes = (axes[:, -width:] / np.sqrt(variances[-width:])).astype(np.float32)

    def project(self, descriptors: np.ndarray, directions: np.ndarray) -> Iterator[np.ndarray]:
        """(n, d) numbers on (width, m) directions of the whitened space, a chunk at a time."""
        axes = self.axes @ directions
        for at in range(0, len(descriptors), CHUNK):
            yield (descriptors[at : at + CHUNK].astype(np.float32) - self.mean) @ axes

    def rarity(self, descriptors: np.ndarray) -> np.ndarray:
        """(n,) float32: how far from the mean, in standard deviations (Mahalanobis)."""
        width = self.axes.shape[1]
        parts = self.project(descriptors, np.eye(width, dtype=np.float32))
        return np.concatenate([np.linalg.norm(part, axis=1) for part in parts])


def neighbours(
    descriptors: np.ndarray,
    whitening: Whitening,
    bits: int,
    tables: int,
    stop: int = MOST_ROWS,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows whose signs agree in a table, as arrays of firsts and seconds; some come repeatedly.

    Locality-sensitive hashing (Charikar 2002, doi:10.1145/509907.509965). A row meets only the
    next WINDOW rows of its bucket, and buckets are made finer until a table has at most MET pairs:
    so time and memory stay bounded even where thousands look alike, and these still hang together
    in a chain.

    Args:
        descriptors: (n, d) numbers.
        bits: signs that rows of a bucket share at least.
        stop: a bucket of more rows is passed over, as a stop word of a text is.
    """
    rng = np.random.default_rng(0)
    width = whitening.axes.shape[1]
    most = min(MOST_BITS, width)
    for _ in range(tables):
        directions = np.linalg.qr(rng.standard_normal((width, most)))[0]
        packed = np.zeros((len(descriptors), MOST_BITS // 8), np.uint8)
        at = 0
        for part in whitening.project(descriptors, directions.astype(np.float32)):
            signs = np.packbits(part > 0, axis=1)
            packed[at : at + len(part), : signs.shape[1]] = signs
            at += len(part)
        keys = packed.view(">u4").ravel().astype(np.uint32)  # the first sign weighs most
        order = np.argsort(keys, kind="stable").astype(np.uint32)
        keys = keys[order]
        while True:
            rows, met = _bucketed(keys >> np.uint32(MOST_BITS - bits), stop)
            if bits == most or sum(len(same) for same in met) <= MET:
                break
            bits += 1
        for step, same in enumerate(met, 1):
            yield order[rows[same]], order[rows[same + step]]


def _bucketed(buckets: np.ndarray, stop: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Rows of the buckets that count, and which of these share one with the 1st, 2nd... after."""
    rows = np.arange(len(buckets), dtype=np.uint32)
    if stop < len(buckets):
        sizes = np.diff(np.r_[0, np.flatnonzero(np.diff(buckets)) + 1, len(buckets)])
        rows = rows[np.repeat(sizes <= stop, sizes)]
        buckets = buckets[rows]
    steps = range(1, min(WINDOW, len(buckets) - 1) + 1)
    return rows, [np.flatnonzero(buckets[step:] == buckets[:-step]) for step in steps]
