"""The review of a finished run: which cells it asks for, with which pictures, what it says."""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from data.errors import BlastlineError
from pipeline.config import RunConfig, resolve_config
from pipeline.relabel import run_relabel
from pipeline.review import run_review
from pipeline.review_pictures import Pictures
from tests.pipeline.commands import Folders, Guarded, Run, paint


def config(run: Run) -> RunConfig:
    return resolve_config(None, {"work": str(run.work), "run": run.name})


def island(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def pixels(uri: str) -> np.ndarray:
    """(h, w, 3) uint8 RGB of a data: URI."""
    content = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[:, :, ::-1]


def test_a_page_holds_the_cells_with_probabilities_neighbours_and_pictures(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    page = run_review(config(run), cells=12)
    assert page == run.folder / "review.html"
    said = capsys.readouterr().out
    assert "review: 12 cells to look at" in said and str(page) in said
    data = island(page)
    manifest = run.table("manifest.csv").set_index("image_id")
    predicted = run.table("predictions.csv")
    predicted = predicted[predicted.classifier == "selected"].set_index("image_id")
    assert len(data["cells"]) == len({cell["image_id"] for cell in data["cells"]}) == 12
    for cell in data["cells"]:
        row = manifest.loc[cell["image_id"]]
        assert [cell[key] for key in ("path", "sha256", "label", "patient")] == [
            row.path, row.sha256, row.label, row.patient,
        ]  # fmt: skip
        assert (cell["reason"] == "unlabelled") == (row.label == "")
        shares = [float(predicted.loc[cell["image_id"]][f"p_{name}"]) for name in data["classes"]]
        assert cell["probabilities"] == pytest.approx(shares, abs=1e-4)
        near = [data["neighbours"][place] for place in cell["neighbours"]]
        assert len({each["path"] for each in near}) == 5
        assert cell["path"] not in {each["path"] for each in near}
        for each in near:
            assert (
                each["label"] == manifest.loc[manifest.path == each["path"], "label"].item() != ""
            )
            assert each["patient"] != row.patient
            assert pixels(each["picture"]).shape == (64, 64, 3)
        original = cv2.imread(str(run.images / row.path))[:, :, ::-1]
        assert np.array_equal(pixels(cell["picture"]), original)  # small ones lose nothing
        assert cell["width"] == 64


def test_cells_decided_on_before_are_left_out(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = [cell for cell in island(run_review(config(run), 10))["cells"] if cell["label"]][:3]
    decided = pd.DataFrame(first)[["image_id", "path", "sha256", "label"]]
    decided = decided.assign(
        action="label", decision=decided.label, reviewer="me", time="2026-01-01T00:00:00Z"
    )
    decided.to_csv(tmp_path / "decisions.csv", index=False)
    run_relabel(config(run), tmp_path / "decisions.csv")
    again = island(run_review(config(run), cells=10_000))["cells"]
    assert "left out: 3 cells that were decided on before" in capsys.readouterr().out
    gone = {cell["image_id"] for cell in first}
    assert {cell["image_id"] for cell in again} == set(run.table("manifest.csv").image_id) - gone


def test_a_planted_label_error_is_asked_for_first(run: Run) -> None:
    table = run.table("predictions.csv")
    names = [column for column in table.columns if column.startswith("p_")]
    chosen = (table.classifier == "selected") & (table.label != "")
    for row in table.index[chosen]:
        table.loc[row, names] = "0.01"
        table.loc[row, f"p_{table.label[row]}"] = "0.9"
    wrong = table.index[chosen][7]
    classes = [name.removeprefix("p_") for name in names]
    other = next(name for name in classes if name != table.label[wrong])
    table.loc[wrong, [f"p_{table.label[wrong]}", f"p_{other}"]] = ["0.01", "0.9"]
    table.to_csv(run.folder / "predictions.csv", index=False)
    cell = island(run_review(config(run), cells=3))["cells"][0]
    assert cell["image_id"] == table.image_id[wrong]
    assert (cell["reason"], cell["suggested"]) == ("label error", other)
    assert cell["why"] == f"Its label may be wrong: looks like {other}"


def test_the_same_run_gives_the_same_page(run: Run, tmp_path: Path) -> None:
    pages = [run_review(config(run), 6, tmp_path / name) for name in ("a.html", "b.html")]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert not (run.folder / "review.html").exists()


@pytest.mark.parametrize("name", ["run.json", "predictions.csv"])
def test_a_run_that_is_not_fitted_is_refused(run: Run, name: str) -> None:
    (run.folder / name).unlink()
    with pytest.raises(BlastlineError, match=f"{name}: no .* run 'blastline fit' first"):
        run_review(config(run))
    assert not (run.folder / "review.html").exists()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("p_", "q_", "not the predictions of"),
        ("selected", "svm", "predicts no image of the manifest"),
        (",classifier,", ",model,", "not the predictions of"),
    ],
)
def test_foreign_predictions_are_refused(run: Run, old: str, new: str, complaint: str) -> None:
    path = run.folder / "predictions.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(BlastlineError, match=f"{complaint}.*fit again"):
        run_review(config(run))


def test_odd_numbers_and_targets_are_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BlastlineError, match="--cells is 0; expected 1 or more"):
        run_review(config(run), cells=0)
    with pytest.raises(BlastlineError, match="is a folder; give the HTML file"):
        run_review(config(run), out=tmp_path)
    with pytest.raises(BlastlineError, match=r"there is no folder .*gone; make it first"):
        run_review(config(run), out=tmp_path / "gone/page.html")
    assert not (tmp_path / "gone").exists()


