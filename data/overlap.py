"""Overlap: the proof of what a split keeps apart, and what stands on two sides of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, islice, product

import pandas as pd

from data.errors import BlastlineError

LISTED = 1000  # pairs that are kept by name; all are counted


@dataclass(frozen=True)
class SharedPair:
    """Two images that show the same thing and stand on two sides: paths and sides."""

    first: str
    second: str
    first_side: str  # fold 0, fold 1, ... or test
    second_side: str
    why: str  # identical files, or tied


@dataclass(frozen=True)
class Overlap:
    """What stands on two sides of a split; empty where the sides share nothing.

    Attributes:
        sides: images on each side: fold 0, fold 1, ..., test.
        patients: names of the patients on two sides. groups: likewise.
        identical_pairs: number of pairs of byte-identical files across sides.
        tied_pairs: number of the ties across sides: pairs found to show the same ground.
        pairs: the first ``LISTED`` of both.
    """

    sides: dict[str, int] = field(default_factory=dict)
    patients: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    identical_pairs: int = 0
    tied_pairs: int = 0
    pairs: list[SharedPair] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.patients or self.groups or self.identical_pairs or self.tied_pairs)

    def __str__(self) -> str:
        counts = (
            (len(self.patients), "patient"),
            (len(self.groups), "group"),
            (self.identical_pairs, "pair of identical files"),
            (self.tied_pairs, "pair that shows the same ground"),
        )
        found = [f"{number:,} {_plural(what, number)}" for number, what in counts if number]
        return ", ".join(found) or "nothing shared"


def _plural(what: str, number: int) -> str:
    first, _, rest = what.partition(" ")
    if number == 1:
        return what
    return f"{first}s {rest}".strip().replace("that shows", "that show")


def find_overlap(frame: pd.DataFrame, ties: Sequence[tuple[str, str]] = ()) -> Overlap:
    """What the sides of a split share: folds of the train rows, and the test set.

    Args:
        frame: rows of a manifest; those that are neither train nor test are on no side.
        ties: pairs of paths that show the same thing.
    """
    used = frame[frame.split.isin(("train", "test"))]
    side = pd.Series(
        [
            f"fold {fold}" if split == "train" else "test"
            for split, fold in zip(used.split, used.fold, strict=True)
        ],
        index=used.index,
        dtype=object,
    )
    side_of = dict(zip(used.path, side, strict=True))
    copied = used.sha256.duplicated(keep=False)
    copies = [
        {name: list(paths) for name, paths in each.groupby(side[each.index], sort=False)}
        for _, each in used.path[copied].groupby(used.sha256[copied], sort=False)
    ]
    counts = [[len(paths) for paths in each.values()] for each in copies]
    tied = _across(side_of, ties)
    return Overlap(
        sides=dict(sorted(Counter(side).items())),
        patients=_torn(used.patient, side),
        groups=_torn(used.group, side),
        identical_pairs=sum((sum(each) ** 2 - sum(n * n for n in each)) // 2 for each in counts),
        tied_pairs=len(tied),
        pairs=list(islice(chain(_identical(copies), tied), LISTED)),
    )


def refuse_overlap(overlap: Overlap, name: str, mend: str) -> None:
    """Stop where the sides of a split share anything.

    Raises:
        BlastlineError: they do; it tells how much and what to do.
    """
    if not overlap:
        return
    first = ""
    if overlap.pairs:
        pair = overlap.pairs[0]
        first = (
            f" (such as '{pair.first}' in {pair.first_side} and '{pair.second}' in "
            f"{pair.second_side})"
        )
    elif overlap.patients or overlap.groups:
        first = f" (such as '{(overlap.patients or overlap.groups)[0]}')"
    raise BlastlineError(f"{name}: {overlap}{first} on two sides of the split; {mend}")


def _identical(copies: Iterable[dict[str, list[str]]]) -> Iterator[SharedPair]:
    """One after the other, as of thousands of copies there are millions of pairs.

    Args:
        copies: the paths of one content by side, for each content.
    """
    for each in copies:
        for (first_side, firsts), (second_side, seconds) in combinations(each.items(), 2):
            for first, second in product(firsts, seconds):
                yield SharedPair(first, second, first_side, second_side, "identical files")


def _across(side_of: dict[str, str], ties: Iterable[tuple[str, str]]) -> list[SharedPair]:
    found = []
    for first, second in ties:
        sides = side_of.get(first), side_of.get(second)
        if sides[0] is not None and sides[1] is not None and sides[0] != sides[1]:
            found.append(SharedPair(first, second, sides[0], sides[1], "tied"))
    return found


def _torn(names: pd.Series, side: pd.Series) -> list[str]:
    """Names that stand on more than one side, sorted."""
    count = side.groupby(names).nunique()
    return sorted(str(name) for name, number in count.items() if name and number > 1)
