"""Preprocessing steps by name, part of the recipe: image -> image, before the backbone."""

from collections.abc import Callable

import cv2
import numpy as np

from data.errors import BlastlineError

Step = Callable[[np.ndarray], np.ndarray]


def mask(left: float, top: float, right: float, bottom: float) -> Step:
    """Blank a rectangle, given as shares of width and height, with the image's median colour.

    For burned-in labels. The median is the colour of the ground in a smear image, so that the
    rectangle adds no edge of its own.

    Raises:
        ValueError: shares outside 0 to 1, or an empty rectangle.
    """
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError("needs 0 <= left < right <= 1 and 0 <= top < bottom <= 1")

    def apply(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        masked = image.copy()
        rows = slice(round(top * height), round(bottom * height))
        columns = slice(round(left * width), round(right * width))
        masked[rows, columns] = np.median(image.reshape(-1, 3), axis=0).astype(np.uint8)
        return masked

    return apply


STEPS: dict[str, Callable[..., Step]] = {"mask": mask}


def parse_steps(texts: tuple[str, ...]) -> list[Step]:
    """Steps from their texts, ``name`` or ``name:number,number,...``, in order.

    Raises:
        BlastlineError: an unknown step or unfit numbers.
    """
    steps = []
    for text in texts:
        name, _, numbers = text.partition(":")
        if name not in STEPS:
            raise BlastlineError(
                f"preprocessing step '{text}': unknown; expected one of {', '.join(STEPS)}"
            )
        try:
            steps.append(STEPS[name](*(float(part) for part in numbers.split(",") if part)))
        except (TypeError, ValueError) as error:
            raise BlastlineError(f"preprocessing step '{text}': {error}") from None
    return steps


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Scale to ``size`` x ``size``, uint8: area averaging to shrink, bilinear to enlarge.

    Resizers differ by a grey level on average, so this one is pinned.
    """
    shrink = image.shape[0] >= size and image.shape[1] >= size
    interpolation = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=interpolation)
