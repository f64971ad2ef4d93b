"""Which weights a network gets, and their digest, without importing TensorFlow."""

import os
from dataclasses import dataclass
from pathlib import Path

from data.errors import BlastlineError
from data.files import sha256_file
from features.backbones import Backbone

RANDOM, PRETRAINED, IMAGENET = "random", "pretrained", "imagenet"
NAMED = (PRETRAINED, IMAGENET, RANDOM)  # options that are no path
SUFFIX = ".weights.h5"


@dataclass(frozen=True)
class Weights:
    """Where a backbone's weights come from.

    Attributes:
        source: random, imagenet, shipped, file or none (descriptor rows).
        digest: SHA-256 of the file; a description where there is no file. Empty for Keras' own
            ImageNet weights that are not downloaded yet.
        path: the file, or None.
        cut_at: the layer that the file ends at; empty for a whole network.
    """

    source: str
    digest: str
    path: Path | None = None
    cut_at: str = ""

    @property
    def to_load(self) -> Path | None:
        """The file to load into the network once it is built; None where there is none.

        Keras loads its own ImageNet weights itself.
        """
        return self.path if self.source in ("file", "shipped") else None


def resolve_weights(
    backbone: Backbone, option: str, *, alpha: float, layer: str, seed: int
) -> Weights:
    """Find the weights that the user means by ``option``.

    Args:
        option: ``pretrained`` (those shipped with Blastline, else Keras' ImageNet weights,
            downloaded once; ``imagenet`` is its former name), ``random``, a weights file, or a
            folder of them named ``<backbone>.weights.h5``, ``mobilenet_v2-<alpha>.weights.h5`` or
            ``<backbone>-to-<layer>.weights.h5`` for a file that ends at an inner layer. What is
            shipped need not be in the folder.

    Raises:
        BlastlineError: no such file or folder, none for this backbone and layer in it, or a shipped
            file that is gone or damaged.
    """
    if not backbone.is_network:
        return Weights("none", f"revision {backbone.revision}")
    if option == RANDOM:
        return Weights("random", f"random, seed {seed}")
    if option in (PRETRAINED, IMAGENET):
        if backbone.shipped:
            return _shipped(backbone)
        path = _keras_cache() / backbone.cached_as.format(alpha=float(alpha))
        if not path.is_file():
            return Weights("imagenet", "")
        return Weights("imagenet", sha256_file(path), path)
    path = Path(option)
    if path.is_dir():
        if backbone.shipped and not any(path.glob(f"{backbone.name}*{SUFFIX}")):
            return _shipped(backbone)
        path = _choose(path, backbone, alpha, layer)
    elif not path.is_file():
        raise BlastlineError(
            f"weights {path}: no such file or folder; expected a folder of *{SUFFIX} files, one "
            "such file, 'pretrained' or 'random'"
        )
    _, _, cut_at = path.name.removesuffix(SUFFIX).partition("-to-")
    return Weights("file", sha256_file(path), path, cut_at)


def _shipped(backbone: Backbone) -> Weights:
    path = Path(__file__).parent / backbone.shipped
    found = sha256_file(path) if path.is_file() else ""
    if found != backbone.shipped_sha256:
        what = f"damaged (SHA-256 {found[:12]}, expected {backbone.shipped_sha256[:12]})"
        raise BlastlineError(
            f"weights {path}: {what if found else 'missing'}; they come with Blastline: restore "
            f"the file (git checkout features/{backbone.shipped}), or install Blastline again"
        )
    return Weights("shipped", found, path)


def _keras_cache() -> Path:
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def _choose(folder: Path, backbone: Backbone, alpha: float, layer: str) -> Path:
    stem = backbone.name
    if backbone.name == "mobilenet_v2":
        stem = f"{backbone.name}-{alpha:.2f}"
    whole = folder / f"{stem}{SUFFIX}"
    cut = folder / f"{stem}-to-{layer}{SUFFIX}"
    if layer and cut.is_file():
        return cut
    if whole.is_file():
        return whole
    others = sorted(folder.glob(f"{stem}-to-*{SUFFIX}"))
    cuts = [path.name.removesuffix(SUFFIX).partition("-to-")[2] for path in others]
    if not layer and cuts:
        raise BlastlineError(
            f"weights {folder}: has {others[0].name}, which ends at an inner layer, and no whole "
            f"{backbone.name}; choose that layer (LAYER={cuts[0]}, --layer {cuts[0]}; "
            f"among several backbones {backbone.name}@{cuts[0]})"
        )
    there = ", ".join(path.name for path in sorted(folder.glob(f"*{SUFFIX}"))) or "none"
    raise BlastlineError(
        f"weights {folder}: no {cut.name if layer else whole.name} for backbone {backbone.name}; "
        f"found {there}: put it there, or use 'pretrained' (download by Keras) or 'random'"
    )
