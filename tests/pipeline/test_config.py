"""Settings: command line over file over default, and nothing unknown."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.registry import CLASSIFIERS
from data.errors import BlastlineError
from pipeline.config import RunConfig, resolve_config
from tests.pipeline.commands import REFUSED, Guarded, Run

KEYS = {
    "folds": st.integers(2, 9),
    "trials": st.integers(1, 99),
    "metric": st.sampled_from(["f1_macro", "accuracy"]),
    "threshold": st.sampled_from([0.6, 0.75, 0.95]),
    "seed": st.integers(0, 2**31),
    "classifiers": st.lists(st.sampled_from(list(CLASSIFIERS)), min_size=1, unique=True),
}
SOME = st.fixed_dictionaries({}, optional=KEYS)


def written(values: dict[str, object], path: Path) -> Path:
    import tomli_w

    path.write_text(tomli_w.dumps(values), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config")


@given(file=SOME, said=SOME)
def test_command_line_over_file_over_default(
    folder: Path, file: dict[str, object], said: dict[str, object]
) -> None:
    path = written(file, folder / "some.toml")
    expected = RunConfig().model_dump() | file | said
    unsaid = dict.fromkeys(KEYS) | said
    found = resolve_config(path, {"work": str(folder / "w"), **unsaid}).model_dump()
    expected["classifiers"] = tuple(expected["classifiers"])
    assert found == expected | {"work": str(folder / "w")}


@given(file=SOME, said=SOME)
def test_a_later_stage_goes_on_with_what_the_run_folder_says(
    folder: Path, file: dict[str, object], said: dict[str, object]
) -> None:
    where = {"work": str(folder), "run": "again"}
    (folder / "again/config.toml").unlink(missing_ok=True)
    first = resolve_config(written(file, folder / "some.toml"), where)
    first.write()
    assert resolve_config(None, where) == first
    expected = first.model_dump() | said
    expected["classifiers"] = tuple(expected["classifiers"])
    assert resolve_config(None, where | said).model_dump() == expected


@given(config=SOME)
def test_what_is_written_is_whole_and_read_back(folder: Path, config: dict[str, object]) -> None:
    whole = RunConfig.model_validate(config | {"work": str(folder), "run": "written"})
    path = whole.write()
    assert path == folder / "written/config.toml"
    assert resolve_config(path, {}) == whole
    kept = tomllib.loads(path.read_text(encoding="utf-8"))
    # None has no TOML; workers are a matter of the machine.
    assert set(kept) == set(RunConfig.model_fields) - {"steps", "workers"}


def test_classifiers_come_with_commas_or_as_a_list() -> None:
    for said in ("svm,logistic", " svm , logistic ,", ["svm", "logistic"]):
        assert resolve_config(None, {"classifiers": said}).classifiers == ("svm", "logistic")


def test_relative_paths_mean_the_same_in_the_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cells", "networks", "generated", "random", "pretrained", "imagenet", "synthetic"):
        Path(name).mkdir()
    Path("mine.toml").touch()
    said = {"images": "cells", "weights": "networks", "work": "generated", "dataset": "mine.toml"}
    config = resolve_config(None, said)
    for key, value in said.items():
        assert getattr(config, key) == str(tmp_path / value)
    assert config.run_name == "mine-smearnet+morphology"
    # A folder of the same name does not turn a name into a path.
    for name in ("random", "pretrained", "imagenet"):
        config = resolve_config(None, {"weights": name, "dataset": "synthetic"})
        assert (config.weights, config.dataset) == (name, "synthetic")


def test_a_work_folder_that_moved_is_used_where_it_lies(run: Run, guarded: Guarded) -> None:
    moved = run.work.with_name("moved")
    run.work.rename(moved)
    assert guarded("fit", "--work", moved, "--run", run.name).well()
    assert guarded("report", "--work", moved, "--run", run.name).well()
    assert not run.work.exists()
    assert tomllib.loads((moved / run.name / "config.toml").read_text())["work"] == str(moved)


def test_every_stage_leaves_the_settings_it_ran_with(finished_run: Run) -> None:
    kept = tomllib.loads((finished_run.folder / "config.toml").read_text(encoding="utf-8"))
    assert kept["backbone"] == "mean_colour"
    assert kept["folds"] == 2  # said to extract
    assert kept["trials"] == 2  # said to fit
    assert kept["metric"] == "f1_macro"  # a default
    assert kept["run"] == finished_run.name


BAD = {
    "an unknown key": ("trails = 5", "unknown key 'trails'"),
    "a table": ("[fit]\ntrials = 5", "unknown key 'fit'"),
    "a wrong type": ('trials = "many"', "trials"),
    "a value out of range": ("folds = 1", "folds"),
    "a certainty": ("threshold = 1.0", "threshold"),
    "a metric that does not exist": ('metric = "auc"', "metric"),
    "bad TOML": ("trials = = 5", "not valid TOML"),
    "no text": (b"\xff\xfe", "not valid TOML"),
    "a path for a name": ('run = "../elsewhere"', "plain name"),
    "a path for a name, absolute": ('run = "/tmp/run"', "plain name"),
    "a hidden name": ('run = ".run"', "plain name"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_settings_are_one_line(what: str, tmp_path: Path, guarded: Guarded) -> None:
    content, expected = BAD[what]
    path = tmp_path / "settings.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = guarded("fit", "--config", path, "--work", tmp_path / "work")
    assert done.code == REFUSED
    assert expected in done.complaint
    assert "settings.toml" in done.complaint
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("run", ["a/b", "../up", "/abs", ".hidden", "..", "a\\b"])
def test_run_names_that_are_paths_are_refused(run: str, tmp_path: Path, guarded: Guarded) -> None:
    for stage in ("scan", "extract", "fit", "report"):
        done = guarded(stage, "--run", run, "--work", tmp_path / "work")
        assert (done.code, "plain name" in done.complaint) == (REFUSED, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dataset", ["../../x.toml", "a/b"])
@pytest.mark.parametrize("backbone", ["../../x", "a/b"])
def test_names_that_form_the_run_folder_cannot_leave_it(
    dataset: str, backbone: str, tmp_path: Path
) -> None:
    try:
        config = resolve_config(
            None, {"dataset": dataset, "backbone": backbone, "work": str(tmp_path)}
        )
    except BlastlineError:
        return
    assert config.run_folder.resolve().parent == tmp_path.resolve()


def test_a_missing_file_of_settings(tmp_path: Path, guarded: Guarded) -> None:
    done = guarded("fit", "--config", tmp_path / "none.toml")
    assert done.code == REFUSED
    assert "none.toml" in done.complaint


def test_a_stage_that_fails_leaves_the_settings_of_the_run(
    run: Run, guarded: Guarded, tmp_path: Path
) -> None:
    before = (run.folder / "config.toml").read_bytes()
    for label in ("Normal", "Blast", "L1", "L2", "L3"):
        for patient in ("01", "02"):
            path = tmp_path / f"broken/{label}/P{patient}_000.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{label} {patient}")
    done = guarded("extract", *run.options("extract"), "--images", tmp_path / "broken")
    assert (done.code, "none of 10 images could be read" in done.complaint) == (2, True)
    assert (run.folder / "config.toml").read_bytes() == before
