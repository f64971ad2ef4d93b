"""Galleries of made-up cells, and drawn thumbnails for them."""

from pathlib import Path

import cv2
import numpy as np

from classifiers.cell_parts import Cell, Evidence, ExplainedCell, Galleries, Neighbour
from classifiers.result import RunResult


def galleries(names: list[str], odd: str, *, patients: bool, thumbnails: bool) -> Galleries:
    """Six cells of each class, one of them wrong, an unlabelled one, errors and doubtful ones."""

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
    errors = [
        cell(7500 + n, names[n % len(names)], names[(n + 1) % len(names)], 0.99 - n / 50)
        for n in range(5)
    ]

    def explained(each: Cell, number: int) -> ExplainedCell:
        near = [
            Neighbour(
                image_id=f"example-{9000 + 4 * number + n}{odd}",
                label=names[(number + n) % len(names)],
                patient=f"P{n:02}{odd}" if patients else "",
                thumbnail=f"thumbnails/{9000 + 4 * number + n}.png",
                likeness=0.62 - 0.11 * n,
            )
            for n in range(4)
        ]
        return ExplainedCell(
            **dict(each),
            picture=f"heatmaps/{number}.png" if thumbnails and number % 5 else "",
            heatmap=f"heatmaps/{number}-map.png" if thumbnails and number % 5 else "",
            method=("class activation", "occlusion")[number % 2],
            rival=names[number % len(names)],
            neighbours=near if number % 7 else [],
            evidence=[
                Evidence(descriptor=f"nucleus_area{odd}", unit=f"share of frame{odd}", value=0.213,
                         usual=0.171, gain=0.18),
                Evidence(descriptor="chromatin_contrast_1", unit="squared grey levels", value=1234,
                         usual=980, gain=-0.07),
            ] if number % 3 else [],
        )  # fmt: skip

    return Galleries(
        samples=samples,
        confident_errors=[explained(each, 100 + n) for n, each in enumerate(errors)],
        least_confident=[explained(each, 200 + n) for n, each in enumerate(least)],
        errors=31,
        descriptors=True,
        note=f"cells/P07.png: changed since it was scanned{odd}",
    )


def pictures(result: RunResult) -> list[str]:
    """The paths of all pictures that the gallery shows, as often as it shows them."""
    galleries = result.galleries
    found = [cell.thumbnail for cell in galleries.samples]
    for cell in [*galleries.confident_errors, *galleries.least_confident]:
        found += [cell.picture or cell.thumbnail] + ([cell.heatmap] if cell.heatmap else [])
        found += [each.thumbnail for each in cell.neighbours]
    return found


def draw_thumbnails(result: RunResult, folder: Path, *, all_of_them: bool = False) -> None:
    """Write small drawn cells for most pictures; some stay absent."""
    for number, name in enumerate(pictures(result)):
        path = folder / name
        inside = path.resolve().is_relative_to(folder.resolve())
        if not inside or (number % 9 == 4 and not all_of_them):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(number)
        image = np.full((64, 64, 3), (224, 214, 238), np.uint8)
        x, y, radius = (int(generator.integers(*ends)) for ends in ((28, 36), (28, 36), (17, 24)))
        cv2.circle(image, (x, y), radius, (216, 176, 196), -1, cv2.LINE_AA)
        axes = (radius - 4, radius - int(generator.integers(4, 9)))
        cv2.ellipse(image, (x, y), axes, 40, 0, 360, (150, 70, 104), -1, cv2.LINE_AA)
        cv2.imwrite(str(path), cv2.GaussianBlur(image, (5, 5), 0))
