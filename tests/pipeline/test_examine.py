"""Examinations come before anything is written, and none of them costs a fit its result."""

from pathlib import Path
from typing import Any

import pytest

from pipeline import examine
from pipeline.pictures import FOLDERS, absent
from reports.pictures import named
from tests.pipeline.commands import STOPPED, Guarded, Run

OTHER = ("--classifiers", "knn")  # another result than that of the finished run


def written(folder: Path) -> dict[str, bytes]:
    """All that a fit leaves in a run folder but thumbnails, which other pictures never replace."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "thumbnails"
    }


@pytest.mark.parametrize("name", ["premium_of", "explained_galleries", "map_of"])
def test_ctrl_c_in_an_examination_leaves_the_earlier_result_whole(
    run: Run, guarded: Guarded, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def stop(*_: object) -> Any:
        raise KeyboardInterrupt

    before = written(run.folder)
    assert {"run.json", "predictions.csv", "label_errors.csv", "fit.json"} <= set(before)
    assert any(each.startswith("heatmaps/") for each in before)
    monkeypatch.setattr(examine, name, stop)
    assert guarded("fit", *run.options("fit"), *OTHER).code == STOPPED
    assert written(run.folder) == before
    assert not absent(run.result(), run.folder)


def test_examinations_that_fail_are_told_and_cost_the_fit_nothing(
    run: Run, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise ZeroDivisionError("by\nnought")

    names = ("premium_of", "robustness_of", "novelty_of", "subgroups_of", "map_of")
    for name in names:
        monkeypatch.setattr(examine, name, fail)
    monkeypatch.setattr("pipeline.explain._Explaining.explain", fail)
    done = guarded("fit", *run.options("fit"), *OTHER)
    assert done.code == 0
    warned = [line for line in done.err.splitlines() if "ZeroDivisionError: by nought" in line]
    assert len(warned) == len(names) + 1
    result = run.result()
    for part in (result.premium, result.robustness, result.novelty, result.subgroups,
                 result.galleries):  # fmt: skip
        assert "ZeroDivisionError: by nought" in part.note
    assert result.embedding_map is None
    assert result.galleries.samples and result.galleries.least_confident
    assert guarded("report", *run.options("report")).code == 0
    assert "ZeroDivisionError" in (run.folder / "report.html").read_text()


def test_pictures_that_no_result_names_any_more_are_removed(run: Run, guarded: Guarded) -> None:
    old = run.folder / "thumbnails" / "0123456789abcdef-blur-1.jpg"
    old.write_bytes(b"of an earlier fit")
    assert guarded("fit", *run.options("fit"), *OTHER).code == 0
    lying = {f"{name}/{path.name}" for name in FOLDERS for path in (run.folder / name).iterdir()}
    assert lying == set(named(run.result()))
