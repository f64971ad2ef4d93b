"""Ctrl-C in every stage: exit code 130, one line, and the same command goes on from there."""

import re
from pathlib import Path

import pytest

from data.manifest import Manifest
from tests.pipeline.commands import STOPPED, Done, Run, blastline, interrupted

AFTER_PROGRESS = """
import importlib
from contextlib import contextmanager

stage = importlib.import_module("pipeline.{stage}")
shown = stage.progress

@contextmanager
def progress(title, unit):
    with shown(title, unit) as update:
        def stopping(done, total, what=""):
            update(done, total, what)
            if done == {count}:
                os.kill(os.getpid(), signal.SIGINT)
        yield stopping

stage.progress = progress
"""
WHILE_RENDERING = """
import reports.build
rendered = reports.build.render_section

def render_section(*arguments):
    os.kill(os.getpid(), signal.SIGINT)
    return rendered(*arguments)

reports.build.render_section = render_section
"""


def stopped(patch: str, *arguments: object) -> Done:
    done = interrupted(patch, *arguments)
    assert done.code == STOPPED, done.err
    assert "the same command goes on" in done.complaint
    assert done.err.count("\n") == 1
    return done


def after(stage: str, count: int) -> str:
    return AFTER_PROGRESS.format(stage=stage, count=count)


def half_made(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".tmp")]


@pytest.fixture
def fresh(finished_run: Run, tmp_path: Path) -> Run:
    """The settings of the finished run with nothing done yet."""
    return Run(finished_run.images, tmp_path / "work", finished_run.name)


def test_scan(fresh: Run, finished_run: Run) -> None:
    stopped(after("scan", 20), "scan", *fresh.options("scan"))
    assert not fresh.folder.exists()
    blastline("scan", *fresh.options("scan")).well()
    written = (fresh.folder / "manifest.csv").read_bytes()
    assert written == (finished_run.folder / "manifest.csv").read_bytes()


def test_drawing_synthetic_cells(tmp_path: Path) -> None:
    stopped(after("scan", 30), "scan", "--work", tmp_path / "work")
    assert not list(tmp_path.rglob("*.png"))  # half a set would pass for a small one


def test_extract_keeps_what_is_embedded(fresh: Run, finished_run: Run) -> None:
    stopped(after("extract", 40), "extract", *fresh.options("extract"))
    assert not half_made(fresh.work)
    # In short: the images and all other settings are those of the try that was stopped.
    done = blastline("extract", "--work", fresh.work, "--run", fresh.name).well()
    now, before = map(int, re.findall(r"(\d+) embedded now, (\d+) dealt with before", done.out)[0])
    assert now + before == len(finished_run.table("manifest.csv")) == 84
    assert 30 <= before <= 45  # what was under way may be lost, what was done may not
    assert not list(fresh.work.rglob("*.parts"))
    from pipeline.config import resolve_config
    from pipeline.extract import read_extract

    keys = Manifest.read(fresh.folder / "manifest.csv", ["Normal", "Blast", "L1", "L2", "L3"])
    found = [
        read_extract(resolve_config(None, {"work": str(run.work), "run": run.name}))[1][
            0
        ].embeddings(list(keys.frame.sha256))
        for run in (fresh, finished_run)
    ]
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("count", [1, 4])
def test_fit_keeps_finished_trials(run: Run, count: int) -> None:
    for journal in run.work.glob("studies/*.log"):
        journal.unlink()
    before = {name: (run.folder / name).read_bytes() for name in ("run.json", "predictions.csv")}
    stopped(after("fit", count), "fit", *run.options("fit"), "--again")
    assert not half_made(run.work)
    for name, content in before.items():  # an earlier result stays whole
        assert (run.folder / name).read_bytes() == content
    done = blastline("fit", *run.options("fit"), "--again").well()
    trials, reused = map(int, re.findall(r"(\d+) trials \((\d+) from an earlier run", done.out)[0])
    assert trials == 6
    assert count - 2 <= reused <= 6  # of the steps that were counted two may be whole parts
    assert reused >= 1
    blastline("report", *run.options("report")).well()


def test_report_leaves_the_earlier_one(run: Run) -> None:
    page = run.folder / "report.html"
    page.write_text("an earlier report")
    stopped(WHILE_RENDERING, "report", *run.options("report"))
    assert page.read_text() == "an earlier report"
    assert not half_made(run.work)
    blastline("report", *run.options("report")).well()
    assert page.read_text().lower().startswith("<!doctype html>")


def test_predict_writes_all_or_nothing(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "predicted.csv"
    command = ["predict", run.folder / "bundle", run.images, "--out", out]
    stopped(after("predict", 32), *command)
    assert not out.exists()
    assert not half_made(tmp_path)
    blastline(*command).well()
    assert len(out.read_text().splitlines()) == 1 + 84
