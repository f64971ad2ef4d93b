"""Where the cells of a smear field lie, as people marked it: VOC boxes and ALL-IDB1 centroids."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.parsers import expat

from data.errors import BlastlineError
from data.files import read_regular

MAX_BYTES = 2**22  # of an annotation file: some 10,000 boxes
SUFFIXES = (".xml", ".xyc")
_FOLDERS = (".", "../Annotations", "../annotations", "../xyc", "../xyc-files")  # beside the field

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class MarkedBox:
    """A marked cell: its class, and x0, y0, x1, y1 in pixels of the field."""

    label: str
    box: Box


@dataclass(frozen=True)
class Marks:
    """What one annotation file says.

    Attributes:
        form: "voc" (boxes) or "xyc" (centres).
        boxes: the marked cells (VOC).
        centres: x, y of each marked cell in pixels (ALL-IDB1, where a mark is a blast).
        dropped: number of boxes left out because they have no area.
    """

    form: Literal["voc", "xyc"]
    boxes: tuple[MarkedBox, ...] = ()
    centres: tuple[tuple[float, float], ...] = ()
    dropped: int = 0


def find_marks(field: Path) -> Path | None:
    """The annotation file of a field image: of its name, beside it or in a folder next to its own.

    VOC boxes go before centroids. None where there is none.
    """
    for suffix in SUFFIXES:
        for folder in _FOLDERS:
            path = field.parent / folder / f"{field.stem}{suffix}"
            if path.is_file():
                return path
    return None


def read_marks(path: Path) -> Marks:
    """Read a VOC XML or an ALL-IDB1 .xyc file, by its suffix.

    Raises:
        BlastlineError: it cannot be read or is not of that form.
    """
    try:
        content = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise BlastlineError(
            f"annotations {path}: not readable: {(error.strerror or str(error)).lower()}; "
            "check the file and its rights"
        ) from None
    if len(content) > MAX_BYTES:
        raise BlastlineError(
            f"annotations {path}: larger than {MAX_BYTES // 2**20} MB; expected the boxes or "
            "centroids of one field"
        )
    return (
        _read_centres(path, content) if path.suffix.lower() == ".xyc" else _read_voc(path, content)
    )


def _read_voc(path: Path, content: bytes) -> Marks:
    """Boxes in the form of PASCAL VOC (Everingham et al. 2010, doi:10.1007/s11263-009-0275-4)."""
    try:
        _refuse_declarations(path, content)
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        raise BlastlineError(
            f"annotations {path}: not XML ({error}); expected VOC boxes; mend the file"
        ) from None
    if root.tag != "annotation":
        raise BlastlineError(
            f"annotations {path}: found <{root.tag}>, expected <annotation> of a VOC file"
        )
    boxes, dropped = [], 0
    for number, each in enumerate(root.iter("object"), 1):
        label = (each.findtext("name") or "").strip()
        texts = [each.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        try:
            x0, y0, x1, y1 = (round(float(text or "")) for text in texts)
        except (ValueError, OverflowError):
            label = ""
        if not label:
            raise BlastlineError(
                f"annotations {path}: object {number} has name "
                f"{each.findtext('name')!r} and corners {texts}; expected a name and numbers in "
                "xmin, ymin, xmax, ymax; mend or remove it"
            )
        if x1 > x0 and y1 > y0:
            boxes.append(MarkedBox(label, (x0, y0, x1, y1)))
        else:
            dropped += 1
    return Marks("voc", boxes=tuple(boxes), dropped=dropped)


def _refuse_declarations(path: Path, content: bytes) -> None:
    """No VOC file declares a document type or entities, and those can swell without limit."""

    def refuse(*_: object) -> None:
        raise BlastlineError(
            f"annotations {path}: declares a document type, which no VOC file does; remove the "
            "<!DOCTYPE ...>"
        )

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(content, True)


def _read_centres(path: Path, content: bytes) -> Marks:
    """Centroids of blasts, a line each, in the form of ALL-IDB1.

    Source: Donida Labati, Piuri and Scotti 2011, doi:10.1109/ICIP.2011.6115881.
    """
    text = content.decode("utf-8", errors="replace").removeprefix("\N{BYTE ORDER MARK}")
    centres = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)[\s,;]+(\d+(?:\.\d+)?)\s*", line, re.ASCII)
        if match is None:
            raise BlastlineError(
                f"annotations {path}: line {number} is '{line.strip()[:40]}'; expected two "
                "numbers, x and y of a cell; mend or remove it"
            )
        centres.append((float(match[1]), float(match[2])))
    return Marks("xyc", centres=tuple(centres))
