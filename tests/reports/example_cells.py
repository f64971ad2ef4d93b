"""Galleries of made-up cells, and drawn thumbnails for them."""

from pathlib import Path

import cv2
import numpy as np

from classifiers.cell_parts import Cell, ExplainedCell, Galleries
from classifiers.result import RunResult


def galleries(names: list[str], odd: str, *, patients: bool, thumbnails: bool) -> Galleries:
    """Six cells of each class, one of them wrong, an unlabelled one and twelve doubtful ones."""

    def cell(number: int, label: str, predicted: str, top: float) -> Cell:
        rest = {name: (1 - top) / max(1, len(names) - 1) for name in names if name != predicted}
        patient = f"P{number % 24:02}{odd}" if patients else ""
        thumbnail = f"thumbnails/{number:04}.png"
        return Cell(
            image_id=f"example-{number:04}{odd}",
            path=f"{label}/P{number:02}.png",
            label=label,
            predicted=predicted,
            probabilities={predicted: top, **rest},
            patient=patient,
            thumbnail=thumbnail if thumbnails else "../outside.png",
        )

    samples = [
        cell(6 * row + n, name, name if n else names[row - 1], 0.97 - 0.05 * n)
        for row, name in enumerate(names)
        for n in range(6)
    ]
    samples.append(cell(7000, "", names[0], 0.99))
    least = [cell(8000 + n, names[n % len(names)], names[0], 0.41) for n in range(12)]
    explained = [
        ExplainedCell(**dict(each), heatmap="", neighbours=[], evidence=[]) for each in least
    ]
    return Galleries(samples=samples, confident_errors=[], least_confident=explained)


def draw_thumbnails(result: RunResult, folder: Path) -> None:
    """Write a small drawn cell for every second thumbnail; the others stay absent."""
    cells = [*result.galleries.samples, *result.galleries.least_confident]
    for number, cell in enumerate(cells):
        path = folder / cell.thumbnail
        if number % 9 == 4 or not path.resolve().is_relative_to(folder.resolve()):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(number)
        image = np.full((64, 64, 3), (224, 214, 238), np.uint8)
        x, y, radius = (int(generator.integers(*ends)) for ends in ((28, 36), (28, 36), (17, 24)))
        cv2.circle(image, (x, y), radius, (216, 176, 196), -1, cv2.LINE_AA)
        axes = (radius - 4, radius - int(generator.integers(4, 9)))
        cv2.ellipse(image, (x, y), axes, 40, 0, 360, (150, 70, 104), -1, cv2.LINE_AA)
        cv2.imwrite(str(path), cv2.GaussianBlur(image, (5, 5), 0))
