"""Cells from zip files, folders and smear fields; what is kept, and what is refused."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.decode import decode
from data.errors import BlastlineError
from features.smearnet.cells import FORMAT, SIDE, crop, fine_label, open_cells
from tests.features.smearnet.made_up import folder_of_cells, zipped
from tests.shared import BCCD, needs_shared


def quiet(done: int, total: int) -> None:
    assert 0 < done <= total


def never(done: int, total: int) -> None:
    raise AssertionError("decoded again")


def test_a_zip_and_a_folder_give_the_same_cells(tmp_path: Path) -> None:
    folder = folder_of_cells(tmp_path / "cells")
    archive = zipped(folder, tmp_path / "cells.zip")
    (folder / "notes.txt").write_text("no image")
    one = open_cells(folder, None, tmp_path / "one", quiet)
    other = open_cells(archive, None, tmp_path / "other", quiet)
    assert one.pixels.shape == (13, SIDE, SIDE, 3)
    assert (one.pixels == other.pixels).all()
    assert list(one.labels) == list(other.labels)
    assert one.digests == other.digests
    assert sorted(one.labels) == [""] + [name for name in ("BA", "EO", "MO") for _ in range(4)]
    path = folder / "class of EO/EO_2.png"
    expected = cv2.resize(decode(path.read_bytes()), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    assert any((each == expected).all() for each in one.pixels)


def test_the_same_sources_are_decoded_once_and_changed_ones_again(tmp_path: Path) -> None:
    folder = folder_of_cells(tmp_path / "cells")
    first = open_cells(folder, None, tmp_path / "out", quiet)
    again = open_cells(folder, None, tmp_path / "out", never)
    assert (first.pixels == again.pixels).all()
    (folder / "class of BA/BA_0.png").unlink()
    assert len(open_cells(folder, None, tmp_path / "out", quiet).labels) == 12
    kept = tmp_path / "out/cells.json"
    for damaged in ('{"format": 1}', kept.read_text().replace('"format": 1', '"format": 0')):
        kept.write_text(damaged)
        open_cells(folder, None, tmp_path / "out", quiet)
        assert json.loads(kept.read_text())["format"] == FORMAT


def test_an_unreadable_image_is_left_out_and_named(tmp_path: Path) -> None:
    folder = folder_of_cells(tmp_path / "cells")
    broken = folder / "class of BA/BA_1.png"
    broken.write_bytes(broken.read_bytes()[:200])
    cells = open_cells(folder, None, tmp_path / "out", quiet)
    assert len(cells.pixels) == len(cells.labels) == len(cells.boxes) == 12
    assert cells.pixels.reshape(12, -1).any(axis=1).all()
    assert "BA_1.png" in cells.unreadable[0]


def test_fine_labels() -> None:
    assert fine_label("neutrophil/BNE_123.jpg") == "BNE"
    assert fine_label("ig/IG_5.jpg") == ""
    assert fine_label("neutrophil/NEUTROPHIL_5.jpg") == ""
    assert fine_label("deep/blast cells/0001.png") == "blast cells"


def test_a_crop_has_its_cell_in_the_middle_even_at_the_edge() -> None:
    field = np.full((480, 640, 3), 200, np.uint8)
    field[0:40, 600:640] = 0
    cell = crop(field, (600, 0, 640, 40))
    assert cell.shape == (SIDE, SIDE, 3)
    assert cell[SIDE // 2 - 2 : SIDE // 2 + 2, SIDE // 2 - 2 : SIDE // 2 + 2].max() < 20
    assert cell[:4].min() > 180


@needs_shared
def test_real_fields_give_white_red_cells_and_platelets(tmp_path: Path) -> None:
    cells = open_cells(folder_of_cells(tmp_path / "cells"), BCCD, tmp_path / "out", quiet)
    kinds = {name: int((cells.boxes == name).sum()) for name in ("WBC", "RBC", "Platelets")}
    assert kinds == {"WBC": 372, "RBC": 698, "Platelets": 361}
    assert set(cells.labels[cells.boxes == "WBC"]) == {""}
    assert set(cells.labels[cells.boxes == "RBC"]) == {"RED"}
    middle = cells.pixels[:, 48:80, 48:80].astype(float)
    blueness = (middle[..., 2] - middle[..., 0]).mean(axis=(1, 2))
    assert blueness[cells.boxes == "WBC"].mean() > blueness[cells.boxes == "RBC"].mean() + 10


@pytest.mark.parametrize("kind", ["absent", "text", "empty", "locked", "no images", "no boxes"])
def test_what_is_no_source_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    source, fields = tmp_path / "source", None
    if kind == "text":
        source.write_text("no zip")
    elif kind == "empty":
        zipped(tmp_path / "nothing", source)
    elif kind == "locked":
        content = bytearray(zipped(folder_of_cells(tmp_path / "c"), source).read_bytes())
        content[content.index(b"PK\x01\x02") + 8] |= 1  # encrypted, says the directory
        source.write_bytes(content)
    elif kind == "no images":
        source.mkdir()
        (source / "a.txt").write_text("no image")
    elif kind == "no boxes":
        folder_of_cells(source)
        fields = source
    with pytest.raises(BlastlineError, match=r"(images|fields) .*; (expected|take)") as refusal:
        open_cells(source, fields, tmp_path / "out", quiet)
    assert str(source) in str(refusal.value)
