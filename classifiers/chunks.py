"""Labelled rows in chunks, for fits that read them again and again in bounded memory."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import assert_all_finite

from classifiers.scores import as_rows

ROWS = 8192  # of a chunk


class Chunk(NamedTuple):
    """(c, d) features, (c,) class codes counted from 0 and (c,) float64 weights of some rows."""

    X: np.ndarray
    codes: np.ndarray
    weights: np.ndarray


class Chunks(ABC):
    """Labelled rows in chunks, to be read as often as wanted and never to be changed.

    The first chunks are kept as far as ``keep`` bytes go and the others made anew for each pass:
    memory is bounded, and small data are read only once.

    Attributes:
        n_rows: how many rows there are.
        classes: (k,) sorted classes; codes count in them.
        class_sums: (k,) float64 sums of the weights of each class.
    """

    n_rows: int
    classes: np.ndarray
    class_sums: np.ndarray

    def __init__(self, keep: int) -> None:
        self._kept: list[Chunk] = []
        self._room = keep

    @abstractmethod
    def __len__(self) -> int:
        """How many chunks there are."""

    @abstractmethod
    def _make(self, number: int) -> Chunk:
        """The chunk of this number."""

    @abstractmethod
    def sample(self, n: int, seed: int) -> Chunk:
        """Rows drawn without replacement: n of them, or all where there are fewer."""

    def __getitem__(self, number: int) -> Chunk:
        if number < len(self._kept):
            return self._kept[number]
        made = self._make(number)
        if number == len(self._kept) and made.X.nbytes <= self._room:
            self._kept.append(made)
            self._room -= made.X.nbytes
        return made

    def __iter__(self) -> Iterator[Chunk]:
        return (self[number] for number in range(len(self)))

    @property
    def n_features(self) -> int:
        """Width of the rows."""
        return int(self[0].X.shape[1])


class RowChunks(Chunks):
    """Chunks of rows that lie in an array, or in anything that reads like one.

    Args:
        X: (n, d) or, with views, (n, v, d): anything with a ``shape`` that is indexed by an array
            of row numbers. Views are rows of their own with the class of their cell.
        rows: (m,) numbers of the rows that are wanted, in any order.
        y: (m,) their classes.
        weights: (m,) their weights; None for 1 each.
        chunk: rows of X in a chunk.
        keep: bytes of chunks kept in memory.
    """

    def __init__(
        self, X: Any, rows: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, *,
        chunk: int = ROWS, keep: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(keep)
        self._X, self._rows = X, np.asarray(rows)
        self._views = X.shape[1] if len(X.shape) == 3 else 1
        self._chunk = max(1, chunk // self._views)
        self.classes, self._codes = np.unique(y, return_inverse=True)
        self._weights = np.ones(len(self._rows)) if weights is None else np.asarray(weights, float)
        self.n_rows = len(self._rows) * self._views
        self.class_sums = self._views * np.bincount(self._codes, self._weights)

    def __len__(self) -> int:
        return -(-len(self._rows) // self._chunk)

    def _make(self, number: int) -> Chunk:
        part = np.arange(number * self._chunk, min((number + 1) * self._chunk, len(self._rows)))
        return self._chunk_of(np.repeat(part, self._views), as_rows(self._X[self._rows[part]]))

    def sample(self, n: int, seed: int) -> Chunk:
        """Rows drawn without replacement: n of them, or all where there are fewer."""
        rng = np.random.default_rng(seed)
        drawn = np.sort(rng.choice(self.n_rows, min(n, self.n_rows), replace=False))
        places, views = np.divmod(drawn, self._views)
        X = self._X[self._rows[places]]
        return self._chunk_of(places, X if X.ndim == 2 else X[np.arange(len(X)), views])

    def _chunk_of(self, places: np.ndarray, X: np.ndarray) -> Chunk:
        assert_all_finite(X, input_name="X")
        return Chunk(X, self._codes[places], self._weights[places])


class MappedChunks(Chunks):
    """The chunks of another after a transformation of their features, (c, d) -> (c, d')."""

    def __init__(
        self, source: Chunks, transform: Callable[[np.ndarray], np.ndarray], *, keep: int = 0
    ) -> None:
        super().__init__(keep)
        self._source, self._transform = source, transform
        self.n_rows, self.classes, self.class_sums = (
            source.n_rows, source.classes, source.class_sums,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._source)

    def _make(self, number: int) -> Chunk:
        return self._mapped(self._source[number])

    def sample(self, n: int, seed: int) -> Chunk:
        """Rows drawn without replacement: n of them, or all where there are fewer."""
        return self._mapped(self._source.sample(n, seed))

    def _mapped(self, chunk: Chunk) -> Chunk:
        return chunk._replace(X=self._transform(chunk.X))
