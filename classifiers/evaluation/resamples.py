"""Bootstrap resamples of whole groups, drawn once, and figures over all of them at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from classifiers.estimate import Estimate
from classifiers.metrics import (
    MIN_GROUPS,
    RESAMPLES,
    drawn_groups,
    estimate,
    no_surer_than,
)

BLOCK = 32  # resamples of all cells at a time: what the processor's cache holds


def figure(values: np.ndarray) -> Estimate:
    """The estimate of (1 + b,) values: the first of the cells as they are, the others resampled."""
    return estimate(float(values[0]), values[1:])


@dataclass(frozen=True)
class Resamples:
    """How often each group is drawn; the cells as they are stand first.

    Attributes:
        codes: (n,) int64 group of each cell, 0 to g - 1.
        draws: (g, 1 + b) float64, column 0 all ones; b is 0 where one group shows no spread.
    """

    codes: np.ndarray
    draws: np.ndarray

    @classmethod
    def of(cls, groups: np.ndarray, seed: int) -> "Resamples":
        """The same draws as in ``metrics.evaluate`` for the same groups and seed.

        Args:
            groups: (n,) names of what is resampled, n at least 1.
        """
        names, codes = np.unique(groups, return_inverse=True)
        g = len(names)
        draws = np.empty((1 + (RESAMPLES if g >= MIN_GROUPS else 0), g))
        draws[0] = 1
        for row, counts in zip(draws[1:], drawn_groups(g, seed), strict=False):
            row[:] = counts
        # A view: turning the whole array round would take as long as drawing it.
        return cls(codes, draws.T)

    def by_group(self, values: np.ndarray) -> np.ndarray:
        """(g, m) sums over each group's cells of (n, m) values."""
        g = len(self.draws)
        return np.stack([np.bincount(self.codes, each, minlength=g) for each in values.T], axis=1)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(1 + b, m) sums of (n, m) values over the cells of each resample."""
        return self.draws.T @ self.by_group(values)

    def means(self, values: np.ndarray) -> np.ndarray:
        """(1 + b, m) means of (n, m) values over the cells of each resample."""
        sums = self.sums(np.column_stack([values, np.ones(len(values))]))
        return sums[:, :-1] / sums[:, -1:]

    def weights(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """(n, at most BLOCK) how often each cell, in the given order, is drawn; block by block."""
        codes = self.codes[order]
        for start in range(0, self.draws.shape[1], BLOCK):
            # Few columns side by side stay in the cache while cells are looked up in them.
            yield np.ascontiguousarray(self.draws[:, start : start + BLOCK])[codes]

    def proportions(self, hit: np.ndarray, among: np.ndarray) -> list[Estimate]:
        """How many of some cells are hits, m times.

        Those of 0 or 1 have the interval of ``no_surer_than`` the groups that have such cells.

        Args:
            hit, among: (n, m) bool.
        """
        m = among.shape[1]
        sums = self.sums(np.column_stack([hit & among, among]))
        with np.errstate(invalid="ignore"):
            shares = sums[:, :m] / sums[:, m:]
        n_groups = np.count_nonzero(self.by_group(among), axis=0)
        return [
            no_surer_than(figure(share), int(n))
            for share, n in zip(shares.T, n_groups, strict=True)
        ]
