"""The table of backbones: one row each, read without importing TensorFlow."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.errors import BlastlineError
from features.smearnet.network import WIDTH as SMEARNET_WIDTH

Describe = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Backbone:
    """One way of turning an image into an embedding.

    A *network* is built by ``<package>.<module>.<builder>`` and preprocessed by that module's
    ``preprocess_input``, which expects RGB from 0 to 255 and flips the channels itself where its
    weights want BGR. A *descriptor* row has no weights: ``describe`` maps an RGB uint8 image of any
    size to (width,) float32, and ``revision`` is raised whenever its numbers change, so that old
    embeddings are not taken for new ones.

    Attributes:
        size: side of the square input in pixels; 0 where the native size is kept.
        sizes: smallest and largest side; None where the builder itself refuses what is too small.
        width: length of an embedding after average pooling of the last layer (at alpha 1).
        cached_as: name of the file in which Keras caches its ImageNet weights without the top.
        shipped: file of pretrained weights that comes with Blastline, below ``features/``; empty
            where they are Keras' ImageNet weights.
        shipped_sha256: of that file.
        trained_on: what its pretrained weights were learned from, as in "trained on ...".
        trained_sets: names of the cards of sets whose images are among that.
    """

    name: str
    width: int
    size: int = 0
    builder: str = ""
    module: str = ""
    cached_as: str = ""
    package: str = "keras.applications"
    sizes: tuple[int, int] | None = None
    shipped: str = ""
    shipped_sha256: str = ""
    trained_on: str = "ImageNet: everyday photographs, no cells"
    trained_sets: tuple[str, ...] = ()
    describe: Describe | None = None
    revision: int = 0

    @property
    def is_network(self) -> bool:
        """Whether weights are needed."""
        return self.describe is None


def mean_colour(image: np.ndarray) -> np.ndarray:
    """Mean red, green and blue of an image, (3,) float32 from 0 to 255: the trivial baseline."""
    return image.reshape(-1, 3).mean(axis=0, dtype=np.float64).astype(np.float32)


def _morphology(image: np.ndarray) -> np.ndarray:
    from features.morphology import describe  # late: scikit-image takes half a second to import

    return describe(image)


_TF = "_weights_tf_dim_ordering_tf_kernels"
_ROWS = (
    Backbone(
        "smearnet", SMEARNET_WIDTH, 128, "SmearNet", "network",
        package="features.smearnet",
        sizes=(96, 320),
        shipped="smearnet/smearnet.weights.h5",
        shipped_sha256="7b1860ba2a90b9a2c07f97c25d8bf0e71913b50a6c2f75e4783130f8cb6c5bb2",
        trained_on="normal blood cells (PBC 2020, BCCD), no leukaemic cell among them",
        trained_sets=("pbc2020", "bccd"),
    ),
    Backbone("inception_v3", 2048, 299, "InceptionV3", "inception_v3",
        f"inception_v3{_TF}_notop.h5"),
    Backbone("vgg16", 512, 224, "VGG16", "vgg16", f"vgg16{_TF}_notop.h5"),
    Backbone("vgg19", 512, 224, "VGG19", "vgg19", f"vgg19{_TF}_notop.h5"),
    Backbone("resnet50", 2048, 224, "ResNet50", "resnet", f"resnet50{_TF}_notop.h5"),
    Backbone("densenet121", 1024, 224, "DenseNet121", "densenet", f"densenet121{_TF}_notop.h5"),
    Backbone("densenet169", 1664, 224, "DenseNet169", "densenet", f"densenet169{_TF}_notop.h5"),
    Backbone("xception", 2048, 299, "Xception", "xception", f"xception{_TF}_notop.h5"),
    Backbone(
        "mobilenet_v2", 1280, 224, "MobileNetV2", "mobilenet_v2",
        f"mobilenet_v2{_TF}_{{alpha}}_224_no_top.h5",
    ),
    Backbone("efficientnet_b0", 1280, 224, "EfficientNetB0", "efficientnet",
        "efficientnetb0_notop.h5"),
    Backbone("efficientnet_b3", 1536, 300, "EfficientNetB3", "efficientnet",
        "efficientnetb3_notop.h5"),
    Backbone("morphology", 59, describe=_morphology, revision=1),
    Backbone("mean_colour", 3, describe=mean_colour, revision=1),
)  # fmt: skip
BACKBONES = {row.name: row for row in _ROWS}
ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)  # widths of mobilenet_v2 that ImageNet weights exist for


def find_backbone(name: str) -> Backbone:
    """The row of that name.

    Raises:
        BlastlineError: there is none.
    """
    if name not in BACKBONES:
        raise BlastlineError(f"backbone '{name}': unknown; expected one of {', '.join(BACKBONES)}")
    return BACKBONES[name]
