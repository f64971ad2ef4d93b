"""The audit as a part of scan and extract: what it finds is told, tied, masked and kept."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from data.synthetic_cell import Stain, render_cell
from tests.data.audit.drawn_cells import label
from tests.data.images import encode
from tests.pipeline.commands import Guarded, refused

CARD = r"""
format = 1
name = "labelled"
title = "Cells with a label"
citation = "drawn"
licence = "none"
where = "here"
classes = ["a", "b"]
pattern = '(?P<fold>fold\d)/(?P<label>a|b)/\d+\.(?:png|jpg)'
[examples]
"fold0/a/1.png" = "a"
"fold1/b/1.png" = "b"
"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two official folds of two classes; those of b bear a label in the lower right corner."""
    folder = tmp_path / "cells"
    rng = np.random.default_rng(0)
    for fold in range(2):
        for name in "ab":
            (folder / f"fold{fold}/{name}").mkdir(parents=True)
            for number in range(12):
                image = render_cell("L1", Stain.draw(rng), rng, 120)
                image = label(image, f"{number}um") if name == "b" else image
                (folder / f"fold{fold}/{name}/{number}.png").write_bytes(encode(image, "PNG"))
    (tmp_path / "labelled.toml").write_text(CARD, encoding="utf-8")
    return folder


@pytest.fixture
def options(images: Path, tmp_path: Path) -> list[object]:
    card = tmp_path / "labelled.toml"
    return ["--dataset", card, "--images", images, "--work", tmp_path / "w", "--run", "r",
            "--folds", 2]  # fmt: skip


def leak(images: Path) -> None:
    """Save a cell of fold 0 again as a JPEG of fold 1."""
    from PIL import Image

    with Image.open(images / "fold0/a/3.png") as image:
        image.save(images / "fold1/a/99.jpg", quality=80)


def test_a_label_that_follows_the_class_is_told_kept_and_masked(
    guarded: Guarded, options: list[object], tmp_path: Path
) -> None:
    done = guarded("extract", *options, "--backbone", "mean_colour", "--steps", "mask:audit").well()
    assert "WARNING: burned-in label follows the class" in done.out
    found = json.loads((tmp_path / "w/r/audit.json").read_text(encoding="utf-8"))
    (burned_in,) = found["burned_in"]
    assert burned_in["found"]
    assert f"mask:audit: {burned_in['step']}" in done.out
    record = json.loads((tmp_path / "w/r/extract.json").read_text(encoding="utf-8"))
    assert record["recipes"][0]["steps"] == [burned_in["step"]]
    corner = {each["name"]: each for each in found["trivial"]}["bottom_right"]
    assert corner["above_chance"]


def test_a_mask_needs_the_audit(guarded: Guarded, options: list[object]) -> None:
    done = guarded("extract", *options, "--backbone", "mean_colour", "--steps", "mask:audit",
                   "--no-audit")  # fmt: skip
    refused(done, "mask:audit", "--no-audit")


def test_a_recompressed_copy_joins_groups_and_stops_official_folds(
    guarded: Guarded, options: list[object], images: Path, tmp_path: Path
) -> None:
    leak(images)
    done = guarded("scan", *options).well()
    assert "1 near duplicates" in done.out
    with (tmp_path / "w/r/manifest.csv").open(encoding="utf-8") as stream:
        rows = {row["path"]: row for row in csv.DictReader(stream)}
    first, second = rows["fold0/a/3.png"], rows["fold1/a/99.jpg"]
    assert (first["group"], first["fold"]) == (second["group"], second["fold"])
    official = guarded("scan", *options, "--split", "official")
    refused(official, "--allow-overlap")
    done = guarded("scan", *options, "--split", "official", "--allow-overlap").well()
    assert "WARNING: The split leaks" in done.out


def test_an_allowed_overlap_goes_through_to_the_first_line_of_the_report(
    guarded: Guarded, options: list[object], images: Path, tmp_path: Path
) -> None:
    leak(images)
    shared = ["--work", tmp_path / "w", "--run", "r", "--backbone", "mean_colour"]
    guarded("extract", *options, "--backbone", "mean_colour", "--split", "official",
            "--allow-overlap").well()  # fmt: skip
    done = guarded("fit", *shared, "--classifiers", "logistic", "--trials", 1, "--rounds", 0)
    assert (done.code, done.err) == (0, "")
    guarded("report", *shared).well()
    page = (tmp_path / "w/r/report.html").read_text(encoding="utf-8")
    assert page.index("The split leaks: 1 group") < page.index("No patient ids")
    assert "folds are those that the data set names" in page


