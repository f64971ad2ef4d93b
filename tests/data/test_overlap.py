"""The proof of what a split keeps apart: shared patients, groups, identical files and ties."""

import tracemalloc
from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BlastlineError
from data.manifest import COLUMNS
from data.overlap import LISTED, Overlap, find_overlap, refuse_overlap

SPLITS = ("train", "train", "test", "unlabelled", "excluded")
ROWS = st.lists(
    st.tuples(
        st.sampled_from(SPLITS),
        st.sampled_from("01"),
        st.sampled_from(["", "p", "q"]),
        st.sampled_from("gh"),
        st.sampled_from("abc"),
    ),
    max_size=12,
)


def frame(*rows: tuple[str, str, str, str, str]) -> pd.DataFrame:
    """Rows of (split, fold, patient, group, content); the path is the row's number."""
    return pd.DataFrame(
        [
            {
                "path": str(number),
                "split": split,
                "fold": fold if split == "train" else "",
                "patient": patient,
                "group": group,
                "sha256": content,
            }
            for number, (split, fold, patient, group, content) in enumerate(rows)
        ],
        columns=list(COLUMNS),
        dtype=object,
    )


@given(ROWS, st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=5))
def test_every_pair_across_the_sides_is_counted_and_none_besides(
    rows: list[tuple[str, str, str, str, str]], ties: list[tuple[int, int]]
) -> None:
    """Against the plain comparison of all pairs."""
    side = [f"{split}{fold if split == 'train' else ''}" for split, fold, *_ in rows]
    used = [row for row, each in enumerate(rows) if each[0] in ("train", "test")]
    pairs = [(a, b) for a, b in combinations(used, 2) if side[a] != side[b]]
    found = find_overlap(frame(*rows), [(str(a), str(b)) for a, b in ties])
    assert found.patients == sorted(
        {rows[a][2] for a, b in pairs if rows[a][2] == rows[b][2]} - {""}
    )
    assert found.groups == sorted({rows[a][3] for a, b in pairs if rows[a][3] == rows[b][3]})
    assert found.identical_pairs == sum(rows[a][4] == rows[b][4] for a, b in pairs)
    across = {frozenset(pair) for pair in pairs}
    assert found.tied_pairs == sum(frozenset(tie) in across for tie in ties)
    assert len(found.pairs) == found.identical_pairs + found.tied_pairs
    assert sum(found.sides.values()) == len(used)
    assert bool(found) == bool(
        found.patients or found.groups or found.identical_pairs or found.tied_pairs
    )


def test_pairs_are_listed_with_their_sides_and_reason() -> None:
    rows = frame(("train", "0", "p", "g", "x"), ("test", "", "q", "h", "x"), ("train", "1", *"rik"))
    found = find_overlap(rows, [("0", "2")])
    assert [(each.first, each.second, each.first_side, each.second_side, each.why)
            for each in found.pairs] == [
        ("0", "1", "fold 0", "test", "identical files"),
        ("0", "2", "fold 0", "fold 1", "tied"),
    ]  # fmt: skip


def test_of_very_many_pairs_all_are_counted_and_the_first_listed() -> None:
    rows = [("train", "0", "", str(number), "x") for number in range(40)]
    rows += [("test", "", "", str(number), "x") for number in range(40, 80)]
    found = find_overlap(frame(*rows))
    assert (found.identical_pairs, len(found.pairs)) == (1600, LISTED)


def test_thousands_of_copies_cost_no_memory_for_each_pair() -> None:
    rows = [("train", str(number % 5), "", str(number), "x") for number in range(1500)]
    table = frame(*rows)
    tracemalloc.start()
    found = find_overlap(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.identical_pairs, len(found.pairs)) == (10 * 300 * 300, LISTED)
    assert peak < 8 << 20
    assert len(set(found.pairs)) == LISTED
    assert all(each.first_side != each.second_side for each in found.pairs)


def test_it_is_refused_with_numbers_and_the_mend_or_not_at_all() -> None:
    refuse_overlap(Overlap(), "split", "do this")
    rows = frame(("train", "0", "p", "g", "x"), ("train", "1", "p", "g", "x"))
    with pytest.raises(BlastlineError) as caught:
        refuse_overlap(find_overlap(rows, [("0", "1")]), "split", "do this")
    assert str(caught.value) == (
        "split: 1 patient, 1 group, 1 pair of identical files, 1 pair that shows the same ground "
        "(such as '0' in fold 0 and '1' in fold 1) on two sides of the split; do this"
    )
    assert str(Overlap(patients=["a", "b"], tied_pairs=2)) == (
        "2 patients, 2 pairs that show the same ground"
    )
