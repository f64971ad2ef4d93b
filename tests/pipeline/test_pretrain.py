"""blastline pretrain: from a zip of real cells to weights that a backbone takes."""

import csv
import json
import re
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from tests.features.smearnet.made_up import folder_of_cells
from tests.pipeline.commands import REFUSED, ROOT, STOPPED, Guarded, blastline, finished
from tests.shared import SHARED, WEIGHTS, needs_shared

REST = SHARED / "data/pbc-2020-rest-128px/images.zip"
needs_rest = pytest.mark.skipif(not REST.is_file(), reason="needs the real cells in ../shared")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of some 300 real cells."""
    target = tmp_path_factory.mktemp("few") / "few.zip"
    taken: Counter[str] = Counter()
    with zipfile.ZipFile(REST) as whole, zipfile.ZipFile(target, "w") as part:
        for name in sorted(whole.namelist()):
            prefix = name.rpartition("/")[2].partition("_")[0]
            taken[prefix] += 1
            if name.endswith(".jpg") and taken[prefix] <= 25:
                part.writestr(name, whole.read(name))
    return target


def options(few: Path, out: Path) -> list[object]:
    return [
        "pretrain", "--images", few, "--out", out, "--work", out.parent / "work",
        "--steps", 30, "--size", 64, "--batch", 32, "--precision", "float32",
    ]  # fmt: skip


@needs_rest
@needs_shared
def test_a_short_training_learns_and_its_weights_make_a_backbone(
    few: Path, tmp_path: Path, guarded: Guarded
) -> None:
    out = tmp_path / "out"
    taught = ["--weights", WEIGHTS, "--teacher", "mobilenet_v2", "--alpha", 0.35]
    done = blastline(*options(few, out), *taught).well()
    assert "teachers: mobilenet_v2; 30 steps" in done.out
    trained, kept = re.search(
        r"pretrain: (\d+) cells .* (\d+) kept for validation", done.out
    ).groups()
    told = json.loads((out / "pretrain.json").read_text())
    with zipfile.ZipFile(few) as archive:  # none both trained on and validated on
        assert int(trained) + int(kept) == len(archive.namelist())
    assert sum(told["cells"].values()) == int(trained)
    assert told["settings"]["teachers"][0].startswith("mobilenet_v2-")
    assert 0 < told["validation"]["macro"] <= 1
    with (out / "curve.csv").open() as stream:
        curve = [float(row["loss"]) for row in csv.DictReader(stream)]
    assert len(curve) == 30
    assert sum(curve[-5:]) < 0.95 * sum(curve[:5])
    assert (out / "curve.svg").read_text().startswith("<?xml")
    again = guarded(*options(few, out), *taught).well()
    assert "finished before" in again.out
    other = guarded(*options(few, out), *taught, "--seed", 1)
    assert other.code == REFUSED
    assert re.search(r"holds a training with seed 0, asked for is 1; .*--fresh", other.complaint)
    (teacher,) = out.glob("teacher-*.npy")
    teacher.write_bytes(teacher.read_bytes()[:-100])
    anew = guarded(*options(few, out), *taught, "--fresh").well()
    assert "teacher mobilenet_v2" in anew.out  # asked once more, since its file was cut short
    embedded = blastline(
        "extract", "--dataset", "folders", "--images", folder_of_cells(tmp_path / "cells"),
        "--backbone", "smearnet", "--weights", out / "smearnet.weights.h5",
        "--no-control", "--no-audit", "--folds", 2, "--work", tmp_path / "work",
    )  # fmt: skip
    assert embedded.code == 0, embedded.err
    assert "13 embedded now" in embedded.out


@needs_rest
def test_stopped_by_ctrl_c_it_keeps_its_steps_and_goes_on(few: Path, tmp_path: Path) -> None:
    # Ctrl-C comes with the fifth step.
    stopped = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *map(str, options(few, tmp_path / "out"))],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert stopped.returncode == STOPPED, stopped.stderr
    assert "5 of 30 steps are kept" in stopped.stdout
    assert "the same command goes on from there" in stopped.stderr
    assert not (tmp_path / "out/smearnet.weights.h5").exists()
    blastline(*options(few, tmp_path / "out")).well()
    with (tmp_path / "out/curve.csv").open() as stream:
        assert [float(row["step"]) for row in csv.DictReader(stream)] == list(range(1, 31))


INTERRUPTED = f"""
import os, signal, sys
from features.smearnet import student
from pipeline import cli
learn, steps = student.Student.learn, []
def counted(*arguments):
    steps.append(0)
    if len(steps) == 5:
        os.kill(os.getpid(), {int(signal.SIGINT)})
    return learn(*arguments)
student.Student.learn = counted
sys.argv = ["blastline", *sys.argv[1:]]
cli.main()
"""


def test_mistakes_are_one_line(guarded: Guarded, tmp_path: Path) -> None:
    cells = folder_of_cells(tmp_path / "cells", each=30)
    single = tmp_path / "single/a"
    single.mkdir(parents=True)
    for number, path in enumerate((cells / "class of BA").iterdir()):
        path.rename(single / f"{number}.png")
    for said, expected in {
        ("--images", tmp_path / "none.zip"): "no such file or folder",
        ("--images", cells, "--teacher", "vgg16"): "without weights",
        ("--images", cells, "--weights", "w", "--teacher", "vgg61"): "backbone 'vgg61': unknown",
        ("--images", cells, "--weights", tmp_path): "no densenet169.weights.h5",
        ("--images", cells, "--weights", "w", "--teacher", "morphology"): "no network",
        ("--images", cells, "--leave-out", "EO,XX"): "class 'XX' to leave out",
        ("--images", tmp_path / "single", "--no-validation"): "1 classes to learn",
        ("--images", cells, "--fields", tmp_path / "none"): "no such folder",
        ("--images", cells, "--steps", 0): "steps is 0",
        ("--images", cells, "--precision", "bf8"): "precision 'bf8'",
    }.items():
        done = guarded("pretrain", "--out", tmp_path / "out", *said)
        assert done.code == REFUSED
        assert expected in done.complaint


def test_make_pretrain_passes_its_variables_on() -> None:
    said = {
        "IMAGES": "my cells.zip", "FIELDS": "my fields", "WEIGHTS": "w", "TEACHER": "vgg16",
        "ALPHA": "0.5", "STEPS": "70", "OUT": "o", "WORK": "there",
    }  # fmt: skip
    make = ["make", "--dry-run", "--old-file", ".venv/.ready", "pretrain"]
    done = finished([*make, *(f"{name}={value}" for name, value in said.items())])
    (line,) = [each for each in done.out.replace("\\\n", " ").splitlines() if "bin/blas" in each]
    expected = {f"--{name.lower()} '{value}'" for name, value in said.items()}
    assert {each for each in expected if each in line} == expected
    assert finished(["make", "--old-file", ".venv/.ready", "pretrain"]).code == 2
