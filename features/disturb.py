"""Disturbances of images, to see how a classifier holds: other slides, lenses, files, cameras.

A disturbance is a preprocessing step, so embeddings of disturbed images are stored as all others
are. Strength 1 is mild, 2 moderate, 3 severe; the amounts are a choice of ours, not measured on
slides. Lengths are shares of the picture, so that sets of all sizes compare. What is drawn is
drawn from the picture's own pixels: one picture is always disturbed alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import cv2
import numpy as np

from features.ground import is_cut_out, lit, outside
from features.stain import Step, vary_stains

STRENGTHS = (1, 2, 3)
STEP = "disturb"
FIRST = "mask"  # labels that were burned in lie above whatever befell the slide
LONGEST = 65_500  # side that a JPEG file can have


@dataclass(frozen=True)
class Disturbance:
    """One kind of disturbance.

    Attributes:
        amounts: of strengths 1, 2 and 3, in the units of ``setting``.
        setting: what an amount means to people, with a place for it.
        apply: from an (h, w, 3) uint8 RGB picture and an amount to one of the same shape.
    """

    amounts: tuple[float, float, float]
    setting: str
    apply: Callable[[np.ndarray, float], np.ndarray]

    def told(self, strength: int) -> str:
        """The setting of a strength, 1 to 3."""
        return self.setting.format(self.amounts[strength - 1])


def _stain(image: np.ndarray, percent: float) -> np.ndarray:
    """Azure and eosin each weaker or stronger by a factor, as in Tellez et al. 2018."""
    signs = _draw(image).choice((-1, 1), 2)
    factors = (1 + percent / 100) ** np.array([*signs, 0.0])
    return vary_stains(image, factors, np.zeros(2))


def _blur(image: np.ndarray, percent: float) -> np.ndarray:
    sigma = percent / 100 * max(image.shape[:2])
    # Below this nothing is to be seen, and zero would mean 'choose one' to OpenCV.
    if sigma < 0.05:
        return image.copy()
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=outside(image))


def _jpeg(image: np.ndarray, quality: float) -> np.ndarray:
    if max(image.shape) > LONGEST:
        return image.copy()
    options = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    file = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1]
    return cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _resize(image: np.ndarray, percent: float) -> np.ndarray:
    height, width = image.shape[:2]
    small = [max(1, round(percent / 100 * side)) for side in (width, height)]
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR)


def _rotation(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return cv2.warpAffine(
        np.ascontiguousarray(image), turn, (width, height),
        flags=cv2.INTER_CUBIC, borderMode=outside(image),
    )  # fmt: skip


def _noise(image: np.ndarray, levels: float) -> np.ndarray:
    grain = _draw(image).standard_normal(image.shape, np.float32) * np.float32(levels)
    found = np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)
    if is_cut_out(image):  # the black around a cell that was cut out never saw a camera
        found[~lit(image)] = image[~lit(image)]
    return found


DISTURBANCES: dict[str, Disturbance] = {
    "stain": Disturbance((10, 25, 50), "each stain {:g}\u00a0% weaker or stronger", _stain),
    "blur": Disturbance((0.3, 0.7, 1.3), "Gaussian, sigma {:g}\u00a0% of the longer side", _blur),
    "jpeg": Disturbance((60, 30, 10), "saved as JPEG of quality {:g}", _jpeg),
    "resize": Disturbance((50, 25, 15), "{:g}\u00a0% of the pixels across, then enlarged", _resize),
    "rotation": Disturbance((10, 25, 45), "turned by {:g}°", _rotation),
    "noise": Disturbance((4, 10, 20), "Gaussian, sigma {:g} of 255 grey levels", _noise),
}


def disturb(kind: str, strength: int) -> Step:
    """Disturb a picture; the cell stays the one it was.

    Args:
        kind: a key of ``DISTURBANCES``. strength: 1 to 3.

    Raises:
        ValueError: another kind or strength.
    """
    if kind not in DISTURBANCES:
        raise ValueError(f"'{kind}' is not one of {', '.join(DISTURBANCES)}")
    if strength not in STRENGTHS:
        raise ValueError("needs a strength of 1, 2 or 3")
    each = DISTURBANCES[kind]
    return lambda image: each.apply(image, each.amounts[strength - 1])


def disturbed(steps: tuple[str, ...], kind: str, strength: int) -> tuple[str, ...]:
    """Steps of a recipe with a disturbance before them, behind masks at their head alone.

    A mask that came after a rotation would miss the label that it is there to hide.
    """
    after = next((n for n, text in enumerate(steps) if text.partition(":")[0] != FIRST), len(steps))
    return (*steps[:after], f"{STEP}:{kind},{strength}", *steps[after:])


def _draw(image: np.ndarray) -> np.random.Generator:
    return np.random.default_rng(crc32(image.tobytes()))
