"""Spatial maps belong to the embeddings, and what is made of them points at what matters."""

from pathlib import Path

import numpy as np
import pytest

from features.activation import activation_map, averages_to, make_spatial_engine
from features.backbones import find_backbone
from features.engines import make_engine
from features.recipe import Recipe
from features.smearnet.network import WIDTH
from features.weights import Weights, resolve_weights
from tests.features.engines import real_cells
from tests.shared import WEIGHTS, needs_shared

SIZE = 96


def recipe_of(
    name: str, option: str = "random", size: int = SIZE, **fields: object
) -> tuple[Recipe, Weights]:
    alpha, layer = float(fields.get("alpha", 1.0)), str(fields.get("layer", ""))  # type: ignore[arg-type]
    weights = resolve_weights(find_backbone(name), option, alpha=alpha, layer=layer, seed=3)
    return Recipe(name, weights.source, weights.digest, size=size, **fields), weights  # type: ignore[arg-type]


def noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (50, 70, 3), dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize(
    ("name", "fields", "shape"),
    [("smearnet", {}, (3, 3, WIDTH)),
     ("smearnet", {"pooling": "tokens"}, (3, 3, WIDTH)),
     ("smearnet", {"engine": "keras-tensorflow"}, (3, 3, WIDTH)),
     ("mobilenet_v2", {"alpha": 0.35}, (3, 3, 1280)),
     ("mobilenet_v2", {"alpha": 0.35, "pooling": "tokens"}, (3, 3, 1280)),
     ("vgg16", {"layer": "block3_pool"}, (12, 12, 256))],
)  # fmt: skip
def test_the_mean_of_a_map_is_the_embedding(
    networks: Path, name: str, fields: dict[str, object], shape: tuple[int, ...]
) -> None:
    recipe, weights = recipe_of(name, **fields)
    spatial = make_spatial_engine(recipe, weights, 3, networks)
    engine = make_engine(recipe, weights, 3, networks)
    assert spatial is not None
    for image in noise(2):
        found = spatial.spatial(spatial.prepare(image, "0"))
        embedding = engine.embed([engine.prepare(image, "0")])[0]
        if recipe.pooling == "tokens":
            np.testing.assert_allclose(found.reshape(embedding.shape), embedding, rtol=1e-4)
            embedding = embedding.mean(axis=0)
        assert found.shape == shape
        assert averages_to(found, embedding, "float32")
        assert not averages_to(found, np.roll(embedding, 1), "float32")


def test_the_map_of_a_cell_with_views_is_that_of_the_cell_itself(networks: Path) -> None:
    recipe, weights = recipe_of("mobilenet_v2", alpha=0.35, views=4)
    spatial = make_spatial_engine(recipe, weights, 3, networks)
    engine = make_engine(recipe, weights, 3, networks)
    image = noise(1)[0]
    assert spatial is not None
    found = spatial.spatial(spatial.prepare(image, "0"))
    assert averages_to(found, engine.embed([engine.prepare(image, "0")])[0, 0], "float32")


def test_a_map_keeps_rows_and_columns_apart(networks: Path) -> None:
    recipe, weights = recipe_of("vgg16", layer="block3_pool")
    spatial = make_spatial_engine(recipe, weights, 3, networks)
    assert spatial is not None
    image = np.full((SIZE, SIZE, 3), 200, np.uint8)
    plain = spatial.spatial(spatial.prepare(image, "0"))
    image[:16, -16:] = (90, 20, 140)  # top right
    apart = np.abs(spatial.spatial(spatial.prepare(image, "0")) - plain).sum(axis=2)
    row, column = np.unravel_index(apart.argmax(), apart.shape)
    assert row < 4
    assert column > 7


def test_descriptors_have_no_map() -> None:
    recipe = Recipe("morphology", "none", "", engine="opencv")
    assert make_spatial_engine(recipe, Weights("none", ""), 0, Path("none")) is None


def marked(count: int) -> tuple[list[np.ndarray], np.ndarray, list[tuple[int, int]]]:
    """Real cells; every second one has a mark in a corner, which is all that the class is."""
    images, corners = [image.copy() for image in real_cells(count)], []
    for number, image in enumerate(images):
        height, width = image.shape[:2]
        top, left = (number // 2) % 2, (number // 4) % 2
        corners.append((top, left))
        if number % 2:
            rows = slice(0, height // 6) if not top else slice(-(height // 6), None)
            columns = slice(0, width // 6) if not left else slice(-(width // 6), None)
            image[rows, columns] = (20, 150, 60)
    return images, np.arange(count) % 2, corners


@needs_shared
def test_the_map_peaks_at_the_mark_that_makes_the_class(networks: Path) -> None:
    recipe, weights = recipe_of("mobilenet_v2", str(WEIGHTS), 224, alpha=0.35)
    spatial = make_spatial_engine(recipe, weights, 3, networks)
    assert spatial is not None
    images, classes, corners = marked(48)
    maps = [spatial.spatial(spatial.prepare(image, "0")) for image in images]
    X = np.stack([each.mean(axis=(0, 1)) for each in maps])
    # Ridge regression: as linear as any head.
    centred = X - X.mean(axis=0)
    dual = np.linalg.solve(centred @ centred.T + 0.1 * np.eye(len(X)), classes - 0.5)
    rates = centred.T @ dual
    shuffled = np.random.default_rng(0).permutation(rates)
    hits, alike = 0, []
    for number in range(1, len(images), 2):
        (found,) = activation_map([maps[number]], [rates])
        (other,) = activation_map([maps[number]], [shuffled])
        assert found.sum() == pytest.approx(float(X[number] @ rates), rel=1e-3, abs=1e-6)
        row, column = np.unravel_index(found.argmax(), found.shape)
        last = len(found) - 1
        top, left = corners[number]
        hits += abs(row - last * top) <= 1 and abs(column - last * left) <= 1
        alike.append(np.corrcoef(found.ravel(), other.ravel())[0, 1])
    assert hits >= 0.8 * len(images) / 2
    assert np.mean(np.abs(alike)) < 0.6  # a model that learned something else has other maps
