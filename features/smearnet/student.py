"""SmearNet with what it needs only while it is trained. Imports Keras when called."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from data.files import atomic_path
from features.keras_import import accelerators, import_keras, keras_backend
from features.preprocess import resize
from features.smearnet.network import SmearNet, preprocess_input
from features.smearnet.objectives import contrast, cross_entropy, distillation
from features.smearnet.settings import Settings

EMBED_BATCH = 64


class Student:
    """SmearNet, heads for what it is to learn, and an optimiser.

    Heads see the standardised embedding: the mean over positions of the network's map.

    Attributes:
        model: what is trained; (n, size, size, 3) uint8 to one output a head.
        network: SmearNet in it, which is all that is kept.
    """

    def __init__(self, settings: Settings, classes: int, targets: Mapping[str, int]) -> None:
        """Build it with random weights.

        Args:
            classes: number of fine classes; without them no head learns labels.
            targets: name -> number of components of each teacher.
        """
        keras = import_keras()
        keras.utils.set_random_seed(settings.seed)
        before = keras.config.dtype_policy()
        try:
            if settings.precision == "bf16":
                keras.config.set_dtype_policy("mixed_bfloat16")
            self.network, self._embedder = _embedder(keras)
        finally:
            keras.config.set_dtype_policy(before)
        for layer in self.network.layers:
            if layer.name.endswith("_2_bn"):
                # Every block begins as its shortcut (Goyal et al. 2017, arXiv:1706.02677).
                layer.gamma.assign(np.zeros(layer.gamma.shape, np.float32))
        self.model = _with_heads(keras, self._embedder, settings, classes, targets)
        optimiser = keras.optimizers.AdamW(
            settings.rate, weight_decay=settings.decay, global_clipnorm=settings.clip,
            use_ema=settings.ema > 0, ema_momentum=settings.ema or 0.99,
        )  # fmt: skip
        optimiser.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        # XLA gains nothing on a CPU and takes minutes to compile there.
        xla = bool(accelerators()) or keras_backend() == "jax"
        self.model.compile(optimizer=optimiser, jit_compile=xla)
        optimiser.build(self.model.trainable_variables)

    def learn(self, images: np.ndarray, targets: dict[str, np.ndarray], rate: float) -> dict:
        """One step on a batch; the losses before it, by name, and their weighted sum ``loss``."""
        self.model.optimizer.learning_rate = rate
        self.model.reset_metrics()
        logs = self.model.train_on_batch(images, targets, return_dict=True)
        return {name: float(value) for name, value in logs.items()}

    def embed(self, images: np.ndarray, size: int) -> np.ndarray:
        """(n, width) float32 embeddings of (n, s, s, 3) uint8 pictures, scaled to ``size``."""
        return embed(self._embedder, images, size)

    @property
    def variables(self) -> list[Any]:
        """All that a training changes: weights, statistics, random states, optimiser, averages."""
        found = {id(each): each for each in self.model.variables + self.model.optimizer.variables}
        return list(found.values())

    def settle(self, batches: Any) -> None:
        """Take the averaged weights, and measure batch statistics anew with them.

        Statistics of the last weights do not fit an average (Izmailov et al. 2018,
        arXiv:1803.05407).

        Args:
            batches: pictures (n, size, size, 3) uint8.
        """
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        for images in batches:
            self.model(images, training=True)


def _embedder(keras: Any) -> tuple[Any, Any]:
    """SmearNet, and the same from uint8 pictures of any size to (n, width) float32."""
    network = SmearNet()
    inputs = keras.Input((None, None, 3), dtype="uint8", name="rgb")
    features = network(preprocess_input(keras.ops.cast(inputs, "float32")))
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pooled")(features)
    return network, keras.Model(inputs, pooled, name="embedder")


def embed(embedder: Any, images: np.ndarray, size: int) -> np.ndarray:
    """(n, width) float32 embeddings of (n, s, s, 3) uint8 pictures, scaled to ``size``."""
    found = []
    for start in range(0, len(images), EMBED_BATCH):
        batch = [resize(np.asarray(each), size) for each in images[start : start + EMBED_BATCH]]
        short = EMBED_BATCH - len(batch)
        full = np.stack(batch + [np.zeros_like(batch[0])] * short)  # one shape: compiled once
        found.append(np.asarray(embedder.predict_on_batch(full))[: len(batch)])
    return np.concatenate(found)


def load_embedder(weights: Path) -> Any:
    """SmearNet with the weights of a file, in float32, for ``embed``."""
    network, embedder = _embedder(import_keras())
    network.load_weights(str(weights))
    return embedder


def write_weights(network: Any, path: Path) -> None:
    """Write a network's weights as Keras does, but in half precision, which is half the file.

    Keras reads them into float32 variables like any other.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / "whole.weights.h5"
        network.save_weights(str(whole))
        with atomic_path(path) as temporary, h5py.File(whole) as old, \
                h5py.File(temporary, "w") as new:  # fmt: skip
            new.attrs.update(old.attrs)

            def take(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    half = item.dtype.kind == "f"
                    new.create_dataset(name, data=item[()].astype("f2") if half else item[()])
                else:
                    new.require_group(name)
                new[name].attrs.update(item.attrs)

            old.visititems(take)


def _with_heads(
    keras: Any, embedder: Any, settings: Settings, classes: int, targets: Mapping[str, int]
) -> Any:
    layers, losses = keras.layers, settings.losses
    standard = layers.BatchNormalization(momentum=0.97, name="standard")(embedder.output)
    heads = {}
    weights = {}
    if losses.labels and classes:
        weights["labels"] = losses.labels
        dropped = layers.Dropout(0.2, seed=settings.seed)(standard)
        heads["labels"] = layers.Dense(classes, name="labels")(dropped)
    if losses.distil:
        for name, dims in targets.items():
            weights[name] = losses.distil
            heads[name] = layers.Dense(dims, name=f"like_{len(heads)}")(standard)
    if losses.contrast:
        weights["contrast"] = losses.contrast
        hidden = layers.Dense(512, activation="relu", name="contrast_hidden")(standard)
        heads["contrast"] = layers.Dense(128, name="contrast")(hidden)

    class Learning(keras.Model):
        """The losses of the heads, weighted; Keras' own training does the rest."""

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):  # type: ignore[no-untyped-def]
            total = 0.0
            for name, weight in weights.items():
                if name == "labels":
                    loss = cross_entropy(y_pred[name], y[name])
                elif name == "contrast":
                    loss = contrast(y_pred[name], settings.temperature)
                else:
                    loss = distillation(y_pred[name], y[name])
                self.told[name].update_state(loss)
                total = total + weight * loss
            return total

    model = Learning(embedder.input, heads)
    model.told = {name: keras.metrics.Mean(name=name) for name in weights}
    return model
