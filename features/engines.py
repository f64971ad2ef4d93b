"""Engines: run a backbone over images. Prepare in many threads, embed in one."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from features.backbones import find_backbone
from features.networks import build_network
from features.preprocess import parse_steps, resize
from features.recipe import Recipe
from features.weights import Weights

BATCH = 16  # larger batches are no faster on a CPU


class Engine(Protocol):
    """What extraction and prediction need of an engine."""

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Work on one (h, w, 3) RGB uint8 image that many threads may do at once."""
        ...

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        """(n, width) float32 embeddings of n prepared images; one caller at a time."""
        ...


class DescriptorEngine:
    """Runs a backbone without weights; all its work is in ``prepare``."""

    def __init__(self, recipe: Recipe) -> None:
        describe = find_backbone(recipe.backbone).describe
        if describe is None:
            raise ValueError(f"{recipe.backbone} is a network")
        self._describe = describe
        self._steps = parse_steps(recipe.steps)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Describe one (h, w, 3) RGB uint8 image: (width,) float32."""
        for step in self._steps:
            image = step(image)
        return self._describe(image)

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        """Stack (width,) descriptions to (n, width) float32."""
        return np.stack(prepared).astype(np.float32)


class KerasEngine:
    """Runs a network as one compiled TensorFlow graph, uint8 in, float32 out.

    Embeddings of one image differ between batch sizes by rounding only: relative L2 below 1e-4.
    """

    def __init__(self, recipe: Recipe, weights: Weights, seed: int) -> None:
        self._size = recipe.size
        self._steps = parse_steps(recipe.steps)
        network = build_network(find_backbone(recipe.backbone), recipe, weights, seed)
        import tensorflow as tf

        # Any batch size through one trace; the cast is part of the graph, so uint8 travels.
        signature = [tf.TensorSpec((None, recipe.size, recipe.size, 3), tf.uint8)]
        self._graph = tf.function(
            lambda batch: network(tf.cast(batch, tf.float32), training=False),
            input_signature=signature,
        )

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Preprocess and resize one (h, w, 3) RGB uint8 image: (size, size, 3) uint8."""
        for step in self._steps:
            image = step(image)
        return resize(image, self._size)

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        """Embed n prepared images in batches of ``BATCH``: (n, width) float32."""
        batches = [
            self._graph(np.stack(prepared[start : start + BATCH])).numpy()
            for start in range(0, len(prepared), BATCH)
        ]
        return np.concatenate(batches).astype(np.float32, copy=False)


def make_engine(recipe: Recipe, weights: Weights, seed: int) -> Engine:
    """The engine that a recipe asks for. Building a network imports TensorFlow.

    Raises:
        BlastlineError: weights, layer or steps do not fit.
    """
    if find_backbone(recipe.backbone).is_network:
        return KerasEngine(recipe, weights, seed)
    return DescriptorEngine(recipe)
