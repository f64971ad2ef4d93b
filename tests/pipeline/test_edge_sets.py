"""Sets at the edge of what can be fitted: each works, or ends in one line that says what to do."""

from pathlib import Path

import numpy as np
import pytest

from features.recipe import Recipe
from features.store import EmbeddingStore
from tests.pipeline.commands import Done, Guarded, Run, paint, refused

COLOURS = [(r, g, b) for r in (40, 100, 160, 220) for g in (40, 130, 220) for b in (40, 130, 220)]
ALL = "logistic,svm,dense,dense_svm,knn,committee"


def painted(folder: Path, classes: dict[str, int], patients: int = 0) -> Path:
    """Images of one colour a class, so many of each; of so many patients if any."""
    for number, (name, count) in enumerate(classes.items()):
        for image in range(count):
            whose = f"p{image % patients}_" if patients else ""
            path = folder / name / f"{whose}{image}.png"
            paint(path, COLOURS[number % len(COLOURS)], 10_000 * number + image, side=16)
    return folder


class Stages:
    """Extract and fit a folder with a fixed set of options; the last one's outcome."""

    def __init__(self, work: Path, guarded: Guarded) -> None:
        self.work, self._guarded = work, guarded

    def __call__(
        self, images: Path, *more: object, dataset: object = "folders", folds: int = 2,
        classifiers: str = "logistic,svm,committee",
    ) -> Done:  # fmt: skip
        shared = ["--work", self.work, "--run", "r", "--backbone", "mean_colour"]
        done = self._guarded(
            "extract", *shared, "--dataset", dataset, "--images", images, "--folds", folds
        )
        if done.code:
            return done
        fit = ["--classifiers", classifiers, "--trials", 2, "--rounds", 0]
        done = self._guarded("fit", *shared, *fit, *more)
        return done if done.code else self._guarded("report", "--work", self.work, "--run", "r")

    @property
    def run(self) -> Run:
        return Run(self.work, self.work, "r")


@pytest.fixture
def stages(tmp_path: Path, guarded: Guarded) -> Stages:
    return Stages(tmp_path / "w", guarded)


def card(path: Path, classes: list[str]) -> Path:
    """A card that names the patient in front of the number."""
    examples = "\n".join(f'"{name}/p1_1.png" = "{name}"' for name in classes)
    path.write_text(
        f'format = 1\nname = "own"\ntitle = "own"\ncitation = "none"\nlicence = "own"\n'
        'where = "here"\n'
        f"classes = {classes!r}\n"
        "pattern = '(?P<label>[^/]+)/p(?P<patient>\\d+)_\\d+\\.png'\n"
        f"[examples]\n{examples}\n",
        encoding="utf-8",
    )
    return path


def test_names_with_spaces_accents_and_signs(stages: Stages, tmp_path: Path) -> None:
    names = ["Éosinophile à noyau", "L1 (précoce), «x»", "<b>&amp;| 100 %"]
    images = painted(tmp_path / "cells", dict.fromkeys(names, 8))
    done = stages(images, classifiers=ALL)
    assert (done.code, done.err) == (0, "")
    assert stages.run.result().dataset.classes == sorted(names)
    assert set(stages.run.table("predictions.csv").predicted) <= set(names)


def test_a_hundred_classes(stages: Stages, tmp_path: Path) -> None:
    images = painted(tmp_path / "cells", {f"class {n:03d}": 4 for n in range(100)})
    done = stages(images)
    assert (done.code, done.err) == (0, "")
    result = stages.run.result()
    assert len(result.classifiers["selected"].test.per_class) == 100


@pytest.mark.parametrize("count", [2, 3])
def test_few_cells_of_a_class(stages: Stages, tmp_path: Path, count: int) -> None:
    images = painted(tmp_path / "cells", {"common": 12, "other": 12, "rare": count})
    done = stages(images, classifiers=ALL)
    assert (done.code, done.err) == (0, "")
    per_class = stages.run.result().classifiers["selected"].test.per_class
    assert per_class["rare"].support == count


def test_two_images_in_all(stages: Stages, tmp_path: Path) -> None:
    refused(stages(painted(tmp_path / "cells", {"a": 1, "b": 1})), "one group only", "add images")


def test_two_images_of_each_class(stages: Stages, tmp_path: Path) -> None:
    refused(stages(painted(tmp_path / "cells", {"a": 2, "b": 2})), "a single image", "add images")


def test_a_single_patient(stages: Stages, tmp_path: Path) -> None:
    images = painted(tmp_path / "cells", {"a": 8, "b": 8}, patients=1)
    refused(stages(images, dataset=card(tmp_path / "own.toml", ["a", "b"])), "two patients")


def test_a_class_of_one_patient(stages: Stages, tmp_path: Path) -> None:
    images = painted(tmp_path / "cells", {"a": 9, "b": 9}, patients=3)
    for path in (images / "b").glob("p[12]_*"):
        path.rename(path.with_name(path.name.replace("p1_", "p0_").replace("p2_", "p0_")))
    done = stages(images, dataset=card(tmp_path / "own.toml", ["a", "b"]))
    refused(done, "'b'", "one group only", "another patient")


def test_a_class_that_an_inner_fold_does_not_see(stages: Stages, tmp_path: Path) -> None:
    # Two patients have class c: where one is under test, an inner fold trains without it.
    images = painted(tmp_path / "cells", {"a": 18, "b": 18, "c": 6}, patients=6)
    for path in sorted((images / "c").glob("*.png")):
        number = int(path.stem.split("_")[1])
        path.rename(path.with_name(f"p{number % 2}_{100 + number}.png"))
    own = card(tmp_path / "own.toml", ["a", "b", "c"])
    done = stages(images, dataset=own, classifiers=ALL)
    assert (done.code, done.err) == (0, "")
    assert stages.run.result().split.shared_groups == 0


@pytest.fixture
def store(run: Run) -> EmbeddingStore:
    path = next(path for path in run.stores if "mean_colour" in path.name)
    import h5py

    with h5py.File(path) as file:
        recipe = Recipe.from_json(str(file.attrs["recipe"]), "test")
    return EmbeddingStore(path, recipe)


def rewritten(store: EmbeddingStore, keys: list[str], rows: np.ndarray) -> None:
    store.path.unlink()
    with EmbeddingStore(store.path, store.recipe).writing() as _:
        pass
    again = EmbeddingStore(store.path, store.recipe)
    with again.writing():
        again.append(keys, rows, {})
        again.finish()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_in_a_store(
    run: Run, store: EmbeddingStore, guarded: Guarded, value: float
) -> None:
    keys = list(run.table("manifest.csv").sha256.unique())
    rows = store.embeddings(keys)
    rows[3, 1] = value
    rewritten(store, keys, rows)
    done = guarded("fit", *run.options("fit"))
    refused(done, store.path.name, "NaN or infinity", keys[3][:12], "extract")


def test_features_that_never_change(run: Run, store: EmbeddingStore, guarded: Guarded) -> None:
    keys = list(run.table("manifest.csv").sha256.unique())
    rows = np.full_like(store.embeddings(keys), 7)
    rewritten(store, keys, rows)
    for more in ((), ("--pca", 2)):
        options = [*run.options("fit"), "--classifiers", ALL, *more]
        done = guarded("fit", *options)
        assert (done.code, done.err) == (0, "")
        accuracy = run.result().classifiers["selected"].test.accuracy.value
        assert accuracy is not None
        assert accuracy < 0.5  # nothing can be learned, and nothing is
