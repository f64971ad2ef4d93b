"""Which cells a training sees in which step, and how."""

import os
from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from features.smearnet.augmentation import augment
from features.smearnet.cells import Cells
from features.smearnet.settings import Settings

Batch = tuple[np.ndarray, dict[str, np.ndarray]]
AHEAD = 6  # batches made before they are asked for
# How often a cell of a smear field is drawn, relative to one another: each kind is a source of its
# own, and white cells are few and varied.
BOX_WEIGHTS = {"WBC": 3.0, "Platelets": 0.6, "RBC": 0.3}


class Batches:
    """Batches of augmented cells; number and seed make a batch, whatever was drawn before.

    Attributes:
        classes: fine classes in the order of their codes.
    """

    def __init__(
        self, cells: Cells, rows: np.ndarray, targets: Mapping[str, np.ndarray], settings: Settings
    ) -> None:
        """Prepare to draw.

        Args:
            rows: cells to train on.
            targets: teacher -> (n, dims) targets of the first n cells; the others have none.
        """
        self.classes = tuple(sorted(set(cells.labels[rows]) - {""}))
        self._cells, self._rows, self._settings = cells, rows, settings
        self._targets = dict(targets)
        code = {name: number for number, name in enumerate(self.classes)}
        self._codes = np.array([code.get(name, -1) for name in cells.labels], np.int32)
        self.chances = draw_chances(cells.labels[rows], cells.boxes[rows], settings.fields_share)

    def draw(self, number: int) -> Batch:
        """Batch of that number: pictures (batch, size, size, 3) uint8, and what heads shall say.

        With two views, the second half shows the cells of the first once more.
        """
        settings = self._settings
        rng = np.random.default_rng([settings.seed, number])
        count = settings.batch // settings.views
        rows = np.tile(self._rows[rng.choice(len(self._rows), count, p=self.chances)],
                       settings.views)  # fmt: skip
        images = np.stack(
            [augment(np.array(self._cells.pixels[row]), rng, settings.size, settings.strength)
             for row in rows]
        )  # fmt: skip
        said = {"labels": self._codes[rows]}
        for name, targets in self._targets.items():
            has = rows < len(targets)
            given = np.zeros((len(rows), targets.shape[1]), np.float32)
            given[has] = targets[rows[has]]
            said[name] = given
        return images, said

    def drawn(self, first: int, end: int) -> Generator[Batch]:
        """Batches ``first`` to ``end`` - 1, made in threads beside what is done with them."""
        threads = max(1, (os.cpu_count() or 1) // 2)
        with ThreadPoolExecutor(threads) as pool:
            ready = max(AHEAD, 2 * threads)
            waiting = deque(
                pool.submit(self.draw, number) for number in range(first, min(first + ready, end))
            )
            try:
                for number in range(first + ready, end + ready):
                    yield waiting.popleft().result()
                    if number < end:
                        waiting.append(pool.submit(self.draw, number))
                    if not waiting:
                        return
            finally:
                for each in waiting:
                    each.cancel()


def draw_chances(labels: np.ndarray, boxes: np.ndarray, fields_share: float) -> np.ndarray:
    """How likely each cell is drawn: rare classes oftener, but not as often as common ones.

    A class is drawn in proportion to the root of its frequency, so a cell to 1 / root; cells
    without a class count as an average one. Cells of smear fields share ``fields_share``.

    Args:
        labels: (n,) fine classes, empty where not known. boxes: (n,) empty for single-cell images.

    Returns:
        (n,) float64 of sum 1.
    """
    chances = np.zeros(len(labels))
    single = boxes == ""
    names, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    counts = np.bincount(inverse[single], minlength=len(names)).astype(float)
    known = (names != "") & (counts > 0)
    if known.any():
        counts[names == ""] = counts[known].mean()
    chances[single] = 1 / np.sqrt(counts[inverse[single]])
    if single.any():
        chances[single] /= chances[single].sum()
    if not single.all():
        chances[~single] = [BOX_WEIGHTS[name] for name in boxes[~single]]
        chances[~single] /= chances[~single].sum()
        if single.any():
            chances[single] *= 1 - fields_share
            chances[~single] *= fields_share
    return chances
