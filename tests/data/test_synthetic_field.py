"""Synthetic fields: truth that fits the picture, and a set that is whole and repeatable."""

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from data.errors import BlastlineError
from data.synthetic_cell import CELL_CLASSES
from data.synthetic_field import Field, draw_field
from data.synthetic_fields import COLUMNS, generate_fields

LABELS = ["L1", "L2", "L3", "Normal", "Blast"]


def drawn(seed: int, labels: list[str] = LABELS, touching: int = 0) -> Field:
    return draw_field(np.random.default_rng(seed), labels, touching=touching, width=600, height=500)


@pytest.fixture(scope="module")
def fields() -> list[Field]:
    return [drawn(seed, touching=seed % 3) for seed in range(6)]


def test_a_field_is_fixed_by_its_seed() -> None:
    one, same, other = drawn(1), drawn(1), drawn(2)
    assert (one.image == same.image).all()
    assert (one.cells == same.cells).all()
    assert (one.image != other.image).any()
    assert one.image.shape == (500, 600, 3)
    assert one.image.dtype == np.uint8
    assert one.cells.dtype == one.nuclei.dtype == np.int32


def test_boxes_are_those_of_the_masks_and_nuclei_lie_in_their_cells(fields: list[Field]) -> None:
    for field in fields:
        assert set(np.unique(field.cells)) == {0, *range(1, len(LABELS) + 1)}
        for number, (x0, y0, x1, y1) in enumerate(field.boxes, 1):
            rows, columns = ndimage.find_objects(field.cells)[number - 1]
            assert (x0, y0, x1, y1) == (columns.start, rows.start, columns.stop, rows.stop)
            edge = x0 == 0 or y0 == 0 or x1 == 600 or y1 == 500
            assert field.touches_edge[number - 1] == edge
        inside = field.nuclei > 0
        assert (field.cells[inside] == field.nuclei[inside]).all()


def test_nuclei_are_the_darkest_and_red_cells_fill_the_rest(fields: list[Field]) -> None:
    for field in fields:
        grey = field.image.astype(float).mean(axis=2)
        ground = np.percentile(grey, 90)
        rest = grey[ndimage.binary_dilation(field.cells > 0, iterations=4) == 0]
        assert np.median(grey[field.nuclei > 0]) < np.percentile(rest, 1)
        red_cells = (rest < 0.93 * ground).mean()
        assert 0.05 < red_cells < 0.7


@pytest.mark.parametrize("touching", [0, 1, 2])
def test_only_the_pairs_that_were_asked_for_touch(touching: int) -> None:
    for seed in range(3):
        field = drawn(seed, touching=touching)
        near = [
            {int(n) for n in np.unique(field.cells[ndimage.binary_dilation(field.cells == number,
             iterations=2)])} - {0, number}
            for number in range(1, len(LABELS) + 1)
        ]  # fmt: skip
        expected = [{n + 2 if n % 2 == 0 else n} if n < 2 * touching else set() for n in range(5)]
        assert near == expected


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: drawn(0, ["L4"]), "L4"),
        (lambda: drawn(0, ["L1"], 1), "2 cells"),
        (lambda: drawn(0, ["L2"] * 60), "no place"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(call: Callable[[], Field], named: str) -> None:
    with pytest.raises(BlastlineError, match=named):
        call()


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_a_set_holds_fields_masks_and_truth_and_is_repeatable(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert generate_fields(tmp_path / name, fields=2, cells=3, width=400, height=300) == 2
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "two")
    with (tmp_path / "one/truth.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 6
    for row in rows:
        image = cv2.imread(str(tmp_path / "one" / row["path"]))
        mask = cv2.imread(str(tmp_path / f"one/cells/{row['patient']}.png"), cv2.IMREAD_UNCHANGED)
        nuclei = cv2.imread(
            str(tmp_path / f"one/nuclei/{row['patient']}.png"), cv2.IMREAD_UNCHANGED
        )
        assert image is not None and mask is not None and nuclei is not None
        assert image.shape == (300, 400, 3)
        assert mask.dtype == np.uint16
        x, y, w, h = cv2.boundingRect((mask == int(row["number"])).astype(np.uint8))
        assert [x, y, x + w, y + h] == [int(row[side]) for side in ("x0", "y0", "x1", "y1")]
        assert set(np.unique(nuclei[mask == int(row["number"])])) <= {0, int(row["number"])}
        assert row["label"] in CELL_CLASSES
    before = (tmp_path / "one/truth.csv").stat().st_mtime_ns
    generate_fields(tmp_path / "one", fields=2, cells=3, width=400, height=300)
    assert (tmp_path / "one/truth.csv").stat().st_mtime_ns == before


def test_a_folder_of_other_things_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BlastlineError, match="something else"):
        generate_fields(tmp_path, fields=1, cells=1)
    assert contents(tmp_path) == {"mine.txt": b"mine"}
