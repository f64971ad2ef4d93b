"""Converted networks: made once, apart, kept whole, made again when they are not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import BlastlineError
from data.files import sha256_file
from features import conversion
from features.conversion import FILES, HEADER, NETWORK, converted
from features.recipe import Recipe
from features.weights import Weights

ROOT = Path(__file__).parents[2]
RECIPE = Recipe("mobilenet_v2", "random", "random, seed 1", size=32, alpha=0.35)
WEIGHTS = Weights("random", "random, seed 1")
PROCESS = """
import json, sys
sys.path.append(sys.argv[3])
import numpy as np
from pathlib import Path
from features.engines import make_engine
from features.recipe import Recipe
from features.weights import Weights
recipe = Recipe.from_json(sys.argv[1], "argument")
engine = make_engine(recipe, Weights("random", recipe.weights_digest), 1, Path(sys.argv[2]))
found = engine.embed([engine.prepare(np.full((32, 32, 3), 99, np.uint8), "0")])
heavy = [name for name in ("tensorflow", "keras") if name in sys.modules]
print(json.dumps([float(found.sum()), heavy]))
"""

Spoil = Callable[[Path], object]


class Fake:
    """In place of the converting process: writes what passes for a network, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, recipe: Recipe, weights: Weights, seed: int, folder: Path) -> None:
        self.calls += 1
        for name in FILES:
            (folder / name).write_bytes(name.encode() * 50)
        hashes = {name: sha256_file(folder / name) for name in FILES}
        (folder / HEADER).write_text(json.dumps(hashes))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(conversion, "_convert_apart", made)
    return made


def start(folder: Path, networks: Path) -> subprocess.Popen:
    """An engine in a process of its own, called from a folder with a package named like ours."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name in ("__init__.py", "errors.py"):
        (folder / "data" / name).write_text("raise ImportError('not ours')")
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PROCESS, RECIPE.to_json(), str(networks), str(ROOT)],
        env={**os.environ, "HOME": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> tuple[float, list[str]]:
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_two_processes_that_convert_at_once_both_end_well_and_nothing_is_sent_home(
    tmp_path: Path,
) -> None:
    networks = tmp_path / "networks"
    both = [start(tmp_path / name, networks) for name in "ab"]
    (one, heavy), (two, _) = (finish(process) for process in both)
    assert one == two
    assert heavy == []  # the process that asked stays free of TensorFlow
    (folder,) = networks.iterdir()
    assert names(folder) == sorted([*FILES, HEADER])
    # OpenVINO's telemetry would have left its identifier there.
    assert not [path for name in "ab" for path in (tmp_path / name).glob("intel*")]

    before = (folder / NETWORK).stat().st_mtime_ns
    assert finish(start(tmp_path / "a", networks)) == [one, []]
    assert (folder / NETWORK).stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"alpha": 0.4}, "alpha 0.4: expected one of "),
        ({"layer": "conv99"}, "layer 'conv99': backbone mobilenet_v2 has none of that name"),
    ],
)
def test_what_does_not_fit_comes_back_from_the_process_as_one_line(
    tmp_path: Path, change: dict[str, object], line: str
) -> None:
    with pytest.raises(BlastlineError) as caught:
        converted(replace(RECIPE, **change), WEIGHTS, 1, tmp_path)  # type: ignore[arg-type]
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -9 $$", "killed by signal 9, for want of memory?"),
        ("echo Traceback >&2; echo 'ImportError: no tensorflow' >&2; exit 1", "no tensorflow"),
        ("exit 3", "exit code 3"),
    ],
)
def test_a_process_that_fails_leaves_nothing_and_says_why_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    python, networks = tmp_path / "python", tmp_path / "networks"
    half = f"for folder in {networks}/.*-*; do echo half > $folder/{NETWORK}; done"
    python.write_text(f"#!/bin/sh\ncat > /dev/null\n{half}\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(BlastlineError) as caught:
        converted(RECIPE, WEIGHTS, 1, networks)
    message = str(caught.value)
    assert message.startswith("backbone mobilenet_v2: could not be converted for OpenVINO (")
    assert said in message
    assert "--engine keras" in message
    assert "\n" not in message
    assert names(networks) == []


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def become_a_file(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("not a folder")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda folder: flip(folder / "network.bin"), id="a flipped bit"),
        pytest.param(lambda folder: os.truncate(folder / NETWORK, 100), id="a truncated file"),
        pytest.param(lambda folder: (folder / "network.bin").unlink(), id="a missing file"),
        pytest.param(lambda folder: (folder / HEADER).write_text("{"), id="a torn header"),
        pytest.param(lambda folder: (folder / HEADER).write_text("[]"), id="another header"),
        pytest.param(become_a_file, id="a file in its place"),
    ],
)
def test_a_spoiled_network_is_converted_again(tmp_path: Path, fake: Fake, spoil: Spoil) -> None:
    file = converted(RECIPE, WEIGHTS, 1, tmp_path)
    whole = file.read_bytes()
    spoil(file.parent)
    assert converted(RECIPE, WEIGHTS, 1, tmp_path) == file
    assert fake.calls == 2
    assert file.read_bytes() == whole
    assert converted(RECIPE, WEIGHTS, 1, tmp_path) == file
    assert fake.calls == 2
    assert names(tmp_path) == [file.parent.name]


def test_a_network_that_another_process_made_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, files = Fake(), []

    def second(recipe: Recipe, weights: Weights, seed: int, folder: Path) -> None:
        fake(recipe, weights, seed, folder)
        monkeypatch.setattr(conversion, "_convert_apart", fake)
        files.append(converted(recipe, weights, seed, tmp_path).stat().st_ino)

    monkeypatch.setattr(conversion, "_convert_apart", second)
    assert [converted(RECIPE, WEIGHTS, 1, tmp_path).stat().st_ino] == files
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize(
    "change", [{"precision": "bf16"}, {"views": 8}, {"steps": ("mask:0,0.5,1,1",)}], ids=str
)
def test_what_leaves_the_network_as_it_is_shares_it(
    tmp_path: Path, fake: Fake, change: dict[str, object]
) -> None:
    other = replace(RECIPE, **change)  # type: ignore[arg-type]
    assert converted(RECIPE, WEIGHTS, 1, tmp_path) == converted(other, WEIGHTS, 1, tmp_path)
    assert fake.calls == 1


@pytest.mark.parametrize(
    "change",
    [
        {"layer": "block_6_project_BN"}, {"size": 64}, {"pooling": "tokens"}, {"alpha": 1.0},
        {"weights_digest": "random, seed 2"}, {"weights": "file"}, {"backbone": "vgg16"},
    ],
    ids=str,
)  # fmt: skip
def test_what_changes_the_network_makes_another(
    tmp_path: Path, fake: Fake, change: dict[str, object]
) -> None:
    other = replace(RECIPE, **change)  # type: ignore[arg-type]
    assert converted(RECIPE, WEIGHTS, 1, tmp_path) != converted(other, WEIGHTS, 1, tmp_path)
    assert fake.calls == 2


def test_whoever_may_read_the_folder_may_read_the_networks(tmp_path: Path, fake: Fake) -> None:
    (tmp_path / "plain").mkdir()
    folder = converted(RECIPE, WEIGHTS, 1, tmp_path).parent
    assert folder.stat().st_mode == (tmp_path / "plain").stat().st_mode
