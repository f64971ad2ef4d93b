import csv
from collections import defaultdict
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from data.cards import load_card
from data.groups import join_groups
from tests.shared import CNMC, needs_shared

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


@needs_shared
def test_cnmc_patients_tied_by_identical_files_are_the_published_groups() -> None:
    """73 patients in the names, 66 groups once shared files tie them."""
    card = load_card("cnmc2019")
    with (CNMC / "cnmc2019_files.csv").open(newline="", encoding="utf-8") as stream:
        files = [row for row in csv.DictReader(stream) if row["path"].endswith(".bmp")]
    with (CNMC / "cnmc2019_patients.csv").open(newline="", encoding="utf-8") as stream:
        published = {row["patient"].upper(): row["patient_group"] for row in csv.DictReader(stream)}
    keys, patients = [], []
    for row in files:
        said = card.read(PurePosixPath(row["path"]))
        assert said is not None, row["path"]
        assert said.label == (row["label"] if row["part"] == "train" else "")
        assert said.patient == (row["patient"].upper() if row["part"] == "train" else "")
        if row["part"] == "train":
            assert said.source == row["fold"]
            keys.append([("patient", said.patient), ("content", row["sha256"])])
            patients.append(said.patient)
    assert len(keys) == 10661
    assert set(patients) == set(published)
    assert len(set(patients)) == 73
    numbers = join_groups(keys)
    assert len(set(numbers)) == 66
    pairs = {
        (number, published[patient]) for number, patient in zip(numbers, patients, strict=True)
    }
    assert len(pairs) == 66
    assert len({group for _, group in pairs}) == 66
