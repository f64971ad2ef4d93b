"""Heat maps peak where the class was planted, by the method that the model allows."""

from pathlib import Path

import numpy as np
import pytest

from classifiers.calibration import Calibrated
from classifiers.evidence import Contrast
from classifiers.logistic import SPEC as LOGISTIC
from classifiers.preparation import Preparation, make_pipeline
from classifiers.svm import SPEC as SVM
from data.errors import BlastlineError
from features.backbones import mean_colour
from features.preprocess import resize
from features.recipe import Recipe
from pipeline.heatmaps import HeatMaps

SIDE, FIELDS = 84, 7
COLOUR = Recipe("mean_colour", "none", "revision 1", engine="opencv", pooling="none")
MARK = {0: (200, 40, 40), 1: (40, 40, 200)}
LINEAR = {"C": 1.0, "class_weight": None, "l1_ratio": 0.0}
RBF = {"C": 10.0, "kernel": "rbf", "gamma": 0.1, "class_weight": None}


class Fields:
    """A made-up network whose map is the mean colour of each field."""

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        return resize(image, SIDE)[None]

    def spatial(self, prepared: np.ndarray) -> np.ndarray:
        step = SIDE // FIELDS
        return prepared[0].reshape(FIELDS, step, FIELDS, step, 3).mean(axis=(1, 3))


def marked(number: int) -> tuple[np.ndarray, int, int, int]:
    """A noisy image with a mark of its class's colour, the class and the field of the mark."""
    rng = np.random.default_rng(number)
    image = (210 + rng.integers(-9, 10, (SIDE, SIDE, 3))).astype(np.uint8)
    row, column = rng.integers(0, FIELDS, 2)
    step = SIDE // FIELDS
    rows = slice(step * row, step * (row + 1))
    image[rows, step * column : step * (column + 1)] = MARK[number % 2]
    return image, number % 2, int(row), int(column)


def model_of(spec: object, params: object) -> Calibrated:
    images = [marked(number) for number in range(60)]
    X = np.stack([mean_colour(image) for image, *_ in images])
    y = np.array([code for _, code, *_ in images])
    pipeline = make_pipeline(spec, Preparation(False), params, 0)  # type: ignore[arg-type]
    return Calibrated(pipeline).fit(X, y)


def maps_of(*, network: bool, weights: str = "imagenet") -> HeatMaps:
    maps = HeatMaps([COLOUR], weights, Path("none"))
    if network:
        maps.__dict__["_spatial"] = [Fields()]
    return maps


@pytest.mark.parametrize(
    ("spec", "params", "network", "method"),
    [(LOGISTIC, LINEAR, True, "class activation"),
     (LOGISTIC, LINEAR, False, "occlusion"),
     (SVM, RBF, True, "occlusion")],
)  # fmt: skip
def test_a_map_peaks_at_the_mark(spec: object, params: object, network: bool, method: str) -> None:
    model, maps = model_of(spec, params), maps_of(network=network)
    for number in range(100, 110):
        image, code, row, column = marked(number)
        cell = mean_colour(image)
        assert model.predict(cell[None])[0] == code
        found = maps.of(image, cell, Contrast.of(model, cell, code))
        assert found.method == method
        relevance = found.relevance
        place = np.array(np.unravel_index(relevance.argmax(), relevance.shape)) + 0.5
        place *= FIELDS / np.array(relevance.shape)
        assert np.abs(place - (row + 0.5, column + 0.5)).max() <= 1.1


def test_what_made_one_class_speaks_against_the_other() -> None:
    model, maps = model_of(LOGISTIC, LINEAR), maps_of(network=True)
    image, code, *_ = marked(101)
    cell = mean_colour(image)
    both = [maps.of(image, cell, Contrast.of(model, cell, named)).relevance
            for named in (code, 1 - code)]  # fmt: skip
    np.testing.assert_allclose(both[0], -both[1], atol=1e-6 * np.abs(both[0]).max())


def test_a_map_of_another_embedding_is_not_believed() -> None:
    model, maps = model_of(LOGISTIC, LINEAR), maps_of(network=True)
    image, code, *_ = marked(101)
    cell = mean_colour(image) + np.array([3, -3, 0], np.float32)
    assert maps.of(image, cell, Contrast.of(model, cell, code)).method == "occlusion"


def test_other_weights_than_those_of_the_run_are_refused() -> None:
    recipe = Recipe("mobilenet_v2", "random", "random seed 3", size=96, alpha=0.35)
    with pytest.raises(BlastlineError, match="weights"):
        HeatMaps([recipe], "/nowhere/weights", Path("none"))
