"""Cells made up for the tests of a training: discs whose colour is their class."""

import zipfile
from pathlib import Path

import cv2
import numpy as np

from features.smearnet.cells import SIDE, Cells

COLOURS = {"BA": (80, 40, 120), "EO": (200, 90, 90), "MO": (120, 120, 190)}


def disc(name: str, seed: int, side: int = SIDE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = np.full((side, side, 3), 225, np.uint8)
    radius = int(side * rng.uniform(0.2, 0.3))
    cv2.circle(image, (side // 2, side // 2), radius, COLOURS[name], -1)
    return np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def cells(each: int = 24, reds: int = 0, platelets: int = 0, whites: int = 0) -> Cells:
    """Cells in memory: ``each`` of three classes, then those of fields."""
    labels = [name for name in COLOURS for _ in range(each)]
    pixels = [disc(name, number) for number, name in enumerate(labels)]
    boxes = [""] * len(labels) + ["RBC"] * reds + ["Platelets"] * platelets + ["WBC"] * whites
    pixels += [disc("EO", 1000 + number) for number in range(reds + platelets + whites)]
    labels += ["RED"] * reds + ["PLATELET"] * platelets + [""] * whites
    return Cells(np.stack(pixels), np.array(labels), np.array(boxes), {"images": "made up"}, ())


def folder_of_cells(folder: Path, each: int = 4) -> Path:
    """A folder of PNG named as in the Barcelona set, and one coarse name."""
    for name in COLOURS:
        for number in range(each):
            path = folder / f"class of {name}" / f"{name}_{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), disc(name, number, 100)[:, :, ::-1])
    cv2.imwrite(str(folder / "class of MO" / "IG_7.png"), disc("MO", 7)[:, :, ::-1])
    return folder


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*.*"), reverse=True):  # no order to rely on
            archive.write(path, path.relative_to(folder).as_posix())
    return target
