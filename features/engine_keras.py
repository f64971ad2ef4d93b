"""The Keras engine, on whichever backend Keras is configured for: for GPUs above all."""

import time
from collections.abc import Callable

import numpy as np

from features.backbones import find_backbone
from features.engine import NetworkEngine
from features.keras_import import accelerators, import_keras, keras_backend
from features.networks import build_network
from features.recipe import Recipe
from features.weights import Weights

CPU_BATCH = 16  # larger batches are no faster on a CPU
GPU_BATCHES = (32, 64, 128, 256, 512, 1024)
WORTHWHILE = 1.05  # a larger batch must be this much faster


class KerasEngine(NetworkEngine):
    """Runs a network as Keras compiles it; in ``bf16`` layers compute in mixed precision.

    Embeddings of one image differ between batch sizes by rounding only: relative L2 below 1e-4.

    Raises:
        BlastlineError: weights, layer or steps do not fit.
    """

    streams = 1

    def __init__(self, recipe: Recipe, weights: Weights, seed: int) -> None:
        super().__init__(recipe)
        keras = import_keras()
        before = keras.config.dtype_policy()
        try:
            if recipe.precision == "bf16":
                keras.config.set_dtype_policy("mixed_bfloat16")
            network = build_network(find_backbone(recipe.backbone), recipe, weights, seed)
        finally:
            keras.config.set_dtype_policy(before)
        found = accelerators()
        # XLA gains nothing on a CPU and takes minutes to compile there.
        network.compile(jit_compile=bool(found) or keras_backend() == "jax")
        self._network = network
        self.network_batch = best_batch(self._rate, GPU_BATCHES) if found else CPU_BATCH
        self.images_a_call = self.network_batch
        where = found[0] if found else "CPU"
        self.description = (
            f"keras on {keras_backend()}, {recipe.precision}, {where}, batches of "
            f"{self.network_batch} images"
        )

    def _run(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(self._network.predict_on_batch(images))

    def _rate(self, batch: int) -> float:
        images = np.zeros((batch, self._size, self._size, 3), dtype=np.uint8)
        self._run(images)  # compiles
        started = time.perf_counter()
        for _ in range(3):
            self._run(images)
        return 3 * batch / (time.perf_counter() - started)


def best_batch(rate: Callable[[int], float], sizes: tuple[int, ...]) -> int:
    """The smallest batch size beyond which images/s no longer grow, or memory gives out.

    Args:
        rate: images/s at a batch size; may raise whatever the backend raises when memory is out.
        sizes: to try, ascending; the first one is taken if none can be measured.
    """
    best, fastest = sizes[0], 0.0
    for size in sizes:
        try:
            found = rate(size)
        except Exception:  # each backend has its own error for too little memory
            break
        if found < WORTHWHILE * fastest:
            break
        best, fastest = size, found
    return best
