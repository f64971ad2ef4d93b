"""What the weights that come with Blastline are worth beside random ones of the same network."""

from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data.decode import decode
from features.disturb import disturb
from tests.features.cells import cell, slide
from tests.features.engines import embed, engine_of
from tests.shared import needs_shared, pbc_cells

CLASSES = ("L1", "L2", "L3", "Normal")
DRAWN = [cell(slide(100 + number), number, CLASSES[number % 4]) for number in range(48)]
PRETRAINED, RANDOM = "pretrained", "random"


def photographed_again(image: np.ndarray) -> np.ndarray:
    """The same cell turned, on another day's stain, a little out of focus, as a poor JPEG."""
    for kind, strength in (("stain", 2), ("blur", 1), ("jpeg", 2)):
        image = disturb(kind, strength)(image)
    return cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)


def prepared(found: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Roots of the embeddings, standardised, of length 1."""
    roots, base = np.sqrt(np.abs(found)), np.sqrt(np.abs(like))
    scaled = (roots - base.mean(axis=0)) / (base.std(axis=0) + 1e-6)
    return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)


def recognised(networks: Path, weights: str) -> float:
    """Share of the drawn cells that are nearest to themselves when photographed again."""
    engine = engine_of(networks, "smearnet", weights)
    known = embed(engine, DRAWN)
    again = embed(engine, [photographed_again(each) for each in DRAWN])
    nearest = (prepared(again, known) @ prepared(known, known).T).argmax(axis=1)
    return float((nearest == np.arange(len(DRAWN))).mean())


def told_apart(networks: Path, weights: str) -> float:
    """Macro F1 of the real classes: learned from every other cell, tested on the rest."""
    engine = engine_of(networks, "smearnet", weights)
    paths = pbc_cells(480)
    X = np.sqrt(np.abs(embed(engine, [decode(path.read_bytes()) for path in paths])))
    y = [path.parent.name for path in paths]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    half = np.arange(len(paths)) % 16 < 8  # pbc_cells gives the eight classes in turn
    model.fit(X[half], np.array(y)[half])
    return float(f1_score(np.array(y)[~half], model.predict(X[~half]), average="macro"))


def test_a_cell_is_known_again_whatever_stain_focus_file_and_side_up(networks: Path) -> None:
    trained, untrained = (recognised(networks, each) for each in (PRETRAINED, RANDOM))
    assert trained >= 0.75
    assert trained >= untrained + 0.2


@needs_shared
def test_the_classes_of_real_cells_are_told_apart(networks: Path) -> None:
    """Half of 480 cells of the same source as the training, none of them in it."""
    trained, untrained = (told_apart(networks, each) for each in (PRETRAINED, RANDOM))
    assert trained >= 0.9
    assert trained >= untrained + 0.1
