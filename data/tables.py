"""Tables: CSV files in the image folder that say class, patient, group or fold of its images."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from posixpath import splitext

from data.cards import Card, CellName, Table
from data.errors import BlastlineError
from data.files import read_regular
from data.listing import PassedOver, why

MAX_BYTES = 1 << 28
SPLITS = ("train", "test")


@dataclass(frozen=True)
class _Row:
    where: str  # the file and line, for messages
    image: str  # the end of a path
    said: CellName


def find_tables(card: Card, root: Path, files: Iterable[str]) -> dict[str, Table]:
    """Path below ``root`` of each table of the card -> its description.

    Raises:
        BlastlineError: none where the card needs one, or several that could be it.
    """
    files = list(files)
    found = {path: table for table in card.table for path in _files(table, root, files)}
    if card.table and not found and not card.labels_in_paths:
        raise BlastlineError(
            f"image folder {root}: card '{card.name}' needs a table that gives the labels; "
            f"expected a file like '{_plain(card.table[0].file[0])}': check IMAGES"
        )
    return found


def add_tables(
    card: Card,
    root: Path,
    tables: Mapping[str, Table],
    names: Mapping[str, CellName],
    passed_over: PassedOver,
) -> dict[str, CellName]:
    """Add to what the paths say of their images what the tables of the card say.

    A row names its image by the path from the table's own folder, or by the end of its path, such
    as the bare file name; the suffix may be missing. Rows without image are passed over. Where the
    pattern of the card says no class, images without row are passed over too.

    Args:
        tables: those that ``find_tables`` found below ``root``.
        names: path of each image -> what that path says.

    Returns:
        Path -> what path and table say, in the order of ``names``.

    Raises:
        BlastlineError: a table that is no CSV or lacks a column, a path that leaves the folder or
            fits several images, an unknown label, or rows and paths that say different things of
            one image.
    """
    tails = _Tails(names)
    labelled: dict[str, _Row] = {}
    for table_path, table in tables.items():
        folder = str(PurePosixPath(table_path).parent)
        rows = _read(card, table, root / table_path)
        unmatched = f"row of {table_path} without an image"
        matched = False
        for row in rows:
            image = tails.find(folder, row)
            matched |= image is not None
            if image is None:
                passed_over.add(unmatched, row.image)
            elif image in labelled and labelled[image].said != row.said:
                raise BlastlineError(
                    f"{row.where}: says something else of '{image}' than {labelled[image].where}; "
                    "keep one row an image"
                )
            else:
                labelled[image] = row
        if rows and not matched and not card.labels_in_paths:
            raise BlastlineError(
                f"{root / table_path}: none of its {len(rows)} rows names an image that is there; "
                f"found '{rows[0].image}', expected paths like '{next(iter(names))}'"
            )
    merged = {}
    for path, name in names.items():
        if path in labelled:
            merged[path] = _merge(path, name, labelled[path])
        elif card.labels_in_paths:
            merged[path] = name
        else:
            passed_over.add("image without a row in the table", path)
    return merged


def _files(table: Table, root: Path, files: list[str]) -> list[str]:
    """The files of a table: those that match the first pattern that any file matches."""
    for number, pattern in enumerate(table.file):
        matcher = re.compile(rf"(?:.*/)?(?:{pattern})", re.IGNORECASE)
        found = [path for path in files if matcher.fullmatch(path)]
        if number and len(found) > 1:
            raise BlastlineError(
                f"image folder {root}: {len(found)} files could be the table of labels, such as "
                f"'{found[0]}' and '{found[1]}'; call the right one '{_plain(table.file[0])}'"
            )
        if found:
            return found
    return []


def _plain(pattern: str) -> str:
    return pattern.replace("\\", "")


class _Tails:
    """Finds images by the ends of their paths."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths: dict[str, list[str]] = {}
        for path in paths:
            parts = path.split("/")
            for start in range(len(parts)):
                tail = "/".join(parts[start:])
                for each in {tail, splitext(tail)[0]}:
                    self._paths.setdefault(each, []).append(path)

    def find(self, folder: str, row: _Row) -> str | None:
        """The image that a row of a table in ``folder`` names, or None.

        Raises:
            BlastlineError: several images fit.
        """
        fitting = self._paths.get(row.image, [])
        if len(fitting) < 2:
            return fitting[0] if fitting else None
        beside = str(PurePosixPath(folder, row.image))
        below = [path for path in fitting if folder == "." or path.startswith(f"{folder}/")]
        for nearest in (
            [path for path in fitting if path == beside],
            [path for path in fitting if splitext(path)[0] == beside],
            below,
        ):
            if len(nearest) == 1:
                return nearest[0]
        raise BlastlineError(
            f"{row.where}: '{row.image}' fits {len(fitting)} images, such as '{fitting[0]}' and "
            f"'{fitting[1]}'; write the path from the image folder"
        )


