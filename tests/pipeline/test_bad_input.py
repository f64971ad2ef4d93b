"""Whatever a user gives: one line that names it, exit code 2, and nothing is lost."""

import os
import shutil
from pathlib import Path

import pytest

from data.cards import card_names
from features.backbones import BACKBONES
from tests.pipeline.commands import Folders, Guarded, Run, partly, refused

# What does not fit the image folder


def test_a_missing_folder(folders: Folders, tmp_path: Path) -> None:
    for stage in ("scan", "extract"):
        refused(folders(stage, "--images", tmp_path / "gone"), tmp_path / "gone", "no such folder")
    assert not folders.work.exists()


def test_no_folder_says_where_to_get_the_images(tmp_path: Path, guarded: Guarded) -> None:
    done = guarded("extract", "--dataset", "pbc2020", "--work", tmp_path / "w")
    refused(done, "pbc2020", "10.17632/snkd93bnjr.1", "--images")


def test_an_empty_class(folders: Folders) -> None:
    (folders.images / "green").mkdir()
    refused(folders("extract"), "green", "no image")


def test_a_single_class(folders: Folders) -> None:
    shutil.rmtree(folders.images / "blue")
    refused(folders("extract"), "red", "two classes")


def test_a_card_that_does_not_describe_the_folder(folders: Folders) -> None:
    refused(folders("extract", "--dataset", "cnmc2019"), "cnmc2019", ".png", "UID_")


def test_a_folder_that_is_a_file(folders: Folders) -> None:
    refused(folders("scan", "--images", folders.images / "red/0.png"), "0.png")


def test_a_foreign_folder_where_cells_would_be_drawn(tmp_path: Path, guarded: Guarded) -> None:
    mine = tmp_path / "images/synthetic-0/thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    refused(guarded("scan", "--work", tmp_path), "thesis.txt")
    assert mine.read_text() == "mine"


def test_names_of_any_bytes_are_told_and_survived(folders: Folders) -> None:
    red = folders.images / "red"
    os.rename(red / "0.png", os.fsencode(red) + b"/Bl\xe4st.png")  # noqa: PTH104
    (red / "1.png").rename(red / "a\nb\x1b[31m:smile:[red].png")
    done = folders("extract")
    assert "Traceback" not in done.err
    if done.code:
        refused(done)
    else:
        assert folders("fit").code == 0
        assert folders("report").code == 0


# Corrupt images


def test_corrupt_images_are_left_out_and_the_rest_goes_on(folders: Folders) -> None:
    whole = (folders.images / "red/0.png").read_bytes()
    (folders.images / "red/0.png").write_bytes(whole[: len(whole) // 2])
    (folders.images / "blue/0.png").write_bytes(b"")
    done = folders("extract")
    partly(done, "2 image(s) could not be read", "fit")
    assert sum("left out" in line for line in done.err.splitlines()) == 2
    assert "14 embedded now" in done.out
    partly(folders("extract"), "2 image(s)")  # again: still told, nothing lost
    done = folders("fit")
    assert (done.code, done.err) == (0, "")
    result = Run(folders.images, folders.work, "r").result()
    assert result.dataset.images_per_class == {"blue": 7, "red": 7}
    unreadable = next(step for step in result.flow if step.name == "unreadable")
    assert (unreadable.count, unreadable.images) == (2, ["blue/0.png", "red/0.png"])
    (folders.images / "red/0.png").write_bytes(whole)  # mended
    (folders.images / "blue/0.png").unlink()
    done = folders("extract")
    assert (done.code, done.err) == (0, "")
    assert "1 embedded now, 14 dealt with before" in done.out


def test_no_image_at_all_can_be_read(folders: Folders) -> None:
    for path in folders.images.rglob("*.png"):
        path.write_text(f"no image: {path}")
    refused(folders("extract"), "none of 16 images")
    refused(folders("fit"), "nothing scanned yet")


def test_a_class_whose_images_cannot_be_read_is_not_fitted_without(folders: Folders) -> None:
    for path in folders.images.glob("blue/*.png"):
        path.write_text(f"no image: {path}")
    partly(folders("extract"), "8 image(s) could not be read, all others are embedded")
    refused(folders("fit"), "class 'blue' has no readable image left")


# Names that do not exist


@pytest.mark.parametrize(
    ("stage", "option", "known"),
    [
        ("extract", "--backbone", list(BACKBONES)),
        ("extract", "--dataset", card_names()),
        ("fit", "--classifiers", ["logistic", "svm", "dense"]),
        ("fit", "--metric", ["f1_macro", "accuracy"]),
    ],
)
def test_unknown_names_list_the_known_ones(
    stage: str, option: str, known: list[str], run: Run, guarded: Guarded
) -> None:
    refused(guarded(stage, *run.options(stage), option, "nonsense"), "nonsense", *known)


def test_bad_weights(folders: Folders, tmp_path: Path) -> None:
    network = ["--backbone", "mobilenet_v2", "--weights"]
    refused(folders("extract", *network, tmp_path / "none"), "none", "no such file or folder")
    refused(folders("extract", *network, folders.images), "mobilenet_v2-1.00.weights.h5")
    text = tmp_path / "text.weights.h5"
    text.write_text("no weights")
    refused(folders("extract", *network, text), text)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--layer", "no_such_layer"), ("--alpha", "-1"), ("--alpha", "nan"), ("--size", "7")],
)
def test_bad_settings_of_a_network(folders: Folders, option: str, value: str) -> None:
    network = ["--backbone", "mobilenet_v2", "--weights", "random", "--alpha", 0.35, "--size", 32]
    refused(folders("extract", *network, option, value), value)
