"""The contract that every row of the backbone table keeps, with random weights."""

from typing import Any

import numpy as np
import pytest

from data.errors import BlastlineError
from features.backbones import ALPHAS, BACKBONES, Backbone
from features.engines import BATCH, Engine, make_engine
from features.preprocess import resize
from features.recipe import Recipe
from features.weights import Weights, resolve_weights
from tests.features.images import noise

SEED = 3
INNER = {  # one of each family
    "inception_v3": "mixed5",
    "vgg16": "block3_pool",
    "resnet50": "conv3_block4_out",
    "densenet121": "pool3_conv",
    "xception": "block4_sepconv2_bn",
    "mobilenet_v2": "block_6_project_BN",
    "efficientnet_b0": "block4a_project_bn",
}
# Stained cells are far from grey: their channels must differ, or a swap would go unseen.
CELLS = [
    np.clip(noise(n, 60 + 30 * n, 90) * 0.3 + np.array([170, 60, 120]), 0, 255).astype(np.uint8)
    for n in range(3)
]


def recipe_of(row: Backbone, layer: str = "", alpha: float = 1.0) -> Recipe:
    weights = resolve_weights(row, "random", alpha=alpha, layer=layer, seed=SEED)
    return Recipe(row.name, weights.source, weights.digest, size=row.size, layer=layer, alpha=alpha)


def engine_of(row: Backbone, layer: str = "", alpha: float = 1.0, seed: int = SEED) -> Engine:
    recipe = recipe_of(row, layer, alpha)
    return make_engine(recipe, Weights(recipe.weights, recipe.weights_digest), seed)


def embed(engine: Engine, images: list[np.ndarray]) -> np.ndarray:
    return engine.embed([engine.prepare(image) for image in images])


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest relative L2 distance of two lists of embeddings."""
    gap = np.linalg.norm(found.astype(np.float64) - expected, axis=1)
    return float((gap / np.linalg.norm(expected, axis=1)).max())


def by_keras_alone(
    keras: Any, row: Backbone, layer: str, images: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings as the documentation of keras.applications makes them: from RGB, from BGR."""
    keras.utils.set_random_seed(SEED)
    applications = keras.applications
    base = getattr(applications, row.builder)(
        weights=None, include_top=False, input_shape=(row.size, row.size, 3)
    )
    if layer:
        base = keras.Model(base.input, base.get_layer(layer).output)
    rgb = np.stack([resize(image, row.size) for image in images]).astype(np.float32)
    both = np.concatenate([rgb, rgb[..., ::-1]])
    prepared = getattr(applications, row.module).preprocess_input(both)
    maps = np.asarray(base(prepared, training=False))
    return tuple(np.split(maps.mean(axis=(1, 2)), 2))


def assert_sees_rgb(keras: Any, engine: Engine, row: Backbone, layer: str = "") -> None:
    """Preprocessing, channel order, layer, pooling and seed, against Keras without our code."""
    found = embed(engine, CELLS[:2])
    expected, swapped = by_keras_alone(keras, row, layer, CELLS[:2])
    assert found.shape == expected.shape
    assert distance(found, expected) < 1e-4
    assert distance(swapped, expected) > 1e-2


@pytest.mark.parametrize("row", BACKBONES.values(), ids=lambda row: row.name)
def test_every_backbone_keeps_the_contract(keras: Any, row: Backbone) -> None:
    engine = engine_of(row)
    together = embed(engine, CELLS)
    assert together.shape == (3, row.width)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    one_by_one = np.concatenate([embed(engine, [image]) for image in CELLS])
    assert distance(one_by_one, together) < 1e-4
    assert distance(together[:1], together[1:2]) > 1e-4
    if row.is_network:
        assert_sees_rgb(keras, engine, row)
        assert engine.prepare(CELLS[0]).shape == (row.size, row.size, 3)
        assert engine.prepare(CELLS[0]).dtype == np.uint8
    odd = [noise(0, 1, 1), noise(0, 3, 200), noise(0, 700, 5), np.zeros((50, 50, 3), np.uint8)]
    if row.name != "morphology":  # its own tests say what it makes of images without a cell
        assert np.isfinite(embed(engine, odd)).all()


@pytest.mark.parametrize(("name", "layer"), INNER.items())
def test_an_inner_layer_is_pooled_as_keras_has_it(keras: Any, name: str, layer: str) -> None:
    row = BACKBONES[name]
    assert_sees_rgb(keras, engine_of(row, layer), row, layer)


def test_mean_colour_is_red_green_blue() -> None:
    plain = np.full((4, 4, 3), (250, 100, 20), np.uint8)
    assert embed(engine_of(BACKBONES["mean_colour"]), [plain]).tolist() == [[250, 100, 20]]


def test_any_number_of_images_is_embedded_in_order(keras: Any) -> None:
    engine = engine_of(BACKBONES["mobilenet_v2"], alpha=0.35)
    images = [noise(n, 40, 40) for n in range(2 * BATCH + 3)]
    found = embed(engine, images)
    assert found.shape == (len(images), 1280)
    for number in (0, BATCH - 1, BATCH, 2 * BATCH + 2):
        assert distance(found[number : number + 1], embed(engine, [images[number]])) < 1e-4


def test_the_seed_of_random_weights_matters_and_suffices(keras: Any) -> None:
    row = BACKBONES["mobilenet_v2"]
    first, again, other = (embed(engine_of(row, seed=seed), CELLS) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert distance(first, other) > 0.01


@pytest.mark.parametrize("name", ["mobilenet_v2", "mean_colour"])
def test_preprocessing_steps_reach_the_backbone(keras: Any, name: str) -> None:
    row = BACKBONES[name]
    plain = recipe_of(row)
    weights = Weights(plain.weights, plain.weights_digest)
    masked = Recipe(row.name, "random", "", steps=("mask:0,0.5,1,1",), size=row.size)
    image, labelled = np.full((80, 80, 3), 200, np.uint8), np.full((80, 80, 3), 200, np.uint8)
    labelled[60:70, 10:60] = 0
    engine = make_engine(masked, weights, SEED)
    assert np.array_equal(embed(engine, [image]), embed(engine, [labelled]))
    engine = make_engine(plain, weights, SEED)
    assert not np.array_equal(embed(engine, [image]), embed(engine, [labelled]))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_every_alpha_builds_its_own_network(keras: Any, alpha: float) -> None:
    found = embed(engine_of(BACKBONES["mobilenet_v2"], alpha=alpha), CELLS[:1])
    assert found.shape == (1, {1.3: 1664, 1.4: 1792}.get(alpha, 1280))


def test_an_alpha_that_no_weights_exist_for_lists_the_others(keras: Any) -> None:
    with pytest.raises(BlastlineError, match=r"alpha 0\.4: expected one of 0\.35, 0\.5, .*1\.4"):
        engine_of(BACKBONES["mobilenet_v2"], alpha=0.4)


@pytest.mark.parametrize("name", ["inception_v3", "vgg16", "resnet50", "xception", "mobilenet_v2"])
def test_an_unknown_layer_lists_layers_that_there_are(keras: Any, name: str) -> None:
    row = BACKBONES[name]
    with pytest.raises(BlastlineError) as caught:
        engine_of(row, layer="conv99_out")
    message = str(caught.value)
    assert message.startswith(f"layer 'conv99_out': backbone {name} has none of that name")
    suggested = message.rpartition("end at ")[2].split(", ")
    base = getattr(keras.applications, row.builder)(weights=None, include_top=False)
    assert set(suggested) <= {layer.name for layer in base.layers}
