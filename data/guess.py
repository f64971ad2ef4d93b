"""A first card for a folder, guessed from the paths below it, for its owner to finish."""

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import splitext

from data.cards import UNLABELLED, Card
from data.guess_names import Names, column, escape, guess_names, masks, positive_of
from data.listing import SUFFIXES

# Okabe and Ito's colours, which colour-blind people tell apart; the first two differ most.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
ANY = "(?:(?P<label>[^/]+)/)?[^/]+"
NOT_KNOWN = "not known"
PATTERNS = ("pattern", "exclude", "test_source")
Rows = Sequence[Sequence[str]]
NO_TABLES: Mapping[str, Rows] = {}


@dataclass
class Guess:
    """A guessed card.

    Attributes:
        text: of the card, in TOML, with comments on what was guessed and what could not be.
        card: the same, validated.
        matched: images that it describes. images: all that there are, masks included.
        guessed, unknown: one phrase each.
    """

    text: str
    card: Card
    matched: int
    images: int
    guessed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def guess_card(name: str, paths: Iterable[str], tables: Mapping[str, Rows] = NO_TABLES) -> Guess:
    """Guess a card from relative paths alone.

    Classes are read from folders, else from a CSV file with labels, else from the words of file
    names; patients from folders or words such as ``patient07``; official parts and folds, masks
    and annotations of fields from what they are commonly called.

    Args:
        name: of the folder.
        paths: of all files below it.
        tables: path -> the first rows, header included, of each CSV file among them.

    Returns:
        A card that is valid, though perhaps without classes.

    Raises:
        ValueError: there is no image among the paths.
    """
    paths = sorted(paths)
    images = [path for path in paths if PurePosixPath(path).suffix.lower() in SUFFIXES]
    if not images:
        raise ValueError("no image among the paths")
    exclude, kept = masks(images)
    found = guess_names(kept)
    guessed, unknown = list(found.guessed), []
    if exclude:
        guessed.append(f"{len(images) - len(kept)} images are masks or copies, left out by exclude")
    annotations = _annotations(paths, kept)
    table: dict[str, object] = {}
    if annotations:
        found.label = ""
        found.classes = ()
        guessed.append(f"whole smear fields, with .{_SUFFIX[annotations]} files of marked cells")
    elif not found.classes:
        table = _table(kept, tables)
    if table:
        guessed.append(f"classes and more from the table {table['file']}")
    elif not found.classes and not annotations:
        unknown.append("the classes: name them, and where a path tells them, in pattern")
    if not table:
        unknown += [f"what {path} says of which image (see [table] in card csv)" for path in tables]
    if not (found.patient or annotations or "patient" in table):
        unknown.append("the patient: without it cells of one patient may part, and figures flatter")
    fields: dict[str, object] = {
        "format": 1,
        "name": re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "my_set",
        "title": name or "my set",
        "citation": NOT_KNOWN,
        "licence": NOT_KNOWN,
        "where": NOT_KNOWN,
    }
    if found.classes:
        fields["classes"] = list(found.classes)
    positive = positive_of(found.classes)
    if positive:
        fields["positive"] = positive
        guessed.append(f"positive class '{positive}'")
    elif len(found.classes) == 2:
        unknown.append("the positive one of the two classes")
    # Without any class the pattern takes the innermost folder for it, as the card 'folders' does.
    label = found.label or ("" if table or annotations else ANY)
    fields["pattern"] = _pattern(found, label, kept)
    if exclude:
        fields["exclude"] = exclude
    if found.tests and not annotations:
        fields["test_source"] = "|".join(map(escape, found.tests))
        guessed.append(f"official test set {', '.join(found.tests)}")
    if annotations:
        fields["annotations"] = annotations
    if table:
        fields["table"] = {**table, "file": [escape(str(table["file"]))]}
    if len(found.classes) <= len(COLOURS):
        fields["colours"] = dict(zip(found.classes, COLOURS, strict=False))
    return _finish(fields, kept, images, guessed, unknown, found)


def _finish(
    fields: dict[str, object],
    kept: list[str],
    images: list[str],
    guessed: list[str],
    unknown: list[str],
    found: Names,
) -> Guess:
    """Examples from the card's own reading, and the text."""
    examples, matched = _examples(fields, kept)
    classes = [label for label in found.classes if label in examples.values()]
    hidden = [label for label in found.classes if label not in classes]
    if hidden:  # what looks like a class folder lies inside another one, say
        fields |= {"classes": classes, "colours": {}}
        fields.pop("positive", None)
        unknown.append(f"the classes {', '.join(hidden)}, which the pattern does not reach")
        if not classes:
            fields["pattern"] = _pattern(Names(), ANY, kept)
        examples, matched = _examples(fields, kept)
    fields["examples"] = examples if classes else dict(list(examples.items())[:3])
    card = Card.model_validate(fields)
    if matched < len(kept):
        unknown.append(
            f"{len(kept) - matched} of {len(kept)} images, which the pattern does not match"
        )
    text = _text(fields, guessed, unknown, found)
    return Guess(text, card, matched, len(images), guessed, unknown)


