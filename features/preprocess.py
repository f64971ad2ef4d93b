"""Preprocessing steps by name, part of the recipe: image -> image, before the backbone.

A step takes and gives (h, w, 3) uint8 RGB of any size, never changes what it was given, and gives
the same for the same picture in any thread. A new step is one function and one entry in ``STEPS``.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from data.decode import MAX_BYTES, UnreadableImageError, decode
from data.errors import BlastlineError
from data.files import read_regular
from features import clean, disturb, isolate, stain
from features.named import Named, call, numbers
from features.stain import Step


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


def resize_to(side: int) -> Step:
    """Scale to a square of ``side`` pixels, so that later steps see one size.

    Raises:
        ValueError: a side outside 8 to 4096.
    """
    if not 8 <= side <= 4096:
        raise ValueError("needs a side of 8 to 4096 pixels")
    return lambda image: resize(image, side)


STEPS: dict[str, Named[Step]] = {
    "mask": Named(mask, ("mask:0.6,0.85,1,1",), ("mask:audit",)),
    "resize": Named(resize_to, ("resize:256",)),
    "reinhard": Named(stain.reinhard, ("reinhard",), ("reinhard:reference.png",)),
    "macenko": Named(stain.macenko, ("macenko",), ("macenko:reference.png",)),
    "median": Named(clean.median, ("median:3",)),
    "nlm": Named(clean.nlm, ("nlm:5",)),
    "greyworld": Named(clean.greyworld, ("greyworld",)),
    "whitepatch": Named(clean.whitepatch, ("whitepatch",)),
    "segment": Named(
        isolate.segment, ("segment:cell", "segment:nucleus", "segment:hsv", "segment:lab")
    ),
    "centre": Named(isolate.centre, ("centre:0.6",)),
    "disturb": Named(disturb.disturb, tuple(f"disturb:{kind},2" for kind in disturb.DISTURBANCES)),
}

AUDIT = "mask:audit"  # stands for the masks of all labels that the audit of the images finds

# Steps that follow a reference: the built-in one, and how to take the numbers of another.
REFERENCES: dict[
    str, tuple[tuple[float, ...], Callable[[np.ndarray], tuple[float, ...] | None]]
] = {
    "reinhard": (stain.REINHARD, stain.measure_reinhard),
    "macenko": (stain.MACENKO, stain.measure_macenko),
}


def parse_steps(texts: tuple[str, ...]) -> list[Step]:
    """Steps from their texts, ``name`` or ``name:argument,argument,...``, in order.

    Raises:
        BlastlineError: an unknown step or unfit arguments.
    """
    return [call(STEPS, text, "preprocessing step") for text in texts]


def resolve_steps(texts: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """The same steps with every stain reference as numbers, so that a recipe needs no other file.

    Args:
        texts: steps; ``macenko`` and ``reinhard`` may name an image file instead of numbers.
            ``AUDIT`` stays as it is.
        folder: what the names of such files are relative to.

    Raises:
        BlastlineError: an unknown step, unfit arguments, or a reference that is unreadable or
            shows no stain.
    """
    resolved = tuple(_resolved(text, folder) for text in texts)
    parse_steps(tuple(text for text in resolved if text != AUDIT))
    if AUDIT in resolved and "centre" in _names(resolved[: resolved.index(AUDIT)]):
        raise BlastlineError(
            f"preprocessing step '{AUDIT}': stands after centre, where labels no longer lie where "
            "the audit saw them; put it first"
        )
    return resolved


def _names(texts: tuple[str, ...]) -> set[str]:
    return {text.partition(":")[0] for text in texts}


def _resolved(text: str, folder: Path) -> str:
    name, _, rest = text.partition(":")
    if name not in REFERENCES or numbers(rest):
        return text
    values, measure = REFERENCES[name]
    if rest:
        values = _measured(text, folder / rest, measure)
    return f"{name}:{','.join(f'{value:.4g}' for value in values)}"


def _measured(
    text: str, path: Path, measure: Callable[[np.ndarray], tuple[float, ...] | None]
) -> tuple[float, ...]:
    try:
        found = measure(decode(read_regular(path.resolve(), MAX_BYTES)))
    except (OSError, UnreadableImageError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BlastlineError(
            f"preprocessing step '{text}': reference image {path}: {reason}; give an image file, "
            "or no argument for the built-in reference"
        ) from None
    if found is None:
        raise BlastlineError(
            f"preprocessing step '{text}': reference image {path} shows no stains that can be told "
            "apart; expected a nucleus, red cells and clear ground: give another picture"
        )
    return found


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Scale to ``size`` x ``size``, uint8: area averaging to shrink, bilinear to enlarge.

    Resizers differ by a grey level on average, so this one is pinned.
    """
    shrink = image.shape[0] >= size and image.shape[1] >= size
    interpolation = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=interpolation)
