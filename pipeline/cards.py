"""The cards of known sets, listed; and a first card for a folder of the user's own."""

import csv
import io
import shlex
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from data.cards import Card, card_names, load_card
from data.errors import BlastlineError
from data.files import read_regular, write_text
from data.guess import Rows, guess_card
from data.listing import PassedOver, list_files
from data.origin import ORIGIN
from pipeline.console import OUT, say

LARGEST_TABLE = 1 << 26  # bytes


def show_cards() -> None:
    """Every card that comes with Blastline: what it is, its terms, its caveats, where to get it."""
    for name in card_names():
        _show(name, load_card(name), whole=False)
    say("One card whole: blastline cards NAME. A card for your folder: blastline card new FOLDER.")


def show_card(name: str) -> None:
    """One card whole, the patterns that it reads paths with included.

    Raises:
        BlastlineError: no such card, or one that is not valid.
    """
    _show(name, load_card(name), whole=True)


def _show(name: str, card: Card, *, whole: bool) -> None:
    OUT.print(Text.assemble((name, "bold"), "  ", card.title))
    grid = Table.grid(padding=(0, 2), pad_edge=True)
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for what, value in _lines(card, whole=whole):
        grid.add_row(Text(what), value if isinstance(value, Text) else Text(value))
    OUT.print(grid, soft_wrap=False)
    OUT.print()


def _lines(card: Card, *, whole: bool) -> Iterator[tuple[str, str | Text]]:
    yield "classes", _classes(card)
    yield "split by", _unit(card)
    yield "licence", card.licence
    yield "cite", card.citation + (f", doi:{card.doi}" if card.doi else "")
    yield "get it", card.where
    for caveat in card.caveats:
        yield "caveat", caveat
    if not whole:
        return
    for name in ORIGIN:
        if said := getattr(card.origin, name):
            yield name.replace("_", " "), said
    yield "pattern", card.pattern
    if card.exclude:
        yield "leaves out", card.exclude
    if card.test_source:
        yield "test set", f"source {card.test_source}"
    for said, label in card.labels.items():
        yield "label", f"'{said}' is {label}"
    for table in card.table:
        columns = ", ".join(f"{what} in '{name}'" for what, name in table.columns.items())
        yield "table", f"{' or '.join(table.file)}: {columns}"
    if card.preprocess:
        yield "steps", ", ".join(card.preprocess)
    for path, label in card.examples.items():
        yield "example", f"{path}: {label}"


def _classes(card: Card) -> Text:
    if not card.classes:
        return Text("those of your folders or table")
    text = Text()
    for number, name in enumerate(card.classes):
        text.append(", " if number else "")
        if name in card.colours:
            text.append("\N{BLACK SQUARE} ", style=card.colours[name])
        text.append(name)
    return text.append(f" (positive: {card.positive})" if card.positive else "")


def _unit(card: Card) -> str:
    folds = "; official folds too" if card.has_folds else ""
    if card.annotations:
        return "nothing yet: whole smear fields, to be cropped first (blastline crop)"
    if any(table.optional for table in card.table):
        return "patient, else group, else image: as far as the table names them"
    if card.has_patients:
        return f"patient{folds}"
    if card.block:
        return f"blocks of {card.block} neighbouring numbers{folds}"
    return f"image: no patient is named{folds}"


def new_card(folder: Path, out: Path | None) -> Path:
    """Write a first card for a folder, guessed from the paths below it; the path of the card.

    Args:
        out: the file to write; by default the folder's name with .toml, where the user stands.

    Raises:
        BlastlineError: no such folder, no image in it, or the file is there already.
    """
    if not folder.is_dir():
        raise BlastlineError(f"image folder {folder}: no such folder; give a folder of images")
    name = folder.resolve().name
    target = out or Path(f"{name or 'my-set'}.toml")
    if target.suffix != ".toml":
        raise BlastlineError(f"card {target}: expected a file that ends in .toml; mend --out")
    if target.exists() or target.is_symlink():
        raise BlastlineError(f"card {target}: is there already; remove it or choose another --out")
    paths = [path for path, _ in list_files(folder, PassedOver())]
    tables = {path: _rows(folder / path) for path in paths if path.lower().endswith(".csv")}
    try:
        guess = guess_card(name, paths, {path: rows for path, rows in tables.items() if rows})
    except ValueError as error:
        raise BlastlineError(
            f"image folder {folder}: {error}; found {len(paths)} files, expected JPEG, PNG, BMP or "
            "TIFF images"
        ) from None
    write_text(target, _with_hints(guess.text))
    say(f"card: {target}: describes {guess.matched:,} of {guess.images:,} images in {folder}")
    for each in guess.guessed:
        say(f"      guessed: {each}")
    for each in guess.unknown:
        say(f"      not known: {each}")
    options = f"--dataset {shlex.quote(str(target))} --images {shlex.quote(str(folder))}"
    if load_card(str(target)).annotations:
        say(f"      check it, then: blastline crop {shlex.quote(str(folder))} --out cells")
    else:
        say(f"      check it, then: blastline scan {options}")
    return target


def _with_hints(text: str) -> str:
    """The card with what no path can tell as comments, above its tables, where they may be used."""
    hints = [f'# {name} = ""  # {asked}' for name, asked in ORIGIN.items()]
    lines = ["# Say what you know of these, for the report; take away the first #:", *hints]
    head, table, rest = text.rstrip("\n").partition("\n\n[")
    return "\n".join([head, *lines]) + table + rest + "\n"


def _rows(path: Path) -> Rows:
    """The rows of a CSV file; none where it cannot be read as one."""
    try:
        content = read_regular(path, LARGEST_TABLE)
        if len(content) > LARGEST_TABLE:
            return []
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
