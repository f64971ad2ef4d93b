"""Spatial maps: the activations of a network before they are averaged to an embedding.

The embedding of an average-pooling network is the mean of such a map over its positions. So a
score that is linear in the embedding is a mean of scores of positions: class activation mapping
(Zhou et al. 2016, doi:10.1109/CVPR.2016.319).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from features.backbones import find_backbone
from features.conversion import converted, import_openvino
from features.engine import NetworkEngine
from features.recipe import Recipe
from features.weights import Weights

AGREEMENT = {"float32": 1e-3, "bf16": 5e-2}  # relative L2 of a map's mean and the embedding
PASSED_ON = ("Convert", "Reshape", "Squeeze")  # may stand between the average and the output


class SpatialEngine(Protocol):
    """What makes the spatial map of an image."""

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        """Preprocess one (h, w, 3) RGB uint8 image: (1, size, size, 3) uint8."""
        ...

    def spatial(self, prepared: np.ndarray) -> np.ndarray:
        """(rows, columns, width) float32 map of one prepared image; its mean is the embedding."""
        ...


def make_spatial_engine(
    recipe: Recipe, weights: Weights, seed: int, networks: Path
) -> SpatialEngine | None:
    """The engine for maps of a recipe's images, without its further views.

    None where the recipe has no network, or one whose embedding is no average over positions.

    Args:
        networks: folder of converted networks; the one of the recipe itself does.

    Raises:
        BlastlineError: weights, layer or steps do not fit.
    """
    if not find_backbone(recipe.backbone).is_network:
        return None
    alone = replace(recipe, views=1, augment=())
    if recipe.pooling == "tokens" or recipe.engine != "openvino":
        from features.engines import make_engine

        return _OfPositions(make_engine(replace(alone, pooling="tokens"), weights, seed, networks))
    try:
        return _BeforeAverage(alone, weights, seed, networks)
    except NoAverageError:
        return None


def averages_to(spatial: np.ndarray, embedding: np.ndarray, precision: str) -> bool:
    """Whether a (rows, columns, width) map belongs to a (width,) embedding."""
    apart = np.linalg.norm(spatial.mean(axis=(0, 1), dtype=np.float64) - embedding)
    return bool(apart <= AGREEMENT[precision] * np.linalg.norm(embedding))


class NoAverageError(Exception):
    """A network ends in something else than an average over positions."""


class _OfPositions:
    """Maps from an engine that embeds every position by itself; the input is square."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        return self._engine.prepare(image, sha256)

    def spatial(self, prepared: np.ndarray) -> np.ndarray:
        positions = self._engine.embed([prepared])[0]
        side = round(len(positions) ** 0.5)
        return positions.reshape(side, side, -1)


class _BeforeAverage(NetworkEngine):
    """Runs a network that was converted for OpenVINO up to its average."""

    network_batch = images_a_call = streams = 1
    description = "openvino, maps"

    def __init__(self, recipe: Recipe, weights: Weights, seed: int, networks: Path) -> None:
        super().__init__(recipe)
        openvino = import_openvino()
        core = openvino.Core()
        model = core.read_model(converted(recipe, weights, seed, networks))
        source, self._channels_first = _before_average(model)
        cut = openvino.Model([source], model.get_parameters(), recipe.backbone)
        cut.reshape({0: [1, recipe.size, recipe.size, 3]})
        hint = {"float32": "f32", "bf16": "bf16"}[recipe.precision]
        compiled = core.compile_model(cut, "CPU", {"INFERENCE_PRECISION_HINT": hint})
        self._request = compiled.create_infer_request()

    def _run(self, images: np.ndarray) -> np.ndarray:
        return np.array(self._request.infer({0: images}, share_inputs=True)[0])

    def spatial(self, prepared: np.ndarray) -> np.ndarray:
        found = self.embed([prepared])[0]
        return found.transpose(1, 2, 0) if self._channels_first else found


def _before_average(model: Any) -> tuple[Any, bool]:
    """What the last average of an OpenVINO model is taken of, and whether channels come first.

    Raises:
        NoAverageError: there is none.
    """
    node = model.output(0).get_node().input_value(0).get_node()
    while node.get_type_name() in PASSED_ON:
        node = node.input_value(0).get_node()
    if node.get_type_name() != "ReduceMean":
        raise NoAverageError
    axes = sorted(int(axis) % 4 for axis in node.input_value(1).get_node().get_data().ravel())
    if axes not in ([1, 2], [2, 3]):
        raise NoAverageError
    return node.input_value(0), axes == [2, 3]


def activation_map(spatial: Sequence[np.ndarray], rates: Sequence[np.ndarray]) -> list[np.ndarray]:
    """How much each position adds to a score that is linear in the embeddings.

    Args:
        spatial: (rows, columns, width) of each backbone. rates: (width,) of each, the rise of the
            score for a unit of the embedding's column.

    Returns:
        (rows, columns) float64 of each; it sums to what this embedding adds to the score.
    """
    return [
        found.astype(np.float64) @ rate / (found.shape[0] * found.shape[1])
        for found, rate in zip(spatial, rates, strict=True)
    ]
