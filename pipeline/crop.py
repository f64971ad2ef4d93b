"""Crop: smear fields -> single-cell images, labels.csv and overlays to check by eye."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from pydantic import TypeAdapter, ValidationError

from data.annotations import Marks, find_marks, read_marks
from data.cards import Card, load_card
from data.decode import MAX_BYTES, UnreadableImageError, decode
from data.errors import BlastlineError
from data.files import atomic_path, read_regular, write_text
from data.listing import SUFFIXES
from features.fields import find_cells
from features.fields_crop import (
    HEALTHY,
    Place,
    boxed_places,
    crop_square,
    draw_places,
    found_places,
    marked_places,
    touches_edge,
)
from features.fields_scale import red_cell_diameter
from pipeline.console import progress, say, warn
from pipeline.crop_table import TABLE, CropTable, Row, same_cells

SETTINGS, CELLS, OVERLAYS, RECORDS = "crop.json", "cells", "overlays", "fields"
FORMAT = 1  # raise it when other cells are found or other pixels cropped
QUALITY = 90  # of the overlays' JPEG
_KIND = "blastline crops"


@dataclass(frozen=True)
class _Record:
    """What became of one field: fields/<field>.json, written when its crops are."""

    field: str
    sha256: str
    annotations: str  # SHA-256 of the annotation file, or ''
    rows: list[Row]


@dataclass(frozen=True)
class CropSettings:
    """How cells are cropped.

    Attributes:
        dataset: the card that reads patient and source off the fields' paths; '' for none.
        size: side that crops are scaled to; 0: not scaled.
        margin: around a cell, as a share of its longer side.
        annotations: crop where VOC boxes or ALL-IDB1 centroids lie, with their labels.
        classes: marked classes to crop; empty: all but red cells and platelets.
    """

    dataset: str = ""
    size: int = 0
    margin: float = 0.2
    annotations: bool = False
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 2:
            raise BlastlineError(f"crop: --margin is {self.margin}; expected 0 to 2")
        if self.size and not 8 <= self.size <= 4096:
            raise BlastlineError(f"crop: --size is {self.size}; expected 0, or 8 to 4096")
        if self.classes and not self.annotations:
            raise BlastlineError("crop: --classes chooses annotated cells; add --annotations")


def run_crop(fields: Sequence[Path], out: Path, settings: CropSettings) -> int:
    """Crop the cells of all `fields` (images or folders) into `out`; the number that failed.

    Fields cropped before under the same settings are left as they are, so that the same command
    goes on where it was stopped. What a user wrote into labels.csv stays, see ``CropTable``.

    Raises:
        BlastlineError: no field, two of one name, an `out` with other things in it or of other
            settings, a labels.csv that cannot be read, or not one field could be read.
    """
    card = load_card(settings.dataset) if settings.dataset else None
    named = _named(fields, out)
    _refuse_unknown_classes(named, settings)
    _claim(out, settings)
    table = CropTable(out, _rows(out))
    failed = []
    try:
        with progress("cropping", "field") as update:
            for done, (name, path) in enumerate(named.items(), 1):
                try:
                    _crop_field(name, path, out, settings, card, table.removed)
                except (UnreadableImageError, BlastlineError) as error:
                    warn(f"crop: {path}: {error}; left out: mend or remove the file")
                    failed.append(name)
                update(done, len(named))
    finally:  # Ctrl-C keeps the finished fields
        rows = table.write(_rows(out))
    if len(failed) == len(named):
        raise BlastlineError(f"crop: none of {len(failed)} fields could be read")
    _tell(out, set(named) - set(failed), rows)
    return len(failed)


def _refuse_unknown_classes(named: Mapping[str, Path], settings: CropSettings) -> None:
    if not settings.classes:
        return
    marked = {
        box.label
        for path in named.values()
        if (marks := find_marks(path)) is not None
        for box in read_marks(marks).boxes
    }
    for name in settings.classes:
        if name not in marked:
            raise BlastlineError(
                f"crop: --classes names '{name}', which no field marks; expected some of "
                f"{', '.join(sorted(marked)) or 'none: there are no boxes'}"
            )


def _named(fields: Sequence[Path], out: Path) -> dict[str, Path]:
    """The name of each field, its path below the folder that was given, and where it lies."""
    named: dict[str, Path] = {}
    for name, path in _listed(fields, out):
        if named.setdefault(name, path) != path:
            raise BlastlineError(
                f"crop: {named[name]} and {path} are both called '{name}'; give the folder above "
                "them, or crop them into two folders"
            )
    if not named and any(given.resolve() == out.resolve() for given in fields):
        raise BlastlineError(f"crop: --out {out} is the folder of fields itself; choose another")
    if not named:
        raise BlastlineError(
            f"crop: no image in {', '.join(map(str, fields))}; expected files or folders of "
            f"{', '.join(sorted(SUFFIXES))}"
        )
    return named


def _listed(fields: Sequence[Path], out: Path) -> Iterator[tuple[str, Path]]:
    for given in fields:
        if not given.is_dir():
            yield given.name, given
            continue
        for path in sorted(given.rglob("*")):
            name = path.relative_to(given)
            hidden = any(part.startswith(".") for part in name.parts)
            image = path.suffix.lower() in SUFFIXES and path.is_file()
            if image and not hidden and not path.resolve().is_relative_to(out.resolve()):
                yield name.as_posix(), path


def _claim(out: Path, settings: CropSettings) -> None:
    """Make `out`, or see that it holds crops of these settings and nothing else."""
    said = {"kind": _KIND, "format": FORMAT, **asdict(settings)}
    record = json.dumps(said, indent=1) + "\n"
    path = out / SETTINGS
    if path.is_file():
        found = path.read_text(encoding="utf-8", errors="replace")
        if found != record:
            raise BlastlineError(
                f"crop: {path} tells of other settings than these; give the same or another --out"
            )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        what = min((each.name for each in out.iterdir()), default="") if out.is_dir() else "a file"
        raise BlastlineError(
            f"crop: {out} holds '{what}', which is no crop; expected a new or empty folder for "
            "--out; choose another"
        )
    write_text(path, record)


def _crop_field(
    name: str,
    path: Path,
    out: Path,
    settings: CropSettings,
    card: Card | None,
    removed: Sequence[Row],
) -> None:
    """Crop one field but for the cells a user removed, unless that is done; its record is last."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BlastlineError("its name is not UTF-8 text") from None
    content = _content(path)
    marks_path = find_marks(path) if settings.annotations else None
    marked = hashlib.sha256(_content(marks_path)).hexdigest() if marks_path else ""
    sha256 = hashlib.sha256(content).hexdigest()
    before = _read_record(out / RECORDS / f"{name}.json")
    if before is not None and before.sha256 != sha256:
        raise BlastlineError(
            f"another field called '{name}' was cropped into {out} before; crop into another --out"
        )
    if (
        before is not None
        and before.annotations == marked
        and all((out / row[0]).is_file() for row in _left(before.rows, removed))
    ):
        return
    marks = read_marks(marks_path) if marks_path else None
    field = decode(content)
    places = _places(field, marks, path, settings)
    rows = []
    said = card.read(PurePosixPath(name)) if card else None
    h, w = field.shape[:2]
    for number, place in enumerate(places, 1):
        crop = f"{CELLS}/{name}_{number:03d}.png"
        cut = touches_edge(place.box, w, h)
        patient, source = (said.patient, said.source) if said else ("", "")
        rows.append([crop, place.label, patient, name, source, name])
        rows[-1] += [str(edge) for edge in place.box] + [str(int(cut))]
    _write_picture(out / OVERLAYS / f"{name}.jpg", draw_places(field, places))
    left = {row[0] for row in _left(rows, removed)}
    for row, place in zip(rows, places, strict=True):
        if row[0] in left:
            square = crop_square(field, place.box, settings.margin, settings.size)
            _write_picture(out / row[0], square)
    for row in before.rows if before else []:
        if row[0] not in left:
            (out / row[0]).unlink(missing_ok=True)
    record = json.dumps(asdict(_Record(name, sha256, marked, rows)), ensure_ascii=False) + "\n"
    write_text(out / RECORDS / f"{name}.json", record)


