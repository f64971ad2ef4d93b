"""The one place that imports Keras, late and without a banner."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def import_keras() -> Any:
    """Import Keras on TensorFlow without the banner that TensorFlow prints (3 s, 660 MB)."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent_stderr():
        import keras
    return keras


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
