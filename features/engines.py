"""Which engine runs a recipe."""

from pathlib import Path

from features.backbones import Backbone, find_backbone
from features.engine import DescriptorEngine, Engine
from features.keras_import import accelerators, keras_backend
from features.recipe import Recipe
from features.weights import Weights

GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))  # the drivers of NVIDIA and AMD


def choose_engine(option: str, backbone: Backbone) -> str:
    """The engine's name as the recipe has it: openvino, keras-<its backend>, or opencv.

    ``auto`` takes Keras where its backend sees a GPU, OpenVINO elsewhere. Keras is only asked where
    a GPU's driver is there, since asking imports it.
    """
    if not backbone.is_network:
        return "opencv"
    if option == "auto":
        gpu = any(path.exists() for path in GPU_DEVICES) and accelerators()
        option = "keras" if gpu else "openvino"
    return f"keras-{keras_backend()}" if option == "keras" else option


def make_engine(recipe: Recipe, weights: Weights, seed: int, networks: Path) -> Engine:
    """The engine that a recipe asks for.

    Args:
        networks: folder of converted networks.

    Raises:
        BlastlineError: weights, layer or steps do not fit.
    """
    if not find_backbone(recipe.backbone).is_network:
        return DescriptorEngine(recipe)
    if recipe.engine == "openvino":
        from features.engine_openvino import OpenVinoEngine

        return OpenVinoEngine(recipe, weights, seed, networks)
    from features.engine_keras import KerasEngine

    return KerasEngine(recipe, weights, seed)