def _left(rows: Sequence[Row], removed: Sequence[Row]) -> list[Row]:
    gone = same_cells(rows, removed)
    return [row for row in rows if row[0] not in gone]


def _content(path: Path) -> bytes:
    try:
        return read_regular(path.resolve(), MAX_BYTES)  # a user may name a link
    except OSError as error:
        raise UnreadableImageError((error.strerror or str(error)).lower()) from None


def _places(
    field: np.ndarray, marks: Marks | None, path: Path, settings: CropSettings
) -> list[Place]:
    h, w = field.shape[:2]
    if marks is not None and marks.dropped:
        warn(f"crop: {path}: {marks.dropped} annotated boxes without area are left out")
    if marks is not None and marks.form == "voc":
        return boxed_places(marks, settings.classes, w, h)
    diameter = red_cell_diameter(field)
    found = find_cells(field, diameter)
    if not settings.annotations:
        return found_places(found)
    if path.stem.endswith("_0") and not (marks and marks.centres):  # ALL-IDB1: of a healthy person
        return found_places(found, HEALTHY)
    if marks is None:
        warn(f"crop: {path}: no annotation file; its cells are found, and stay unlabelled")
        return found_places(found)
    return marked_places(found, marks, diameter, w, h)


def _write_picture(path: Path, image: np.ndarray) -> None:
    suffix = path.suffix
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if suffix == ".jpg" else []
    _, content = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.tobytes())


def _read_record(path: Path) -> _Record | None:
    try:
        return TypeAdapter(_Record).validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None  # a damaged one is made anew


def _rows(out: Path) -> list[Row]:
    """The rows of all fields that are cropped by now."""
    records = (_read_record(path) for path in sorted((out / RECORDS).rglob("*.json")))
    return [row for record in records if record is not None for row in record.rows]


def _tell(out: Path, named: set[str], rows: list[Row]) -> None:
    ours = [row for row in rows if row[5] in named]
    labels = Counter(row[1] or "unlabelled" for row in ours)
    cut = sum(row[-1] == "1" for row in ours)
    without = len(named) - len({row[5] for row in ours})
    counts = ", ".join(f"{count:,} {label}" for label, count in labels.most_common())
    say(
        f"crop: {len(ours):,} cells of {len(named):,} fields ({counts or 'none'}); cut by the "
        f"edge: {cut:,}; fields without a cell: {without:,}"
    )
    say(f"      {out / TABLE}: scan it with --dataset csv --images {out}")
    say(f"      {out / OVERLAYS}: look whether the boxes fit")
