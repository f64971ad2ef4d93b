from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data.errors import BlastlineError
from data.synthetic import generate
from data.synthetic_cell import CELL_CLASSES, CLEARANCE_UM, FIELD_UM, Stain, draw_cell, render_cell

SMALL: dict[str, Any] = {"patients": 4, "cells": 5, "unlabelled": 2, "size": 64}


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def truth(root: Path) -> dict[str, str]:
    with (root / "truth.csv").open(newline="", encoding="utf-8") as file:
        return {row["path"]: row["label"] for row in csv.DictReader(file)}


def stain(seed: int = 0) -> Stain:
    return Stain.draw(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def full_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("full") / "cells"
    assert generate(root, size=64) == 24 * (24 + 8)
    return root


@pytest.fixture(scope="module")
def geometry() -> dict[str, np.ndarray]:
    """Per class an (80, 3) array: area of the nucleus in um2, N/C ratio, solidity."""
    result = {}
    for name in CELL_CLASSES:
        rows = []
        for i in range(80):
            slide = stain(i)
            drawn = draw_cell(name, slide, np.random.default_rng([i, 1]), 96)
            pixel = (FIELD_UM / (96 * slide.scale)) ** 2
            outlines, _ = cv2.findContours(drawn.nucleus.astype(np.uint8), 0, 1)
            outline = max(outlines, key=cv2.contourArea)
            solidity = cv2.contourArea(outline) / cv2.contourArea(cv2.convexHull(outline))
            nucleus, cell = drawn.nucleus.sum(), drawn.cell.sum()
            rows.append((nucleus * pixel, nucleus / cell, solidity))
        result[name] = np.array(rows)
    return result


@pytest.mark.parametrize("name", CELL_CLASSES)
@pytest.mark.parametrize("size", [64, 97])
def test_a_cell_is_an_rgb_image_fixed_by_its_seed(name: str, size: int) -> None:
    one, same, other = (
        render_cell(name, stain(), np.random.default_rng(seed), size) for seed in (1, 1, 2)
    )
    assert one.shape == (size, size, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_nucleus_is_central_darkest_and_inside_the_cell() -> None:
    for name in CELL_CLASSES:
        for seed in range(10):
            drawn = draw_cell(name, stain(seed), np.random.default_rng(seed), 96)
            green = drawn.image[..., 1].astype(float)
            assert drawn.nucleus[40:56, 40:56].mean() > 0.5
            assert not (drawn.nucleus & ~drawn.cell).any()
            assert green[drawn.nucleus].mean() + 40 < green[~drawn.cell].mean()


def test_surroundings_tell_nothing_about_the_class() -> None:
    """The same random state gives every class the same pixels around the cell."""
    size = 96
    across = np.abs(np.arange(size) - (size - 1) / 2) * FIELD_UM / size
    far = np.hypot(across[:, None], across[None, :]) > CLEARANCE_UM + 3.5  # cell's jitter, blur
    for seed in range(8):
        first, *others = (
            render_cell(name, stain(seed), np.random.default_rng(seed), size)[far]
            for name in CELL_CLASSES
        )
        assert first.std() > 0
        assert all(np.array_equal(first, other) for other in others)


def test_classes_follow_the_fab_description(geometry: dict[str, np.ndarray]) -> None:
    area, nc, solidity = (
        {name: rows[:, column].mean() for name, rows in geometry.items()} for column in range(3)
    )
    assert area["Normal"] < area["L1"] < area["Blast"] < min(area["L2"], area["L3"])
    assert nc["L1"] == max(nc.values())
    assert max(nc["L2"], nc["L3"]) < min(nc["Normal"], nc["Blast"])
    assert solidity["L2"] == min(solidity.values())


def test_classes_overlap_so_that_no_single_measure_tells_them_apart(
    geometry: dict[str, np.ndarray],
) -> None:
    for small, large in (("Normal", "L1"), ("L1", "Blast"), ("Blast", "L2")):
        assert geometry[small][:, 0].max() > np.median(geometry[large][:, 0])
        assert geometry[small][:, 0].std() > 2


def test_l3_has_deep_blue_cytoplasm_with_vacuoles() -> None:
    redness, spread = {}, {}
    for name in ("L2", "L3"):
        drawn = [draw_cell(name, stain(i), np.random.default_rng(i), 128) for i in range(30)]
        reds = [d.image[..., 0][d.cell & ~d.nucleus].astype(float) for d in drawn]
        redness[name] = np.mean([np.median(red) for red in reds])
        spread[name] = np.mean([np.percentile(red, 95) - np.median(red) for red in reds])
    assert redness["L3"] < redness["L2"] - 20
    assert spread["L3"] > spread["L2"]


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(BlastlineError, match=r"'L4'.*Normal, Blast, L1, L2, L3"):
        render_cell("L4", stain(), np.random.default_rng(0))


def test_layout_holds_labelled_and_unlabelled_cells(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "cells"
    calls: list[tuple[int, int]] = []
    count = generate(root, **SMALL, progress=lambda done, total: calls.append((done, total)))
    assert count == 4 * (5 + 2)
    assert calls == [(done, count) for done in range(1, count + 1)]
    labels = truth(root)
    assert set(contents(root)) == {*labels, "truth.csv", "synthetic.json"}
    assert len(labels) == count
    patients: Counter[str] = Counter()
    for path, label in labels.items():
        folder, name = path.split("/")
        assert label in CELL_CLASSES
        assert folder in (label, "unlabelled")
        patients[f"{name[:3]} {folder == 'unlabelled'}"] += 1
        image = cv2.imread(str(root / path))
        assert image is not None
        assert image.shape == (64, 64, 3)
    assert patients == {
        f"P{p:02d} {hidden}": n for p in range(1, 5) for hidden, n in ((False, 5), (True, 2))
    }


def test_files_are_rgb_as_drawn(tmp_path: Path) -> None:
    generate(tmp_path / "cells", **SMALL)
    for path in (tmp_path / "cells").glob("*/*.png"):
        blue, _, red = np.asarray(cv2.imread(str(path)), float)[[0, -1]].mean((0, 1))
        assert red > blue - 25  # paper is beige, at the bluest lilac; never blue


def test_every_class_occurs_in_enough_patients_for_grouped_folds(full_set: Path) -> None:
    patients = defaultdict(set)
    for path, label in truth(full_set).items():
        if not path.startswith("unlabelled"):
            patients[label].add(path.split("/")[1][:3])
    assert set(patients) == set(CELL_CLASSES)
    assert min(len(who) for who in patients.values()) >= 8


def test_a_patient_has_mostly_one_disease(full_set: Path) -> None:
    cells: dict[str, Counter[str]] = defaultdict(Counter)
    for path, label in truth(full_set).items():
        cells[path.split("/")[1][:3]][label] += 1
    commonest = [counts.most_common(1)[0] for counts in cells.values()]
    assert {name for name, _ in commonest} == {"Normal", "L1", "L2", "L3"}
    assert np.mean([n for _, n in commonest]) > 0.5 * 32
    assert min(len(counts) for counts in cells.values()) >= 2


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        generate(tmp_path / name, seed=seed, **SMALL)
    a, b, c = (contents(tmp_path / name) for name in "abc")
    assert a == b
    assert not set(map(hash, c.values())) & set(map(hash, a.values()))
    assert len(set(a.values())) == len(a)  # no two cells alike


def test_a_complete_set_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "cells"
    generate(root, **SMALL)
    before = {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in root.rglob("*")}

    def drawn(done: int, total: int) -> None:
        pytest.fail("nothing was to be drawn")

    assert generate(root, **SMALL, progress=drawn) == 28
    assert {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in root.rglob("*")} == before


def test_an_incomplete_or_different_set_is_replaced(tmp_path: Path) -> None:
    root = tmp_path / "cells"
    generate(root, **SMALL)
    whole = contents(root)
    (root / next(iter(truth(root)))).unlink()
    generate(root, **SMALL)
    assert contents(root) == whole
    generate(root, **{**SMALL, "cells": 2})
    assert len(truth(root)) == 4 * (2 + 2)
    assert len(contents(root)) == 16 + 2
    assert [p.name for p in tmp_path.iterdir()] == ["cells"]


@pytest.mark.parametrize("exists", [False, True])
def test_an_interruption_leaves_what_was_there(tmp_path: Path, exists: bool) -> None:
    root = tmp_path / "cells"
    if exists:
        generate(root, seed=1, **SMALL)
    before = contents(tmp_path)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(root, **SMALL, progress=stop)
    assert contents(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == (["cells"] if exists else [])


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    assert generate(tmp_path / "cells", **SMALL) == len(truth(tmp_path / "cells"))


@pytest.mark.parametrize("where", ["folder", "file", "other json", "own file in a set"])
def test_what_is_not_a_synthetic_set_is_never_touched(tmp_path: Path, where: str) -> None:
    root = tmp_path / "cells"
    if where == "file":
        root.write_text("mine")
    elif where == "own file in a set":
        generate(root, seed=1, **SMALL)
        (root / "L1" / "mine.png").write_text("mine")
    else:
        (root / "L1").mkdir(parents=True)
        (root / "L1" / "mine.png").write_text("mine")
        if where == "other json":
            (root / "synthetic.json").write_text('{"kind": "music"}')
            (root / "truth.csv").write_text("path,label\nL1/mine.png,L1\n")
    before = contents(tmp_path)
    with pytest.raises(BlastlineError, match="not part of a synthetic set") as error:
        generate(root, **SMALL)
    assert str(root) in str(error.value)
    assert "\n" not in str(error.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patients", 1),
        ("cells", 0),
        ("unlabelled", -1),
        ("size", 63),
        ("seed", -1),
        ("size", 64.0),
        ("cells", True),
    ],
)
def test_an_argument_out_of_range_is_named(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(BlastlineError, match=f"{name} is {value!r}") as error:
        generate(tmp_path / "cells", **{**SMALL, name: value})
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BlastlineError, match="could not write the synthetic set"):
        generate(tmp_path / "file" / "cells", **SMALL)
