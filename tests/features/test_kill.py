"""Real extractions that are killed at any moment, or whose disk is full, and resumed."""

import hashlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from features.backbones import find_backbone
from features.recipe import Recipe
from features.repair import repair
from features.store import locked, part_files
from features.weights import resolve_weights
from tests.data.images import MEAN_COLOUR, write_images
from tests.features.kill_worker import (
    DEADLINE,
    ROOT,
    WORKER,
    Task,
    computed,
    content_of,
    elsewhere,
    finish,
    keys_of,
    logged,
    task_in,
)
from tests.features.stores import flip, parts_folder, problems
from tests.shared import WEIGHTS, needs_shared, pbc_cells

CELLS, CUT = 400, 7  # real images, and how many of them are cut short


def kill_after(task: Task, count: int) -> bool:
    """Kill a process when it has logged ``count`` more images; False if it had ended before."""
    wanted = len(logged(task)) + count
    deadline = time.monotonic() + DEADLINE
    with subprocess.Popen(
        WORKER, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as child:
        assert child.stdin
        child.stdin.write(task.to_json())
        child.stdin.close()
        while child.poll() is None and len(logged(task)) < wanted:
            assert time.monotonic() < deadline
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.001)
        child.kill()
    return child.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Task:
    """Real cells, a few of them cut short, for a real network that is converted already."""
    folder = tmp_path_factory.mktemp("real") / "cells"
    row = find_backbone("mobilenet_v2")
    weights = resolve_weights(row, str(WEIGHTS), alpha=0.35, layer="", seed=0)
    recipe = Recipe(row.name, weights.source, weights.digest, size=row.size, alpha=0.35)
    images, contents = [], []
    for number, cell in enumerate(pbc_cells(CELLS)):
        content = cell.read_bytes()
        contents.append(content[: len(content) // 3] if number % 60 == 5 else content)
        images.append((hashlib.sha256(contents[-1]).hexdigest(), f"{number}.jpg"))
    task = task_in(folder, recipe, images, cache)
    Path(task.root).mkdir()
    for (_, path), content in zip(images, contents, strict=True):
        (Path(task.root) / path).write_bytes(content)
    return task


WHILE_EMBEDDING = 10
# Moments of a process that still writes parts, and of one that has only to merge them.
WRITING = [("move", 1), ("sync", 4), ("remove", 2), ("move", 3)]
MERGING = [
    ("merge", 1), ("sync", 1), ("move", 1), ("sync", 2), ("remove", 4), ("remove", 9),
    ("remove folder", 1),
]  # fmt: skip


@needs_shared
def test_an_extraction_killed_twenty_times_ends_as_one_that_was_not(
    real: Task, tmp_path: Path
) -> None:
    engine = real.make_engine()  # converts the network
    at_stake = real.block + (engine.streams + 2) * engine.batch  # a block and what is in the engine
    undisturbed = elsewhere(real, tmp_path / "undisturbed")
    embedded = computed(undisturbed)
    assert len(set(logged(undisturbed))) == len(logged(undisturbed)) == embedded == CELLS - CUT
    expected = content_of(undisturbed)
    assert set(expected) == set(keys_of(real))

    task = elsewhere(real, tmp_path / "killed")
    chance = random.Random(7)
    rounds = [*WRITING, *[None] * WHILE_EMBEDDING]
    chance.shuffle(rounds)
    stored: dict[str, object] = {}
    for number, die in enumerate([*rounds, *MERGING]):
        before = len(logged(task))
        if die:
            assert finish(task.but(die=die)).returncode == -signal.SIGKILL, die
        else:
            share = (CELLS - len(stored)) // (len(rounds) - number + 3)
            assert kill_after(task, chance.randint(1, share))
        now = logged(task)
        assert not set(now[before:]) & set(stored)  # what is on disk is not computed again
        stored = content_of(task)
        assert stored.items() <= expected.items()
        assert len(set(now) - set(stored)) <= at_stake
        assert problems(Path(task.store)) == "" if stored else True
    assert max(Counter(logged(task)).values()) <= 1 + len(rounds)
    assert computed(task) == 0
    assert content_of(task) == expected
    assert problems(Path(task.store)) == ""
    names = {each.name for each in Path(task.store).parent.iterdir()}
    assert names == {"log", Path(task.store).name, f"{Path(task.store).name}.lock"}


# A full disk, damage between two processes, two processes at once


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """Many small images, done by the cheapest engine: six parts of 64, and 16."""
    folder = tmp_path_factory.mktemp("small") / "cells"
    task = task_in(folder, MEAN_COLOUR, write_images(folder / "images", 400), folder)
    task = task.but(block=64)
    assert computed(task) == 400
    return task


@pytest.fixture
def expected(undisturbed: Task) -> dict[str, object]:
    """What the store holds in the end, whatever happens."""
    return content_of(undisturbed)


@pytest.fixture
def cheap(undisturbed: Task, tmp_path: Path) -> Task:
    """The same images into a store of this test's own."""
    return elsewhere(undisturbed, tmp_path / "cheap")


def first_of(task: Task, count: int) -> Task:
    """The same with some of its images."""
    some = Path(task.store).with_name("some.txt")
    some.write_text("".join(Path(task.images).read_text().splitlines(keepends=True)[:count]))
    return task.but(images=str(some))


def contents(task: Task) -> dict[str, bytes]:
    """Every file of the store but its lock, half-made ones included."""
    store = Path(task.store)
    found = [*store.parent.glob(f"*{store.name}*"), *parts_folder(store).glob("*")]
    return {each.name: each.read_bytes() for each in found if each.suffix in (".h5", ".tmp")}


def complaint(task: Task) -> str:
    """The one line in which a process says why it ends."""
    done = finish(task)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("room", [1, 9_000, 11_000, 14_000, -1])
def test_a_disk_that_fills_up_while_a_part_is_written_costs_no_other_part(
    cheap: Task, expected: dict[str, object], room: int
) -> None:
    finish(cheap.but(die=("move", 4)))
    first, second, third = part_files(Path(cheap.store))
    before = {each.name: each.read_bytes() for each in (first, second, third)}
    limit = room if room > 0 else len(third.read_bytes()) - 1
    line = complaint(cheap.but(limit=limit, log="/dev/null"))
    fourth = third.with_name("000003.h5")
    assert line == (
        f"blastline: {fourth} cannot be written (File too large); "
        "check the path, rights and disk space\n"
    )
    kept = contents(cheap)
    assert before.items() <= kept.items()
    assert {Path(name).suffix for name in kept} == {".h5"}  # nothing half-made
    stored = content_of(cheap)
    assert 3 * 64 <= len(stored) < 400
    assert computed(cheap) == 400 - len(stored)
    assert content_of(cheap) == expected


def test_a_disk_that_fills_up_while_parts_are_merged_costs_nothing(
    cheap: Task, expected: dict[str, object], undisturbed: Task
) -> None:
    store = Path(cheap.store)
    assert computed(first_of(cheap, 100)) == 100
    finish(cheap.but(die=("merge", 1)))
    before = contents(cheap)
    assert store.name in before
    whole = Path(undisturbed.store).stat().st_size
    for limit in (len(before[store.name]), whole - 1):
        line = complaint(cheap.but(limit=limit))
        assert line.startswith(f"blastline: {store} cannot be written (File too large); check")
        assert contents(cheap) == before
    assert computed(cheap) == 0
    assert content_of(cheap) == expected
    assert problems(store) == ""


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_part_damaged_between_two_processes_is_computed_again(
    cheap: Task, expected: dict[str, object], damage: str
) -> None:
    finish(cheap.but(die=("move", 6)))
    part = part_files(Path(cheap.store))[2]
    content = part.read_bytes()
    if damage == "flip":
        flip(part, len(content) // 2)
    else:
        part.write_bytes(content[: -len(content) // 3] if damage == "cut" else b"")
    assert problems(Path(cheap.store))
    assert computed(cheap) == 400 - 4 * 64
    assert content_of(cheap) == expected
    assert problems(Path(cheap.store)) == ""


def test_a_byte_flipped_in_the_store_is_told_with_the_mend_which_mends_it(
    cheap: Task, expected: dict[str, object]
) -> None:
    store = Path(cheap.store)
    assert computed(first_of(cheap, 300)) == 300
    row = expected[keys_of(cheap)[123]]
    assert isinstance(row, bytes)
    flip(store, store.read_bytes().index(row) + 2)
    assert complaint(cheap) == (
        f"blastline: {store}: embedding 123 of 300 does not match its checksum; "
        f"run 'blastline repair {store}' and extract again\n"
    )
    done = repair(store)
    assert (done.kept, done.lost) == (399, 1)
    assert computed(cheap) == 1
    assert content_of(cheap) == expected
    assert problems(store) == ""


def test_a_second_process_is_told_who_writes_and_changes_nothing(cheap: Task) -> None:
    finish(cheap.but(die=("move", 3)))
    before = contents(cheap)
    with locked(Path(cheap.store)):
        assert complaint(cheap) == (
            f"blastline: {cheap.store}: another extraction (process {os.getpid()}) is writing "
            "this store; wait for it to end\n"
        )
        assert contents(cheap) == before
    assert computed(cheap) == 400 - 2 * 64
