"""Pages of the review as people meet them, made up."""

import base64
from dataclasses import replace

import cv2
import numpy as np

from reports.review import Neighbour, Review, ReviewCell

REASONS = ("label error", "doubtful", "unlabelled")


def picture(seed: int, side: int = 24) -> str:
    """A small PNG as data: URI."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    content = cv2.imencode(".png", pixels)[1].tobytes()
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def review(
    count: int = 6, classes: tuple[str, ...] = ("blast", "normal", "other"), **changes: object
) -> Review:
    """``count`` cells that take turns in reason and label; every third is unlabelled."""
    cells = [_cell(number, classes) for number in range(count)]
    neighbours = [
        Neighbour(
            f"near/{number}.png", classes[number % len(classes)], f"N{number}", picture(number)
        )
        for number in range(5)
    ]
    made = Review("demo", "Demo cells", list(classes), "", cells, neighbours)
    return replace(made, **changes)  # type: ignore[arg-type]


def changed(made: Review, number: int, **changes: object) -> Review:
    """The same, one cell of it otherwise."""
    cells = list(made.cells)
    cells[number] = replace(cells[number], **changes)  # type: ignore[arg-type]
    return replace(made, cells=cells)


def _cell(number: int, classes: tuple[str, ...]) -> ReviewCell:
    reason = REASONS[number % 3]
    shares = np.random.default_rng(number).dirichlet(np.ones(len(classes)))
    return ReviewCell(
        image_id=f"cells/{number}",
        path=f"cells/{number}.png",
        sha256=f"{number:064x}",
        label="" if reason == "unlabelled" else classes[number % len(classes)],
        patient=f"P{number // 2}",
        group="",
        reason=reason,
        suggested=classes[(number + 1) % len(classes)] if reason == "label error" else "",
        probabilities=[round(float(each), 4) for each in shares],
        picture=picture(100 + number),
        width=24,
        context="",
        context_title="",
        neighbours=[0, 1, 2, 3, 4],
    )
