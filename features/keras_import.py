"""The one place that imports Keras, late and without a banner."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def keras_backend() -> str:
    """The backend that Keras is or will be on: KERAS_BACKEND, else ~/.keras/keras.json."""
    if said := os.environ.get("KERAS_BACKEND"):
        return said
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    try:
        return str(json.loads((home / "keras.json").read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"


def import_keras() -> Any:
    """Import Keras without the banner that TensorFlow prints (with TensorFlow 3 s, 660 MB)."""
    os.environ["KERAS_BACKEND"] = keras_backend()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent_stderr():
        import keras
    return keras


def accelerators() -> list[str]:
    """Names of the GPUs that Keras' backend sees; imports it."""
    import_keras()
    backend = keras_backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return [device.name for device in tf.config.list_physical_devices("GPU")]
    if backend == "jax":
        import jax

        return [str(device) for device in jax.devices() if device.platform != "cpu"]
    if backend == "torch":
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return [torch.cuda.get_device_name(number) for number in range(count)]
    return []


@contextmanager
def _silent_stderr() -> Iterator[None]:
    # TensorFlow's C++ writes to file descriptor 2 before its own log level applies.
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
