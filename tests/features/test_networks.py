"""Real weights, weights that do not fit, and the weights that Keras downloads."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.decode import decode
from data.errors import BlastlineError
from features.backbones import BACKBONES, find_backbone
from features.engines import make_engine
from features.recipe import Recipe
from features.weights import Weights
from tests.data.images import noise
from tests.features.engines import REAL, by_keras_alone, distance, embed, engine_of, real_cells
from tests.shared import WEIGHTS, needs_shared, pbc_cells

OF_KERAS = [row.name for row in BACKBONES.values() if row.cached_as]


def refusal(networks: Path, name: str, option: object, alpha: float = 1.0, layer: str = "") -> str:
    with pytest.raises(BlastlineError) as caught:
        engine_of(networks, name, option, alpha=alpha, layer=layer)
    return str(caught.value)


def neighbour_accuracy(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Share of images whose nearest other image is of their class."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -1)
    return float((labels[alike.argmax(axis=1)] == labels).mean())


@needs_shared
@pytest.mark.parametrize(("name", "alpha", "layer", "width"), REAL)
def test_real_weights_embed_real_cells_as_keras_alone_does_and_in_rgb(
    keras: Any, networks: Path, name: str, alpha: float, layer: str, width: int
) -> None:
    images = real_cells(4)
    engine = engine_of(networks, name, WEIGHTS, alpha=alpha, layer=layer)
    found = embed(engine, images)
    assert found.shape == (4, width)
    stem = f"{name}-{alpha:.2f}" if name == "mobilenet_v2" else f"{name}-to-{layer}"
    file = WEIGHTS / f"{stem if name == 'mobilenet_v2' or layer else name}.weights.h5"
    rgb, bgr = by_keras_alone(keras, name, images, alpha=alpha, layer=layer, file=file)
    assert distance(found, rgb) < 5e-5
    assert distance(bgr, rgb) > 0.05


@needs_shared
def test_real_weights_know_more_of_cells_than_random_ones(networks: Path) -> None:
    paths = pbc_cells(160)
    images = [decode(path.read_bytes()) for path in paths]
    labels = np.array([path.parent.name for path in paths])
    real, random = (
        neighbour_accuracy(
            embed(engine_of(networks, "mobilenet_v2", option, alpha=0.35), images), labels
        )
        for option in (WEIGHTS, "random")
    )
    assert real > 0.6
    assert real > random + 0.1


@needs_shared
def test_a_layer_before_the_cut_is_as_good_as_the_cut(networks: Path) -> None:
    file = WEIGHTS / "resnet50-to-conv4_block6_out.weights.h5"
    engine = engine_of(networks, "resnet50", file, layer="conv3_block4_out")
    found = embed(engine, real_cells(2))
    assert found.shape == (2, 512)


@needs_shared
@pytest.mark.parametrize("layer", ["", "conv5_block3_out"])
def test_a_layer_behind_the_cut_is_refused(networks: Path, layer: str) -> None:
    file = WEIGHTS / "resnet50-to-conv4_block6_out.weights.h5"
    message = refusal(networks, "resnet50", file, layer=layer)
    assert message.startswith(f"weights {file}: end at layer 'conv4_block6_out'")
    assert "LAYER=conv4_block6_out" in message


@needs_shared
@pytest.mark.parametrize(
    ("name", "file", "alpha"),
    [
        ("mobilenet_v2", "vgg16-to-block3_pool.weights.h5", 1.0),
        ("mobilenet_v2", "mobilenet_v2-0.35.weights.h5", 1.0),
        ("densenet121", "densenet169.weights.h5", 1.0),
        ("vgg16", "mobilenet_v2-1.00.weights.h5", 1.0),
    ],
)
def test_weights_of_another_network_are_refused(
    networks: Path, tmp_path: Path, name: str, file: str, alpha: float
) -> None:
    path = tmp_path / "mine.weights.h5"
    path.symlink_to(WEIGHTS / file)
    message = refusal(networks, name, path, alpha)
    assert message.startswith(f"weights {path}: do not fit {name}")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x89HDF\r\n\x1a\n" + bytes(500)])
def test_a_file_that_holds_no_weights_is_refused(
    networks: Path, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "mobilenet_v2-1.00.weights.h5"
    path.write_bytes(content)
    assert f"weights {path}: do not fit mobilenet_v2" in refusal(networks, "mobilenet_v2", tmp_path)


@needs_shared
def test_a_cut_download_is_refused(networks: Path, tmp_path: Path) -> None:
    path = tmp_path / "mobilenet_v2-0.35.weights.h5"
    path.write_bytes((WEIGHTS / path.name).read_bytes()[:1_000_000])
    message = refusal(networks, "mobilenet_v2", tmp_path, 0.35)
    assert f"weights {path}: do not fit mobilenet_v2" in message


@pytest.mark.parametrize(
    ("name", "alpha"), [*((name, 1.0) for name in OF_KERAS), ("mobilenet_v2", 0.35)]
)
def test_keras_asks_for_the_file_that_the_table_names(
    networks: Path, monkeypatch: pytest.MonkeyPatch, name: str, alpha: float
) -> None:
    """The digest of ImageNet weights is that of the file which Keras will load."""
    asked = []

    def get_file(fname: str, *_: object, **__: object) -> str:
        asked.append(fname)
        raise OSError("no network in tests")

    monkeypatch.setattr(sys.modules["keras.src.utils.file_utils"], "get_file", get_file)
    row = find_backbone(name)
    recipe = Recipe(name, "imagenet", "", size=row.size, alpha=alpha)
    with pytest.raises(BlastlineError, match=rf"^backbone {name}: .*\(no network in tests\)"):
        make_engine(recipe, Weights("imagenet", ""), 0, networks)
    assert asked == [row.cached_as.format(alpha=alpha)]


def test_efficientnet_weights_as_a_file_equal_those_that_keras_loads(
    keras: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Keras builds another preprocessing for its own weights; a file must get the same one."""
    path = tmp_path / "efficientnet_b0.weights.h5"
    base = keras.applications.EfficientNetB0(weights=None, include_top=False)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    base.get_layer("normalization").set_weights([mean, std**2, np.array(0)])
    base.save_weights(path)
    images = [noise(n, 60, 60) // 2 + 60 for n in range(2)]
    fields: dict[str, Any] = {"engine": "keras-tensorflow", "size": 96}
    by_file = embed(engine_of(tmp_path, "efficientnet_b0", tmp_path, **fields), images)
    utils = sys.modules["keras.src.utils.file_utils"]
    monkeypatch.setattr(utils, "get_file", lambda *_, **__: str(path))
    by_keras = embed(engine_of(tmp_path, "efficientnet_b0", "imagenet", **fields), images)
    assert distance(by_file, by_keras) < 1e-4


OFFLINE = """
import sys
from pathlib import Path
from features.engines import make_engine
from features.recipe import Recipe
from features.weights import Weights
from data.errors import BlastlineError
try:
    recipe = Recipe("vgg16", "imagenet", "", size=224)
    make_engine(recipe, Weights("imagenet", ""), 0, Path(sys.argv[1]))
except BlastlineError as error:
    print(error)
"""


def test_imagenet_weights_out_of_reach_are_one_line_that_says_both_ways(tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9"
    proxies = {f"{scheme}_proxy": closed for scheme in ("http", "https", "HTTP", "HTTPS")}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(tmp_path)],
        env={**os.environ, **proxies, "no_proxy": "", "KERAS_HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    assert "could not download its ImageNet weights" in line
    assert "connect to the internet once" in line
    assert "--weights folder" in line
