"""gallery: sheets of the user's cells, each step and augmentation with its caption."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.cards import load_card
from features.augment import AUGMENTATIONS
from features.preprocess import STEPS
from pipeline import gallery
from pipeline.config import resolve_config
from tests.pipeline.commands import Guarded, paint, refused

SHEETS = ("steps.png", "augmentations.png", "views.png")


def sheet(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def captions(monkeypatch: pytest.MonkeyPatch, work: Path, **said: str) -> dict[str, list[str]]:
    """What stands over the rows of each sheet."""
    found: dict[str, list[str]] = {}

    def keep(rows: list[gallery.Row], path: Path) -> None:
        assert all(1 <= len(row.pictures) <= gallery.CELLS for row in rows)
        assert all(each.dtype == np.uint8 for row in rows for each in row.pictures)
        found[path.name] = [row.caption for row in rows]

    monkeypatch.setattr(gallery, "_write", keep)
    gallery.run_gallery(resolve_config(None, {"work": str(work), **said}))
    return found


def test_synthetic_cells_are_shown_without_a_folder(guarded: Guarded, tmp_path: Path) -> None:
    done = guarded("gallery", "--work", tmp_path).well()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gallery"]
    for name in SHEETS:
        assert name in done.out
        found = sheet(tmp_path / "gallery" / name)
        assert min(found.shape[:2]) > 300
        assert found.std() > 20


def test_every_step_and_augmentation_has_its_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = captions(monkeypatch, tmp_path)
    assert tuple(found) == SHEETS
    for table, name in ((STEPS, "steps.png"), (AUGMENTATIONS, "augmentations.png")):
        for entry in table.values():
            for text in entry.examples:
                assert any(caption.startswith(text) for caption in found[name])
    assert found["steps.png"][0] == "as they are"


def test_the_users_own_recipe_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = {"steps": "macenko;centre:0.5", "augment": "rotate:33;blur:2", "views": "5"}
    found = captions(monkeypatch, tmp_path, **said)
    assert found["steps.png"][1] == "the recipe: macenko ; centre:0.5"
    assert found["augmentations.png"][0].startswith("rotate:33")
    assert found["views.png"][0] == "cell 1: rotate:33 ; blur:2"


def test_the_steps_of_a_card_are_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paint(tmp_path / "cells/L1/1.png", (200, 150, 200), 1)
    found = captions(monkeypatch, tmp_path, dataset="aria2021", images=str(tmp_path / "cells"))
    assert found["steps.png"][1] == f"the recipe: {load_card('aria2021').preprocess[0]}"


def test_each_folder_of_the_users_has_its_turn_and_bad_files_are_told(
    guarded: Guarded, tmp_path: Path
) -> None:
    for number in range(20):
        paint(tmp_path / f"cells/many/{number}.png", (250, 0, 0), number)
    paint(tmp_path / "cells/few/1.png", (0, 250, 0), 1, side=9)
    (tmp_path / "cells/few/2.png").write_bytes(b"no image")
    done = guarded("gallery", "--images", tmp_path / "cells", "--out", tmp_path / "out")
    assert done.code == 0
    assert "few/2.png" in done.err
    first = sheet(tmp_path / "out/steps.png")[: gallery.CAPTION + gallery.TILE].astype(int)
    assert (first[..., 1] - first[..., 0] > 100).any()
    assert (first[..., 0] - first[..., 1] > 100).any()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--images", "nowhere"], "no such folder"),
        (["--images", "."], "no readable image"),
        (["--steps", "sharpen"], "'sharpen': unknown"),
        (["--steps", "macenko:nowhere.png"], "nowhere.png"),
        (["--augment", "warp:3"], "'warp:3': unknown"),
    ],
)
def test_mistakes_are_one_line(
    options: list[str], named: str, guarded: Guarded, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    options = [str(tmp_path / "empty") if word == "." else word for word in options]
    refused(guarded("gallery", "--work", tmp_path / "w", *options), named)
    assert not (tmp_path / "w").exists()
