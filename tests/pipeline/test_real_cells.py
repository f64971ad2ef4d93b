"""Real cells, real weights, real command line: from a folder of images to a report."""

import csv
import io
import shutil
from pathlib import Path

import pytest

from data.cards import load_card
from tests.pipeline.commands import REFUSED, Run, blastline
from tests.shared import PBC, WEIGHTS, needs_shared

pytestmark = needs_shared
EACH = 15
CLASSES = [
    "basophil", "eosinophil", "erythroblast", "ig", "lymphocyte", "monocyte", "neutrophil",
    "platelet",
]  # fmt: skip


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A few cells of each class through extract, fit (all classifiers) and report."""
    folder = tmp_path_factory.mktemp("real")
    for name in CLASSES:
        (folder / "cells" / name).mkdir(parents=True)
        for path in sorted((PBC / name).glob("*.jpg"))[:EACH]:
            shutil.copy(path, folder / "cells" / name)
    run = Run(folder / "cells", folder / "work", "real")
    where = ["--work", run.work, "--run", "real"]
    blastline(
        "extract", *where, "--dataset", "pbc2020", "--images", run.images, "--folds", 3,
        "--backbone", "mobilenet_v2", "--alpha", 0.35, "--weights", WEIGHTS,
    ).well()  # fmt: skip
    fitted = blastline("fit", *where, "--classifiers", "logistic,svm,dense", "--trials", 2).well()
    assert "WARNING: No patient ids" in fitted.out
    blastline("report", *where).well()
    return run


def test_accuracy_is_far_above_the_baselines(real: Run) -> None:
    tests = {name: each.test.accuracy.value for name, each in real.result().classifiers.items()}
    assert tests["majority"] == pytest.approx(1 / 8, abs=0.03)
    for name in ("selected", "logistic", "svm"):
        assert tests[name] > max(0.7, tests["mean_colour"] + 0.1), name
    assert tests["dense"] > 3 / 8  # ten cells a class are few for a network


def test_classes_citation_and_warning_are_told(real: Run) -> None:
    result, card = real.result(), load_card("pbc2020")
    assert result.dataset.classes == CLASSES
    assert result.dataset.citation == card.citation
    assert result.dataset.doi == card.doi
    assert result.dataset.images_per_class == dict.fromkeys(CLASSES, EACH)
    assert result.dataset.patients is None
    assert result.split.unit == "image"
    assert "No patient ids" in result.split.warning
    (recipe,) = result.recipes.values()
    assert (recipe["backbone"], recipe["alpha"]) == ("mobilenet_v2", 0.35)
    assert recipe["engine"] == "openvino"
    page = (real.folder / "report.html").read_text(encoding="utf-8")
    assert "No patient ids" in page
    assert "Acevedo" in page


def test_predicting_a_file_agrees_with_the_folder(real: Run) -> None:
    folder = real.images / "platelet"
    rows = list(csv.DictReader(io.StringIO(
        blastline("predict", real.folder / "bundle", folder).well().out
    )))  # fmt: skip
    assert len(rows) == EACH
    assert sum(row["class"] == "platelet" for row in rows) > 0.8 * EACH  # it was fitted on them
    out = real.work / "one.csv"
    blastline(
        "predict", real.folder / "bundle", rows[3]["image"], "--out", out, "--weights", WEIGHTS
    ).well()
    with out.open(newline="") as stream:
        (one,) = csv.DictReader(stream)
    assert one["class"] == rows[3]["class"]
    for name in CLASSES:
        assert float(one[f"p_{name}"]) == pytest.approx(float(rows[3][f"p_{name}"]), abs=1e-3)


def test_other_weights_are_refused(real: Run, tmp_path: Path) -> None:
    image = next((real.images / "ig").iterdir())
    done = blastline("predict", real.folder / "bundle", image, "--weights", "random")
    assert done.code == REFUSED
    assert "digest" in done.complaint
    done = blastline("predict", real.folder / "bundle", image, "--weights", tmp_path)
    assert done.code == REFUSED
    assert "mobilenet_v2-0.35.weights.h5" in done.complaint


def test_another_backbone_needs_another_extraction(real: Run) -> None:
    done = blastline("fit", "--work", real.work, "--run", "real", "--backbone", "morphology")
    assert done.code == REFUSED
    assert "mobilenet_v2" in done.complaint
