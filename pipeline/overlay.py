"""Heat maps as pictures: what speaks for the prediction keeps its colour, the rest pales."""

import cv2
import numpy as np

from features.preprocess import resize

SIDE = 224  # pixels
QUALITY = 85
HALF = 0.5  # of the strongest place, where the lines run
PALE, WHITE = 0.4, 244.0  # contrast left where nothing speaks, on a near-white ground
SPECK = SIDE**2 // 400  # pixels; a smaller piece gets no line
DASH = 7  # pixels of a line that is drawn, and then left out


def picture_of(image: np.ndarray) -> np.ndarray:
    """The cell itself, (SIDE, SIDE, 3) uint8."""
    return resize(image, SIDE)


def overlay(image: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """A cell with its heat map laid over, (SIDE, SIDE, 3) uint8.

    Where nothing speaks for the prediction the cell is pale and grey; inside the solid line speaks
    what is at least half as strong as the strongest place, inside a dashed one what speaks as much
    against it. So it can be read without colours and by the colour-blind.

    Args:
        image: (h, w, 3) uint8 RGB. relevance: (rows, columns), above 0 where something speaks for.
    """
    cell = picture_of(image).astype(np.float32)
    strength = cv2.resize(relevance.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    strength = strength / max(float(np.abs(strength).max()), np.finfo(np.float32).tiny)
    grey = cv2.cvtColor(cell.astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)[:, :, None]
    pale = WHITE + PALE * (grey - grey.max())
    kept = np.clip(strength / HALF, 0, 1)[:, :, None]  # whole inside the line
    shown = np.ascontiguousarray((kept * cell + (1 - kept) * pale).clip(0, 255).astype(np.uint8))
    for line in _outlines(strength >= HALF):
        for colour, width in (((255, 255, 255), 5), ((0, 0, 0), 2)):
            cv2.polylines(shown, [line], True, colour, width, cv2.LINE_AA)
    for line in _outlines(strength <= -HALF):
        for start in range(0, len(line), 2 * DASH):
            dash = line[start : start + DASH]
            for colour, width in (((255, 255, 255), 5), ((0, 0, 0), 2)):
                cv2.polylines(shown, [dash], False, colour, width, cv2.LINE_AA)
    return shown


def jpeg(image: np.ndarray) -> bytes:
    """An (h, w, 3) uint8 RGB image as JPEG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _outlines(mask: np.ndarray) -> list[np.ndarray]:
    """(n, 2) int32 points around each piece of a mask, along the frame where it ends there."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return [line[:, 0] for line in found if cv2.contourArea(line) > SPECK]
