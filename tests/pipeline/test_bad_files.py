"""Stages out of order and damaged or foreign files: one line that names them, exit code 2."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.pipeline.commands import REFUSED, Folders, Guarded, Run, paint, partly, refused

# Stages out of order, and files that changed behind their back


@pytest.mark.parametrize("stage", ["fit", "report"])
def test_a_stage_before_its_time_names_the_earlier_one(
    stage: str, tmp_path: Path, guarded: Guarded
) -> None:
    refused(guarded(stage, "--work", tmp_path / "w"), "blastline")


def test_a_scan_alone_is_not_an_extraction(folders: Folders) -> None:
    assert folders("scan").code == 0
    refused(folders("fit"), "blastline extract")


DAMAGED = {
    "manifest.csv": "fit", "scan.json": "fit", "extract.json": "fit", "config.toml": "fit",
    "run.json": "report",
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "half a line", "list", "gone"])
def test_a_damaged_file_of_the_run(name: str, damage: str, run: Run, guarded: Guarded) -> None:
    path = run.folder / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {
                "empty": b"",
                "garbage": b"\xff\xfe\x00garbage\n" * 3,
                "cut": content[: len(content) // 2],
                "half a line": content[:-8],
                "list": b'["a", 1, null]\n',
            }[damage]
        )
    done = guarded(DAMAGED[name], *run.options(DAMAGED[name]))
    if name == "config.toml" and damage in ("empty", "gone", "cut", "half a line"):
        assert done.code in (0, REFUSED)  # fewer settings are still settings
        assert "Traceback" not in done.err
    else:
        refused(done, "run 'blastline" if damage == "gone" else name)


@pytest.mark.parametrize(
    ("column", "value"), [("fold", "x"), ("split", "x"), ("label", "x"), ("path", "../x")]
)
def test_a_manifest_edited_by_hand(column: str, value: str, run: Run, guarded: Guarded) -> None:
    frame = run.table("manifest.csv")
    frame.loc[3, column] = value
    frame.to_csv(run.folder / "manifest.csv", index=False)
    refused(guarded("fit", *run.options("fit")), "manifest.csv", value)


def test_damaged_json_of_wrong_types(run: Run, guarded: Guarded) -> None:
    for name in ("scan.json", "extract.json"):
        path = run.folder / name
        whole = json.loads(path.read_text())
        for key in whole:
            path.write_text(json.dumps(whole | {key: None}))
            done = guarded("fit", *run.options("fit"))
            assert done.code in (0, REFUSED)
            assert "Traceback" not in done.err
        path.write_text(json.dumps(whole))


def test_a_damaged_journal_of_studies(run: Run, guarded: Guarded) -> None:
    journal = next(run.work.glob("studies/*.log"))
    journal.write_text("no journal\n")
    refused(guarded("fit", *run.options("fit"), "--again"), journal.name, "move it away")
    assert journal.read_text() == "no journal\n"


def test_a_store_of_another_recipe_in_its_place(folders: Folders) -> None:
    assert folders("extract").code == 0
    assert folders("extract", "--backbone", "morphology", "--run", "other").code == 0
    colour, shape = sorted(Run(folders.images, folders.work).stores)
    shutil.copy(shape, colour)
    refused(folders("fit"), colour, "another recipe")
    refused(folders("extract"), colour, "another recipe")


def test_a_damaged_or_missing_store(run: Run, guarded: Guarded) -> None:
    (store,) = run.stores
    content = bytearray(store.read_bytes())
    store.write_bytes(content[: len(content) // 2])
    refused(guarded("fit", *run.options("fit")), store)
    store.unlink()
    refused(guarded("fit", *run.options("fit")), store, "extract")
    assert guarded("extract", *run.options("extract")).code == 0
    assert guarded("fit", *run.options("fit")).code == 0


# Prediction


def test_a_bundle_from_elsewhere(run: Run, tmp_path: Path, guarded: Guarded) -> None:
    image = next(run.images.glob("L1/*.png"))
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "gone", image):
        refused(guarded("predict", folder, image), folder, "bundle.json")
    (empty / "bundle.json").write_text('{"format": 7}')
    refused(guarded("predict", empty, image), "format 7")


def test_predicting_what_is_no_image(run: Run, tmp_path: Path, guarded: Guarded) -> None:
    bundle, image = run.folder / "bundle", next(run.images.glob("L1/*.png"))
    text, gone = tmp_path / "notes.txt", tmp_path / "gone.png"
    text.write_text("no image")
    refused(guarded("predict", bundle, text), "none of 1 images")
    refused(guarded("predict", bundle, gone), "none of 1 images")
    refused(guarded("predict", bundle, tmp_path / "w/none"), "none")
    (tmp_path / "empty").mkdir()
    refused(guarded("predict", bundle, tmp_path / "empty"), "no image in")
    done = guarded("predict", bundle, text, image, gone)
    partly(done, "2 image(s)")
    assert [line.split(",")[0] for line in done.out.splitlines()] == ["image", str(image)]


@pytest.mark.parametrize("digest", ["x", "random, seed many", "", "random, seed 5"])
def test_a_bundle_whose_recipe_was_edited(digest: str, run: Run, guarded: Guarded) -> None:
    path = run.folder / "bundle/bundle.json"
    header = json.loads(path.read_text())
    header["recipes"][0] |= {"backbone": "vgg16", "weights": "random", "weights_digest": digest}
    path.write_text(json.dumps(header))
    done = guarded("predict", path.parent, next(run.images.glob("L1/*.png")))
    refused(done)


# Folders that cannot be written


@pytest.mark.skipif(os.geteuid() == 0, reason="rights do not bind the superuser")
def test_a_work_folder_without_rights(folders: Folders, tmp_path: Path) -> None:
    folders.work.mkdir(mode=0o500)
    refused(folders("extract"), folders.work)


@pytest.mark.parametrize("stage", ["scan", "extract", "fit"])
def test_a_file_where_the_work_folder_should_be(stage: str, folders: Folders) -> None:
    folders.work.write_text("mine")
    refused(folders(stage))
    assert folders.work.read_text() == "mine"


def test_an_output_that_cannot_be_written(run: Run, tmp_path: Path, guarded: Guarded) -> None:
    paint(tmp_path / "cell.png", (200, 60, 60), 1)
    done = guarded("predict", run.folder / "bundle", tmp_path / "cell.png", "--out", tmp_path)
    refused(done, tmp_path)
