"""A small run whose cells are decided on."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd

from data.decisions import COLUMNS, Decision
from data.files import sha256_file
from pipeline.config import RunConfig
from pipeline.extract import run_extract
from pipeline.fit import run_fit
from pipeline.relabel import run_relabel
from pipeline.scan import read_scan
from tests.pipeline.commands import paint

CARD = r"""
format = 1
name = "own"
title = "own"
citation = "none"
licence = "own"
where = "here"
classes = ["a", "b"]
pattern = '(?P<label>a|b|unlabelled)/p(?P<patient>\d+)_\d+\.png'
[examples]
"a/p1_1.png" = "a"
"b/p1_1.png" = "b"
"""
COLOURS = {"a": (200, 60, 60), "b": (60, 60, 200), "unlabelled": (120, 60, 120)}


def make_run(folder: Path, *, audit: bool) -> RunConfig:
    """Fit eight patients with cells of both classes; the last two have none but unlabelled ones."""
    (folder / "own.toml").write_text(CARD, encoding="utf-8")
    for patient in range(8):
        for number, name in enumerate(COLOURS):
            for cell in range(2):
                if patient < 6 or name == "unlabelled":
                    path = folder / f"cells/{name}/p{patient}_{cell}.png"
                    paint(path, COLOURS[name], 100 * patient + 10 * number + cell)
    shutil.copy(folder / "cells/a/p0_0.png", folder / "cells/a/p0_9.png")
    config = RunConfig(
        dataset=str(folder / "own.toml"), images=str(folder / "cells"), work=str(folder / "work"),
        run="r", folds=2, inner_folds=2, backbone="mean_colour", classifiers=("logistic",),
        trials=1, rounds=0, audit=audit,
    )  # fmt: skip
    run_extract(config)
    run_fit(config)
    return config


def copy_run(made: RunConfig, folder: Path) -> RunConfig:
    """A copy of the run and its images, to be changed."""
    shutil.copytree(made.work, folder / "work")
    shutil.copytree(made.images, folder / "cells", copy_function=shutil.copy2)
    changes = {"work": str(folder / "work"), "images": str(folder / "cells")}
    return made.model_copy(update=changes)


def shown(config: RunConfig, image_id: str) -> Decision:
    """What the review page knows of an image, decided as it stands."""
    frame = read_scan(config)[0].frame
    row = frame[frame.image_id == image_id].iloc[0]
    return Decision(image_id, row.path, row.sha256, row.label, "label", row.label, "Ana",
                    "2026-11-21T22:40:05Z")  # fmt: skip


def decide(config: RunConfig, **verdicts: str) -> list[Decision]:
    """Decisions on images, p of the class folder for a/p..: an empty verdict excludes."""
    decisions = []
    for name, verdict in verdicts.items():
        folder, patient, number = name.split("_")
        image_id = f"{'unlabelled' if folder == 'u' else folder}/{patient}_{number}"
        action = "label" if verdict else "exclude"
        decisions.append(replace(shown(config, image_id), action=action, decision=verdict))
    return decisions


def save(config: RunConfig, decisions: list[Decision], name: str = "decisions.csv") -> Path:
    path = Path(config.work).parent / name
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(COLUMNS)
        rows.writerows(each.cells for each in decisions)
    return path


def relabel(config: RunConfig, **verdicts: str) -> Path:
    return run_relabel(config, save(config, decide(config, **verdicts)))


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False).set_index(
        "path" if path.name != "relabelled.csv" else "image_id"
    )


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256_file(path)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }
