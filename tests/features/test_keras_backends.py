"""Which engine and which backend of Keras run, and that all of them embed alike."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features import engines
from features.backbones import find_backbone
from features.engine_keras import GPU_BATCHES, best_batch
from features.engines import choose_engine
from features.gate import compare
from features.keras_import import keras_backend
from tests.features.engines import distance, embed, engine_of, real_cells
from tests.shared import WEIGHTS, needs_shared

ROOT = Path(__file__).parents[2]
NETWORK, DESCRIPTOR = find_backbone("vgg16"), find_backbone("morphology")
PROCESS = """
import sys
from pathlib import Path
import numpy as np
from tests.features.engines import embed, engine_of, real_cells
from tests.shared import WEIGHTS
found = {}
for precision in ("float32", "bf16"):
    engine = engine_of(Path("unused"), "mobilenet_v2", WEIGHTS, alpha=0.35, precision=precision,
        engine="keras-" + sys.argv[1])
    assert engine.description.startswith(f"keras on {sys.argv[1]}, {precision}, "), engine
    found[precision] = embed(engine, real_cells(20))
tokens = engine_of(Path("unused"), "mobilenet_v2", WEIGHTS, alpha=0.35, pooling="tokens", views=2,
    engine="keras-" + sys.argv[1])
found["tokens"] = embed(tokens, real_cells(2))
np.savez(sys.argv[2], **found)
"""


def gpu(monkeypatch: pytest.MonkeyPatch, *, driver: bool, seen: bool) -> None:
    device = Path(os.devnull) if driver else Path("/nowhere/nvidiactl")
    monkeypatch.setattr(engines, "GPU_DEVICES", (Path("/nowhere/kfd"), device))
    monkeypatch.setattr(engines, "accelerators", lambda: ["a GPU"] if seen else [])


def test_without_a_gpus_driver_openvino_runs_and_keras_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def imports_keras() -> list[str]:
        raise AssertionError

    gpu(monkeypatch, driver=False, seen=True)
    monkeypatch.setattr(engines, "accelerators", imports_keras)
    assert choose_engine("auto", NETWORK) == "openvino"


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_gpu_that_the_backend_sees_is_used_through_keras(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", backend)
    gpu(monkeypatch, driver=True, seen=True)
    assert choose_engine("auto", NETWORK) == f"keras-{backend}"
    gpu(monkeypatch, driver=True, seen=False)
    assert choose_engine("auto", NETWORK) == "openvino"


@pytest.mark.parametrize("seen", [True, False])
def test_an_explicit_choice_wins(monkeypatch: pytest.MonkeyPatch, seen: bool) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    gpu(monkeypatch, driver=seen, seen=seen)
    assert choose_engine("openvino", NETWORK) == "openvino"
    assert choose_engine("keras", NETWORK) == "keras-jax"


@pytest.mark.parametrize("option", ["auto", "openvino", "keras"])
def test_descriptors_run_in_opencv_whatever_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    gpu(monkeypatch, driver=True, seen=True)
    assert choose_engine(option, DESCRIPTOR) == "opencv"


def test_the_backend_is_said_by_the_environment_then_by_keras_json_then_tensorflow(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert keras_backend() == "tensorflow"
    (tmp_path / "keras.json").write_text('{"floatx": "float32", "backend": "jax"}')
    assert keras_backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert keras_backend() == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert keras_backend() == "jax"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"floatx": "float32"}'])
def test_a_keras_json_that_says_nothing_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    (tmp_path / "keras.json").write_text(content)
    assert keras_backend() == "tensorflow"


@pytest.mark.parametrize(
    ("rates", "best", "tried"),
    [
        ([100, 200, 400, 800, 1600, 3200], 1024, 6),  # the larger the faster
        ([100, 200, 209, 800, 800, 800], 64, 3),  # 4.5 % faster is not worth it
        ([100, 106, 112, 100, 800, 800], 128, 4),
        ([100, 90, 800, 800, 800, 800], 32, 2),
        ([100, 200, None, 800, 800, 800], 64, 3),  # out of memory
        ([None, 200, 400, 800, 800, 800], 32, 1),
    ],
)
def test_the_batch_grows_while_that_pays_and_fits_into_memory(
    rates: list[float | None], best: int, tried: int
) -> None:
    asked = []

    def rate(size: int) -> float:
        asked.append(size)
        found = rates[GPU_BATCHES.index(size)]
        if found is None:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return found

    assert best_batch(rate, GPU_BATCHES) == best
    assert tuple(asked) == GPU_BATCHES[:tried]


def installed(backend: str) -> pytest.ParameterSet:
    missing = importlib.util.find_spec(backend) is None
    reason = f"needs {backend}, which is not installed"
    return pytest.param(backend, marks=pytest.mark.skipif(missing, reason=reason))


@needs_shared
@pytest.mark.parametrize("backend", [installed("jax"), installed("torch")])
def test_every_backend_of_keras_embeds_alike(keras: Any, tmp_path: Path, backend: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, backend, str(tmp_path / "found.npz")],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "found.npz")
    fields: dict[str, Any] = {"alpha": 0.35, "engine": "keras-tensorflow"}
    expected = embed(engine_of(tmp_path, "mobilenet_v2", WEIGHTS, **fields), real_cells(20))
    assert distance(found["float32"], expected) < 5e-5
    assert found["bf16"].dtype == np.float32
    assert not np.array_equal(found["bf16"], expected)
    assert compare(expected, found["bf16"]).cosine > 0.95
    assert found["tokens"].shape == (2, 2, 49, 1280)
    assert distance(found["tokens"][:, 0].mean(axis=1), expected[:2]) < 5e-5
