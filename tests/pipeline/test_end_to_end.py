"""Synthetic cells through all stages, and whether what lies there afterwards fits together."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from classifiers.bundle import read_bundle
from data.files import sha256_file
from data.synthetic import generate
from tests.pipeline.commands import Done, Run, blastline

CLASSES = ["Normal", "Blast", "L1", "L2", "L3"]
PROBABILITIES = [f"p_{name}" for name in CLASSES]


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of change of every file."""
    return {
        str(path.relative_to(folder)): (sha256_file(path), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Whole(Run):
    """All stages on the backbones that are taken where none is said, self-training included."""

    def options(self, stage: str) -> list[object]:
        shared = ["--work", self.work, "--run", self.name]
        if stage == "extract":
            return [*shared, "--images", self.images, "--folds", 3]
        if stage == "fit":
            chosen = ["--classifiers", "logistic,svm", "--trials", 3, "--threshold", 0.6]
            return [*shared, *chosen]
        return shared


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    generate(folder / "cells", patients=12, cells=10, unlabelled=3, size=64)
    before = snapshot(folder / "cells")
    run = Whole(folder / "cells", folder / "work", "whole")
    for stage in ("extract", "fit", "report"):
        blastline(stage, *run.options(stage)).well()
    assert snapshot(folder / "cells") == before  # a user's images are only ever read
    assert {path.name for path in folder.iterdir()} == {"cells", "work"}
    return run


@pytest.fixture(scope="module")
def manifest(whole: Whole) -> pd.DataFrame:
    return whole.table("manifest.csv").set_index("image_id")


@pytest.fixture(scope="module")
def predictions(whole: Whole) -> pd.DataFrame:
    return whole.table("predictions.csv")


def test_nothing_half_made_is_left_behind(whole: Whole) -> None:
    names = {path.name for path in whole.folder.iterdir()}
    assert names == {
        "config.toml", "manifest.csv", "scan.json", "audit.json", "ties.csv", "extract.json",
        "outcomes.csv", "run.json", "fit.json", "predictions.csv", "label_errors.csv", "bundle",
        "results.csv", "patients.csv", "model-card.md",
        "bundle-self-trained", "thumbnails", "heatmaps", "report.html",
    }  # fmt: skip
    assert not [path for path in whole.work.rglob("*") if path.name.endswith((".tmp", ".parts"))]


def test_the_manifest_says_what_was_drawn(whole: Whole, manifest: pd.DataFrame) -> None:
    with (whole.images / "truth.csv").open(newline="") as stream:
        truth = {row["path"]: row["label"] for row in csv.DictReader(stream)}
    assert set(manifest.path) == set(truth)
    train = manifest[manifest.split == "train"]
    assert (train.label == train.path.map(truth)).all()
    assert (train.groupby("patient").fold.nunique() == 1).all()
    assert (manifest.patient == manifest.path.str.extract(r"/P(\d+)_", expand=False)).all()
    assert set(manifest.split) == {"train", "unlabelled"}
    assert all(sha256_file(whole.images / row.path) == row.sha256 for row in manifest.itertuples())


def test_every_image_has_a_prediction_of_the_selected_classifier(
    manifest: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    selected = predictions[predictions.classifier == "selected"]
    assert sorted(selected.image_id) == sorted(manifest.index)
    assert set(predictions.classifier) == {
        "selected", "self_training", "logistic", "svm", "majority", "mean_colour", "random_weights",
    }  # fmt: skip
    labelled = set(manifest.index[manifest.split == "train"])
    for name, rows in predictions.groupby("classifier"):
        assert rows.image_id.is_unique
        assert labelled <= set(rows.image_id), name


def test_predictions_repeat_label_group_and_fold_of_the_manifest(
    manifest: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    of_image = manifest.loc[predictions.image_id].reset_index(drop=True)
    for column in ("path", "label", "patient", "group", "split", "fold"):
        assert (predictions[column].astype(str) == of_image[column].astype(str)).all(), column


def test_probabilities_sum_to_1_and_name_the_predicted_class(predictions: pd.DataFrame) -> None:
    proba = predictions[PROBABILITIES].to_numpy(float)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    best = np.array(CLASSES)[proba.argmax(axis=1)]
    sure = np.sort(proba, axis=1)[:, -1] - np.sort(proba, axis=1)[:, -2] > 1e-6  # as rounded
    assert (best[sure] == predictions.predicted[sure]).all()


def test_figures_of_the_result_follow_from_the_predictions(
    whole: Whole, predictions: pd.DataFrame
) -> None:
    result = whole.result()
    for name, each in result.classifiers.items():
        rows = predictions[(predictions.classifier == name) & (predictions.split == "train")]
        assert each.test.accuracy.value == pytest.approx(accuracy_score(rows.label, rows.predicted))
        assert each.test.f1_macro.value == pytest.approx(
            f1_score(rows.label, rows.predicted, average="macro", zero_division=0)
        )
        assert each.test.n == len(rows)
        assert each.test.n_groups == rows.group.nunique()
    assert result.classifiers["selected"].test.accuracy.value > 0.5


def test_the_result_describes_set_split_and_studies(whole: Whole, manifest: pd.DataFrame) -> None:
    result = whole.result()
    train = manifest[manifest.split == "train"]
    assert result.dataset.classes == CLASSES
    assert result.dataset.images_per_class == {n: int((train.label == n).sum()) for n in CLASSES}
    assert result.dataset.patients == 12
    split = result.split
    assert (split.unit, split.warning, split.folds) == ("patient", "", 3)
    assert (split.shared_groups, split.shared_files) == (0, 0)
    assert split.cells_per_fold == [
        int((train.fold.astype(int) == fold).sum()) for fold in (0, 1, 2)
    ]
    flow = {step.name: step.count for step in result.flow}
    assert flow["images found"] == len(manifest) == 156
    assert flow["labelled, used"] + flow["unlabelled, used"] == 156
    assert len(result.tuning.studies) == 2 * 4
    assert all(study.trials == 3 for study in result.tuning.studies)
    assert result.self_training is not None
    assert result.self_training.unlabelled == 36
    assert result.self_training.settings["threshold"] == 0.6
    assert result.run == "whole"
    assert list(result.classifiers)[:2] == ["selected", "self_training"]


def test_the_report_is_one_file_about_this_run(whole: Whole) -> None:
    page = (whole.folder / "report.html").read_text(encoding="utf-8")
    result = whole.result()
    assert all(name in page for name in (result.run, *CLASSES))
    assert f"{result.classifiers['selected'].test.accuracy.value:.3f}" in page
    assert all((whole.folder / cell.thumbnail).is_file() for cell in result.galleries.samples)
    before = page
    blastline("report", *whole.options("report")).well()
    assert (whole.folder / "report.html").read_text(encoding="utf-8") == before


def test_a_second_extraction_has_nothing_to_do(whole: Whole) -> None:
    before = {path: sha256_file(path) for path in whole.stores}
    assert (
        "nothing to do: all 156 images"
        in blastline("extract", *whole.options("extract")).well().out
    )
    assert {path: sha256_file(path) for path in whole.stores} == before


def test_fitting_again_repeats_no_trial_and_changes_no_figure(whole: Whole) -> None:
    table, before = whole.table("predictions.csv"), whole.result()
    done = blastline("fit", *whole.options("fit"), "--again").well()
    assert "24 trials (24 from an earlier run" in done.out
    again, after = whole.table("predictions.csv"), whole.result()
    assert again.drop(columns=PROBABILITIES).equals(table.drop(columns=PROBABILITIES))
    np.testing.assert_allclose(
        again[PROBABILITIES].astype(float), table[PROBABILITIES].astype(float), atol=2e-6
    )
    for name, each in before.classifiers.items():
        test = after.classifiers[name].test
        assert (test.accuracy, test.f1_macro) == (each.test.accuracy, each.test.f1_macro)
        assert test.confusion == each.test.confusion
    assert after.self_training == before.self_training
    shown = [[cell.image_id for cell in result.galleries.samples] for result in (before, after)]
    assert shown[0] == shown[1]


def rows_of(done: Done) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(done.well().out)))


@pytest.mark.parametrize(
    ("bundle", "classifier"), [("bundle", "selected"), ("bundle-self-trained", "self_training")]
)
def test_a_bundle_predicts_as_the_run_did(
    whole: Whole, predictions: pd.DataFrame, bundle: str, classifier: str
) -> None:
    folder = whole.images / "unlabelled"
    rows = rows_of(blastline("predict", whole.folder / bundle, folder))
    expected = predictions[
        (predictions.classifier == classifier) & (predictions.split == "unlabelled")
    ].set_index("path")
    assert [row["image"] for row in rows] == sorted(str(path) for path in folder.iterdir())
    for row in rows:
        same = expected.loc[Path(row["image"]).relative_to(whole.images).as_posix()]
        assert row["class"] == same.predicted
        for name in PROBABILITIES:
            assert float(row[name]) == pytest.approx(float(same[name]), abs=2e-6)


def test_a_bundle_remembers_recipe_and_run(whole: Whole) -> None:
    bundle = read_bundle(whole.folder / "bundle")
    assert [each.digest for each in bundle.recipes] == list(whole.result().recipes)
    assert (bundle.run, bundle.classes) == ("whole", tuple(CLASSES))
    made_by = [(each.backbone, each.weights) for each in bundle.recipes]
    assert made_by == [("smearnet", "shipped"), ("morphology", "none")]  # the default, offline


def test_the_same_seed_gives_the_same_predictions_from_scratch(
    finished_run: Run, tmp_path: Path
) -> None:
    again = Run(finished_run.images, tmp_path / "work", finished_run.name)
    for stage in ("extract", "fit"):
        blastline(stage, *again.options(stage)).well()
    for name in ("manifest.csv", "predictions.csv"):
        assert (again.folder / name).read_bytes() == (finished_run.folder / name).read_bytes()