def test_findings_on_other_folds_are_left_out_of_the_result(
    guarded: Guarded, options: list[object], tmp_path: Path
) -> None:
    shared = ["--work", tmp_path / "w", "--run", "r", "--backbone", "mean_colour"]
    guarded("extract", *options, "--backbone", "mean_colour").well()
    guarded("audit", *options, "--seed", 5).well()
    done = guarded("fit", *shared, "--classifiers", "logistic", "--trials", 1, "--rounds", 0)
    assert done.code == 0
    assert "audit.json is of other labels, groups or folds" in done.err
    result = json.loads((tmp_path / "w/r/run.json").read_text(encoding="utf-8"))
    assert result["audit"] is None


def test_a_mask_of_the_audit_stands_before_centring(
    guarded: Guarded, options: list[object]
) -> None:
    done = guarded("extract", *options, "--steps", "centre:0.6;mask:audit")
    refused(done, "mask:audit", "after centre", "put it first")


def test_a_copy_under_another_label_is_excluded_with_its_original(
    guarded: Guarded, options: list[object], images: Path, tmp_path: Path
) -> None:
    leak(images)
    (images / "fold1/a/99.jpg").rename(images / "fold1/b/99.jpg")
    done = guarded("scan", *options).well()
    assert "2 excluded" in done.out
    assert "1 pairs show one cell under two labels" in done.out
    with (tmp_path / "w/r/manifest.csv").open(encoding="utf-8") as stream:
        excluded = {row["path"] for row in csv.DictReader(stream) if row["split"] == "excluded"}
    assert excluded == {"fold0/a/3.png", "fold1/b/99.jpg"}


def test_a_copy_without_a_label_contradicts_nothing(
    guarded: Guarded, options: list[object], images: Path, tmp_path: Path
) -> None:
    leak(images)
    card = tmp_path / "labelled.toml"
    card.write_text(CARD.replace("(?P<label>a|b)/", "(?P<label>a|b|unlabelled)/"), encoding="utf-8")
    (images / "fold1/unlabelled").mkdir()
    (images / "fold1/a/99.jpg").rename(images / "fold1/unlabelled/99.jpg")
    done = guarded("scan", *options).well()
    assert "1 near duplicates" in done.out
    assert "two labels" not in done.out
    assert "0 excluded" in done.out


def test_audit_tells_all_and_stops_at_nothing(
    guarded: Guarded, options: list[object], images: Path, tmp_path: Path
) -> None:
    leak(images)
    guarded("audit", *options, "--split", "official").well()
    with (tmp_path / "w/r/ties.csv").open(encoding="utf-8") as stream:
        (tie,) = csv.DictReader(stream)
    assert {tie["first"], tie["second"]} == {"fold0/a/3.png", "fold1/a/99.jpg"}
    assert {tie["first_side"], tie["second_side"]} == {"fold 0", "fold 1"}
    assert not (tmp_path / "w/r/manifest.csv").exists()
    assert not (tmp_path / "w/r/config.toml").exists()


def test_audit_tells_pairs_and_bad_files_where_there_is_nothing_to_split(
    guarded: Guarded, images: Path, tmp_path: Path
) -> None:
    (tmp_path / "cells/fold0/a/99.png").write_bytes(b"no image")
    leak(images)
    for path in (tmp_path / "cells").glob("fold*/b/*"):
        path.unlink()
    done = guarded("audit", "--dataset", "folders", "--images", tmp_path / "cells/fold0", "--work",
                   tmp_path / "w", "--run", "r")  # fmt: skip
    assert done.code == 0
    assert "WARNING: 1 images cannot be read: a/99.png" in done.out
    assert "shortcuts were not looked for" in done.err
    assert (tmp_path / "w/r/ties.csv").is_file()


def test_the_gallery_shows_the_mask_that_the_audit_found(
    guarded: Guarded, options: list[object], images: Path, tmp_path: Path
) -> None:
    shown = ["gallery", "--dataset", tmp_path / "labelled.toml", "--images", images, "--work",
             tmp_path / "w", "--run", "r", "--steps", "mask:audit"]  # fmt: skip
    refused(guarded(*shown), "mask:audit", "blastline audit")
    guarded("audit", *options).well()
    guarded(*shown).well()
    assert (tmp_path / "w/gallery/steps.png").is_file()


def test_a_scan_without_audit_leaves_no_findings_of_an_earlier_one(
    guarded: Guarded, options: list[object], tmp_path: Path
) -> None:
    guarded("scan", *options).well()
    assert (tmp_path / "w/r/audit.json").is_file()
    done = guarded("scan", *options, "--no-audit").well()
    assert "audit:" not in done.out
    assert not (tmp_path / "w/r/audit.json").exists()
    assert not (tmp_path / "w/r/ties.csv").exists()


def test_findings_are_given_again_unless_labels_or_folds_change(
    guarded: Guarded, options: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = guarded("scan", *options).well().out
    monkeypatch.setattr("pipeline.audit._shortcuts", None)
    again = guarded("scan", *options).well().out
    assert [line for line in first.splitlines() if "burned-in" in line] == [
        line for line in again.splitlines() if "burned-in" in line
    ]
    with pytest.raises(TypeError):
        guarded("scan", *options, "--seed", 1)
