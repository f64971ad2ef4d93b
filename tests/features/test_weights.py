from pathlib import Path

import pytest

from data.errors import BlastlineError
from data.files import sha256_file
from features.backbones import ALPHAS, BACKBONES, Backbone, find_backbone
from features.weights import Weights, resolve_weights

NETWORKS = [row.name for row in BACKBONES.values() if row.is_network]
OF_KERAS = [row.name for row in BACKBONES.values() if row.cached_as]
SHIPPED = [row.name for row in BACKBONES.values() if row.shipped]
DESCRIPTORS = [row.name for row in BACKBONES.values() if not row.is_network]


def resolve(backbone: str, option: object, alpha: float = 1.0, layer: str = "") -> Weights:
    return resolve_weights(find_backbone(backbone), str(option), alpha=alpha, layer=layer, seed=7)


def refusal(backbone: str, option: object, alpha: float = 1.0, layer: str = "") -> str:
    with pytest.raises(BlastlineError) as caught:
        resolve(backbone, option, alpha, layer)
    assert str(option) in str(caught.value)
    return str(caught.value)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(name)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_whole_network_is_found_by_its_name(tmp_path: Path, name: str) -> None:
    file = f"{name}-1.00.weights.h5" if name == "mobilenet_v2" else f"{name}.weights.h5"
    put(tmp_path, file, "other.weights.h5", "notes.txt")
    for layer in ("", "any_layer"):
        found = resolve(name, tmp_path, layer=layer)
        assert found == Weights("file", sha256_file(tmp_path / file), tmp_path / file)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_each_width_of_mobilenet_has_its_file(tmp_path: Path, alpha: float) -> None:
    put(tmp_path, *(f"mobilenet_v2-{each:.2f}.weights.h5" for each in ALPHAS))
    found = resolve("mobilenet_v2", tmp_path, alpha)
    assert found.path == tmp_path / f"mobilenet_v2-{alpha:.2f}.weights.h5"


def test_a_file_cut_at_the_layer_goes_before_the_whole_network(tmp_path: Path) -> None:
    put(tmp_path, "resnet50.weights.h5", "resnet50-to-conv4_block6_out.weights.h5")
    found = resolve("resnet50", tmp_path, layer="conv4_block6_out")
    assert found.cut_at == "conv4_block6_out"
    assert resolve("resnet50", tmp_path, layer="conv3_block4_out").cut_at == ""
    assert resolve("resnet50", tmp_path).cut_at == ""


def test_a_single_file_serves_under_any_name(tmp_path: Path) -> None:
    put(tmp_path, "mine.weights.h5", "vgg16-to-block3_pool.weights.h5")
    assert resolve("vgg16", tmp_path / "mine.weights.h5").cut_at == ""
    cut = resolve("vgg16", tmp_path / "vgg16-to-block3_pool.weights.h5")
    assert (cut.source, cut.cut_at) == ("file", "block3_pool")


def test_a_folder_with_a_cut_file_alone_says_which_layer_to_choose(tmp_path: Path) -> None:
    put(tmp_path, "vgg16-to-block3_pool.weights.h5", "vgg19.weights.h5")
    message = refusal("vgg16", tmp_path)
    assert "LAYER=block3_pool" in message
    message = refusal("vgg16", tmp_path, layer="block2_pool")
    assert "no vgg16-to-block2_pool.weights.h5" in message
    assert "vgg16-to-block3_pool.weights.h5" in message


def test_a_cut_file_of_another_width_is_not_recommended(tmp_path: Path) -> None:
    put(tmp_path, "mobilenet_v2-0.35.weights.h5", "mobilenet_v2-1.00-to-block_13_add.weights.h5")
    message = refusal("mobilenet_v2", tmp_path, alpha=0.5)
    assert "no mobilenet_v2-0.50.weights.h5" in message
    assert "LAYER" not in message
    assert "LAYER=block_13_add" in refusal("mobilenet_v2", tmp_path, alpha=1.0)


def test_an_empty_folder_names_the_expected_file_and_the_ways_out(tmp_path: Path) -> None:
    message = refusal("densenet169", tmp_path)
    assert "no densenet169.weights.h5" in message
    assert "found none" in message
    assert "'pretrained'" in message
    assert "'random'" in message


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "no such file or folder" in refusal("vgg16", tmp_path / "nowhere")
    assert "no such file or folder" in refusal("vgg16", "Imagenet")


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "vgg16.weights.h5"
    digests = set()
    for content in ("one", "two"):
        path.write_text(content)
        digests.add(resolve("vgg16", tmp_path).digest)
    assert len(digests) == 2


@pytest.mark.parametrize("name", NETWORKS)
def test_random_weights_are_told_apart_by_their_seed(name: str) -> None:
    assert resolve(name, "random") == Weights("random", "random, seed 7")


@pytest.mark.parametrize("name", DESCRIPTORS)
@pytest.mark.parametrize("option", ["random", "pretrained", "imagenet", "/nowhere"])
def test_descriptors_need_no_weights_whatever_is_asked(name: str, option: str) -> None:
    found = resolve(name, option)
    assert found.source == "none"
    assert found.digest == f"revision {BACKBONES[name].revision}"


def test_imagenet_weights_have_a_digest_once_keras_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name, alpha in [*((name, 1.0) for name in OF_KERAS), ("mobilenet_v2", 0.35)]:
        for option in ("pretrained", "imagenet"):  # the latter in configurations made before
            assert resolve(name, option, alpha) == Weights("imagenet", "")
        file = tmp_path / "models" / find_backbone(name).cached_as.format(alpha=alpha)
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
        for option in ("pretrained", "imagenet"):
            found = resolve(name, option, alpha)
            assert found == Weights("imagenet", sha256_file(file), file)


@pytest.mark.parametrize("option", ["pretrained", "imagenet"])
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_there_and_whole(name: str, option: str) -> None:
    found = resolve(name, option)
    assert found.path is not None
    assert found == Weights("shipped", sha256_file(found.path), found.path)
    assert found.path.stat().st_size <= 8e6


@pytest.mark.parametrize("name", SHIPPED)
def test_a_folder_of_weights_need_not_hold_what_is_shipped(tmp_path: Path, name: str) -> None:
    put(tmp_path, "densenet169.weights.h5")
    assert resolve("densenet169", tmp_path).source == "file"
    assert resolve(name, tmp_path) == resolve(name, "pretrained")
    put(tmp_path, f"{name}.weights.h5")
    own = resolve(name, tmp_path)
    assert (own.source, own.path) == ("file", tmp_path / f"{name}.weights.h5")
    single = resolve(name, tmp_path / "densenet169.weights.h5")  # said outright: taken as it is
    assert single.path == tmp_path / "densenet169.weights.h5"


@pytest.mark.parametrize("content", [None, b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_shipped_weights_that_are_gone_or_damaged_are_one_line(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "some.weights.h5"
    if content is not None:
        file.write_bytes(content)
    row = Backbone("some", 8, shipped=str(file), shipped_sha256="0" * 64)  # absolute: as it is
    with pytest.raises(BlastlineError) as caught:
        resolve_weights(row, "pretrained", alpha=1.0, layer="", seed=0)
    message = str(caught.value)
    assert message.startswith(f"weights {file}: {'missing' if content is None else 'damaged'}")
    assert "git checkout" in message
    assert "\n" not in message


def test_an_unknown_backbone_lists_all() -> None:
    with pytest.raises(BlastlineError, match=", ".join(BACKBONES)):
        find_backbone("alexnet")