def test_images_that_are_gone_or_changed_are_told_and_shown_as_such(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(run.images, moved)
    scan = run.folder / "scan.json"
    scan.write_text(json.dumps(json.loads(scan.read_text()) | {"images": str(moved)}))
    cells = island(run_review(config(run), cells=4))["cells"]
    (moved / cells[0]["path"]).unlink()
    paint(moved / cells[1]["path"], (9, 9, 9), 1)
    again = island(run_review(config(run), cells=4))["cells"]
    assert [bool(cell["picture"]) for cell in again] == [False, False, True, True]
    line = capsys.readouterr().err.strip()
    assert "\n" not in line and "review: 2 of " in line and "cannot be shown" in line


def test_a_folder_of_images_that_has_moved_is_refused_until_extract_knows_it(
    run: Run, guarded: Guarded, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(run.images, new)
    scan = run.folder / "scan.json"
    scan.write_text(json.dumps(json.loads(scan.read_text()) | {"images": str(old)}))
    complaint = r"none of .* images of .*old can be read, .*: no such file .*; put the folder back"
    with pytest.raises(BlastlineError, match=complaint) as refused:
        run_review(config(run), cells=4)
    assert "\n" not in str(refused.value)
    assert not (run.folder / "review.html").exists()
    guarded("extract", *replace(run, images=new).options("extract")).well()
    assert all(cell["picture"] for cell in island(run_review(config(run), cells=4))["cells"])


@pytest.fixture
def crops(tmp_path: Path) -> Callable[..., Pictures]:
    """A crop out of a field of 300 x 200 pixels, where a table says so."""
    column, row = np.meshgrid(np.arange(300), np.arange(200))
    field = np.stack([column // 2, row, np.full_like(row, 60)], axis=2).astype(np.uint8)
    (tmp_path / "cells").mkdir()
    (tmp_path / "overlays").mkdir()
    cv2.imwrite(str(tmp_path / "overlays/f.png.jpg"), field[:, :, ::-1], [1, 100])
    cv2.imwrite(str(tmp_path / "cells/a.png"), field[90:110, 140:160, ::-1])

    def make(field_name: str = "f.png", sep: str = ",") -> Pictures:
        table = pd.DataFrame(
            {"path": ["cells/a.png"], "label": [""], "field": [field_name],
             "x0": [140], "y0": [90], "x1": [160], "y1": [110]}
        )  # fmt: skip
        table.to_csv(tmp_path / "labels.csv", index=False, sep=sep)
        return Pictures(tmp_path, ())

    return make


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("sep", [",", ";"])
def test_a_crop_is_shown_in_its_field(crops: Callable, tmp_path: Path, sep: str) -> None:
    found = crops(sep=sep).read("cells/a.png", digest(tmp_path / "cells/a.png"))
    assert found.context_title == "In its field f.png"
    around = pixels(found.context).astype(int)
    assert around.shape == (80, 80, 3)  # four times the box, as sharp as the field
    # Of columns 110 to 190 and rows 60 to 140, the box in white between black.
    assert abs(around[0, 0] - (55, 60, 60)).max() < 8
    assert abs(around[79, 79] - (94, 139, 60)).max() < 8
    assert around[30, 40].min() > 200 and around[33, 40].max() < 60 and around[27, 40].max() < 60


@pytest.mark.parametrize("name", ["../f.png", "/etc/hostname", "gone.png", "a\0b", ""])
def test_without_a_field_the_crop_stands_alone(crops: Callable, tmp_path: Path, name: str) -> None:
    pictures = crops(name)
    found = pictures.read("cells/a.png", digest(tmp_path / "cells/a.png"))
    assert found.uri and not found.context and not pictures.failed


def test_a_foreign_table_says_nothing_of_fields(crops: Callable, tmp_path: Path) -> None:
    crops()
    columns = "path,field,x0,y0,x1,y1\ncells/a.png,f.png"
    for text in (
        "path,label\ncells/a.png,x\n", "", "\0", f"{columns},a,b,c,d\n", f"{columns},9,9,9,9\n",
        f"{columns},140,90,999999999999,110\n", f"{columns},-5,90,20,110\n",
    ):  # fmt: skip
        (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
        pictures = Pictures(tmp_path, ())
        found = pictures.read("cells/a.png", digest(tmp_path / "cells/a.png"))
        assert found.uri and not found.context


def test_the_cut_of_the_recipe_is_shown_beside_the_whole(images: Path) -> None:
    path = next(images.rglob("*.png"))
    name, sha256 = path.relative_to(images).as_posix(), digest(path)
    cut = Pictures(images, ("greyworld", "centre:0.5")).read(name, sha256)
    assert pixels(cut.uri).shape == (32, 32, 3)
    assert pixels(cut.context).shape == (64, 64, 3)
    assert cut.context_title == "The whole image"
    whole = Pictures(images, ("greyworld",)).read(name, sha256)
    assert pixels(whole.uri).shape == (64, 64, 3) and not whole.context


def test_large_pictures_are_made_smaller_and_keep_their_form(tmp_path: Path) -> None:
    paint(tmp_path / "big.png", (200, 100, 50), 0, side=900)
    tall = cv2.imread(str(tmp_path / "big.png"))[:, :450]
    cv2.imwrite(str(tmp_path / "big.png"), tall)
    found = Pictures(tmp_path, ()).read("big.png", digest(tmp_path / "big.png"))
    assert pixels(found.uri).shape == (360, 180, 3)
    assert found.width == 180 and pixels(found.small).shape == (112, 56, 3)


def test_copies_of_a_picture_are_asked_for_once(tmp_path: Path, guarded: Guarded) -> None:
    folders = Folders(tmp_path, guarded)
    for number in (1, 2):
        shutil.copy(folders.images / "red/0.png", folders.images / f"red/copy{number}.png")
    for stage in ("extract", "fit"):
        folders(stage).well()
    made = resolve_config(None, {"work": str(folders.work), "run": "r"})
    asked = [cell["sha256"] for cell in island(run_review(made))["cells"]]
    assert len(asked) == len(set(asked)) == 16
