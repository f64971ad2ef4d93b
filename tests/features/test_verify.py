from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BlastlineError
from features import store_file
from features.repair import repair, verify
from features.store import part_files
from tests.data.images import MEAN_COLOUR
from tests.features.stores import (
    NAME,
    Damage,
    a_part,
    at_end,
    at_start,
    both_headers,
    cut,
    finished,
    flip,
    in_a_reason,
    in_a_row,
    in_the_keys,
    problems,
    row_at,
    tail,
)


def test_a_sound_store_and_its_parts_pass(path: Path) -> None:
    a_part(path, range(30, 34))
    checks = verify(path)
    assert [each.path for each in checks] == [path, *part_files(path)]
    assert [(each.rows, each.failed, each.damaged) for each in checks] == [(30, 1, 0), (4, 1, 0)]
    assert all(each.recipe == MEAN_COLOUR and not each.problems for each in checks)


@pytest.mark.parametrize("numbers", [[], [1]])
def test_the_smallest_stores_pass(tmp_path: Path, numbers: list[int]) -> None:
    assert problems(finished(tmp_path / NAME, numbers, {})) == ""
    assert problems(finished(tmp_path / "b" / NAME, numbers)) == ""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (at_start, "its header in front is damaged"),
        (at_end, "its header behind is damaged"),
        (both_headers, "its header does not match its checksum"),
        (in_a_row, "1 of 30 embeddings fail their checksum"),
        (in_the_keys, "its tables do not match their checksum"),
        (in_a_reason, "its tables do not match their checksum"),
        (cut, "it is cut or extended"),
        (tail, "it is cut or extended"),
        (lambda path: path.write_bytes(b""), "not an embedding store"),
        (lambda path: path.write_bytes(bytes(50_000)), "not an embedding store"),
    ],
)
def test_each_damage_is_told_in_words(path: Path, damage: Damage, said: str) -> None:
    damage(path)
    before = path.read_bytes()
    assert said in problems(path)
    assert path.read_bytes() == before


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_flipped_bit_passes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "verified" / NAME
    if not path.exists():
        finished(path, range(30))
    sound = path.read_bytes()
    at, bit = data.draw(st.integers(0, len(sound) - 1)), data.draw(st.integers(0, 7))
    flip(path, at, bit)
    try:
        assert problems(path)
    finally:
        path.write_bytes(sound)


def test_how_many_embeddings_are_damaged_is_counted(path: Path) -> None:
    for number in (3, 4, 29):
        flip(path, row_at(path, number))
    (check,) = verify(path)
    assert (check.rows, check.damaged) == (30, 3)


def test_a_store_under_the_name_of_another_recipe_is_told(path: Path) -> None:
    other = path.with_name("mean_colour-00000000.h5")
    path.rename(other)
    assert "made by another recipe than its name says" in problems(other)
    assert MEAN_COLOUR.name in problems(other)


def test_a_damaged_part_is_told_by_its_name(path: Path) -> None:
    part = a_part(path, [50])
    flip(part, row_at(part, 50))
    first, second = verify(path)
    assert (first.problems, second.path) == ([], part)
    assert second.problems == ["1 of 1 embeddings fail their checksum"]


def test_a_recipe_of_another_version_is_told(tmp_path: Path) -> None:
    other = replace(MEAN_COLOUR, format=99)
    store_file.write_store_file(tmp_path / "a.h5", other, np.empty(0, "S64"), [], (0,), {})
    assert "recipe format 99" in problems(tmp_path / "a.h5")


@pytest.mark.parametrize("command", [verify, repair])
def test_a_store_that_is_not_there_is_told(tmp_path: Path, command: Damage) -> None:
    with pytest.raises(BlastlineError, match=r"none\.h5: no such file; expected"):
        command(tmp_path / "none.h5")
    assert not list(tmp_path.iterdir())
