"""Disturbed cells from extraction to result: which ones, resumed, gone, and of earlier versions."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from classifiers.baselines import CONTROL
from data.files import write_text
from data.manifest import Manifest
from features.disturb import DISTURBANCES, STRENGTHS
from features.recipe import Recipe
from features.weights import Weights
from pipeline.config import RunConfig, resolve_config
from pipeline.disturbed import FEWEST, choose_sample
from pipeline.inputs import load_inputs
from pipeline.recipes import Plan, control_plan
from pipeline.reuse import fingerprint
from tests.pipeline.commands import Folders, Guarded, Run

EVERY = {(kind, strength) for kind in DISTURBANCES for strength in STRENGTHS}


@pytest.fixture(scope="module")
def manifest(finished_run: Run) -> Manifest:
    return load_inputs(config_of(finished_run)).manifest


def config_of(run: Run, **changes: object) -> RunConfig:
    return resolve_config(None, {"work": str(run.work), "run": run.name, **changes})


def stores(run: Run) -> list[Path]:
    return sorted(run.work.glob("embeddings/*/disturbed/*.h5"))


def edit(run: Run, **changes: object) -> None:
    """Change or (None) remove fields of extract.json."""
    path = run.folder / "extract.json"
    fields = {**json.loads(path.read_text()), **changes}
    write_text(path, json.dumps({key: each for key, each in fields.items() if each is not None}))


@pytest.mark.parametrize("limit", [1, 7, 20, 40])
def test_a_sample_mirrors_classes_and_spreads_over_groups(manifest: Manifest, limit: int) -> None:
    sample = choose_sample(manifest, set(), limit, 0)
    assert len(sample) == len(set(sample)) == limit
    frame = manifest.frame.set_index("sha256")
    assert set(frame.loc[sample].split) == {"train"}
    train = frame[frame.split == "train"]
    counts, chosen = train.label.value_counts(), frame.loc[sample].label.value_counts()
    for name in counts.index:
        assert chosen.get(name, 0) >= min(FEWEST, counts[name], limit // len(counts))
        smaller = counts.index[counts < counts[name]]
        assert all(chosen.get(name, 0) >= chosen.get(other, 0) for other in smaller)
    of_groups = frame.loc[sample].groupby(["label", "group"]).size()
    for name, sizes in of_groups.groupby("label"):
        there = train[train.label == name].groupby("group").size()
        if sizes.max() > 1:  # no cell of a patient twice before each stands in it once
            assert set(sizes.droplevel("label").index) == set(there.index)


def test_a_sample_goes_by_content_not_by_order_or_name(manifest: Manifest) -> None:
    sample = choose_sample(manifest, set(), 12, 0)
    frame = manifest.frame.sample(frac=1, random_state=1)
    frame["image_id"] = [f"i{number}" for number in range(len(frame))]
    other = Manifest(frame, manifest.classes)
    assert choose_sample(other, set(), 12, 0) == sample
    assert choose_sample(manifest, set(), 12, 1) != sample


def test_a_sample_has_no_failed_image_and_all_where_they_are_few(manifest: Manifest) -> None:
    train = manifest.frame[manifest.frame.split == "train"]
    failed = set(train.path[:3])
    sample = choose_sample(manifest, failed, 10_000, 0)
    assert set(sample) == set(train.sha256[3:])
    assert choose_sample(manifest, set(), 0, 0) == []
    assert choose_sample(manifest, set(train.path), 10, 0) == []


def test_beside_a_fixed_test_set_only_its_cells_are_chosen(manifest: Manifest) -> None:
    frame = manifest.frame.copy()
    fixed = (frame.split == "train") & frame.group.isin(sorted(set(frame.group))[:5])
    frame.loc[fixed, ["split", "fold"]] = ["test", ""]
    sample = choose_sample(Manifest(frame, manifest.classes), set(), 1000, 0)
    assert set(sample) == set(frame.sha256[fixed])


def test_every_disturbance_is_measured_on_cells_under_test(finished_run: Run) -> None:
    part, result = finished_run.result().robustness, finished_run.result()
    assert {(each.kind, each.strength) for each in part.perturbed} == EVERY
    assert part.note == ""
    test = result.classifiers["selected"].test
    assert (part.n, part.n_groups) == (test.n, test.n_groups)  # all of them: they are few
    assert part.accuracy.value == pytest.approx(test.accuracy.value)
    assert part.f1_macro.value == pytest.approx(test.f1_macro.value)
    blur = next(each for each in part.perturbed if (each.kind, each.strength) == ("blur", 1))
    assert blur.changed < 0.35  # blur leaves the mean colour that this classifier goes by
    assert (finished_run.folder / part.thumbnail).is_file()
    assert all((finished_run.folder / each.thumbnail).is_file() for each in part.perturbed)
    assert len({each.thumbnail for each in part.perturbed}) == len(EVERY)


def test_each_disturbed_cell_is_judged_by_the_model_that_tested_it(folders: Folders) -> None:
    """Undisturbed embeddings in place of disturbed ones: every decision must be the same."""
    folders("extract").well()
    run = Run(folders.images, folders.work, "r")
    inputs = load_inputs(config_of(run))
    for each in inputs.disturbed:
        assert each.X.shape == (16, 3)
        plain = inputs.cells.X[each.rows]
        assert np.abs(each.X - plain).max() < 80
        if each.kind == "rotation":
            assert np.abs(each.X - plain).max() < 10  # mean colours hardly move
    folders("fit").well()
    part = run.result().robustness
    assert part.accuracy.value == 1
    mild = [each for each in part.perturbed if each.kind in ("blur", "resize", "rotation")]
    assert all(each.changed == 0 for each in mild)


def test_what_was_embedded_before_is_not_embedded_again(folders: Folders) -> None:
    first = folders("extract").well().out
    assert "16 cells under 18 disturbances" in first
    assert "288 embedded now" in first
    run = Run(folders.images, folders.work, "r")
    assert len(stores(run)) == len(EVERY)
    stores(run)[4].unlink()
    again = folders("extract").well().out
    assert "16 embedded now, 272 dealt with before" in again
    assert "nothing to do, 288 dealt with before" in folders("extract").well().out


def test_none_is_embedded_where_none_is_wished(folders: Folders) -> None:
    out = folders("extract", "--robustness", 0).well().out
    assert "disturbances" not in out
    run = Run(folders.images, folders.work, "r")
    assert not stores(run)
    folders("fit").well()
    assert "--robustness 0" in run.result().robustness.note
    assert run.result().robustness.perturbed == []
    folders("report").well()


def test_stores_that_are_gone_or_damaged_are_told_and_nothing_fails(
    run: Run, guarded: Guarded
) -> None:
    gone, damaged, *_ = stores(run)
    gone.unlink()
    damaged.write_bytes(damaged.read_bytes()[:300])
    guarded("fit", *run.options("fit"), "--again").well()
    part = run.result().robustness
    assert len(part.perturbed) == len(EVERY) - 2
    assert part.note.count(", ") >= 1
    assert "extract again" in part.note
    shutil.rmtree(gone.parent)
    assert load_inputs(config_of(run)).disturbed == ()


def test_an_extraction_of_an_earlier_version_is_still_read(run: Run) -> None:
    edit(run, sample=None, control_recipe=None)
    assert "sample" not in json.loads((run.folder / "extract.json").read_text())
    inputs = load_inputs(config_of(run))
    assert inputs.disturbed == ()
    assert inputs.cells.control is None
    assert fingerprint(config_of(run)) is not None


def test_pictures_are_left_out_where_images_are_gone(
    run: Run, tmp_path: Path, guarded: Guarded
) -> None:
    scan = run.folder / "scan.json"
    fields = json.loads(scan.read_text())
    fields["images"] = str(tmp_path / "gone")
    write_text(scan, json.dumps(fields))
    guarded("fit", *run.options("fit"), "--again").well()
    part = run.result().robustness
    assert {(each.kind, each.strength) for each in part.perturbed} == EVERY
    assert (part.thumbnail, part.example) == ("", "")
    guarded("report", *run.options("report")).well()


def test_a_fit_is_done_again_when_what_it_rests_on_has_changed(run: Run) -> None:
    config = config_of(run)
    before = fingerprint(config)
    assert before is not None
    store = stores(run)[0]
    store.write_bytes(store.read_bytes())  # written anew: it may hold other numbers
    after = fingerprint(config)
    edit(run, sample=[])
    assert len({before, after, fingerprint(config)}) == 3


def test_a_control_stands_among_the_baselines(
    run: Run, guarded: Guarded, capfd: pytest.CaptureFixture[str]
) -> None:
    """The mean colour's own embeddings in place of those of a network with random weights."""
    fields = json.loads((run.folder / "extract.json").read_text())
    edit(run, control_recipe=fields["baseline_recipe"])
    guarded("fit", *run.options("fit"), "--again").well()
    found = run.result().classifiers
    assert found[CONTROL].role == "baseline"
    assert found[CONTROL].test.n == found["selected"].test.n
    assert CONTROL in set(pd.read_csv(run.folder / "predictions.csv").classifier)
    assert found[CONTROL].title in guarded_report(run, guarded)
    assert load_inputs(config_of(run, control=False)).cells.control is None
    edit(run, control_recipe={**fields["baseline_recipe"], "steps": ["median:3"]})
    capfd.readouterr()
    assert load_inputs(config_of(run)).cells.control is None
    assert "no control with random weights" in capfd.readouterr().err


