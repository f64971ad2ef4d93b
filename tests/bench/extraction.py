"""Extraction against the naive loop, against the machine's GEMM rate, and against compute alone."""

import statistics
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from data.decode import decode
from features.backbones import find_backbone
from features.conversion import converted, import_openvino
from features.engine import Engine
from features.engines import make_engine
from features.extract import Job, extract
from features.keras_import import import_keras
from features.recipe import Recipe
from features.store import EmbeddingStore
from features.weights import Weights
from tests.bench.measure import drawn_cells, in_turns, listed, rate, ratio, table

NETWORKS = ("inception_v3", "resnet50", "densenet121", "efficientnet_b0", "mobilenet_v2")
RANDOM = Weights("random", "random, seed 0")
NAIVE_IMAGES, IMAGES = 12, 384
GEMM, PRODUCTS = 1024, 8  # side of the square matrices, products in a row


def recipe_of(name: str, precision: str) -> Recipe:
    size = find_backbone(name).size
    return Recipe(name, "random", RANDOM.digest, size=size, precision=precision)


def extracting(images: list[Path], jobs: dict[Recipe, Engine]) -> Callable[[], float]:
    """Images/s from files to finished HDF5 stores."""

    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            ready = [
                Job(EmbeddingStore(Path(folder) / f"{recipe.name}.h5", recipe), lambda e=engine: e)
                for recipe, engine in jobs.items()
            ]
            return rate(lambda: extract(images[0].parent, files, ready), len(images))

    files = listed(images)
    return run


def computing(images: list[Path], engine: Engine) -> Callable[[], float]:
    """Images/s of the engine alone: prepared images in, embeddings out, all streams at work."""
    contents = [path.read_bytes() for path in images[:64]]
    prepared = [engine.prepare(decode(content), "00") for content in contents]
    repeats = max(1, len(images) // len(prepared))
    batches = [prepared[i : i + engine.batch] for i in range(0, len(prepared), engine.batch)]

    def run() -> float:
        with ThreadPoolExecutor(engine.streams) as pool:
            return rate(
                lambda: list(pool.map(engine.embed, batches * repeats)), repeats * len(prepared)
            )

    return run


def naive(images: list[Path], name: str) -> Callable[[], float]:
    """Images/s of what most public code does: load_img, preprocess_input, predict, one by one."""
    keras, row = import_keras(), find_backbone(name)
    module = getattr(keras.applications, row.module)
    network = getattr(keras.applications, row.builder)(
        weights=None, include_top=False, pooling="avg", input_shape=(row.size, row.size, 3)
    )

    def loop() -> None:
        for path in images[:NAIVE_IMAGES]:
            loaded = keras.utils.load_img(path, target_size=(row.size, row.size))
            array = keras.utils.img_to_array(loaded)[None]
            network.predict(module.preprocess_input(array), verbose=0)

    return lambda: rate(loop, NAIVE_IMAGES)


def flops(name: str, networks: Path) -> float:
    """Floating-point operations an image takes in convolutions and matrix products."""
    recipe = recipe_of(name, "float32")
    model = import_openvino().Core().read_model(converted(recipe, RANDOM, 0, networks))
    model.reshape({0: [1, recipe.size, recipe.size, 3]})
    total = 0
    for node in model.get_ops():
        kind = node.get_type_name()
        if kind in ("Convolution", "GroupConvolution"):
            kernel = list(node.input(1).get_shape())[-3:]  # input channels (of a group), h, w
            total += 2 * int(np.prod(node.output(0).get_shape())) * int(np.prod(kernel))
    return total


def gemm(precision: str, streams: int) -> Callable[[], float]:
    """FLOP/s of large matrix products in a row, with OpenVINO's kernels on all cores."""
    openvino = import_openvino()
    ops = openvino.opset13
    rng = np.random.default_rng(0)
    first, *others = rng.normal(0, GEMM**-0.5, (1 + PRODUCTS, GEMM, GEMM)).astype(np.float32)
    given = found = ops.parameter([GEMM, GEMM], np.float32)
    for each in others:
        found = ops.matmul(found, ops.constant(each), False, False)
    model = openvino.Model([found], [given])
    hint = {"float32": "f32", "bf16": "bf16"}[precision]
    compiled = openvino.compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": str(streams)}
    )
    work = 4 * PRODUCTS * 2 * GEMM**3

    def repeat(request: Any) -> None:
        for _ in range(4):
            request.infer({0: first})

    requests = [compiled.create_infer_request() for _ in range(streams)]

    def run() -> float:
        with ThreadPoolExecutor(streams) as pool:
            return rate(lambda: list(pool.map(repeat, requests)), streams * work)

    return run


def against_naive(folder: Path) -> list[str]:
    """Every network in both precisions: naive, ours, ratio, share of compute and of GEMM."""
    images, networks = drawn_cells(folder, IMAGES), folder / "networks"
    rows = []
    for name in NETWORKS:
        recipes = [recipe_of(name, precision) for precision in ("float32", "bf16")]
        engines = [make_engine(recipe, RANDOM, 0, networks) for recipe in recipes]
        work = flops(name, networks)
        count = 192 if name in NETWORKS[:3] else IMAGES  # the large ones
        base, *sides = in_turns(
            naive(images, name),
            *(extracting(images[:count], {r: e}) for r, e in zip(recipes, engines, strict=True)),
            *(computing(images[:count], engine) for engine in engines),
            *(gemm(recipe.precision, engines[0].streams) for recipe in recipes),
        )
        for recipe, ours, compute, peak in zip(
            recipes, sides[:2], sides[2:4], sides[4:], strict=True
        ):
            share = statistics.median(c * work / p for c, p in zip(compute, peak, strict=True))
            rows.append(
                f"| {name} | {recipe.precision} | {statistics.median(base):.1f} | "
                f"{statistics.median(ours):.1f} | **{ratio(ours, base):.1f}** | "
                f"{100 * ratio(ours, compute):.0f} % | {100 * share:.0f} % |"
            )
            print(rows[-1], flush=True)
    head = "backbone | precision | naive, images/s | Blastline, images/s | ratio | "
    head += "of compute alone | compute, of GEMM rate"
    return [
        "Image files (drawn cells, PNG) to embeddings in HDF5, random weights. Naive: `load_img`,",
        "`preprocess_input`, `predict`, one image at a time, float32. *Of compute alone*: against",
        "the engine fed with prepared images. *GEMM rate*: products of 1024 x 1024 matrices in the",
        "same precision, with OpenVINO on all cores, in the same round. Convolutions count as they",
        "are written down; kernels that save operations (Winograd) can go beyond 100 %.",
        "",
        *table(head, rows),
    ]


def two_in_one_pass(folder: Path) -> list[str]:
    """Two backbones in one pass against one pass each."""
    images, networks = drawn_cells(folder, IMAGES), folder / "networks"
    recipes = [recipe_of(name, "float32") for name in ("mobilenet_v2", "efficientnet_b0")]
    engines = {r: make_engine(r, RANDOM, 0, networks) for r in recipes}
    each = [extracting(images, {recipe: engine}) for recipe, engine in engines.items()]
    together, *alone = in_turns(extracting(images, engines), *each)
    apart = [1 / (1 / a + 1 / b) for a, b in zip(*alone, strict=True)]
    row = (
        f"| {statistics.median(apart):.1f} | {statistics.median(together):.1f} | "
        f"**{ratio(together, apart):.2f}** |"
    )
    head = "two passes, images/s | one pass, images/s | ratio"
    return ["mobilenet_v2 and efficientnet_b0, float32, random weights.", "", *table(head, [row])]
