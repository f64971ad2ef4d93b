"""What the tests of engines share: recipes, embedding, how far embeddings lie apart."""

import hashlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np

from data.decode import decode
from features.backbones import find_backbone
from features.engine import Engine
from features.engines import make_engine
from features.preprocess import resize
from features.recipe import Recipe
from features.weights import resolve_weights
from tests.shared import pbc_cells

SEED = 3
REAL = [  # backbone, alpha, layer, width
    ("mobilenet_v2", 1.0, "", 1280),
    ("mobilenet_v2", 0.35, "", 1280),
    ("densenet169", 1.0, "", 1664),
    ("inception_v3", 1.0, "mixed8", 1280),
    ("resnet50", 1.0, "conv4_block6_out", 1024),
    ("vgg16", 1.0, "block3_pool", 256),
]


def engine_of(
    networks: Path, name: str, option: object = "random", *, seed: int = SEED, **fields: Any
) -> Engine:
    """An engine from a backbone's name, its weights and whatever else the recipe should have."""
    row = find_backbone(name)
    alpha, layer = fields.setdefault("alpha", 1.0), fields.get("layer", "")
    weights = resolve_weights(row, str(option), alpha=alpha, layer=layer, seed=seed)
    fields.setdefault("size", row.size)
    return make_engine(
        Recipe(name, weights.source, weights.digest, **fields), weights, seed, networks
    )


def prepared(engine: Engine, images: list[np.ndarray]) -> list[np.ndarray]:
    return [engine.prepare(image, digest(image)) for image in images]


def embed(engine: Engine, images: list[np.ndarray]) -> np.ndarray:
    return engine.embed(prepared(engine, images))


def digest(image: np.ndarray) -> str:
    """Stands for the SHA-256 of an image's file."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest relative L2 distance of two lists of embeddings."""
    assert found.shape == expected.shape
    one, two = (each.reshape(len(each), -1).astype(np.float64) for each in (found, expected))
    return float((np.linalg.norm(one - two, axis=1) / np.linalg.norm(two, axis=1)).max())


def real_cells(count: int) -> list[np.ndarray]:
    return [decode(path.read_bytes()) for path in pbc_cells(count)]


def by_keras_alone(
    keras: Any,
    name: str,
    images: list[np.ndarray],
    *,
    size: int = 0,
    alpha: float = 1.0,
    layer: str = "",
    file: Path | None = None,
    seed: int = SEED,
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings as the documentation of keras.applications makes them: from RGB, from BGR."""
    keras.utils.set_random_seed(seed)
    row = find_backbone(name)
    module = importlib.import_module(f"{row.package}.{row.module}")
    size = size or row.size
    options = {"alpha": alpha} if name == "mobilenet_v2" else {}
    model = getattr(module, row.builder)(
        weights=None, include_top=False, input_shape=(size, size, 3), **options
    )
    if layer:
        model = keras.Model(model.input, model.get_layer(layer).output)
    if file:
        model.load_weights(str(file))
    rgb = np.stack([resize(image, size) for image in images]).astype(np.float32)
    both = module.preprocess_input(np.concatenate([rgb, rgb[..., ::-1]]))
    maps = np.asarray(model(both, training=False))
    found, swapped = np.split(maps.mean(axis=(1, 2)), 2)
    return found, swapped
