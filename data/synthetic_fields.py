"""A set of synthetic smear fields with true boxes and masks: for trying out and testing crops."""

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from data.errors import BlastlineError
from data.synthetic_cell import CELL_CLASSES, Stain
from data.synthetic_field import Field, draw_field

FORMAT = 1  # raise it when a change of the drawing or layout makes old sets stale
SETTINGS, TRUTH = "synthetic.json", "truth.csv"
COLUMNS = ("path", "patient", "number", "label", "x0", "y0", "x1", "y1", "touches_edge")
_KIND = "blastline synthetic fields"


def generate_fields(
    root: Path,
    *,
    seed: int = 0,
    fields: int = 12,
    cells: int = 6,
    touching: int = 1,
    width: int = 800,
    height: int = 600,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write synthetic fields to the folder `root` and return their number.

    Each of the `fields` is of a patient (a slide) of its own: root/fields/P<patient>.png, RGB PNG,
    with `cells` nucleated cells, of which `touching` pairs touch. root/cells/ and root/nuclei/ hold
    16-bit grey PNG of the same names: 0, or the number of the cell. root/truth.csv has COLUMNS, a
    row a cell; root/synthetic.json the arguments. The same arguments give the same bytes.
    `progress` is called with (fields done, fields in all).

    A complete set of the same arguments is left as it is. The set is made in a temporary folder
    beside `root` and renamed, so `root` never holds half a set.

    Raises:
        BlastlineError: a `root` that holds anything else (which stays untouched), too many cells
            for a field, or files that cannot be written.
    """
    settings = {"seed": seed, "fields": fields, "cells": cells, "touching": touching}
    settings |= {"width": width, "height": height}
    record = json.dumps({"kind": _KIND, "format": FORMAT, **settings}, indent=2) + "\n"
    root = Path(root).resolve()
    try:
        if _is_complete(root, record):
            return fields
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-") as beside:
            fresh = Path(beside, "fresh")
            for name in ("fields", "cells", "nuclei"):
                (fresh / name).mkdir(parents=True)
            table = io.StringIO()
            rows = csv.writer(table, lineterminator="\n")
            rows.writerow(COLUMNS)
            for patient in range(1, fields + 1):
                stain = Stain.draw(np.random.default_rng([seed, patient, 2]))
                rng = np.random.default_rng([seed, patient, 3])
                labels = [str(label) for label in rng.choice(CELL_CLASSES, cells)]
                field = draw_field(
                    rng, labels, stain=stain, touching=touching, width=width, height=height
                )
                _write(fresh, f"P{patient:02d}", field)
                rows.writerows(_rows(f"P{patient:02d}", field))
                if progress is not None:
                    progress(patient, fields)
            (fresh / TRUTH).write_text(table.getvalue(), encoding="utf-8")
            (fresh / SETTINGS).write_text(record, encoding="utf-8")
            fresh.replace(root)
    except OSError as error:
        raise BlastlineError(
            f"{root}: could not write the synthetic fields ({error.strerror or error});"
            " expected a folder that can be written; choose another or make room"
        ) from error
    return fields


def _is_complete(root: Path, record: str) -> bool:
    """Whether `root` holds the set already; False if it may be made there."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    found = root / SETTINGS
    if found.is_file() and found.read_text(encoding="utf-8", errors="replace") == record:
        return True
    raise BlastlineError(
        f"{root}: holds something else than these synthetic fields; expected a new or empty folder;"
        " choose another"
    )


def _write(folder: Path, name: str, field: Field) -> None:
    pictures = {
        "fields": cv2.cvtColor(field.image, cv2.COLOR_RGB2BGR),
        "cells": field.cells.astype(np.uint16),
        "nuclei": field.nuclei.astype(np.uint16),
    }
    for kind, picture in pictures.items():
        _, png = cv2.imencode(".png", picture)
        (folder / kind / f"{name}.png").write_bytes(png.tobytes())


def _rows(name: str, field: Field) -> list[tuple[object, ...]]:
    each = zip(field.labels, field.boxes.tolist(), field.touches_edge, strict=True)
    return [
        (f"fields/{name}.png", name, number, label, *box, int(cut))
        for number, (label, box, cut) in enumerate(each, 1)
    ]
