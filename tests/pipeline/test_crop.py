"""Cropping cells out of smear fields: what is written, resumed, refused, labelled and kept."""

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.cards import load_card
from data.decode import decode
from data.synthetic_fields import generate_fields
from tests.data.folders import scan
from tests.pipeline.commands import Done, Guarded, interrupted, refused
from tests.shared import BCCD, needs_shared

STOP_AFTER = """
import importlib
from contextlib import contextmanager
stage = importlib.import_module("pipeline.crop")
shown = stage.progress

@contextmanager
def progress(title, unit):
    with shown(title, unit) as update:
        def stopping(done, total, what=""):
            update(done, total, what)
            if done == 2:
                os.kill(os.getpid(), signal.SIGINT)
        yield stopping

stage.progress = progress
"""
STOPPED = 130


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn fields of three cells each; only read."""
    root = tmp_path_factory.mktemp("drawn") / "smears"
    generate_fields(root, seed=3, fields=3, cells=3, touching=0, width=500, height=400)
    return root / "fields"


@pytest.fixture
def own(fields: Path, tmp_path: Path) -> Path:
    """The same fields, to be changed."""
    folder = tmp_path / "smears"
    folder.mkdir()
    for path in fields.glob("*.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def table(out: Path) -> list[dict[str, str]]:
    with (out / "labels.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def well(done: Done) -> Done:
    assert (done.code, done.err) == (0, ""), done.err
    return done


def image(path: Path) -> np.ndarray:
    return decode(path.read_bytes())


def centre(row: dict[str, str]) -> tuple[int, int]:
    x0, y0, x1, y1 = (int(row[side]) for side in ("x0", "y0", "x1", "y1"))
    return (x0 + x1) // 2, (y0 + y1) // 2


def test_cells_are_cut_out_of_the_field_and_listed(
    fields: Path, tmp_path: Path, guarded: Guarded
) -> None:
    out = tmp_path / "cells"
    done = well(guarded("crop", fields, "--out", out))
    rows = table(out)
    assert list(rows[0]) == [
        "path", "label", "patient", "group", "source", "field", "x0", "y0", "x1", "y1",
        "touches_edge",
    ]  # fmt: skip
    assert f"{len(rows)} cells of 3 fields" in done.out
    assert {row["field"] for row in rows} == {"P01.png", "P02.png", "P03.png"}
    assert len(rows) >= 8
    for row in rows:
        assert (row["label"], row["patient"], row["group"]) == ("", "", row["field"])
        crop, field = image(out / row["path"]), image(fields / row["field"])
        assert crop.shape[0] == crop.shape[1]
        _, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(field, crop, cv2.TM_SQDIFF))
        side = len(crop)
        assert (field[y : y + side, x : x + side] == crop).all()  # the very pixels
        box = [int(row[side]) for side in ("x0", "y0", "x1", "y1")]
        longer = max(box[2] - box[0], box[3] - box[1])
        assert crop.shape[0] == pytest.approx(1.4 * longer, abs=1)
    overlays = sorted(path.name for path in (out / "overlays").iterdir())
    assert overlays == ["P01.png.jpg", "P02.png.jpg", "P03.png.jpg"]
    for name in overlays:
        overlay, field = image(out / "overlays" / name), image(fields / name[:-4])
        assert (np.abs(overlay.astype(int) - field) > 60).any()


def test_the_same_fields_give_the_same_bytes_and_are_not_cropped_again(
    fields: Path, tmp_path: Path, guarded: Guarded
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for out in (one, two):
        well(guarded("crop", fields, "--out", out, "--size", 64))
    assert contents(one) == contents(two)
    assert {image(one / row["path"]).shape for row in table(one)} == {(64, 64, 3)}
    times = {path: path.stat().st_mtime_ns for path in one.rglob("*.png")}
    (one / table(one)[0]["path"]).unlink()
    well(guarded("crop", fields, "--out", one, "--size", 64))
    assert contents(one) == contents(two)
    kept = [path for path in times if path.name.startswith(("P02", "P03"))]
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)


def test_ctrl_c_keeps_the_finished_fields(fields: Path, tmp_path: Path, guarded: Guarded) -> None:
    out, whole = tmp_path / "cells", tmp_path / "whole"
    done = interrupted(STOP_AFTER, "crop", fields, "--out", out)
    assert done.code == STOPPED, done.err
    assert {row["field"] for row in table(out)} == {"P01.png", "P02.png"}
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp")]
    well(guarded("crop", fields, "--out", out))
    well(guarded("crop", fields, "--out", whole))
    assert contents(out) == contents(whole)


def test_labels_that_a_user_filled_in_stay(own: Path, tmp_path: Path, guarded: Guarded) -> None:
    out = tmp_path / "cells"
    first, last = own / "P01.png", own / "P03.png"
    well(guarded("crop", first, "--out", out))
    text = (out / "labels.csv").read_text()
    path = table(out)[0]["path"]
    (out / "labels.csv").write_text(text.replace(f"{path},,", f"{path},L1,7"))
    well(guarded("crop", last, "--out", out))  # more fields come to those of before
    rows = {row["path"]: row for row in table(out)}
    assert {row["field"] for row in rows.values()} == {"P01.png", "P03.png"}
    assert (rows[path]["label"], rows[path]["patient"]) == ("L1", "7")


def test_the_crops_are_a_set_whose_fields_never_part(
    fields: Path, tmp_path: Path, guarded: Guarded
) -> None:
    out = tmp_path / "cells"
    well(guarded("crop", fields, "--out", out))
    lines = (out / "labels.csv").read_text().splitlines()
    labelled = [line.replace(",", f",{'AB'[n % 2]}", 1) for n, line in enumerate(lines[1:])]
    (out / "labels.csv").write_text("\n".join([lines[0], *labelled]) + "\n")
    frame = scan(load_card("csv"), out, folds=2).manifest.frame
    assert len(frame) == len(lines) - 1  # overlays are no cells
    fields_of = {row["path"]: row["field"] for row in table(out)}
    assert frame.groupby(frame.path.map(fields_of)).fold.nunique().max() == 1


def test_unreadable_fields_are_one_line_each(own: Path, tmp_path: Path, guarded: Guarded) -> None:
    (own / "P02.png").write_bytes((own / "P02.png").read_bytes()[:3000])
    (own / "text.jpg").write_text("no image")
    (own / os.fsdecode(b"caf\xe9.png")).write_bytes((own / "P01.png").read_bytes())
    done = guarded("crop", own, "--out", tmp_path / "cells")
    assert done.code == 3
    assert len(done.err.splitlines()) == 3
    assert "P02.png" in done.err and "text.jpg" in done.err
    assert {row["field"] for row in table(tmp_path / "cells")} == {"P01.png", "P03.png"}
    assert "of 2 fields" in done.out
    refused(guarded("crop", own / "text.jpg", "--out", tmp_path / "none"), "none of 1")


def test_crops_within_the_folder_of_the_fields_are_no_fields(
    own: Path, tmp_path: Path, guarded: Guarded
) -> None:
    for _ in range(2):
        assert "of 3 fields" in well(guarded("crop", own, "--out", own / "cells")).out
    assert {row["field"] for row in table(own / "cells")} == {"P01.png", "P02.png", "P03.png"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["{none}"], "no image"),
        (["{fields}", "--size", "3"], "--size is 3"),
        (["{fields}", "--margin", "-1"], "--margin is -1"),
        (["{fields}", "--classes", "WBC"], "--annotations"),
        (["{fields}", "--dataset", "no_such_card"], "no_such_card"),
        (["{fields}/P01.png", "{copy}/P01.png"], "both called 'P01.png'"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    arguments: list[str], named: str, fields: Path, tmp_path: Path, guarded: Guarded
) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/P01.png").write_bytes((fields / "P01.png").read_bytes())
    filled = [
        each.format(fields=fields, none=tmp_path / "none", copy=tmp_path / "copy")
        for each in arguments
    ]
    refused(guarded("crop", *filled, "--out", tmp_path / "cells"), named)
    assert not (tmp_path / "cells").exists()


def test_a_folder_of_other_things_and_other_settings_are_refused(
    own: Path, tmp_path: Path, guarded: Guarded
) -> None:
    out = tmp_path / "cells"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    refused(guarded("crop", own, "--out", out), "mine.txt")
    assert contents(out) == {"mine.txt": b"mine"}
    (out / "mine.txt").unlink()
    well(guarded("crop", own / "P01.png", "--out", out))
    before = contents(out)
    refused(guarded("crop", own / "P01.png", "--out", out, "--margin", 0.5), "crop.json")
    (own / "P01.png").write_bytes((own / "P02.png").read_bytes())  # another field of that name
    refused(guarded("crop", own / "P01.png", "--out", out), "none of 1")
    assert contents(out) == before


BOX = (
    "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin>"
    "<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def test_boxes_are_cropped_where_they_were_drawn_with_their_class(
    own: Path, tmp_path: Path, guarded: Guarded
) -> None:
    body = BOX.format("WBC", 40, 50, 100, 120) + BOX.format("RBC", 5, 5, 45, 45)
    (tmp_path / "Annotations").mkdir()
    marks = tmp_path / "Annotations/P01.xml"
    marks.write_text(f"<annotation>{body}</annotation>")
    call = ["crop", own / "P01.png", "--annotations", "--dataset", "bccd", "--out"]
    well(guarded(*call, tmp_path / "cells"))
    (row,) = table(tmp_path / "cells")
    assert (row["label"], row["touches_edge"]) == ("WBC", "0")
    assert [row[side] for side in ("x0", "y0", "x1", "y1")] == ["40", "50", "100", "120"]
    well(guarded(*call, tmp_path / "red", "--classes", "RBC"))
    assert [row["label"] for row in table(tmp_path / "red")] == ["RBC"]
    marks.write_text("<annotation>")  # the crops of changed annotations are made anew
    refused(guarded(*call, tmp_path / "cells"), "none of 1")
    (own / "P02.xml").write_text(f"<annotation>{body}</annotation>")
    done = guarded("crop", own / "P01.png", own / "P02.png", "--annotations", "--out",
                   tmp_path / "both")  # fmt: skip
    assert done.code == 3
    assert "P01.xml" in done.err
    assert [row["field"] for row in table(tmp_path / "both")] == ["P02.png"]


def test_centroids_mark_blasts_and_a_healthy_field_is_healthy(
    own: Path, tmp_path: Path, guarded: Guarded
) -> None:
    folder = tmp_path / "im"
    folder.mkdir()
    sick, well_ = folder / "Im001_1.png", folder / "Im002_0.png"
    sick.write_bytes((own / "P01.png").read_bytes())
    well_.write_bytes((own / "P02.png").read_bytes())
    well(guarded("crop", sick, "--out", tmp_path / "found"))
    found = table(tmp_path / "found")
    x, y = centre(found[0])
    (tmp_path / "xyc").mkdir()
    (tmp_path / "xyc/Im001_1.xyc").write_text(f"{x}\t{y}\n")
    (tmp_path / "xyc/Im002_0.xyc").write_text("")
    well(guarded("crop", folder, "--out", tmp_path / "cells", "--annotations"))
    rows = table(tmp_path / "cells")
    labels = [row["label"] for row in rows if row["field"] == sick.name]
    assert labels == ["blast"] + [""] * (len(found) - 1)
    assert {row["label"] for row in rows if row["field"] == well_.name} == {"healthy"}


def test_a_field_without_annotations_is_told_and_left_unlabelled(
    own: Path, tmp_path: Path, guarded: Guarded
) -> None:
    done = guarded("crop", own / "P01.png", "--annotations", "--out", tmp_path / "cells")
    assert done.code == 0
    assert done.err.count("\n") == 1
    assert "no annotation file" in done.err
    assert {row["label"] for row in table(tmp_path / "cells")} == {""}


@needs_shared
def test_white_cells_of_real_fields_are_cropped_at_their_boxes(
    tmp_path: Path, guarded: Guarded
) -> None:
    paths = sorted((BCCD / "BCCD/JPEGImages").glob("*.jpg"))[10:13]
    call = ["crop", *paths, "--dataset", "bccd", "--annotations", "--out", tmp_path / "cells"]
    well(guarded(*call))
    rows = table(tmp_path / "cells")
    assert len(rows) >= 3
    assert {row["label"] for row in rows} == {"WBC"}
    assert {row["field"] for row in rows} == {path.name for path in paths}
