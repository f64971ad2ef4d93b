"""Keras networks converted for OpenVINO, once for each network, kept and checked ever after."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BlastlineError
from data.files import sha256_file, write_text
from features.recipe import Recipe
from features.weights import Weights

FORMAT = 1  # raised when the conversion below changes what comes out
NETWORK, HEADER = "network.xml", "network.json"
FILES = (NETWORK, "network.bin")
_IMPORTING = threading.Lock()
REFUSED = 2  # exit code of the converting process where the user's settings do not fit
# As the child finds this very package: the folder it is called from may hold another `data`.
START = "import sys; sys.path.append(sys.argv[1]); from features.conversion import main; main()"


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which tells Google Analytics of each import.

    Its tables of NumPy types are made at their first use, in C++, while Python's lock is let go:
    two threads that come at that moment wait for each other for ever. So they are made here.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as if missing
    with _IMPORTING:
        import openvino

        tensor = openvino.Tensor(np.zeros(1, dtype=np.uint8), shared_memory=True)
        tensor.get_element_type().to_dtype()
    return openvino


def converted(recipe: Recipe, weights: Weights, seed: int, cache: Path) -> Path:
    """The OpenVINO file of a recipe's network, from ``cache`` or converted now.

    Converting imports TensorFlow, in a process of its own: its memory goes when that ends, and this
    process stays free of it. Whatever leaves the network as it is (preprocessing, views, precision)
    shares one file.

    Raises:
        BlastlineError: alpha, layer or weights file do not fit, or the conversion crashed.
    """
    folder = cache / _name(recipe)
    if not _sound(folder):
        cache.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=cache))
        try:
            _convert_apart(recipe, weights, seed, temporary)
            _move(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder / NETWORK


def _move(temporary: Path, folder: Path) -> None:
    """Give a converted network its final name, unless another process was first."""
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o777 & ~umask)  # mkdtemp makes folders that only their owner may read
    while not _sound(folder):
        try:
            temporary.replace(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            if _sound(folder):
                return
            broken = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            with suppress(FileNotFoundError):  # another process has just moved it
                folder.replace(broken / "broken")
            shutil.rmtree(broken, ignore_errors=True)


def _name(recipe: Recipe) -> str:
    network = {
        key: asdict(recipe)[key]
        for key in ("backbone", "weights", "weights_digest", "size", "layer", "alpha", "pooling")
    }
    text = json.dumps({"format": FORMAT, **network}, sort_keys=True)
    return f"{recipe.backbone}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _sound(folder: Path) -> bool:
    """Whether both files are as they were written: a flipped bit would pass unseen otherwise."""
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        return all(sha256_file(folder / name) == header[name] for name in FILES)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _convert_apart(recipe: Recipe, weights: Weights, seed: int, folder: Path) -> None:
    task = {
        "recipe": json.loads(recipe.to_json()),
        "weights": {**asdict(weights), "path": str(weights.path) if weights.path else None},
        "seed": seed,
        "folder": str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", START, str(Path(__file__).resolve().parents[1])],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
        # OpenVINO reads TensorFlow's graphs; that would take all memory of a GPU for itself.
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    if done.returncode == REFUSED:
        raise BlastlineError(done.stdout.strip().splitlines()[-1])  # downloads print before it
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:200]
        if done.returncode < 0:
            said = f"killed by signal {-done.returncode}, for want of memory?"
        raise BlastlineError(
            f"backbone {recipe.backbone}: could not be converted for OpenVINO ({said}); "
            "run 'blastline doctor', or choose another engine (ENGINE=keras, --engine keras)"
        )


def _convert(recipe: Recipe, weights: Weights, seed: int, folder: Path) -> None:
    from features.backbones import find_backbone
    from features.keras_import import import_keras
    from features.networks import build_network

    import_keras()
    network = build_network(find_backbone(recipe.backbone), recipe, weights, seed)
    openvino = import_openvino()
    import tensorflow as tf

    signature = tf.TensorSpec((None, recipe.size, recipe.size, 3), tf.uint8, name="rgb")
    graph = tf.function(lambda rgb: network(rgb, training=False), input_signature=[signature])
    # The output must be named: activations with a gradient of their own (swish) would otherwise
    # leave theirs among the outputs, which keeps OpenVINO from simplifying (3 times slower).
    output = graph.get_concrete_function().outputs[0].name
    model = openvino.convert_model(graph, output=[output])
    openvino.save_model(model, folder / NETWORK, compress_to_fp16=False)
    header = {name: sha256_file(folder / name) for name in FILES}
    header |= {"recipe": json.loads(recipe.to_json()), "openvino": openvino.__version__}
    write_text(folder / HEADER, json.dumps(header, indent=1) + "\n")


def main() -> None:
    """Convert what standard input says: the converting process."""
    task = json.loads(sys.stdin.read())
    path = task["weights"].pop("path")
    weights = Weights(path=Path(path) if path else None, **task["weights"])
    recipe = Recipe.from_json(json.dumps(task["recipe"]), "task")
    try:
        _convert(recipe, weights, task["seed"], Path(task["folder"]))
    except BlastlineError as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(REFUSED)