def _read(card: Card, table: Table, path: Path) -> list[_Row]:
    lines = _lines(path)
    header = next(lines)[1]
    wanted = table.columns
    must = ("path", "label") if table.optional else tuple(wanted)
    for name, column in wanted.items():
        if header.count(column) > 1:
            raise BlastlineError(f"{path}: column '{column}' stands there twice; keep one")
        if column not in header and name in must:
            found = ", ".join(header)
            raise BlastlineError(
                f"{path}: column '{column}' is missing; expected {', '.join(wanted.values())}, "
                f"found {found}"
            )
    place = {name: header.index(column) for name, column in wanted.items() if column in header}
    rows = []
    for line, cells in lines:
        where = f"{path}, line {line}"
        if len(cells) != len(header):
            raise BlastlineError(
                f"{where}: {len(cells)} cells, expected {len(header)} as in the first line"
            )
        said = {name: cells[number] for name, number in place.items()}
        image = _image(table, said.pop("path"), where)
        rows.append(_Row(where, image, _name(card, table, said, where)))
    if not rows:
        raise BlastlineError(f"{path}: has no row below its first line; give a row an image")
    return rows


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of the lines that are not blank; the first is the header."""
    mend = "save it as CSV with commas, in UTF-8"
    try:
        content = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise BlastlineError(f"{path}: {why('not readable', error)}; check its rights") from None
    if len(content) > MAX_BYTES:
        raise BlastlineError(f"{path}: larger than {MAX_BYTES >> 20} MiB; is it a table?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BlastlineError(f"{path}: not UTF-8 (byte {error.start}); {mend}") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise BlastlineError(
            f"{path}, line {reader.line_num}: not a CSV file ({error}); {mend}"
        ) from None
    if not lines:
        raise BlastlineError(f"{path}: empty; expected a first line with the names of the columns")
    header = lines[0][1]
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            raise BlastlineError(f"{path}: columns are parted by {name}; {mend}")
    return iter(lines)


def _image(table: Table, value: str, where: str) -> str:
    if not value:
        raise BlastlineError(f"{where}: column '{table.path}' is empty; name the image")
    path = table.image_of(value).replace("\\", "/")
    parts = path.split("/")
    if path.startswith("/") or ".." in parts:
        raise BlastlineError(
            f"{where}: path '{value}' leaves the image folder; expected one relative to it"
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _name(card: Card, table: Table, said: dict[str, str], where: str) -> CellName:
    label = card.class_of(said["label"])
    if label is None:
        expected = ", ".join([*card.classes, *card.labels])
        raise BlastlineError(
            f"{where}: unknown label '{said['label']}'; expected one of {expected}, or nothing"
        )
    patient = table.patient_of(said.get("patient", ""))
    if patient is None:
        raise BlastlineError(
            f"{where}: column '{table.patient}' has '{said['patient']}', expected the form "
            f"'{table.patient_pattern}'"
        )
    split = said.get("split", "").casefold()
    if split not in ("", *SPLITS):
        raise BlastlineError(
            f"{where}: unknown split '{said['split']}'; expected {' or '.join(SPLITS)}, or nothing"
        )
    return CellName(
        label=label,
        patient=card.patient_of(patient),
        source=said.get("source", ""),
        fold=said.get("fold", ""),
        group=said.get("group", ""),
        split=split,
    )


def _merge(path: str, name: CellName, row: _Row) -> CellName:
    """What path and row say together."""
    both = {}
    for field in ("label", "patient", "source", "fold"):
        by_path, by_row = getattr(name, field), getattr(row.said, field)
        if by_path and by_row and by_path != by_row:
            raise BlastlineError(
                f"{row.where}: says {field} '{by_row}' of '{path}', whose path says '{by_path}'; "
                "mend one of them"
            )
        both[field] = by_path or by_row
    return replace(name, **both, group=row.said.group, split=row.said.split)
