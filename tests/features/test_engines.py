"""The contract that every row of the backbone table keeps, with random weights."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import BlastlineError
from features.backbones import ALPHAS, BACKBONES
from features.conversion import converted
from features.engine import Engine
from features.recipe import Recipe
from features.weights import Weights
from tests.data.images import noise
from tests.features.engines import by_keras_alone, distance, embed, engine_of, prepared

NETWORKS = [row.name for row in BACKBONES.values() if row.is_network]
INNER = {  # one of each family
    "smearnet": "stage3_block1_out",
    "inception_v3": "mixed5",
    "vgg16": "block3_pool",
    "resnet50": "conv3_block4_out",
    "densenet121": "pool3_conv",
    "xception": "block4_sepconv2_bn",
    "mobilenet_v2": "block_6_project_BN",
    "efficientnet_b0": "block4a_project_bn",
}
KERAS = [
    "smearnet",
    "efficientnet_b0",
    "densenet121",
    "mobilenet_v2",
    "resnet50",
]  # another code path each
SMALL = 96  # enough where the size itself is not what is tested
# Stained cells are far from grey: their channels must differ, or a swap would go unseen.
CELLS = [
    np.clip(noise(n, 60 + 30 * n, 90) * 0.3 + np.array([170, 60, 120]), 0, 255).astype(np.uint8)
    for n in range(3)
]
ODD = [noise(0, 1, 1), noise(0, 3, 200), noise(0, 700, 5), np.zeros((50, 50, 3), np.uint8)]


def assert_sees_rgb(keras: Any, found: np.ndarray, name: str, **fields: Any) -> None:
    """Preprocessing, channel order, layer, pooling and seed, against Keras without our code."""
    expected, swapped = by_keras_alone(keras, name, CELLS[:2], **fields)
    assert distance(found[:2], expected) < 1e-4
    assert distance(swapped, expected) > 1e-2


def assert_keeps_the_contract(engine: Engine, width: int) -> np.ndarray:
    """The embeddings of the cells, for more that may be asked of them."""
    together = embed(engine, CELLS + ODD)
    assert together.shape == (7, width)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    assert distance(embed(engine, CELLS[1:2]), together[1:2]) < 1e-6
    assert distance(together[:1], together[1:2]) > 1e-4
    return together[:3]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_keeps_the_contract(keras: Any, networks: Path, name: str) -> None:
    row, engine = BACKBONES[name], engine_of(networks, name)
    assert_sees_rgb(keras, assert_keeps_the_contract(engine, row.width), name)
    assert engine.prepare(CELLS[0], "0").shape == (1, row.size, row.size, 3)
    assert engine.prepare(CELLS[0], "0").dtype == np.uint8


@pytest.mark.parametrize("name", KERAS)
def test_the_keras_engine_keeps_it_too(keras: Any, networks: Path, name: str) -> None:
    engine = engine_of(networks, name, engine="keras-tensorflow", size=SMALL)
    found = assert_keeps_the_contract(engine, BACKBONES[name].width)
    assert_sees_rgb(keras, found, name, size=SMALL)


@pytest.mark.parametrize("name", ["morphology", "mean_colour"])
def test_descriptors_keep_it_too(tmp_path: Path, name: str) -> None:
    engine = engine_of(tmp_path, name, engine="opencv")
    together = embed(engine, CELLS)
    assert together.shape == (3, BACKBONES[name].width)
    assert together.dtype == np.float32
    assert np.array_equal(embed(engine, CELLS[1:2]), together[1:2])
    assert not list(tmp_path.iterdir())


def test_mean_colour_is_red_green_blue(tmp_path: Path) -> None:
    plain = np.full((4, 4, 3), (250, 100, 20), np.uint8)
    assert embed(engine_of(tmp_path, "mean_colour"), [plain, *ODD])[0].tolist() == [250, 100, 20]


@pytest.mark.parametrize(("name", "layer"), INNER.items())
def test_an_inner_layer_is_pooled_as_keras_has_it(
    keras: Any, networks: Path, name: str, layer: str
) -> None:
    engine = engine_of(networks, name, layer=layer, size=SMALL)
    assert_sees_rgb(keras, embed(engine, CELLS[:2]), name, layer=layer, size=SMALL)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_every_alpha_is_its_own_network(keras: Any, networks: Path, alpha: float) -> None:
    engine = engine_of(networks, "mobilenet_v2", alpha=alpha, size=SMALL)
    found = embed(engine, CELLS[:2])
    assert found.shape == (2, {1.3: 1664, 1.4: 1792}.get(alpha, 1280))
    assert_sees_rgb(keras, found, "mobilenet_v2", alpha=alpha, size=SMALL)


@pytest.mark.parametrize("kind", ["openvino", "keras-tensorflow"])
def test_any_number_of_images_is_embedded_in_order(networks: Path, kind: str) -> None:
    engine = engine_of(networks, "mobilenet_v2", alpha=0.35, size=SMALL, engine=kind)
    images = [noise(n, 40, 40) for n in range(2 * engine.batch + 3)]
    found = embed(engine, images)
    assert found.shape == (len(images), 1280)
    for number in (0, engine.batch - 1, engine.batch, 2 * engine.batch + 2):
        assert distance(found[number : number + 1], embed(engine, [images[number]])) < 1e-6


def test_batches_embedded_side_by_side_do_not_mix(networks: Path) -> None:
    engine = engine_of(networks, "mobilenet_v2", alpha=0.35, size=SMALL)
    batches = [prepared(engine, [noise(n, 40, 40)] * (n % 8 + 1)) for n in range(40)]
    with ThreadPoolExecutor(max_workers=2 * engine.streams + 1) as pool:
        side_by_side = list(pool.map(engine.embed, batches))
    for found, batch in zip(side_by_side, batches, strict=True):
        assert distance(found, engine.embed(batch)) < 1e-6


def test_weights_are_converted_as_they_are(networks: Path) -> None:
    """OpenVINO halves weights to 16 bits when it saves, unless it is told not to."""
    weights = Weights("random", "random, seed 3")
    recipe = Recipe("mobilenet_v2", "random", weights.digest, size=SMALL, alpha=0.35)
    file = converted(recipe, weights, 3, networks).with_name("network.bin")
    assert file.stat().st_size > 3.5 * 395_000  # weights of the convolutions


def test_any_number_of_views_is_embedded_in_calls_of_a_bounded_size(networks: Path) -> None:
    for views in range(1, 9):
        engine = engine_of(networks, "mobilenet_v2", alpha=0.35, size=SMALL, views=views)
        assert 8 < engine.batch * views <= 16
        assert embed(engine, CELLS).shape == ((3, 1280) if views == 1 else (3, views, 1280))


def test_the_seed_of_random_weights_matters_and_suffices(networks: Path, tmp_path: Path) -> None:
    first, again, other = (
        embed(engine_of(folder, "mobilenet_v2", alpha=0.35, size=SMALL, seed=seed), CELLS)
        for folder, seed in [(networks, 1), (tmp_path, 1), (networks, 2)]
    )
    assert np.array_equal(first, again)
    assert distance(first, other) > 0.01


@pytest.mark.parametrize("name", ["mobilenet_v2", "mean_colour"])
def test_preprocessing_steps_reach_the_backbone(networks: Path, name: str) -> None:
    image, labelled = np.full((80, 80, 3), 200, np.uint8), np.full((80, 80, 3), 200, np.uint8)
    labelled[60:70, 10:60] = 0
    for steps, same in [(("mask:0,0.5,1,1",), True), ((), False)]:
        engine = engine_of(networks, name, size=SMALL, steps=steps)
        found, expected = (embed(engine, [each]) for each in (labelled, image))
        assert np.array_equal(found, expected) == same


def test_an_alpha_that_no_weights_exist_for_lists_the_others(networks: Path) -> None:
    with pytest.raises(BlastlineError, match=r"alpha 0\.4: expected one of 0\.35, 0\.5, .*1\.4"):
        engine_of(networks, "mobilenet_v2", alpha=0.4)


@pytest.mark.parametrize(
    "name", ["smearnet", "inception_v3", "vgg16", "resnet50", "xception", "mobilenet_v2"]
)
def test_an_unknown_layer_lists_layers_that_there_are(
    keras: Any, networks: Path, name: str
) -> None:
    with pytest.raises(BlastlineError) as caught:
        engine_of(networks, name, layer="conv99_out")
    message = str(caught.value)
    assert message.startswith(f"layer 'conv99_out': backbone {name} has none of that name")
    suggested = message.rpartition("end at ")[2].split(", ")
    module = importlib.import_module(f"{BACKBONES[name].package}.{BACKBONES[name].module}")
    base = getattr(module, BACKBONES[name].builder)(weights=None, include_top=False)
    assert set(suggested) <= {layer.name for layer in base.layers}


def test_a_size_too_small_for_the_network_is_one_line(networks: Path) -> None:
    with pytest.raises(BlastlineError, match=r"^size 20: too small for inception_v3 \([^\n]*\)$"):
        engine_of(networks, "inception_v3", size=20)
