"""The cells that SmearNet is trained on, decoded once."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from data.annotations import Box, find_marks, read_marks
from data.decode import MAX_BYTES, UnreadableImageError, decode
from data.errors import BlastlineError
from data.files import atomic_path, read_regular, write_text
from data.listing import SUFFIXES, PassedOver, list_files
from features.preprocess import resize

FORMAT = 1
SIDE = 128  # pixels; as the cells come, or scaled to it
# Fine labels that the names of Acevedo et al. 2020 (doi:10.1016/j.dib.2020.105474) begin with, such
# as band (BNE) and segmented (SNE) neutrophils, which share a folder; the two last say less.
FINE = ("BA", "BNE", "EO", "ERB", "LY", "MMY", "MO", "MY", "PLATELET", "PMY", "SNE")
COARSE = ("IG", "NEUTROPHIL")
BOXES = {"WBC": "", "RBC": "RED", "Platelets": "PLATELET"}  # the fine class of a box, if it tells
REDS = 2  # red cells taken of a field; there are many, and all alike
CONTEXT = 190  # least side of a crop: as much ground around as in the images of single cells
AROUND = 1.6  # of the box of a large cell
SMALLEST = 8  # pixels; smaller boxes are slips of the mouse
Update = Callable[[int, int], None]


@dataclass(frozen=True)
class Cells:
    """Cells as pictures of one size.

    Attributes:
        pixels: (n, 128, 128, 3) uint8 RGB, on disk.
        labels: (n,) fine class of each, empty where it is not known.
        boxes: (n,) what a smear field's box calls the cell; empty for images of single cells,
            which come first.
        digests: SHA-256 of the contents of images and, if there are any, fields.
        unreadable: names of images that could not be read, and why.
    """

    pixels: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    digests: dict[str, str]
    unreadable: tuple[str, ...]

    @property
    def from_fields(self) -> np.ndarray:
        """(n,) bool: which were cut from smear fields."""
        return self.boxes != ""


def open_cells(images: Path, fields: Path | None, folder: Path, update: Update) -> Cells:
    """The cells of a set of images and of smear fields, kept as cells.npy and cells.json.

    Args:
        images: a zip file or a folder of CLASS/NAME.jpg or another format.
        fields: a folder of smear fields with VOC boxes, or None.
        folder: where they are kept; the same sources are not decoded again.
        update: called with (done, total) while decoding.

    Raises:
        BlastlineError: no such source, or nothing in it.
    """
    digests = {"images": _digest(_contents(images))}
    marked = _marked(fields) if fields else []
    if fields:
        said = ((f"{path}{boxes}", read_regular(path, MAX_BYTES)) for path, boxes in marked)
        digests["fields"] = _digest((name.removeprefix(str(fields)), raw) for name, raw in said)
    known = _known(folder, digests)
    return known or _decode(images, marked, folder, digests, update)


def _known(folder: Path, digests: dict[str, str]) -> Cells | None:
    try:
        told = json.loads((folder / "cells.json").read_text(encoding="utf-8"))
        if told["format"] != FORMAT or told["digests"] != digests:
            return None
        pixels = np.load(folder / "cells.npy", mmap_mode="r")
        labels, boxes = np.array(told["labels"]), np.array(told["boxes"])
        if len(pixels) < len(labels):
            return None
    except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged: decoded again
        return None
    return Cells(pixels[: len(labels)], labels, boxes, digests, tuple(told["unreadable"]))


def _decode(
    images: Path, marked: list[tuple[Path, list[tuple[str, Box]]]], folder: Path,
    digests: dict[str, str], update: Update,
) -> Cells:  # fmt: skip
    total = len(_names(images)) + sum(len(boxes) for _, boxes in marked)
    labels: list[str] = []
    found_boxes: list[str] = []
    unreadable: list[str] = []
    (folder / "cells.json").unlink(missing_ok=True)
    with atomic_path(folder / "cells.npy") as temporary, temporary.open("wb") as stream:
        # Written piece by piece: a full disk is an error then, and not a crash as in a memory map.
        header = {"descr": "|u1", "fortran_order": False, "shape": (total, SIDE, SIDE, 3)}
        np.lib.format.write_array_header_1_0(stream, header)
        for name, content in _contents(images):
            try:
                image = decode(content)
            except UnreadableImageError as error:
                unreadable.append(f"{name}: {error}")
                continue
            stream.write(resize(image, SIDE).tobytes())
            labels.append(fine_label(name))
            found_boxes.append("")
            update(len(labels), total)
        for path, boxes in marked:
            try:
                field = decode(read_regular(path, MAX_BYTES))
            except UnreadableImageError as error:
                unreadable.append(f"{path.name}: {error}")
                continue
            for name, box in boxes:
                stream.write(crop(field, box).tobytes())
                labels.append(BOXES[name])
                found_boxes.append(name)
                update(len(labels), total)
        stream.write(bytes((total - len(labels)) * SIDE * SIDE * 3))
    if "" in found_boxes and len(found_boxes) > 0:
        told = {
            "format": FORMAT, "digests": digests, "unreadable": unreadable,
            "labels": labels, "boxes": found_boxes,
        }  # fmt: skip
        write_text(folder / "cells.json", json.dumps(told) + "\n")
        if (known := _known(folder, digests)) is not None:
            return known
    raise BlastlineError(
        f"images {images}: none could be read ({unreadable[0]}); expected JPEG, PNG, BMP or TIFF"
    )


def fine_label(name: str) -> str:
    """The fine class of CLASS/NAME: the prefix of the file's name where it is one, else CLASS.

    Empty where the prefix is known to say less than the others.
    """
    path = PurePosixPath(name)
    prefix = path.name.partition("_")[0]
    if prefix in COARSE:
        return ""
    return prefix if prefix in FINE else path.parent.name


def crop(field: np.ndarray, box: Box) -> np.ndarray:
    """The cell in a box with ground around it, (128, 128, 3); beyond the edge it is mirrored."""
    x0, y0, x1, y1 = box
    half = round(max(AROUND * max(x1 - x0, y1 - y0), CONTEXT) / 2)
    wide = cv2.copyMakeBorder(field, half, half, half, half, cv2.BORDER_REFLECT_101)
    x, y = round((x0 + x1) / 2), round((y0 + y1) / 2)  # the centre, and in `wide` the corner
    return cv2.resize(
        wide[y : y + 2 * half, x : x + 2 * half], (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )


def _marked(fields: Path) -> list[tuple[Path, list[tuple[str, Box]]]]:
    """Fields below a folder with the boxes of each that are taken."""
    if not fields.is_dir():
        raise BlastlineError(
            f"fields {fields}: no such folder; expected smear fields with VOC boxes, such as BCCD"
        )
    marked = []
    for name, _ in list_files(fields, PassedOver()):
        path = fields / name
        marks = find_marks(path) if path.suffix.lower() in SUFFIXES else None
        if marks is None or marks.suffix != ".xml":
            continue
        boxes, reds = [], 0
        for each in read_marks(marks).boxes:
            x0, y0, x1, y1 = each.box
            reds += each.label == "RBC"
            wanted = each.label in BOXES and (each.label != "RBC" or reds <= REDS)
            if wanted and max(x1 - x0, y1 - y0) >= SMALLEST:
                boxes.append((each.label, each.box))
        marked.append((path, boxes))
    if not any(boxes for _, boxes in marked):
        raise BlastlineError(
            f"fields {fields}: no field with boxes of {', '.join(BOXES)}; expected smear fields "
            "with VOC boxes, such as BCCD"
        )
    return marked


def _names(source: Path) -> list[str]:
    """Names of the images in a zip file or folder, sorted."""
    if source.is_dir():
        names = [name for name, _ in list_files(source, PassedOver())]
    elif source.is_file():
        try:
            with zipfile.ZipFile(source) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile as error:
            raise BlastlineError(
                f"images {source}: no zip file ({error}); expected a folder or a zip of CLASS/NAME"
            ) from None
    else:
        raise BlastlineError(
            f"images {source}: no such file or folder; expected a folder or a zip of CLASS/NAME.jpg"
        )
    paths = [PurePosixPath(name) for name in names if not name.endswith("/")]
    shown = [
        path.as_posix() for path in paths
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith((".", "__MACOSX")) for part in path.parts)
    ]  # fmt: skip
    if not shown:
        raise BlastlineError(
            f"images {source}: no image in it; expected CLASS/NAME.jpg, PNG, BMP or TIFF"
        )
    return sorted(shown)


def _contents(source: Path) -> Iterator[tuple[str, bytes]]:
    names = _names(source)
    if source.is_dir():
        for name in names:
            yield name, read_regular(source / name, MAX_BYTES)
        return
    try:
        with zipfile.ZipFile(source) as archive:
            for name in names:
                if archive.getinfo(name).file_size > MAX_BYTES:
                    raise BlastlineError(
                        f"images {source}: {name} is larger than {MAX_BYTES // 2**20} MB; "
                        "take it out"
                    )
                yield name, archive.read(name)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise BlastlineError(
            f"images {source}: damaged or encrypted ({error}); expected a plain zip file"
        ) from None


def _digest(contents: Iterator[tuple[str, bytes]]) -> str:
    found = hashlib.sha256()
    for name, content in contents:
        found.update(f"{name}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()
