"""The network that comes with Blastline: its size, its weights, any input, and other formats."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data.cards import card_names
from data.errors import BlastlineError
from data.files import sha256_file
from features.activation import averages_to, make_spatial_engine
from features.backbones import find_backbone
from features.networks import build_network
from features.recipe import Recipe
from features.smearnet.network import SmearNet
from features.weights import resolve_weights
from tests.data.images import noise
from tests.features.engines import distance, embed, engine_of

ROOT = Path(__file__).resolve().parents[2]
ROW = find_backbone("smearnet")
FILE = ROOT / "features" / ROW.shipped
WEIGHTS = resolve_weights(ROW, "pretrained", alpha=1.0, layer="", seed=0)
IMAGES = [noise(n, 70, 60 + n) for n in range(3)]


def recipe(**fields: Any) -> Recipe:
    fields.setdefault("size", ROW.size)
    return Recipe(ROW.name, WEIGHTS.source, WEIGHTS.digest, **fields)


def test_it_is_small(keras: Any) -> None:
    assert SmearNet(input_shape=(96, 96, 3)).count_params() <= 4_000_000
    assert FILE.stat().st_size <= 8_000_000


def test_its_card_and_the_table_name_the_digest_of_the_file() -> None:
    digest = sha256_file(FILE)
    assert digest == ROW.shipped_sha256
    assert digest in (ROOT / "features/smearnet.md").read_text(encoding="utf-8")


def test_the_sets_that_it_learned_from_are_known_by_their_cards() -> None:
    """Else a run on one of them would not be told to be optimistic."""
    assert ROW.trained_sets
    assert set(ROW.trained_sets) <= set(card_names())


def test_its_weights_are_all_there_and_none_is_odd(keras: Any) -> None:
    """Stored in half precision, they would overflow to infinity without a word."""
    numbers = {}

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            numbers[name] = item[()]

    with h5py.File(FILE) as file:
        file.visititems(collect)
    assert all(np.isfinite(each).all() for each in numbers.values())
    stored = sum(each.size for name, each in numbers.items() if "/vars/" in name)
    assert stored == SmearNet().count_params()


def test_the_network_computes_with_the_weights_of_the_file(keras: Any, networks: Path) -> None:
    base = SmearNet(input_shape=(ROW.size, ROW.size, 3))
    base.load_weights(str(FILE))
    assert {each.dtype for each in base.weights} == {"float32"}
    network = build_network(ROW, recipe(), WEIGHTS, 0)
    loaded = [np.asarray(each) for each in network.weights]
    for mine, expected in zip(loaded, base.weights, strict=True):
        assert np.array_equal(mine, np.asarray(expected))
    shipped = embed(engine_of(networks, ROW.name, "pretrained"), IMAGES)
    assert distance(shipped, embed(engine_of(networks, ROW.name, FILE), IMAGES)) == 0
    assert distance(shipped, embed(engine_of(networks, ROW.name, "random"), IMAGES)) > 0.01


@pytest.mark.parametrize("size", [96, 100, 144, 227, 320])
def test_any_size_has_embeddings_and_maps_that_average_to_them(networks: Path, size: int) -> None:
    engine = engine_of(networks, ROW.name, "pretrained", size=size)
    found = embed(engine, IMAGES)
    assert found.shape == (3, ROW.width)
    spatial = make_spatial_engine(recipe(size=size), WEIGHTS, 3, networks)
    assert spatial is not None
    for image, embedding in zip(IMAGES, found, strict=True):
        cells = spatial.spatial(spatial.prepare(image, "0"))
        assert cells.shape == (-(-size // 32), -(-size // 32), ROW.width)
        assert averages_to(cells, embedding, "float32")


@pytest.mark.parametrize("size", [1, 95, 321, 2048])
def test_other_sizes_are_refused_in_one_line(networks: Path, size: int) -> None:
    with pytest.raises(BlastlineError, match=rf"^size {size}: smearnet takes .* 96 to 320 [^\n]*$"):
        engine_of(networks, ROW.name, "pretrained", size=size)


def test_views_and_tokens_are_those_of_the_average(networks: Path) -> None:
    fields: dict[str, Any] = {"size": 100, "views": 3}
    average = embed(engine_of(networks, ROW.name, "pretrained", **fields), IMAGES)
    tokens = embed(engine_of(networks, ROW.name, "pretrained", pooling="tokens", **fields), IMAGES)
    assert average.shape == (3, 3, ROW.width)
    assert tokens.shape == (3, 3, 16, ROW.width)
    assert distance(tokens.mean(axis=2), average) < 1e-5


ONNX = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[2])
from tests.features.test_shipped import IMAGES, ROW, WEIGHTS, recipe
from features.conversion import import_openvino
from features.networks import build_network
from features.preprocess import resize
network = build_network(ROW, recipe(size=96), WEIGHTS, 0)
images = np.stack([resize(image, 96) for image in IMAGES])
expected = np.asarray(network(images))
network.export(sys.argv[1], format="onnx", verbose=False)
exact = {"INFERENCE_PRECISION_HINT": "f32"}
found = import_openvino().Core().compile_model(sys.argv[1], "CPU", exact)(images)[0]
print("APART", np.linalg.norm(found - expected) / np.linalg.norm(expected))
"""


def test_it_can_be_exported_to_onnx(tmp_path: Path) -> None:
    if importlib.util.find_spec("tf2onnx") is None:
        pytest.skip("needs tf2onnx, by which Keras exports to ONNX")
    file = tmp_path / "smearnet.onnx"
    done = subprocess.run(
        [sys.executable, "-c", ONNX, str(file), str(ROOT)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "APART" in done.stdout, done.stderr[-500:]
    assert float(done.stdout.rpartition("APART")[2]) < 1e-4
    assert file.stat().st_size < 4 * 4.1e6


OFFLINE = """
import socket, sys
from pathlib import Path
def refuse(*_, **__):
    raise SystemExit("the network was asked for")
socket.socket.connect = socket.getaddrinfo = refuse
sys.path.insert(0, sys.argv[2])
from features.backbones import find_backbone
from features.conversion import _convert
from features.recipe import Recipe
from features.weights import resolve_weights
weights = resolve_weights(find_backbone("smearnet"), "pretrained", alpha=1.0, layer="", seed=0)
recipe = Recipe("smearnet", weights.source, weights.digest, size=96)
_convert(recipe, weights, 0, Path(sys.argv[1]))
"""


def test_it_is_converted_without_a_network_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", OFFLINE, str(tmp_path), str(ROOT)],
        cwd=tmp_path,
        env={**os.environ, "KERAS_HOME": str(tmp_path / "keras")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert (tmp_path / "network.xml").is_file()
    assert not (tmp_path / "keras/models").exists()


def test_the_package_holds_the_weights() -> None:
    """An installation from a built package must find them beside the code."""
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert re.search(r"^features = smearnet/\*\.h5$", text, re.MULTILINE)
    assert re.search(r"^    features\.\*$", text, re.MULTILINE)
