"""The CPU engine: a converted network in OpenVINO, one batch a stream."""

import math
import queue
from pathlib import Path

import numpy as np

from data.errors import BlastlineError
from features.conversion import converted, import_openvino
from features.engine import NetworkEngine
from features.recipe import Recipe
from features.weights import Weights

BATCHES = {"float32": 2, "bf16": 4}  # larger ones fall out of the cache: up to a fifth slower
BATCHES_AT = 224  # pixels a side; of smaller pictures as many more fit
IMAGES_A_CALL = 16


class OpenVinoEngine(NetworkEngine):
    """Runs a network in OpenVINO; TensorFlow is needed once, to convert it.

    Float32 embeddings agree with Keras' own within a relative L2 of 5e-5. The precision is always
    set: left alone, OpenVINO takes bfloat16 by itself on processors that have it.

    Raises:
        BlastlineError: weights, layer or steps do not fit, or the processor has no bfloat16.
    """

    images_a_call = IMAGES_A_CALL

    def __init__(self, recipe: Recipe, weights: Weights, seed: int, networks: Path) -> None:
        super().__init__(recipe)
        core = import_openvino().Core()
        if recipe.precision == "bf16" and "BF16" not in core.get_property(
            "CPU", "OPTIMIZATION_CAPABILITIES"
        ):
            raise BlastlineError(
                "precision bf16: this processor does not compute in bfloat16; use float32 "
                "(PRECISION=float32, --precision float32)"
            )
        model = core.read_model(converted(recipe, weights, seed, networks))
        self.network_batch = _batch(recipe)
        model.reshape({0: [self.network_batch, recipe.size, recipe.size, 3]})
        compiled = core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": {"float32": "f32", "bf16": "bf16"}[recipe.precision],
                "PERFORMANCE_HINT": "THROUGHPUT",
            },
        )
        self.streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self.description = (
            f"openvino, {recipe.precision}, {self.streams} streams, batches of "
            f"{self.network_batch} images"
        )
        self._idle: queue.SimpleQueue = queue.SimpleQueue()
        for _ in range(self.streams):
            self._idle.put(compiled.create_infer_request())

    def _run(self, images: np.ndarray) -> np.ndarray:
        request = self._idle.get()  # of its own for each caller; waits where all are at work
        try:
            # The request reuses its output for the next batch.
            return np.array(request.infer({0: images}, share_inputs=True)[0])
        finally:
            self._idle.put(request)


def _batch(recipe: Recipe) -> int:
    """Images that a network computes at once: a power of two, since calls hold 16 images."""
    usual = BATCHES[recipe.precision]
    fitting = usual * (BATCHES_AT / recipe.size) ** 2
    return int(min(IMAGES_A_CALL, max(usual, 2 ** round(math.log2(fitting)))))