def guarded_report(run: Run, guarded: Guarded) -> str:
    guarded("report", *run.options("report")).well()
    return (run.folder / "report.html").read_text(encoding="utf-8")


def plan_of(backbone: str, weights: str, **fields: object) -> Plan:
    recipe = Recipe(backbone, weights, "digest", **fields)  # type: ignore[arg-type]
    return Plan(recipe, Weights(weights, "digest"), 0, Path("networks"))


def test_the_control_is_the_first_network_with_random_weights() -> None:
    config = RunConfig(seed=4)
    like = plan_of("densenet169", "file", size=224, steps=("median:3",), views=2, pooling="tokens")
    found = control_plan(config, [plan_of("morphology", "none"), like, plan_of("vgg16", "file")])
    assert found is not None
    recipe = found.recipe
    assert (recipe.backbone, recipe.weights, recipe.pooling) == ("densenet169", "random", "average")
    assert recipe.weights_digest == "random, seed 4"
    assert found.weights.source == "random"
    assert (recipe.steps, recipe.views, recipe.size) == (("median:3",), 2, 224)


@pytest.mark.parametrize(
    ("config", "plan"),
    [
        (RunConfig(), plan_of("morphology", "none")),
        (RunConfig(), plan_of("vgg16", "random")),
        (RunConfig(control=False), plan_of("vgg16", "file")),
    ],
)
def test_there_is_no_control_without_a_network_or_beside_random_weights(
    config: RunConfig, plan: Plan
) -> None:
    assert control_plan(config, [plan]) is None
