"""Views: turned and mirrored copies of an image, the image itself first."""

import numpy as np

MAX_VIEWS = 8  # a square has eight symmetries


def make_views(image: np.ndarray, count: int, sha256: str) -> np.ndarray:
    """Copies of a square image: itself, then flips and quarter turns that no resampling touches.

    A cell on a slide has no up or down, so its class does not change. Which of the seven other
    symmetries come first is drawn from the image's content: always the same for one image,
    different between images.

    Args:
        image: (size, size, 3) of any dtype.
        count: 1 to ``MAX_VIEWS``.
        sha256: hexadecimal digest of the image's content.

    Returns:
        (count, size, size, 3), same dtype.
    """
    if count == 1:
        return image[None]
    order = np.random.default_rng(int(sha256, 16)).permutation(np.arange(1, MAX_VIEWS))
    return np.stack([_symmetry(image, number) for number in (0, *order[: count - 1])])


def _symmetry(image: np.ndarray, number: int) -> np.ndarray:
    turned = np.rot90(image, number % 4)
    return turned[:, ::-1] if number >= 4 else turned
