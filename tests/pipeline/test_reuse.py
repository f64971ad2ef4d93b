"""A fit that would come out the same is not made again; anything else is."""

import json
import shutil

import pytest

from data.manifest import COLUMNS
from tests.pipeline.commands import Guarded, Run

SAID = "nothing has changed"


def fit(run: Run, guarded: Guarded, *more: object) -> str:
    done = guarded("fit", *run.options("fit"), *more)
    assert (done.code, done.err) == (0, "")
    return done.out


def test_changing_nothing_reuses_everything_and_says_so(run: Run, guarded: Guarded) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()}
    assert SAID in fit(run, guarded)
    after = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()}
    changed = {path.name for path in before if before[path] != after.get(path)}
    assert changed <= {"config.toml"}
    assert set(before) == set(after)


def test_extracting_and_reporting_again_is_no_change(run: Run, guarded: Guarded) -> None:
    for stage in ("extract", "report"):
        assert guarded(stage, *run.options(stage)).code == 0
    assert SAID in fit(run, guarded)


def test_being_asked_to_fits_again_to_the_same_figures(run: Run, guarded: Guarded) -> None:
    before = run.result()
    out = fit(run, guarded, "--again")
    assert "12 trials" in out or "from an earlier run" in out
    assert run.result().classifiers["selected"].test == before.classifiers["selected"].test
    assert SAID in fit(run, guarded)


@pytest.mark.parametrize(
    "more", [("--trials", 3), ("--metric", "auroc"), ("--calibration", "none"), ("--seed", 1)]
)
def test_another_setting_is_a_change(run: Run, guarded: Guarded, more: tuple[object, ...]) -> None:
    assert SAID not in fit(run, guarded, *more)
    assert SAID in fit(run, guarded, *more)


def test_studies_cut_short_by_their_limit_go_on(run: Run, guarded: Guarded) -> None:
    more = ("--trials", 4, "--study-seconds", 1e-9)
    assert "6 trials" in fit(run, guarded, *more)  # those that were there
    assert SAID not in fit(run, guarded, *more)
    assert "12 trials (6 from" in fit(run, guarded, *more[:2], "--study-seconds", 0)


def test_another_label_is_a_change(run: Run, guarded: Guarded) -> None:
    table = run.table("manifest.csv")
    one = table[(table.split == "train")].groupby("label").head(1)
    first, second = one.iloc[0], one.iloc[1]
    table.loc[table.image_id == first.image_id, "label"] = second.label
    table[list(COLUMNS)].to_csv(run.folder / "manifest.csv", index=False)
    done = guarded("fit", *run.options("fit"))
    assert SAID not in done.out
    assert "audit.json is of other labels" in done.err


@pytest.mark.parametrize("name", ["run.json", "predictions.csv", "bundle/bundle.json", "fit.json"])
def test_what_is_missing_is_made_again(run: Run, guarded: Guarded, name: str) -> None:
    (run.folder / name).unlink()
    assert SAID not in fit(run, guarded)
    assert (run.folder / name).is_file()


def test_embeddings_that_were_written_anew_are_a_change(run: Run, guarded: Guarded) -> None:
    store = next(path for path in run.stores if "mean_colour" in path.name)
    store.write_bytes(store.read_bytes())
    assert SAID not in fit(run, guarded)


@pytest.mark.parametrize("name", ["heatmaps", "thumbnails"])
def test_pictures_that_are_gone_are_made_again(run: Run, guarded: Guarded, name: str) -> None:
    before = sorted(path.name for path in (run.folder / name).iterdir())
    shutil.rmtree(run.folder / name)
    assert SAID not in fit(run, guarded)
    assert sorted(path.name for path in (run.folder / name).iterdir()) == before
    assert SAID in fit(run, guarded)


def test_pictures_wait_for_their_images(run: Run, guarded: Guarded) -> None:
    scan = run.folder / "scan.json"
    there = scan.read_text()
    content = json.loads(there)
    gone = json.dumps(content | {"images": str(run.work / "gone")})
    scan.write_text(gone)
    shutil.rmtree(run.folder / "thumbnails")
    assert SAID in fit(run, guarded)  # another fit could not make them either
    assert guarded("fit", *run.options("fit"), "--again").code == 0
    assert SAID in fit(run, guarded)
    scan.write_text(there)
    assert SAID not in fit(run, guarded)
    assert any((run.folder / "heatmaps").iterdir()) and any((run.folder / "thumbnails").iterdir())
    assert SAID in fit(run, guarded)
