"""The bundle: a fitted classifier with all that it takes to predict on a new image."""

import json
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skops.io

from classifiers.fitting import Model
from classifiers.novelty import Novelty
from classifiers.scores import class_probabilities
from data.errors import BlastlineError
from data.files import atomic_path, sha256_file, write_text
from features.recipe import Recipe

FORMAT = 4  # raised when the fields below change; bundles of another format are fitted again
HEADER, ESTIMATOR = "bundle.json", "estimator.skops"
# Our own estimators; everything else must be known to skops as safe.
TRUSTED = (
    "classifiers.calibration.Calibrated",
    "classifiers.committee.Committee",
    "classifiers.dense.Dense",
    "classifiers.dense_svm.DenseSVM",
    "classifiers.knn.KNN",
    "classifiers.logistic.Logistic",
    "classifiers.novelty.Novelty",
    "classifiers.nystroem.NystroemSVM",
    "classifiers.preparation.BlockWeights",
    "classifiers.preparation.PreparedClassifier",
    "classifiers.preparation.SignedSqrt",
    "classifiers.preparation.UnitPCA",
    "classifiers.svm.SVM",
)


@dataclass(frozen=True)
class Bundle:
    """A fitted estimator, its classes and the recipes that its embeddings follow.

    Attributes:
        estimator: calibrated pipeline, or a committee, from embeddings to class codes.
        classes: class names by code.
        recipes: of the embeddings that it was fitted on, one a backbone, in order.
        run: the run that made it.
        weights: the weights option of that run, a first guess where to find them.
        novelty: tells cells that are unlike the labelled ones that it was fitted on.
    """

    estimator: Model
    classes: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    run: str
    weights: str
    novelty: Novelty

    def predict(self, embeddings: np.ndarray) -> tuple[list[str], np.ndarray]:
        """Class names, and (n, k) probabilities in the order of ``classes``.

        Args:
            embeddings: (n, width), or (n, views, width) for recipes with views.
        """
        proba = class_probabilities(self.estimator, embeddings, len(self.classes))
        seen = np.asarray(self.estimator.classes_, dtype=int)
        codes = seen[self.estimator.decide(proba[:, seen])]
        return [self.classes[code] for code in codes], proba


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write the bundle without pickle; the header comes last, so half a bundle has none."""
    (folder / HEADER).unlink(missing_ok=True)
    with atomic_path(folder / ESTIMATOR) as temporary:
        skops.io.dump({"classifier": bundle.estimator, "novelty": bundle.novelty}, temporary)
    header = {
        "format": FORMAT,
        "classes": list(bundle.classes),
        "recipes": [json.loads(recipe.to_json()) for recipe in bundle.recipes],
        "run": bundle.run,
        "weights": bundle.weights,
        "estimator_sha256": sha256_file(folder / ESTIMATOR),
        "versions": {"python": platform.python_version(), "scikit-learn": _sklearn_version()},
    }
    write_text(folder / HEADER, json.dumps(header, indent=1) + "\n")


def _sklearn_version() -> str:
    import sklearn

    return str(sklearn.__version__)


def read_bundle(folder: Path) -> Bundle:
    """Inspect a bundle, and construct the estimator only if nothing in it is foreign.

    Raises:
        BlastlineError: not a bundle, another format, a changed file, or types beyond scikit-learn,
            NumPy and Blastline.
    """
    header_path = folder / HEADER
    if not header_path.is_file():
        raise BlastlineError(
            f"bundle {folder}: no {HEADER} there; expected a folder written by 'blastline fit', "
            "such as runs/RUN/bundle"
        )
    try:
        header = json.loads(header_path.read_text(encoding="utf-8"))
        number = header["format"]
        if number != FORMAT:
            raise BlastlineError(
                f"bundle {folder}: format {number}, expected {FORMAT}; fit again with this version"
            )
        for key in ("recipes", "classes"):
            if not isinstance(header[key], list) or not header[key]:
                raise TypeError(f"{key} are not a list")
        recipes = tuple(
            Recipe.from_json(json.dumps(each), str(header_path)) for each in header["recipes"]
        )
        classes = tuple(str(name) for name in header["classes"])
        run, weights, digest = (str(header[key]) for key in ("run", "weights", "estimator_sha256"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BlastlineError(f"bundle {folder}: {HEADER} is not readable ({error})") from None
    path = folder / ESTIMATOR
    if not path.is_file() or sha256_file(path) != digest:
        raise BlastlineError(
            f"bundle {folder}: {ESTIMATOR} is missing or changed since it was written; fit again"
        )
    try:
        foreign = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
    except Exception as error:  # zip, JSON and skops' own errors alike: the file is not one of ours
        raise BlastlineError(f"bundle {folder}: {ESTIMATOR} is not readable ({error})") from None
    if foreign:
        raise BlastlineError(
            f"bundle {folder}: holds types that are not trusted ({', '.join(foreign[:3])}); "
            "only load bundles that Blastline wrote"
        )
    content = skops.io.load(path, trusted=list(TRUSTED))
    whole = isinstance(content, dict) and set(content) == {"classifier", "novelty"}
    if not whole or not isinstance(content["novelty"], Novelty):
        raise BlastlineError(
            f"bundle {folder}: {ESTIMATOR} is not a classifier with its novelty score; fit again"
        )
    estimator = content["classifier"]
    if max(estimator.classes_) >= len(classes):
        raise BlastlineError(
            f"bundle {folder}: {HEADER} names {len(classes)} classes, fewer than {ESTIMATOR} "
            "knows; fit again"
        )
    return Bundle(estimator, classes, recipes, run, weights, content["novelty"])
