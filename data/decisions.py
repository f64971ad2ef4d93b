"""Decisions: what a reviewer said of cells, as the CSV file that the review page saves."""

import csv
import io
import re
from collections.abc import Container, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from data.errors import BlastlineError

COLUMNS = ("image_id", "path", "sha256", "label", "action", "decision", "reviewer", "time")
HISTORY = ("applied", *COLUMNS)
ACTIONS = ("label", "exclude")
HISTORY_FILE, RELABELLED_FILE = "relabelled.csv", "manifest-relabelled.csv"  # of the run folder
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", re.ASCII)
_MEND = "give the CSV file that the review page saved"


@dataclass(frozen=True)
class Decision:
    """One row of the file; the fields are its columns, all text.

    ``label`` is the label as it stood when the cell was shown, empty where it had none.
    """

    image_id: str
    path: str
    sha256: str
    label: str
    action: str
    decision: str
    reviewer: str
    time: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns in order."""
        return astuple(self)

    @property
    def verdict(self) -> str:
        """What became of the cell, in words."""
        return verdict(self.action, self.decision)


def verdict(action: str, decision: str) -> str:
    """A decision in words: its class in quotes, or excluded."""
    return "excluded" if action == "exclude" else f"'{decision}'"


def moment(time: str) -> datetime:
    """The moment that a time of this file means.

    Raises:
        ValueError: not ISO 8601 with seconds in UTC.
    """
    if not _TIME.fullmatch(time):
        raise ValueError(time)
    return datetime.fromisoformat(time).astimezone(UTC)


def read_decisions(
    path: Path, classes: Sequence[str], known: Container[str]
) -> dict[int, Decision]:
    """Row number (the header is row 1) -> decision, of a file that contradicts itself nowhere.

    A row that repeats the decision of another one on the same image replaces it.

    Args:
        classes: names that a decision may give. known: image ids and SHA-256 sums of the run.

    Raises:
        BlastlineError: no such file, not a CSV file in UTF-8, other columns, no decision, none
            that is on an image of the run, an unknown action or class, a bad time, or one picture
            that is decided in two ways.
    """
    decisions: dict[int, Decision] = {}
    of_image: dict[str, int] = {}
    of_content: dict[str, int] = {}
    rows = read_rows(path, COLUMNS, _MEND)
    if not any(cells["image_id"] in known or cells["sha256"] in known for _, cells in rows):
        _refuse_all(path, rows)
    for number, cells in rows:
        each = Decision(**cells)
        _check(each, f"{path}, row {number}", classes)
        for key, seen in ((each.image_id, of_image), (each.sha256, of_content)):
            other = seen.setdefault(key, number)
            if other in decisions and decisions[other].verdict != each.verdict:
                _refuse_two(path, decisions[other], other, each, number)
        earlier = of_image[each.image_id]
        if earlier != number:
            decisions.pop(earlier)
            of_image[each.image_id] = number
            of_content[each.sha256] = number
        decisions[number] = each
    return decisions


def _refuse_all(path: Path, rows: Sequence[tuple[int, dict[str, str]]]) -> None:
    if not rows:
        raise BlastlineError(
            f"{path}: holds no decision; decide on some cells in the review page and save again"
        )
    raise BlastlineError(
        f"{path}: of another run: none of its {len(rows):,} images, such as "
        f"'{rows[0][1]['image_id']}', is in this one; choose the RUN that the page was made for"
    )


def _check(each: Decision, where: str, classes: Sequence[str]) -> None:
    if each.action not in ACTIONS:
        raise BlastlineError(
            f"{where}: unknown action '{each.action}'; expected {' or '.join(ACTIONS)}"
        )
    if each.action == "exclude" and each.decision:
        raise BlastlineError(
            f"{where}: excludes '{each.image_id}' and calls it '{each.decision}'; leave the "
            "decision empty, or make the action 'label'"
        )
    if each.action == "label" and each.decision not in classes:
        folded = {name.casefold(): name for name in classes}
        near = get_close_matches(each.decision.casefold(), folded, 1)
        hint = f"; did you mean '{folded[near[0]]}'?" if near else ""
        raise BlastlineError(
            f"{where}: unknown class '{each.decision}'{hint}; expected one of {', '.join(classes)}"
        )
    try:
        moment(each.time)
    except ValueError:
        raise BlastlineError(
            f"{where}: time '{each.time}' is not in the form 2026-01-31T09:30:00Z (UTC); mend it"
        ) from None


def _refuse_two(path: Path, one: Decision, first: int, other: Decision, second: int) -> None:
    rows = f"{path}, rows {first} and {second}"
    if one.image_id == other.image_id:
        raise BlastlineError(
            f"{rows}: image '{one.image_id}' is decided twice, as {one.verdict} and as "
            f"{other.verdict}; keep one of the rows"
        )
    raise BlastlineError(
        f"{rows}: '{one.image_id}' and '{other.image_id}' are byte-identical copies, decided as "
        f"{one.verdict} and as {other.verdict}; decide them alike, or keep one of the rows"
    )


def read_rows(path: Path, columns: Sequence[str], mend: str) -> list[tuple[int, dict[str, str]]]:
    """(row number, column -> cell) of the rows that are not blank; the header is row 1.

    Args:
        columns: those that the file must have, in any order, and no others.
        mend: what the user can do about a file that is none of these.

    Raises:
        BlastlineError: no such file, not a CSV file in UTF-8, other columns, or a ragged row.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BlastlineError(f"{path}: {error.strerror}; {mend}") from None
    except UnicodeDecodeError as error:
        raise BlastlineError(f"{path}: not UTF-8 (byte {error.start}); {mend}") from None
    rows = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if any(cells):
                rows.append((number, cells))
    except csv.Error as error:
        raise BlastlineError(
            f"{path}, row {number + 1}: not a CSV file ({error}); {mend}"
        ) from None
    if not rows:
        raise BlastlineError(f"{path}: empty; {mend}")
    header = rows[0][1]
    _check_header(path, header, columns, mend)
    for number, cells in rows[1:]:
        if len(cells) != len(header):
            raise BlastlineError(
                f"{path}, row {number}: {len(cells)} cells, expected {len(header)} as in the "
                f"header; {mend}"
            )
    return [(number, dict(zip(header, cells, strict=True))) for number, cells in rows[1:]]


def _check_header(path: Path, header: list[str], columns: Sequence[str], mend: str) -> None:
    expected = f"expected {', '.join(columns)}"
    if len(header) == 1 and len(re.split("[;\t]", header[0])) > 1:
        raise BlastlineError(
            f"{path}: columns are not parted by commas; save it as CSV with commas, in UTF-8"
        )
    for name in columns:
        if header.count(name) != 1:
            what = "is missing" if name not in header else "stands there twice"
            raise BlastlineError(f"{path}: column '{name}' {what}; {expected}: {mend}")
    for name in header:
        if name not in columns:
            raise BlastlineError(f"{path}: unknown column '{name}'; {expected}: {mend}")
