"""One engine behind several recipes that differ in nothing but their preprocessing steps."""

import threading
from collections.abc import Callable, Sequence

import numpy as np

from features.engine import Engine
from features.preprocess import parse_steps


class SharedEngine:
    """Builds an engine once, at its first use, and lends it out.

    Args:
        make: builds the engine, for a recipe without steps.
    """

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._engine: Engine | None = None
        self._turns = threading.BoundedSemaphore()

    def lend(self, steps: tuple[str, ...]) -> Engine:
        """The same engine with these steps before it.

        Raises:
            BlastlineError: an unknown step or unfit arguments, or the engine cannot be built.
        """
        if self._engine is None:
            self._engine = self._make()
            self._turns = threading.BoundedSemaphore(self._engine.streams)
        return _Lent(self._engine, steps, self._turns)


class _Lent:
    streams = 1  # of each: others keep the engine busy, and Ctrl-C has less to wait for

    def __init__(
        self, engine: Engine, steps: tuple[str, ...], turns: threading.BoundedSemaphore
    ) -> None:
        self._engine, self._steps, self._turns = engine, parse_steps(steps), turns
        self.description = engine.description

    @property
    def batch(self) -> int:
        return self._engine.batch

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        for step in self._steps:
            image = step(image)
        return self._engine.prepare(image, sha256)

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        with self._turns:  # an engine promises no more calls side by side than it has streams
            return self._engine.embed(prepared)
