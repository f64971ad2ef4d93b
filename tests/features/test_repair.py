from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BlastlineError
from features.engine import DescriptorEngine
from features.extract import Extraction, Job, extract
from features.repair import Repair, repair
from features.store import EmbeddingStore, part_files
from features.store_file import open_store_file
from tests.data.images import MEAN_COLOUR, write_images
from tests.features.stores import (
    FAILED,
    NAME,
    WIDTH,
    Damage,
    a_part,
    assert_holds,
    at_end,
    at_start,
    both_headers,
    cut,
    finished,
    flip,
    in_a_reason,
    in_a_row,
    in_the_keys,
    key,
    parts_folder,
    problems,
    row_at,
    tail,
    vectors,
)


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (at_start, 0), (at_end, 0), (in_a_row, 1), (in_the_keys, 1), (in_a_reason, 0), (cut, 10),
        (tail, 0), (lambda path: None, 0),
    ],
)  # fmt: skip
def test_every_sound_row_is_kept(path: Path, damage: Damage, lost: int) -> None:
    damage(path)
    kept = 30 - lost
    assert repair(path) == Repair(kept, lost, [])
    assert problems(path) == ""
    assert_holds(path, [n for n in range(30) if lost == 0 or (n != 7 if lost == 1 else n < 20)])
    assert {each.name for each in path.parent.iterdir()} == {NAME, f"{NAME}.lock"}
    with h5py.File(path) as file:
        assert len(file["embedding"]) == kept


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_bit_costs_one_row_at_most(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "repaired" / NAME
    if not path.exists():
        finished(path, range(30))
    sound = path.read_bytes()
    flip(path, data.draw(st.integers(0, len(sound) - 1)), data.draw(st.integers(0, 7)))
    done = repair(path)
    assert done.kept + done.lost == 30
    assert done.lost <= 1
    store = EmbeddingStore(path, MEAN_COLOUR)
    there = [n for n in range(30) if key(n) in store]
    assert len(there) == done.kept
    assert np.array_equal(store.embeddings([key(n) for n in there]), vectors(there))
    path.write_bytes(sound)


def test_failures_stay_unless_their_own_table_is_damaged(path: Path) -> None:
    in_a_row(path)
    repair(path)
    assert EmbeddingStore(path, MEAN_COLOUR).failure(key(999)) == FAILED[key(999)]
    in_a_reason(path)
    repair(path)  # a reason that may be wrong is not kept: the image is tried again
    assert key(999) not in EmbeddingStore(path, MEAN_COLOUR)


def test_a_file_with_nothing_to_save_is_moved_aside(path: Path) -> None:
    for number in ("", "1"):
        path.write_bytes(b"precious?")
        aside = path.with_name(f"{NAME}.damaged{number}")
        assert repair(path) == Repair(0, 0, [aside])
        assert aside.read_bytes() == b"precious?"
        assert not path.exists()
    finished(path, [1])
    assert_holds(path, [1])


def test_parts_are_saved_with_the_store_and_one_beyond_use_is_moved_aside(path: Path) -> None:
    in_a_row(path)
    first, second, third = [a_part(path, numbers) for numbers in ([30, 31], [32], [33, 34])]
    flip(first, row_at(first, 31))
    both_headers(second)
    beyond = second.read_bytes()
    cut_at = row_at(third, 34)
    third.write_bytes(third.read_bytes()[:cut_at])
    aside = path.with_name(f"{NAME}.part-000001.damaged")
    assert repair(path) == Repair(31, 3, [aside])
    assert aside.read_bytes() == beyond
    assert_holds(path, [*range(7), *range(8, 31), 33])
    assert not parts_folder(path).exists()


def test_what_a_store_and_a_part_both_hold_is_neither_lost_nor_doubled(path: Path) -> None:
    in_a_row(path)
    a_part(path, [6, 7, 8])
    assert repair(path) == Repair(30, 0, [])  # the part has the row that the store lost
    assert_holds(path, range(30))
    assert len(open_store_file(path)) == 30


def test_parts_of_another_recipe_are_not_mixed_in(path: Path) -> None:
    other = path.with_name("other.h5")
    recipe = replace(MEAN_COLOUR, steps=("mask:0,0,0.5,0.5",))
    EmbeddingStore(other, recipe).append([key(50)], vectors([50]), {})
    parts_folder(other).rename(parts_folder(path))
    before = path.read_bytes()
    with pytest.raises(BlastlineError, match=rf"another recipe; move {NAME}\.parts away"):
        repair(path)
    assert path.read_bytes() == before
    assert len(part_files(path)) == 1


def test_a_store_in_use_is_left_alone(path: Path) -> None:
    in_a_row(path)
    before = path.read_bytes()
    with (
        EmbeddingStore(path, MEAN_COLOUR).writing(),
        pytest.raises(BlastlineError, match=r"extraction \(process \d+\) is writing this store"),
    ):
        repair(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("shape", [(4, WIDTH), (3, 4, WIDTH)])
def test_views_and_tokens_are_repaired_alike(tmp_path: Path, shape: tuple[int, ...]) -> None:
    store = EmbeddingStore(tmp_path / NAME, MEAN_COLOUR)
    store.append([key(n) for n in range(9)], vectors(range(9), shape), {})
    store.finish()
    at = store.path.read_bytes().index(vectors([4], shape).tobytes())
    flip(store.path, at + 4 * int(np.prod(shape)) - 1)
    assert repair(store.path) == Repair(8, 1, [])
    left = [0, 1, 2, 3, 5, 6, 7, 8]
    found = EmbeddingStore(store.path, MEAN_COLOUR).embeddings([key(n) for n in left])
    assert np.array_equal(found, vectors(left, shape))


def run(root: Path, path: Path, images: list[tuple[str, str]]) -> Extraction:
    job = Job(EmbeddingStore(path, MEAN_COLOUR), lambda: DescriptorEngine(MEAN_COLOUR))
    return extract(root, images, [job])


@pytest.mark.parametrize(("damage", "again"), [("row", 1), ("cut", 13), ("header", 40)])
def test_after_a_repair_extraction_computes_what_is_missing(
    tmp_path: Path, damage: str, again: int
) -> None:
    images = write_images(tmp_path / "images", 40)
    path = tmp_path / NAME
    run(tmp_path / "images", path, images)
    keys = [sha256 for sha256, _ in images]
    expected = EmbeddingStore(path, MEAN_COLOUR).embeddings(keys)
    row = path.read_bytes().index(expected[40 - again if damage == "cut" else 11].tobytes())
    if damage == "row":
        flip(path, row)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:row])
    else:
        both_headers(path)
    repair(path)
    assert run(tmp_path / "images", path, images).computed == {MEAN_COLOUR.name: again}
    assert np.array_equal(EmbeddingStore(path, MEAN_COLOUR).embeddings(keys), expected)
    assert problems(path) == ""
