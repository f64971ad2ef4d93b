"""A made-up map of embeddings, and its sprite."""

from pathlib import Path

import cv2
import numpy as np

from classifiers.cell_parts import MapPart

SIDE, COLUMNS = 40, 20


def embedding_map(names: list[str], odd: str, *, each: int = 40, patients: bool = True) -> MapPart:
    """So many cells of each class around its own middle, one in ten wrong; some are unlabelled."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(len(names)), each)
    middle = rng.uniform(0.1, 0.9, (len(names), 2))
    where = np.clip(middle[label] + rng.normal(0, 0.03, (len(label), 2)), 0, 1)
    predicted = np.where(rng.random(len(label)) < 0.9, label, (label + 1) % len(names))
    known = np.where(np.arange(len(label)) % 13 == 5, -1, label)
    count = len(label)
    return MapPart(
        method="t-SNE",
        n=count * 3,
        n_unlabelled=int((known < 0).sum()) * 3,
        neighbours=10,
        kept=0.512,
        same_class=0.876,
        class_chance=0.123,
        same_patient=0.345 if patients else None,
        patient_chance=0.041 if patients else None,
        x=where[:, 0].round(4).tolist(),
        y=where[:, 1].round(4).tolist(),
        label=known.tolist(),
        predicted=predicted.tolist(),
        confidence=rng.uniform(1 / len(names), 1, count).round(4).tolist(),
        patient=[f"P{number % 24:02}{odd}" if patients else "" for number in range(count)],
        image_id=[f"cell-{number:04}{odd}" for number in range(count)],
        picture=[-1 if number % 17 == 3 else number for number in range(count)],
        sprite="thumbnails/map-example.jpg",
        side=SIDE,
        columns=COLUMNS,
    )


def draw_sprite(part: MapPart, folder: Path) -> None:
    """Write the sprite: a picture in one colour for each cell, by its place."""
    rows = -(-len(part.picture) // part.columns)
    sheet = np.full((rows * part.side, part.columns * part.side, 3), 255, np.uint8)
    for place in filter(lambda place: place >= 0, part.picture):
        y, x = (part.side * each for each in divmod(place, part.columns))
        sheet[y : y + part.side, x : x + part.side] = colour_of(place)[::-1]
    path = folder / part.sprite
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 95])


def colour_of(place: int) -> tuple[int, int, int]:
    """RGB of the picture at a place in the sprite."""
    return (40 + 5 * (place % 40), 40 + 20 * (place // 40 % 10), 120)
