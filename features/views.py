"""Views: copies of an image that a cell might as well have given, the image itself first."""

import numpy as np

from features.augment import Augmentation

MAX_VIEWS = 32
SYMMETRIES = 8  # of a square: without augmentations there are no more views


def make_views(
    image: np.ndarray,
    count: int,
    sha256: str,
    augmentation: Augmentation | None = None,
    aspect: float = 1.0,
) -> np.ndarray:
    """Copies of a square image: itself, then varied ones.

    Without augmentations, flips and quarter turns that no resampling touches: a cell on a slide
    has no up or down, so its class does not change. Which of the seven other symmetries come first
    is drawn from the image's content. With them, each view draws its own values, from the image's
    content and the number of the view. Either way: always the same for one image, different
    between images, and fewer views are the first of more.

    Args:
        image: (size, size, 3) uint8; of any dtype without augmentations.
        count: 1 to ``SYMMETRIES``, or to ``MAX_VIEWS`` with augmentations.
        sha256: hexadecimal digest of the image's content.
        aspect: width by height of the image before it was made square.

    Returns:
        (count, size, size, 3), same dtype.
    """
    if count == 1:
        return image[None]
    if augmentation is None:
        order = np.random.default_rng(int(sha256, 16)).permutation(np.arange(1, SYMMETRIES))
        return np.stack([_symmetry(image, number) for number in (0, *order[: count - 1])])
    varied = [
        augmentation(image, np.random.default_rng([int(sha256, 16), number]), aspect)
        for number in range(1, count)
    ]
    return np.stack([image, *varied])


def _symmetry(image: np.ndarray, number: int) -> np.ndarray:
    turned = np.rot90(image, number % 4)
    return turned[:, ::-1] if number >= 4 else turned
