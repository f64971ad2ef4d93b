"""The stage relabel: what it says, writes and refuses."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from classifiers.result import RunResult
from data.errors import BlastlineError
from pipeline.config import RunConfig
from pipeline.extract import run_extract
from pipeline.history import decided, locked_history, warn_unfitted
from pipeline.relabel import run_relabel
from pipeline.reuse import unchanged
from pipeline.scan import read_scan
from tests.pipeline.commands import Guarded
from tests.pipeline.relabelled import content, copy_run, decide, make_run, relabel, save, table


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    return make_run(tmp_path_factory.mktemp("relabel"), audit=False)


@pytest.fixture
def config(made: RunConfig, tmp_path: Path) -> RunConfig:
    return copy_run(made, tmp_path)


def test_all_kinds_of_decisions_are_told_and_written(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    scanned = (config.run_folder / "manifest.csv").read_bytes()
    path = relabel(config, a_p0_0="b", a_p1_0="a", b_p1_1="", u_p2_0="a", u_p7_0="b", u_p7_1="b")
    out = capsys.readouterr().out
    assert "6 decisions" in out
    assert "reviewer: Ana" in out
    lines = {line[6:24].strip(): line[24:].split(None, 1) for line in out.splitlines()}
    assert lines["relabelled"] == ["2", "(a -> b 2)"]
    assert lines["newly labelled"] == ["3", "(b 2, a 1)"]
    assert lines["confirmed"] == ["1"]
    assert lines["excluded"] == ["1", "(b 1)"]
    assert "1 of these cells are byte-identical copies" in out
    assert "cells changed: 6, in 4 groups (0, 1, 2, 7)" in out
    assert "blastline fit" in out
    before, after = table(config.run_folder / "manifest.csv"), table(path)
    assert (config.run_folder / "manifest.csv").read_bytes() == scanned
    assert list(after.columns) == list(before.columns)
    assert after.label["a/p0_0.png"] == after.label["a/p0_9.png"] == "b"
    assert after.fold["unlabelled/p2_0.png"] == before.fold["a/p2_0.png"]
    assert after.fold["unlabelled/p7_0.png"] == after.fold["unlabelled/p7_1.png"] != ""
    history = table(config.run_folder / "relabelled.csv")
    assert (len(history), history.applied.nunique()) == (6, 1)


def test_the_same_file_again_changes_nothing_and_says_so(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(config, decide(config, a_p0_0="b", u_p7_0="b"))
    run_relabel(config, path)
    before = content(config.run_folder)
    capsys.readouterr()
    run_relabel(config, path)
    assert "nothing changes: all 2 decisions" in capsys.readouterr().out
    assert content(config.run_folder) == before


def test_an_excluded_cell_comes_back_to_its_side(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    before = table(config.run_folder / "manifest.csv").loc["a/p0_1.png"]
    again = decide(config, a_p0_1="a")
    relabel(config, a_p0_1="")
    assert read_scan(config)[0].frame.split.eq("excluded").sum() == 1
    after = table(
        run_relabel(config, save(config, [replace(again[0], time="2026-11-21T23:00:00Z")]))
    )
    assert "no longer excluded" in capsys.readouterr().out
    assert after.loc["a/p0_1.png"].equals(before)


def test_a_file_that_grows_adds_what_is_new(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    first = decide(config, a_p0_0="b", u_p7_0="b")
    more = decide(config, u_p6_0="a")
    run_relabel(config, save(config, first))
    corrected = replace(first[0], decision="a", time="2026-11-21T22:59:00Z")
    capsys.readouterr()
    path = run_relabel(config, save(config, [corrected, first[1], *more]))
    out = capsys.readouterr().out
    assert "2 decisions" in out
    assert "1 were applied before" in out
    assert "1 decisions replace earlier ones" in out
    after = table(path)
    assert after.label["a/p0_0.png"] == "a"
    assert after.label["unlabelled/p6_0.png"] == "a"
    history = table(config.run_folder / "relabelled.csv")
    assert (len(history), history.applied.nunique()) == (4, 2)
    assert history.applied.is_monotonic_increasing


def test_confirmations_change_no_label_but_a_fit_takes_note_of_them(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    relabel(config, a_p0_0="a", b_p1_1="b")
    assert "no label has changed" in capsys.readouterr().out
    assert not unchanged(config)
    assert len(table(config.run_folder / "relabelled.csv")) == 2


def test_a_lone_carriage_return_in_a_name_does_not_end_the_history(config: RunConfig) -> None:
    decisions = [replace(each, reviewer="A\rB") for each in decide(config, a_p0_0="b")]
    run_relabel(config, save(config, decisions))
    run_relabel(config, save(config, decide(config, a_p1_0="b")))
    assert decided(config.run_folder)["reviewers"] == ["A\rB", "Ana"]


def test_what_was_changed_is_told_against_the_label_first_shown(config: RunConfig) -> None:
    relabel(config, a_p0_0="b", a_p1_0="a", a_p2_0="b", a_p3_0="b")
    assert decided(config.run_folder) == {"decided": 4, "changed": 3, "reviewers": ["Ana"]}
    later = decide(config, a_p0_0="b", a_p1_0="a", a_p2_0="a", a_p3_0="b")
    later = [replace(each, reviewer="Bob", time="2099-01-01T00:00:00Z") for each in later]
    run_relabel(config, save(config, later))
    found = decided(config.run_folder)
    assert found == {"decided": 4, "changed": 2, "reviewers": ["Ana", "Bob"]}


def test_one_relabel_at_a_time(config: RunConfig) -> None:
    before = content(config.run_folder)
    path = save(config, decide(config, a_p0_0="b"))
    with (
        locked_history(config.run_folder),
        pytest.raises(BlastlineError, match="another relabel is writing this history"),
    ):
        run_relabel(config, path)
    assert content(config.run_folder) == before
    run_relabel(config, path)
    assert len(table(config.run_folder / "relabelled.csv")) == 1


def test_decisions_that_the_fit_does_not_know_are_told(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    warn_unfitted(config)
    assert capsys.readouterr().err == ""
    relabel(config, a_p0_0="a", a_p1_0="b")
    fitted = config.run_folder / "run.json"
    result = RunResult.read(fitted)
    told = []
    for created in ("2026-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00"):
        result.model_copy(update={"created": created}).write(fitted)
        warn_unfitted(config)
        told.append(capsys.readouterr().err)
    assert told[0].startswith("r: 2 decisions are newer than the fit")
    assert told[1] == ""


@pytest.mark.parametrize("command", ["report", "review"])
def test_commands_on_an_older_fit_say_so(command: str, config: RunConfig, guarded: Guarded) -> None:
    options = (command, "--work", config.work, "--run", config.run)
    guarded(*options).well()
    relabel(config, a_p0_0="b")
    done = guarded(*options)
    assert done.code == 0
    assert done.err.startswith("r: 1 decisions are newer than the fit and not in its result; run ")
    assert done.err.count("\n") == 1


REFUSED = {
    r"row 2: unknown class 'A'; did you mean 'a'": {"decision": "A"},
    r"row 2: image 'p1_0' is not in the manifest": {"image_id": "p1_0"},
    r"row 2: image 'a/p1_0' has SHA-256 0000": {"sha256": "0" * 64},
    r"row 2: image 'a/p1_0' was shown with label 'b', which is 'a' by now": {"label": "b"},
}


@pytest.mark.parametrize("complaint", REFUSED)
def test_a_failed_check_changes_nothing(complaint: str, config: RunConfig) -> None:
    before = content(config.run_folder)
    good, bad = decide(config, a_p0_0="b", a_p1_0="b")
    path = save(config, [replace(bad, **REFUSED[complaint]), good])
    with pytest.raises(BlastlineError, match=rf"decisions\.csv, {complaint}"):
        run_relabel(config, path)
    assert content(config.run_folder) == before


def test_a_class_is_not_emptied(config: RunConfig) -> None:
    before = content(config.run_folder)
    cells = {f"a_p{patient}_{cell}": "b" for patient in range(6) for cell in range(2)}
    with pytest.raises(BlastlineError, match=r"decisions\.csv: class 'a' would have no image left"):
        relabel(config, **cells)
    assert content(config.run_folder) == before


def test_a_class_in_one_fold_is_told(config: RunConfig, capsys: pytest.CaptureFixture[str]) -> None:
    frame = read_scan(config)[0].frame
    there = frame[(frame.label == "a") & (frame.fold == "0")]
    relabel(config, **{path.replace("/", "_").removesuffix(".png"): "b" for path in there.path})
    assert "WARNING: class 'a' is left in one fold only" in capsys.readouterr().out


def test_a_run_without_scan(config: RunConfig, tmp_path: Path) -> None:
    path = save(config, decide(config, a_p0_0="b"))
    other = config.model_copy(update={"run": "other"})
    with pytest.raises(BlastlineError, match="nothing scanned yet"):
        run_relabel(other, path)


def test_relabelled_test_cells_are_told(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config.run_folder / "manifest.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    fixed = (frame.patient == "3") & (frame.split == "train")
    frame.loc[fixed, ["split", "fold"]] = ["test", ""]
    frame.to_csv(path, index=False)
    after = table(relabel(config, a_p3_0="b", u_p3_1="a", a_p0_0="b"))
    assert "WARNING: 2 cells of the test set were changed" in capsys.readouterr().out
    assert after.split["unlabelled/p3_1.png"] == "test"


def test_a_lost_manifest_is_missed_and_made_again(config: RunConfig) -> None:
    decisions = save(config, decide(config, a_p0_0="b"))
    path = run_relabel(config, decisions)
    written = path.read_bytes()
    path.unlink()
    with pytest.raises(BlastlineError, match=r"manifest-relabelled\.csv: gone"):
        read_scan(config)
    run_relabel(config, decisions)
    assert path.read_bytes() == written


def test_without_its_history_a_run_goes_back_to_the_labels_as_scanned(config: RunConfig) -> None:
    path = relabel(config, a_p0_0="b")
    (config.run_folder / "relabelled.csv").unlink()
    run_extract(config)
    assert not path.exists()
    assert read_scan(config)[0].frame.label.isin(["a", "b", ""]).all()
    assert unchanged(config)
