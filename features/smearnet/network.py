"""SmearNet: a small residual network for single blood cells, built in Keras when called.

A plain residual network (He et al. 2016, doi:10.1109/CVPR.2016.90) of dense 3 x 3 convolutions,
which CPUs run closer to their limit than the depthwise ones of mobile networks. Its embedding holds
several stages, as early ones (chromatin, granules) say as much about a cell as the last (shape of
the nucleus): each stage is averaged down to the last one's map and all are concatenated, so that
pooling, heat maps and tokens work as for any other backbone.
"""

from typing import Any

from features.keras_import import import_keras

STEM = 24  # channels at half the input's resolution
STAGES = ((48, 1), (96, 2), (160, 2), (320, 1))  # (channels, blocks); each halves the map
KEPT = 3  # of the last stages, in the embedding
WIDTH = sum(channels for channels, _ in STAGES[-KEPT:])


def preprocess_input(rgb: Any) -> Any:
    """Pixels from 0 to 255 to about -2.5 to 1.5, of any shape; channels stay RGB."""
    return rgb / 64.0 - 2.5


def SmearNet(  # noqa: N802 - named like the builders of keras.applications
    weights: str | None = None,
    include_top: bool = False,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
) -> Any:
    """The network without preprocessing and pooling: (n, h, w, 3) -> (n, h/32, w/32, WIDTH).

    Odd heights and widths are rounded up at each of the five halvings.

    Args:
        weights: None; whoever builds the network loads them.
        include_top: False; there is no classification head.

    Raises:
        ValueError: other values of these two.
    """
    if weights is not None or include_top:
        raise ValueError("SmearNet is built without weights and without a head")
    keras = import_keras()
    inputs = keras.Input(input_shape, name="pixels")
    x = _convolved(keras, inputs, STEM, "stem", stride=2)
    x = keras.layers.ReLU(name="stem_out")(x)
    kept: list[Any] = []
    for stage, (channels, blocks) in enumerate(STAGES, start=1):
        for block in range(1, blocks + 1):
            x = _block(keras, x, channels, f"stage{stage}_block{block}", 2 if block == 1 else 1)
        kept = [
            _halved(keras, each, f"stage{number}_at_stage{stage}_pool")
            for number, each in enumerate(kept, start=1)
        ] + [x]
    features = keras.layers.Concatenate(name="stages_concat")(kept[-KEPT:])
    return keras.Model(inputs, features, name="smearnet")


def _block(keras: Any, x: Any, channels: int, name: str, stride: int) -> Any:
    shortcut = x
    if stride == 2:
        # Averaged, not every other pixel (ResNet-D, He et al. 2019, doi:10.1109/CVPR.2019.00065).
        shortcut = _halved(keras, shortcut, f"{name}_shortcut_pool")
    if shortcut.shape[-1] != channels:
        shortcut = _convolved(keras, shortcut, channels, f"{name}_shortcut", kernel=1)
    y = _convolved(keras, x, channels, f"{name}_1", stride=stride)
    y = keras.layers.ReLU(name=f"{name}_1_relu")(y)
    y = _convolved(keras, y, channels, f"{name}_2")
    y = keras.layers.Add(name=f"{name}_add")([shortcut, y])
    return keras.layers.ReLU(name=f"{name}_out")(y)


def _convolved(
    keras: Any, x: Any, channels: int, name: str,
    kernel: int = 3, stride: int = 1,
) -> Any:  # fmt: skip
    x = keras.layers.Conv2D(
        channels, kernel, stride, padding="same", use_bias=False,
        kernel_initializer="he_normal", name=f"{name}_conv",
    )(x)  # fmt: skip
    return keras.layers.BatchNormalization(momentum=0.97, epsilon=1e-4, name=f"{name}_bn")(x)


def _halved(keras: Any, x: Any, name: str) -> Any:
    return keras.layers.AveragePooling2D(2, padding="same", name=name)(x)
