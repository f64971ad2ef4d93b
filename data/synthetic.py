"""A set of synthetic stained blood cells, grouped by patient: the data of the demonstration.

Every patient has one slide (stain, light, focus, magnification) and one disease, and most of the
patient's cells show it: split by patient and nothing of a slide can leak from training to test.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from data.errors import BlastlineError
from data.synthetic_cell import Stain, render_cell

FORMAT = 1  # raise it when a change of the drawing or layout makes old sets stale
SETTINGS, TRUTH, UNLABELLED = "synthetic.json", "truth.csv", "unlabelled"
_KIND = "blastline synthetic cells"

# The patients' diseases in turn, and the share of each class among such a patient's cells. A few
# cells of the next FAB type keep every type in at least half of the patients with leukaemia.
_DISEASES: tuple[dict[str, float], ...] = (
    {"Normal": 0.86, "Blast": 0.14},
    {"L1": 0.58, "L2": 0.10, "Blast": 0.18, "Normal": 0.14},
    {"L2": 0.58, "L3": 0.10, "Blast": 0.18, "Normal": 0.14},
    {"L3": 0.58, "L1": 0.10, "Blast": 0.18, "Normal": 0.14},
)


@dataclass(frozen=True)
class _Cell:
    """A cell to draw: its place in the set, its true class and its own seed."""

    path: str
    label: str
    patient: int
    number: int


def generate(
    root: Path,
    *,
    seed: int = 0,
    patients: int = 24,
    cells: int = 24,
    unlabelled: int = 8,
    size: int = 160,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write a synthetic set to the folder `root` and return its number of images.

    Each of the `patients` gets `cells` labelled images, root/<class>/P<patient>_<number>.png, and
    `unlabelled` further ones, root/unlabelled/P<patient>_<number>.png: RGB PNG of `size` x `size`
    pixels, 8 bits. root/truth.csv holds path and true label of all of them, root/synthetic.json
    the arguments. The same arguments give the same bytes. With the defaults every class occurs in
    at least 8 patients. `progress` is called with (images done, images in all).

    A complete set of the same arguments is left as it is, any other synthetic set is replaced. The
    set is made in a temporary folder beside `root` and renamed, so `root` never holds half a set.
    Raises BlastlineError for an argument out of range, for a `root` that holds anything else than
    a synthetic set (which stays untouched), and when the files cannot be written.
    """
    settings = {"seed": seed, "patients": patients, "cells": cells}
    settings |= {"unlabelled": unlabelled, "size": size}
    _check(settings)
    root = Path(root).resolve()
    plan = [
        cell
        for patient in range(1, patients + 1)
        for cell in _plan_patient(seed, patient, cells, unlabelled)
    ]
    record = json.dumps({"kind": _KIND, "format": FORMAT, **settings}, indent=2) + "\n"
    try:
        if _is_complete(root, record, plan):
            return len(plan)
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-") as beside:
            fresh = Path(beside, "fresh")
            _write(fresh, plan, seed, size, progress)
            (fresh / SETTINGS).write_text(record, encoding="utf-8")
            if root.exists():  # an empty folder or an older synthetic set
                root.replace(Path(beside, "old"))
            fresh.replace(root)
    except OSError as error:
        raise BlastlineError(
            f"{root}: could not write the synthetic set ({error.strerror or error});"
            " expected a folder that can be written; choose another or make room"
        ) from error
    return len(plan)


def _check(settings: dict[str, int]) -> None:
    """Raise BlastlineError for the first argument of `generate` that is out of range."""
    ranges = {
        "seed": (0, 2**32 - 1),
        "patients": (2, 10_000),
        "cells": (1, 10_000),
        "unlabelled": (0, 10_000),
        "size": (64, 2048),
    }
    for name, (low, high) in ranges.items():
        value = settings[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise BlastlineError(
                f"synthetic set: {name} is {value!r}; expected a whole number from {low} to {high};"
                f" change {name}"
            )


def _plan_patient(seed: int, patient: int, cells: int, unlabelled: int) -> list[_Cell]:
    """Choose the classes of one patient's cells, labelled ones first; shuffled, so that the number
    in a file's name says nothing.
    """
    mix = _DISEASES[(patient - 1) % len(_DISEASES)]
    rng = np.random.default_rng([seed, patient, 1])
    plan = []
    for first, count in ((0, cells), (cells, unlabelled)):
        # Each class of the mix once as far as there are cells, the others at random.
        sure = list(mix)[:count]
        more = rng.choice(list(mix), count - len(sure), p=list(mix.values()))
        for index, label in enumerate(rng.permutation([*sure, *more]), first + 1):
            folder = UNLABELLED if index > cells else str(label)
            path = f"{folder}/P{patient:02d}_{index:03d}.png"
            plan.append(_Cell(path, str(label), patient, index))
    return plan


def _is_complete(root: Path, record: str, plan: list[_Cell]) -> bool:
    """Whether `root` already holds the planned set; False if it may be made or replaced.

    Raises BlastlineError if `root` holds something that is not ours to delete.
    """
    if not root.exists():
        return False
    found = root / SETTINGS
    same = found.is_file() and found.read_text(encoding="utf-8", errors="replace") == record
    if same and all((root / name).is_file() for name in (TRUTH, *(cell.path for cell in plan))):
        return True
    stranger = _stranger(root)
    if stranger is not None:
        raise BlastlineError(
            f"{root}: {stranger} is not part of a synthetic set; expected a new or empty folder,"
            " or a synthetic set without other files; choose another folder"
        )
    return False


def _stranger(root: Path) -> str | None:
    """The first thing at `root` that `generate` did not write; None if there is none."""
    if not root.is_dir():
        return "the file"
    if not any(root.iterdir()):
        return None
    try:
        kind = json.loads((root / SETTINGS).read_text(encoding="utf-8"))["kind"]
        with (root / TRUTH).open(newline="", encoding="utf-8") as file:
            ours = {row["path"] for row in csv.DictReader(file)} | {SETTINGS, TRUTH}
    except (OSError, ValueError, KeyError, TypeError):
        kind = None
    if kind != _KIND:  # not searched further: it may be somebody's whole collection
        return min(path.name for path in root.iterdir())
    files = (path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    return min({path.relative_to(root).as_posix() for path in files} - ours, default=None)


def _write(
    folder: Path,
    plan: list[_Cell],
    seed: int,
    size: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Draw the planned cells into the new `folder` and list them in its truth.csv."""
    for name in {str(Path(cell.path).parent) for cell in plan}:
        (folder / name).mkdir(parents=True)
    stains: dict[int, Stain] = {}
    for done, cell in enumerate(plan, 1):
        if cell.patient not in stains:
            stains[cell.patient] = Stain.draw(np.random.default_rng([seed, cell.patient, 2]))
        rng = np.random.default_rng([seed, cell.patient, 3, cell.number])
        image = render_cell(cell.label, stains[cell.patient], rng, size)
        _, png = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        (folder / cell.path).write_bytes(png.tobytes())
        if progress is not None:
            progress(done, len(plan))
    with (folder / TRUTH).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("path", "label"))
        rows.writerows((cell.path, cell.label) for cell in plan)
