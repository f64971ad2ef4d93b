"""Crop table: labels.csv, where a user's entries outlive that cells are cropped again."""

import codecs
import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from data.errors import BlastlineError
from data.files import atomic_path, read_regular, write_text
from data.tables import MAX_BYTES
from pipeline.console import warn

TABLE = "labels.csv"
COLUMNS = (
    "path", "label", "patient", "group", "source", "field", "x0", "y0", "x1", "y1", "touches_edge",
)  # fmt: skip
Row = list[str]  # as COLUMNS, then what a user added
_SAID = range(1, 5)  # label, patient, group, source: what a user may say otherwise
_MEND = "mend it (CSV with commas, in UTF-8) or move it away"


class _Read(NamedTuple):
    added: list[str]  # columns of the user
    rows: list[Row]


class CropTable:
    """labels.csv of a folder of crops, between what was cropped before and what is now.

    What a user changed in label, patient, group or source, emptied cells included, wins over what
    is cropped, and so do rows and columns that a user added. A cell is the same if its box and
    field are. A cell stays away if both its row and its image were deleted; if only one was, it
    comes back.

    Attributes:
        removed: the rows that were cropped before and that a user deleted with their images.
    """

    def __init__(self, out: Path, before: Sequence[Row]) -> None:
        """Take up the table in ``out``, if there is one.

        Args:
            before: the rows as they were cropped by now, without what a user made of them.

        Raises:
            BlastlineError: a table that cannot be read; it is not overwritten.
        """
        self._out = out
        self._before = {_cell(row): row for row in before}
        self.removed = self._without(before)

    def write(self, cropped: Sequence[Row]) -> list[Row]:
        """Write ``cropped`` with what the user said by now; the rows written, as COLUMNS.

        Raises:
            BlastlineError: as ``CropTable``.
        """
        added, table = self._read() or _Read([], [])
        removed = {row[0] for row in self._without(cropped)}
        kept = [row for row in cropped if row[0] not in removed]
        said = same_cells(kept, table)
        rows = [self._merged(row, said.get(row[0]), len(added)) for row in kept]
        paths, matched = {row[0] for row in rows}, {_cell(row) for row in said.values()}
        gone: list[Row] = []
        for row in table:
            if _cell(row) not in matched:
                ours = _cell(row) in self._before or row[0] in paths
                (gone if ours else rows).append(row)
        self._keep_aside([row for row in gone if self._entries(row)])
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([[*COLUMNS, *added], *rows])
        write_text(self._out / TABLE, text.getvalue())
        return [row[: len(COLUMNS)] for row in rows]

    def _without(self, rows: Sequence[Row]) -> list[Row]:
        """Those that have neither a row in the table, if there is one, nor an image."""
        read = self._read()
        if read is None:
            return []
        there = same_cells(rows, read.rows)
        return [row for row in rows if row[0] not in there and not (self._out / row[0]).is_file()]

    def _merged(self, row: Row, said: Row | None, added: int) -> Row:
        if said is None:
            return row + [""] * added
        row = row + said[len(COLUMNS) :]
        for column, value in self._changed(said).items():
            row[column] = value
        return row

    def _changed(self, said: Row) -> dict[int, str]:
        before = self._before.get(_cell(said), [""] * len(COLUMNS))
        return {column: said[column] for column in _SAID if said[column] != before[column]}

    def _entries(self, row: Row) -> bool:
        return bool(self._changed(row)) or any(row[len(COLUMNS) :])

    def _keep_aside(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        asides = (self._out / f"labels.before-{number}.csv" for number in count(1))
        aside = next(path for path in asides if not path.exists())
        with atomic_path(aside) as temporary:
            temporary.write_bytes((self._out / TABLE).read_bytes())
        warn(
            f"crop: {self._out / TABLE}: {len(rows)} rows with your entries, such as "
            f"'{rows[0][0]}', are of cells that are no longer there; the table before is {aside}"
        )

    def _read(self) -> _Read | None:
        """The table as it lies there; None where there is none."""
        path = self._out / TABLE
        try:
            return _parsed(_text(read_regular(path, MAX_BYTES)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BlastlineError(f"crop: {path}: {(error.strerror or '').lower()}") from None
        except UnicodeDecodeError as error:
            raise BlastlineError(f"crop: {path}: not UTF-8 (byte {error.start}); {_MEND}") from None
        except (csv.Error, ValueError) as error:
            raise BlastlineError(f"crop: {path}: {error}; {_MEND}") from None


def same_cells(rows: Sequence[Row], others: Sequence[Row]) -> dict[str, Row]:
    """Path of each of ``rows`` -> the one of ``others`` with the same box in the same field.

    The path alone tells nothing: cells are numbered anew where annotations changed. Where several
    have one box, that of the same path is taken first.
    """
    known = {_cell(row): row for row in others}
    found = {row[0]: known[_cell(row)] for row in rows if _cell(row) in known}
    left: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in others:
        if row[0] not in found:
            left[_cell(row)[1:]].append(row)
    for row in rows:
        if row[0] not in found and left[_cell(row)[1:]]:
            found[row[0]] = left[_cell(row)[1:]].pop(0)
    return found


def _cell(row: Row) -> tuple[str, ...]:
    return (row[0], *row[5:10])


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES >> 20} MiB")
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if marked else "utf-8-sig")


def _parsed(text: str) -> _Read:
    """Header and rows, whatever sign parts the columns.

    Raises:
        ValueError: columns are missing or twice, lines of another length, a path twice.
        csv.Error: no CSV.
    """
    first = text.lstrip().partition("\n")[:1]
    signs = ",;\t"  # what spreadsheets write, by the country they are set to
    fitting = [s for s in signs if {*COLUMNS} <= {*next(csv.reader(first, delimiter=s), [])}]
    if not fitting:
        raise ValueError(f"its first line lacks a column; expected {', '.join(COLUMNS)}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=fitting[0], strict=True)
    lines = [line for line in reader if any(cell.strip() for cell in line)]
    header = lines[0]
    added = [name for name in header if name not in COLUMNS]
    if len({*header}) < len(header):
        raise ValueError("a column stands there twice")
    order = [header.index(name) for name in (*COLUMNS, *added)]
    rows: dict[str, Row] = {}
    for line in lines[1:]:
        if len(line) != len(header):
            raise ValueError(f"row of '{line[0]}': {len(line)} cells, expected {len(header)}")
        row = [line[place] for place in order]
        if rows.setdefault(row[0], row) is not row:
            raise ValueError(f"path '{row[0]}' stands there twice")
    return _Read(added, [*rows.values()])
