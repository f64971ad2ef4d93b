"""How good a training of SmearNet is, on cells that it never saw and laboratories made up."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from data.errors import BlastlineError
from features.smearnet.augmentation import compressed
from features.smearnet.cells import SIDE, Cells
from features.stain import vary_stains

LABORATORIES = 4
MOST, SHARE = 260, 4  # of a class at most 260 cells, and one in four
FEWEST = 40  # cells in all; figures of fewer say nothing
QUICK = 60  # cells of a class in the figures on the way
STRENGTHS = (0.01, 0.001)  # inverse regularisation; the better one counts


@dataclass(frozen=True)
class Validation:
    """Cells kept out of training, each as one of four laboratories would show it.

    Attributes:
        rows: (n,) their rows among all cells. images: (n, 128, 128, 3) uint8 RGB.
        classes: (n,) fine classes. laboratories: (n,) 0 to 3.
    """

    rows: np.ndarray
    images: np.ndarray
    classes: np.ndarray
    laboratories: np.ndarray

    def quick(self) -> "Validation":
        """The same with few cells of each class."""
        some = np.concatenate(
            [np.flatnonzero(self.classes == name)[:QUICK] for name in np.unique(self.classes)]
        )
        return Validation(
            self.rows[some], self.images[some], self.classes[some], self.laboratories[some]
        )

    def score(
        self, embeddings: np.ndarray, strengths: Sequence[float] = STRENGTHS
    ) -> dict[str, float]:
        """F1 of each class, and their mean as ``macro``, of cells of a laboratory never seen.

        Logistic regression on standardised roots of the embeddings, (n, width), leaving out one
        laboratory after the other. The better of two regularisations counts, so the figure is for
        comparing trainings, not for telling others.
        """
        rooted = np.sign(embeddings) * np.sqrt(np.abs(embeddings))
        names = np.unique(self.classes)
        found = []
        for strength in strengths:
            said = np.empty_like(self.classes)
            for each in np.unique(self.laboratories):
                out = self.laboratories == each
                model = make_pipeline(
                    StandardScaler(), LogisticRegression(C=strength, max_iter=150)
                )
                # Threads of the algebra and of the network would wait for one another.
                with warnings.catch_warnings(), threadpool_limits(1):
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    model.fit(rooted[~out], self.classes[~out])
                said[out] = model.predict(rooted[out])
            found.append(f1_score(self.classes, said, average=None, labels=names, zero_division=0))
        best = max(found, key=lambda scores: scores.mean())
        scores = {"macro": float(best.mean())}
        return scores | {str(name): float(one) for name, one in zip(names, best, strict=True)}


def hold_out(cells: Cells, seed: int) -> np.ndarray:
    """Rows of the cells to validate on: a part of each fine class of the single-cell images.

    Raises:
        BlastlineError: there are too few cells for it.
    """
    rng = np.random.default_rng(seed)
    classes = np.where(cells.from_fields, "", cells.labels)
    held = np.zeros(len(classes), bool)
    for name in sorted(set(classes) - {""}):
        shuffled = rng.permutation(np.flatnonzero(classes == name))
        held[shuffled[: min(MOST, len(shuffled) // SHARE)]] = True
    rows = np.flatnonzero(held)
    if len(rows) < FEWEST or len(set(classes[rows])) < 2:
        raise BlastlineError(
            f"pretrain: {len(rows)} cells could be kept for validation; expected {FEWEST} or more "
            "of two classes: give more images, or train on all (--no-validation)"
        )
    return rows


def make_validation(cells: Cells, rows: np.ndarray, seed: int) -> Validation:
    """Show the cells of ``rows`` each under one of the four laboratories."""
    laboratories = np.random.default_rng(seed + 1).integers(LABORATORIES, size=len(rows))
    images = np.empty((len(rows), SIDE, SIDE, 3), np.uint8)
    for number, (row, laboratory) in enumerate(zip(rows, laboratories, strict=True)):
        images[number] = shown_by(laboratory, np.array(cells.pixels[row]), int(row))
    return Validation(rows, images, cells.labels[rows], laboratories)


def shown_by(laboratory: int, image: np.ndarray, seed: int) -> np.ndarray:
    """A cell (s, s, 3) uint8 as laboratory 0 (its own) to 3 shows it, turned by a random angle.

    1: weak azure, strong eosin, smaller. 2: the other way round, larger, JPEG 40. 3: out of focus,
    warmer light.
    """
    if laboratory == 0:
        return image
    scale = {1: 0.7, 2: 1.4, 3: 1.0}[laboratory]
    if laboratory == 1:
        image = vary_stains(image, np.array([0.7, 1.15, 1.0]), np.array([0.05, -0.05]))
    elif laboratory == 2:
        image = vary_stains(image, np.array([1.3, 0.8, 1.0]), np.array([-0.06, 0.08]))
    else:
        blurred = cv2.GaussianBlur(image, (0, 0), 1.3).astype(np.float32)
        image = np.clip(blurred * [1.0, 0.93, 1.05], 0, 255).astype(np.uint8)
    side = image.shape[0]
    angle = float(np.random.default_rng(seed).uniform(0, 360))
    turn = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), angle, scale)
    image = cv2.warpAffine(
        image, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return compressed(image, 40) if laboratory == 2 else image


def unknown_classes(cells: Cells, names: Sequence[str]) -> None:
    """Refuse names that no cell bears.

    Raises:
        BlastlineError: there is one.
    """
    known = sorted(set(cells.labels) - {""})
    for name in names:
        if name not in known:
            raise BlastlineError(
                f"pretrain: class '{name}' to leave out: there is none; expected some of "
                f"{', '.join(known)}"
            )
