import csv
from collections import defaultdict
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.cards import load_card
from data.errors import BlastlineError
from data.found import Found
from data.groups import join_groups, name_groups
from data.overlap import find_overlap
from data.scan import split_images
from tests.shared import CNMC

ROWS = st.lists(st.lists(st.integers(0, 12), max_size=3), max_size=25)


def partition(numbers: list[int]) -> set[frozenset[int]]:
    rows = defaultdict(list)
    for row, number in enumerate(numbers):
        rows[number].append(row)
    return {frozenset(each) for each in rows.values()}


@given(ROWS)
def test_numbers_count_from_zero_in_order_of_first_appearance(keys: list[list[int]]) -> None:
    numbers = join_groups(keys)
    assert len(numbers) == len(keys)
    assert list(dict.fromkeys(numbers)) == list(range(len(set(numbers))))


@given(ROWS)
def test_groups_are_the_finest_partition_that_keeps_equal_keys_together(
    keys: list[list[int]],
) -> None:
    """Rows that share a key share a group, transitively, and nothing else is joined."""
    expected: list[tuple[set[int], set[int]]] = []
    for row, row_keys in enumerate(keys):
        rows, reached = {row}, set(row_keys)
        for other in [each for each in expected if each[1] & reached]:
            expected.remove(other)
            rows |= other[0]
            reached |= other[1]
        expected.append((rows, reached))
    assert partition(join_groups(keys)) == {frozenset(rows) for rows, _ in expected}


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_keys_does_not_matter(keys: list[list[int]], random: object) -> None:
    order = list(range(len(keys)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = join_groups([keys[row][::-1] for row in order])
    back = [0] * len(keys)
    for place, row in enumerate(order):
        back[row] = shuffled[place]
    assert partition(back) == partition(join_groups(keys))


def test_a_long_chain_is_one_group() -> None:
    assert set(join_groups([[i, i + 1] for i in range(5000)])) == {0}


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["", "a", "b", "i1"])), max_size=8))
@example([(0, ""), (1, ""), (2, "i1")])
def test_groups_have_one_name_each(rows: list[tuple[int, str]]) -> None:
    numbers = join_groups([[("n", n), *([("t", tag)] if tag else [])] for n, tag in rows])
    names = name_groups(numbers, [tag for _, tag in rows], [f"i{row}" for row in range(len(rows))])
    assert partition(numbers) == partition(join_groups([[name] for name in names]))


@pytest.fixture(scope="module")
def cnmc() -> Found:
    """All of C-NMC 2019, from the list of its names and hashes."""
    if not CNMC.is_dir():
        pytest.skip("needs the list of names and hashes of C-NMC 2019 in ../shared")
    card, names, hashes = load_card("cnmc2019"), {}, {}
    with (CNMC / "cnmc2019_files.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if not row["path"].endswith(".bmp"):
                continue
            said = card.read(PurePosixPath(row["path"]))
            assert said is not None, row["path"]
            assert said.label == (row["label"] if row["part"] == "train" else "")
            assert said.patient == (row["patient"].upper() if row["part"] == "train" else "")
            assert said.fold == row["fold"].removeprefix("fold_")
            assert row["part"] != "train" or said.source == row["fold"]
            names[row["path"]], hashes[row["path"]] = said, row["sha256"]
    return Found(root=CNMC, names=names, hashes=hashes)


def identical() -> list[dict[str, str]]:
    with (CNMC / "cnmc2019_identical_files.csv").open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if row["fold_a"]]


def test_cnmc_patients_tied_by_identical_files_are_the_published_groups(cnmc: Found) -> None:
    """73 patients in the names, 66 groups once shared files tie them."""
    with (CNMC / "cnmc2019_patients.csv").open(newline="", encoding="utf-8") as stream:
        published = {row["patient"].upper(): row["patient_group"] for row in csv.DictReader(stream)}
    found = split_images(load_card("cnmc2019"), cnmc)
    train = found.manifest.frame[found.manifest.frame.split == "train"]
    assert (len(train), found.unit) == (10661, "patient")
    assert set(train.patient) == set(published)
    pairs = set(zip(train.group, (published[patient] for patient in train.patient), strict=True))
    assert len(published) == 73
    assert len(pairs) == len({ours for ours, _ in pairs}) == len({each for _, each in pairs}) == 66
    assert not found.overlap


def test_all_identical_training_pairs_of_cnmc_are_found(cnmc: Found) -> None:
    """Each on a side of its own, every identical pair is an overlap."""
    found = split_images(load_card("cnmc2019"), cnmc)
    train = found.manifest.frame[found.manifest.frame.split == "train"].copy()
    train["fold"] = [str(row) for row in range(len(train))]
    overlap = find_overlap(train)
    assert overlap.identical_pairs == 104
    assert {frozenset((each.first, each.second)) for each in overlap.pairs} == {
        frozenset((row["path_a"], row["path_b"])) for row in identical()
    }


def test_the_official_folds_of_cnmc_leak_and_stop(cnmc: Found) -> None:
    card = load_card("cnmc2019")
    with pytest.raises(BlastlineError, match=r"4 groups, 94 pairs of identical files .* two sides"):
        split_images(card, cnmc, split="official")
    found = split_images(card, cnmc, split="official", allow_overlap=True)
    frame = found.manifest.frame
    train = frame[frame.split == "train"]
    assert (train.fold == train.path.str.extract(r"/fold_(\d)/")[0]).all()
    assert found.overlap.sides == {"fold 0": 3527, "fold 1": 3581, "fold 2": 3553}
    assert {frozenset((each.first, each.second)) for each in found.overlap.pairs} == {
        frozenset((row["path_a"], row["path_b"]))
        for row in identical()
        if row["crosses_folds"] == "1"
    }
    assert not found.overlap.patients  # the names hide it
