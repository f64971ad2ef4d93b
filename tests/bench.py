"""``make bench``: Blastline against what most public code does, as ratios within one run.

Shared machines are noisy, so the two sides take turns and the median of the pairwise ratios
counts. The table is written to BENCHMARKS.md with the machine and the date.
"""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sklearn.svm import SVC

from classifiers.svm import SVM
from data.files import sha256_file, write_text
from data.synthetic import generate
from features.backbones import find_backbone
from features.decode import decode
from features.engines import KerasEngine
from features.extract import Job, extract
from features.keras_import import import_keras
from features.recipe import Recipe
from features.store import EmbeddingStore
from features.weights import Weights

ROUNDS = 5
NAIVE_IMAGES, IMAGES = 16, 96
RANDOM = Weights("random", "random, seed 0")
NETWORKS = ("mobilenet_v2", "efficientnet_b0", "densenet121", "resnet50", "inception_v3")
TARGET = Path(__file__).resolve().parents[1] / "BENCHMARKS.md"


def _rate(work: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def _versus(ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float, float]:
    """Median rate of each side and the median of their ratios, taken in turns after a warm-up."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    mine, other = zip(*pairs, strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(mine), statistics.median(other), ratio


def extraction(images: list[Path], backbone: str) -> str:
    """Files to embeddings in HDF5, against load_img + preprocess_input + predict one by one."""
    keras = import_keras()
    row = find_backbone(backbone)
    recipe = Recipe(backbone, "random", RANDOM.digest, size=row.size)
    engine = KerasEngine(recipe, RANDOM, 0)
    module = getattr(keras.applications, row.module)
    network = getattr(keras.applications, row.builder)(
        weights=None, include_top=False, pooling="avg", input_shape=(row.size, row.size, 3)
    )
    listed = [(sha256_file(path), path.name) for path in images]

    def ours() -> float:
        with tempfile.TemporaryDirectory() as folder:
            store = EmbeddingStore(Path(folder) / "store.h5", recipe)
            job = Job(store, lambda: engine)
            return _rate(lambda: extract(images[0].parent, listed, [job]), len(images))

    def naive() -> float:
        def loop() -> None:
            for path in images[:NAIVE_IMAGES]:
                loaded = keras.utils.load_img(path, target_size=(row.size, row.size))
                array = keras.utils.img_to_array(loaded)[None]
                network.predict(module.preprocess_input(array), verbose=0)

        return _rate(loop, NAIVE_IMAGES)

    prepared = [engine.prepare(decode(path.read_bytes())) for path in images]
    compute = statistics.median(
        _rate(lambda: engine.embed(prepared), len(images)) for _ in range(ROUNDS)
    )
    mine, other, ratio = _versus(ours, naive)
    return f"| {backbone} | {other:.1f} | {mine:.1f} | {ratio:.1f} | {100 * mine / compute:.0f} % |"


def kernel_svm(rows: int, width: int) -> str:
    """Fit and predict of the RBF machine against scikit-learn's SVC, same penalty and gamma."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2 * rows)
    X = (rng.normal(size=(2 * rows, width)) + 0.15 * y[:, None]).astype(np.float32)
    train, test = slice(0, rows), slice(rows, None)
    fast = SVM(C=10, gamma=1 / width, calibration_folds=0)
    slow = SVC(C=10, gamma=1 / width)
    mine, other, ratio = _versus(
        lambda: _rate(lambda: fast.fit(X[train], y[train]).predict(X[test]), 1),
        lambda: _rate(lambda: slow.fit(X[train], y[train]).predict(X[test]), 1),
    )
    same = 100 * np.mean(fast.predict(X[test]) == slow.predict(X[test]))
    times = f"{1 / other:.2f} | {1 / mine:.2f} | {ratio:.1f}"
    return f"| {rows:,} x {width} | {times} | {same:.2f} % |"


def main() -> None:
    """Run everything and write the tables."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
    machine += f"Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder) / "cells", patients=8, cells=IMAGES // 8, unlabelled=0)
        flat = Path(folder) / "flat"
        flat.mkdir()
        for path in (Path(folder) / "cells").rglob("*.png"):
            path.rename(flat / path.name)
        images = sorted(flat.glob("*.png"))
        networks = [extraction(images, name) for name in NETWORKS]
    machines = [kernel_svm(rows, width) for rows, width in ((1000, 256), (2000, 2048))]
    lines = [
        "# Benchmarks",
        "",
        f"Measured by `make bench` on {machine}. Both sides take turns; the ratio is the median",
        f"of {ROUNDS} pairs. Only ratios within one run count.",
        "",
        "## Extraction: image files to embeddings in HDF5, float32, random weights",
        "",
        "Naive: `load_img`, `preprocess_input`, `predict`, one image at a time.",
        "",
        "| backbone | naive, images/s | Blastline, images/s | ratio | of compute alone |",
        "|---|---|---|---|---|",
        *networks,
        "",
        "## RBF support vector machine: fit and predict as many rows, two classes",
        "",
        "| rows x width | scikit-learn SVC, s | Blastline, s | ratio | same predictions |",
        "|---|---|---|---|---|",
        *machines,
        "",
    ]
    write_text(TARGET, "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