def _examples(fields: Mapping[str, object], kept: Sequence[str]) -> tuple[dict[str, str], int]:
    """A path of each class that the card reads, and how many images it reads at all."""
    # A valid card has examples, and only the card can tell which path is one: hence the draft.
    draft = Card.model_construct(**{**fields, "table": ()})  # type: ignore[arg-type]
    examples: dict[str, str] = {}
    matched = 0
    for path in kept:
        said = draft.read(PurePosixPath(path))
        matched += said is not None
        label = UNLABELLED if said is None else said.label or UNLABELLED
        if said is not None and label not in examples.values():
            examples[path] = label
    return examples, matched


_SUFFIX = {"voc": "xml", "xyc": "xyc"}


def _annotations(paths: Sequence[str], images: Sequence[str]) -> str:
    """voc or xyc where at least half of the images have such a file of the same name."""
    stems = {PurePosixPath(path).stem for path in images}
    for kind, suffix in _SUFFIX.items():
        marked = {PurePosixPath(p).stem for p in paths if p.lower().endswith(f".{suffix}")}
        if 2 * len(stems & marked) >= len(stems):
            return kind
    return ""


def _table(images: Sequence[str], tables: Mapping[str, Rows]) -> dict[str, object]:
    """The [table] for the CSV file that names images and has a column of labels."""
    tails = set()
    for path in images:
        parts = path.split("/")
        for tail in ("/".join(parts[start:]) for start in range(len(parts))):
            tails |= {tail, splitext(tail)[0]}
    for path, rows in tables.items():
        header = list(rows[0]) if rows else []
        label = column("label", header)
        named = [name for place, name in enumerate(header) if _names_images(rows[1:], place, tails)]
        if not label or not named:
            continue
        said: dict[str, object] = {"file": PurePosixPath(path).name, "path": named[0]}
        for what in ("label", "patient", "group", "source", "fold", "split"):
            name = column(what, [each for each in header if each != named[0]])
            if name:
                said[what] = name
        return said
    return {}


def _names_images(rows: Rows, place: int, tails: Container[str]) -> bool:
    """Whether nine of ten values of a column are ends of paths."""
    hits = sum(len(row) > place and row[place] in tails for row in rows)
    return 10 * hits >= 9 * len(rows) > 0


def _pattern(found: Names, label: str, images: Sequence[str]) -> str:
    suffixes = Counter(PurePosixPath(path).suffix.lower()[1:] for path in images)
    ends = "|".join(sorted(suffixes))
    ends = ends if len(suffixes) == 1 else f"(?:{ends})"
    return f"{found.folders}{label or found.stem or '[^/]+'}\\.{ends}"


def _text(
    fields: Mapping[str, object], guessed: list[str], unknown: list[str], found: Names
) -> str:
    comments = {
        "citation": "# Not known: who made the images; say how to cite them.",
        "licence": "# Not known: what may be done with the images.",
        "where": "# Not known: where to get the images.",
    }
    lines = ["# A first card, guessed from paths alone: check every line."]
    lines += [f"# Guessed: {_printable(each)}." for each in guessed]
    lines += [f"# Not known: {_printable(each)}." for each in unknown]
    plain = {key: value for key, value in fields.items() if not isinstance(value, dict)}
    for key, value in plain.items():
        if key in comments:
            lines.append(comments[key])
        lines.append(f"{key} = {_toml(value, literal=key in PATTERNS)}")
    if found.numbered and not found.patient and "annotations" not in fields:
        lines.append("# If neighbouring numbers share slide or field, say how many stay together:")
        lines.append("# block = 40")
    for key, value in fields.items():
        if isinstance(value, dict) and value:
            lines += ["", f"[{key}]"]
            for name, each in value.items():
                lines.append(f"{_key(name)} = {_toml(each, literal=False)}")
    return "\n".join(lines) + "\n"


def _printable(text: str) -> str:
    """What can stand in a comment: a file's name may hold a line break."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name, literal=False)


def _toml(value: object, *, literal: bool) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each, literal="\\" in each) for each in value) + "]"
    if literal and isinstance(value, str) and "'" not in value and value.isprintable():
        return f"'{value}'"
    # JSON's strings are TOML's, but for one sign.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
