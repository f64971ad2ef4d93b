"""The dense network against Keras, and several networks at once against one after the other."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from classifiers.dense import Dense
from features.keras_import import import_keras
from tests.bench.measure import in_turns, rate, ratio, table

CLASSES = 8
NETWORKS = 3


def keras_network(width: int, hidden: int, like: Dense) -> Any:
    """A compiled Keras model of the architecture and optimizer of ``like``."""
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((width,)),
            layers.Dropout(like.dropout),
            layers.Dense(hidden, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Dropout(like.dropout),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.AdamW(like.learning_rate, weight_decay=like.weight_decay)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    return model


def against_keras(rows: int, width: int, hidden: int, epochs: int) -> str:
    """Epochs a second of both, the same batches and no early stopping on either side."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, rows)
    X = (rng.normal(size=(rows, width)) + rng.normal(size=(CLASSES, width))[y]).astype(np.float32)
    ours = Dense(hidden, epochs=epochs, validation=0)
    model = keras_network(width, hidden, ours)

    def fit() -> object:
        with threadpool_limits(1):  # as everything is fitted
            return ours.fit(X, y)

    def fit_keras() -> object:
        return model.fit(X, y, batch_size=ours.batch, epochs=epochs, verbose=0)

    mine, other = in_turns(lambda: rate(fit, epochs), lambda: rate(fit_keras, epochs))
    seconds = [1000 / statistics.median(side) for side in (other, mine)]
    times = f"{seconds[0]:.0f} | {seconds[1]:.0f} | **{ratio(mine, other):.1f}**"
    return f"| {rows:,} x {width} | {hidden} | {times} |"


def products(rows: int, width: int, hidden: int) -> str:
    """The matrix products of a step, which take most of it, of several networks."""
    rng = np.random.default_rng(0)
    X, kernels, delta = (
        rng.normal(size=(NETWORKS, *shape)).astype(np.float32)
        for shape in ((rows, width), (width, hidden), (rows, hidden))
    )
    scores, gradients = np.empty_like(delta), np.empty_like(kernels)

    def at_once() -> None:
        np.matmul(X, kernels, out=scores)
        np.matmul(X.transpose(0, 2, 1), delta, out=gradients)

    def in_order() -> None:
        for number in range(NETWORKS):
            np.matmul(X[number], kernels[number], out=scores[number])
            np.matmul(X[number].T, delta[number], out=gradients[number])

    def repeated(work: Callable[[], None]) -> float:
        def many() -> None:
            for _ in range(50):
                work()

        return rate(many, 50)

    with threadpool_limits(1):
        once, order = in_turns(lambda: repeated(at_once), lambda: repeated(in_order))
    seconds = [1000 / statistics.median(side) for side in (order, once)]
    times = f"{seconds[0]:.2f} | {seconds[1]:.2f} | **{ratio(once, order):.2f}**"
    return f"| {rows} x {width} | {hidden} | {times} |"


def dense_networks(folder: Path) -> list[str]:
    """Two sizes of each."""
    sizes = ((1556, 1664, 128, 10), (12067, 2048, 256, 2))
    head = "rows x width | hidden | Keras model.fit, ms an epoch | Blastline, ms an epoch | ratio"
    step = "batch x width | hidden | one after the other, ms a step | at once, ms a step | ratio"
    return [
        "Training alone, without import or compilation; Keras on all cores, Blastline on one.", "",
        *table(head, [against_keras(*size) for size in sizes]), "",
        f"The matrix products of {NETWORKS} networks (`restarts`), as a batched product and not:",
        "", *table(step, [products(128, 1664, 128), products(128, 2048, 256)]),
    ]  # fmt: skip
