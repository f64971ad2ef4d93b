"""Building a Keras network with its weights and preprocessing. Imports Keras when called."""

import importlib
import warnings
from typing import Any

import numpy as np

from data.errors import BlastlineError
from features.backbones import ALPHAS, Backbone
from features.keras_import import import_keras
from features.recipe import Recipe
from features.weights import Weights


def build_network(backbone: Backbone, recipe: Recipe, weights: Weights, seed: int) -> Any:
    """The network of a recipe: RGB uint8 of (n, size, size, 3) -> (n, width) float32.

    Preprocessing is part of it, and so is the average over the positions of the chosen layer; with
    ``tokens`` they stay apart: (n, positions, width), row by row.

    Raises:
        BlastlineError: the alpha, layer, weights file or download does not fit.
    """
    keras = import_keras()
    base = _base(keras, backbone, recipe, weights, seed)
    inputs = keras.Input((recipe.size, recipe.size, 3), dtype="uint8", name="rgb")
    pixels = keras.ops.cast(inputs, "float32")
    features = base(_preprocess(keras, backbone, weights, pixels), training=False)
    features = keras.ops.cast(features, "float32")  # where layers compute in mixed precision
    if recipe.pooling == "tokens":
        features = keras.layers.Reshape((-1, features.shape[-1]), name="tokens")(features)
    else:
        features = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pooled")(features)
    return keras.Model(inputs, features, name=recipe.backbone)


def _module(backbone: Backbone) -> Any:
    return importlib.import_module(f"{backbone.package}.{backbone.module}")


def _architecture(backbone: Backbone, size: int, alpha: float, weights: str | None) -> Any:
    if backbone.sizes and not backbone.sizes[0] <= size <= backbone.sizes[1]:
        smallest, largest = backbone.sizes
        raise BlastlineError(
            f"size {size}: {backbone.name} takes images of {smallest} to {largest} pixels a side; "
            f"choose one of these (--size {backbone.size})"
        )
    options: dict[str, Any] = {}
    if backbone.name == "mobilenet_v2":
        options["alpha"] = alpha
    builder = getattr(_module(backbone), backbone.builder)
    shape = (size, size, 3)
    try:
        return builder(weights=weights, include_top=False, input_shape=shape, **options)
    except ValueError as error:
        if "Input size must be" not in str(error):
            raise
        raise BlastlineError(f"size {size}: too small for {backbone.name} ({error})") from None


def download_weights(backbone: Backbone, alpha: float) -> None:
    """Let Keras download its ImageNet weights of a backbone into its cache.

    Raises:
        BlastlineError: there is no way to them; the line says which other ways there are.
    """
    import_keras()
    _imagenet(backbone, backbone.size, alpha)


def _imagenet(backbone: Backbone, size: int, alpha: float) -> Any:
    try:
        return _architecture(backbone, size, alpha, "imagenet")
    except BlastlineError:
        raise
    except Exception as error:  # Keras lets anything through here: URL, timeout, bad hash
        reason = str(error).splitlines()[0][:120]
        raise BlastlineError(
            f"backbone {backbone.name}: Keras could not download its ImageNet weights ({reason}); "
            "connect to the internet once, or give a folder of weights files (WEIGHTS=folder, "
            "--weights folder), or 'random' as a control"
        ) from None


def _layer_output(base: Any, backbone: Backbone, layer: str) -> Any:
    names = [each.name for each in base.layers]
    if layer not in names:
        raise BlastlineError(
            f"layer '{layer}': backbone {backbone.name} has none of that name; its blocks end at "
            f"{', '.join(_block_ends(names))}"
        )
    return base.get_layer(layer).output


def _block_ends(names: list[str]) -> list[str]:
    ends = [name for name in names if name.endswith(("_out", "_pool", "_add", "_concat"))]
    ends += [name for name in names if name.startswith("mixed")]
    return (ends or names)[-8:]


def _base(keras: Any, backbone: Backbone, recipe: Recipe, weights: Weights, seed: int) -> Any:
    if backbone.name == "mobilenet_v2" and recipe.alpha not in ALPHAS:
        raise BlastlineError(
            f"alpha {recipe.alpha}: expected one of {', '.join(map(str, ALPHAS))} for mobilenet_v2"
        )
    keras.utils.set_random_seed(seed)
    if weights.source == "imagenet":
        base = _imagenet(backbone, recipe.size, recipe.alpha)
    else:
        base = _architecture(backbone, recipe.size, recipe.alpha, None)
    if weights.to_load:
        cut = base
        if weights.cut_at:
            cut = keras.Model(base.input, _layer_output(base, backbone, weights.cut_at))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # one a layer, where the file does not fit
                cut.load_weights(str(weights.to_load))
        except Exception as error:  # HDF5, shape and layer-count errors of Keras differ in type
            reason = str(error).splitlines()[0][:120]
            raise BlastlineError(
                f"weights {weights.path}: do not fit {backbone.name} ({reason}); expected weights "
                f"of {backbone.package} without the classification head"
            ) from None
        if weights.cut_at and recipe.layer not in {layer.name for layer in cut.layers}:
            raise BlastlineError(
                f"weights {weights.path}: end at layer '{weights.cut_at}'; choose that layer or "
                f"an earlier one (LAYER={weights.cut_at}, --layer {weights.cut_at})"
            )
    if recipe.layer:
        base = keras.Model(base.input, _layer_output(base, backbone, recipe.layer))
    return base


def _preprocess(keras: Any, backbone: Backbone, weights: Weights, inputs: Any) -> Any:
    if backbone.module == "efficientnet" and weights.source == "file":
        # Keras scales once more by 1/sqrt(std) inside the network, but only in the architecture it
        # builds for its own ImageNet weights; the same scaling is made up here for those weights
        # given as a file (the network then subtracts the mean again).
        mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        scale = 1 / np.sqrt(std)
        return keras.layers.Rescaling(scale, 255.0 * mean * (1 - scale), name="imagenet_std")(
            inputs
        )
    return _module(backbone).preprocess_input(inputs)
