"""What the names of files and folders tell: classes, patients, parts, folds and masks."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from data.cards import UNLABELLED

MOST = 30  # folders; more are no classes
MOST_WORDS = 12  # words of file names
SHARE = 0.9  # of the images that a guess about their names must fit
SEPARATOR = r"[ _.-]"

_PART = re.compile(r"(?i)(?:.*[^a-z])?(train(ing)?|test(ing)?|val|valid(ation)?)([^a-z].*)?")
_FOLD = re.compile(r"(?i)(?P<before>fold[ _-]?)\d+")
_PLAIN = re.compile(
    r"(?i)images?|imgs?|im|data|jpegimages|cells|crops|originals?"
    r"|(?:data[ _-]?set|set|batch|slide|series|folder)[ _-]?\d+"
)
_NUMBERED = re.compile(r"(?i)(?:[a-z]+[ _-]?)?[a-z]?\d+")
_MASK_FOLDER = r"(?:masks?|segmented|segmentations?|ground[ _-]?truths?|gt|overlays?|annotations?)"
_MASK_NAME = r"[_-](?:mask|seg|gt|overlay)\.[a-z]+$"
_PATIENT = re.compile(
    rf"(?i)(?:^|{SEPARATOR})(patient|pat|subject|subj|case|donor|uid|p)[ _-]?([a-z]?\d+)"
    rf"(?={SEPARATOR}|$)"
)
_COLUMNS = {
    "label": r"labels?|class(es)?([ _-]?(labels?|names?))?|categor(y|ies)|diagnosis|target",
    "patient": r"(?:patient|subject|donor|case)(?:[ _-]?(?:id|name|no|number))?",
    "group": r"group|field|slide|smear",
    "source": r"source|site|cent(?:er|re)|hospital|origin",
    "fold": r"folds?",
    "split": r"split|subset|partition",
}
_POSITIVE = re.compile(
    r"(?i).*(blast|leuk|malig|cancer|tumou?r|positive|disease|abnormal|patholog).*|all|aml|cll|cml|1"
)


@dataclass
class Names:
    """Pieces of a pattern, and what they rest on.

    Attributes:
        classes: in order; empty where none could be told.
        folders: optional folders of parts and folds, at the start of the pattern.
        label: what follows them up to the suffix, where the class is in it.
        stem: the same where it is not.
        tests: sources that are called a test. numbered: names end in numbers.
    """

    classes: tuple[str, ...] = ()
    folders: str = ""
    label: str = ""
    stem: str = ""
    patient: bool = False
    numbered: bool = False
    tests: list[str] = field(default_factory=list)
    guessed: list[str] = field(default_factory=list)


def escape(name: str) -> str:
    """A name as a regular expression; what needs no backslash gets none, for people to read."""
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", name)


def is_part(folder: str) -> bool:
    """Whether a folder is called like a part of a split."""
    return bool(_PART.fullmatch(folder))


def column(what: str, header: Iterable[str]) -> str:
    """The first column that is called like ``what``, or nothing."""
    matching = [name for name in header if re.fullmatch(rf"(?i){_COLUMNS[what]}", name.strip())]
    return matching[0] if matching else ""


def positive_of(classes: Sequence[str]) -> str:
    """The class of two that is called like a disease, if only one is."""
    called = [name for name in classes if _POSITIVE.fullmatch(name)]
    called = [name for name in called if not re.match(r"(?i)non|no[ _-]", name)]
    return called[0] if len(classes) == 2 and len(called) == 1 else ""


def masks(images: Sequence[str]) -> tuple[str, list[str]]:
    """A pattern for masks and copies among the images ('' for none), and the other images."""
    patterns = [rf"(?i)(?:^|/){_MASK_FOLDER}/", rf"(?i){_MASK_NAME}"]
    suffixes = defaultdict(set)
    for path in images:
        pure = PurePosixPath(path)
        suffixes[str(pure.with_suffix(""))].add(pure.suffix)
    twins = [each for each in suffixes.values() if len(each) > 1]
    if twins and len(twins) >= SHARE * len(suffixes):  # beside 001.bmp its mask 001.png
        patterns += [r"(?i)\.png$"] if all(".png" in map(str.lower, each) for each in twins) else []
    used = [each for each in patterns if any(re.search(each, path) for path in images)]
    kept = [path for path in images if not any(re.search(each, path) for each in used)]
    if not kept:
        return "", list(images)
    return "(?i)" + "|".join(each.removeprefix("(?i)") for each in used) if used else "", kept


def guess_names(images: Sequence[str]) -> Names:
    """What the paths of images tell, whatever the folder above them."""
    found = Names()
    folders = [path.split("/")[:-1] for path in images]
    stems = [PurePosixPath(path).stem for path in images]
    _parts(found, folders)
    everywhere = set.intersection(*(set(each) for each in folders))
    telling = [
        [
            name
            for name in each
            if name not in everywhere
            and not (is_part(name) or _FOLD.fullmatch(name) or _PLAIN.fullmatch(name))
        ]
        for each in folders
    ]
    patients = _patient_folders(telling)
    labels = [each[: len(each) - patients][-1:] for each in telling]
    classes = sorted({each[0] for each in labels if each} - _unlabelled(labels), key=_natural)
    if 2 <= len(classes) <= MOST and 2 * sum(map(bool, labels)) >= len(images):
        found.classes = _ordered(classes)
        inside = [place for place, each in enumerate(labels) if each]
        inner = _stem(found, [stems[place] for place in inside])
        if patients:
            found.patient = True
            found.guessed.append("patients from the innermost folders")
            inner = "[^/]+"
        between = "(?P<patient>[^/]+)/" if patients else ""
        # Between class and image may lie a plain folder, such as images.
        deep = any(folders[place][-1:] != telling[place][-1:] for place in inside)
        above = "(?:[^/]+/)??" if deep else ""
        named = "|".join(map(escape, [*found.classes, UNLABELLED]))
        found.label = f"(?P<label>{named})/{between}{above}{inner}"
        found.guessed.append(f"{len(classes)} classes from folder names")
        return found
    inner = _stem(found, stems)
    words = _words(stems)
    if words:
        place, values = words
        found.classes = _ordered(sorted(values, key=_natural))
        ahead = f"(?={inner}\\.)" if found.patient else ""
        named = "|".join(map(escape, found.classes))
        word = r"[^ _./-]+"
        if place < 0:
            after = rf"{SEPARATOR}{word}" * (-place - 1)
            shape = rf"(?:[^/]*{SEPARATOR})?(?P<label>{named}){after}"
        else:
            shape = rf"{word}{SEPARATOR}" * place + rf"(?P<label>{named})(?:{SEPARATOR}[^/]*)?"
        found.label = ahead + shape
        found.guessed.append(f"{len(values)} classes from words of file names")
    found.stem = inner
    return found


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold())
            for part in re.split(r"(\d+)", text)]  # fmt: skip


def _ordered(classes: list[str]) -> tuple[str, ...]:
    """The positive class of two last, as in the tables of the field."""
    return tuple(sorted(classes, key=lambda name: name == positive_of(classes)))


def _unlabelled(labels: list[list[str]]) -> set[str]:
    return {each[0] for each in labels if each and each[0].casefold() == UNLABELLED}


def _parts(found: Names, folders: list[list[str]]) -> None:
    parts = sorted({name for each in folders for name in each if is_part(name)}, key=_natural)
    if len(parts) > 1:
        named = "|".join(map(escape, parts))
        found.folders += f"(?:(?P<source>{named})/(?:[^/]+/)*?)?"
        found.tests = [name for name in parts if re.search(r"(?i)test", name)]
        found.guessed.append(f"official parts {', '.join(parts)}")
    folds = {match for each in folders for name in each if (match := _FOLD.fullmatch(name))}
    if len({match[0] for match in folds}) > 1:
        before = escape(next(iter(folds))["before"])
        found.folders += rf"(?:{before}(?P<fold>\d+)/)?"
        found.guessed.append(f"{len({match[0] for match in folds})} official folds")


def _patient_folders(telling: list[list[str]]) -> int:
    """1 where the innermost folders are patients: numbered, several to the folder above, else 0."""
    pairs = {(each[-2], each[-1]) for each in telling if len(each) > 1}
    if 2 * sum(len(each) > 1 for each in telling) < len(telling):
        return 0
    inner, outer = Counter(name for _, name in pairs), {name for name, _ in pairs}
    numbered = all(_NUMBERED.fullmatch(name) for name in inner)
    nested = sum(count == 1 for count in inner.values()) >= SHARE * len(inner)
    return int(numbered and nested and 1 < len(outer) < len(inner))


def _stem(found: Names, stems: list[str]) -> str:
    """A pattern for the names, with the patient or else a number in it."""
    matches = [match for stem in stems if (match := _PATIENT.search(stem))]
    if len(matches) >= SHARE * len(stems):
        words = {match[1].lower() for match in matches}
        people = {match[2].lower() for match in matches}
        if len(words) == 1 and 1 < len(people) <= len(stems) / 2:
            found.patient = True
            found.guessed.append(f"{len(people)} patients from '{matches[0][0]}' in the names")
            return (
                rf"(?:[^/]*{SEPARATOR})?{matches[0][1]}[ _-]?(?P<patient>[a-z]?\d+)"
                rf"(?:{SEPARATOR}[^/]*)?"
            )
    if all(re.search(r"\d$", stem) for stem in stems):
        found.numbered = True
        return r"(?:[^/]*[^/\d])?(?P<number>\d+)"
    return "[^/]+"


def _words(stems: list[str]) -> tuple[int, set[str]] | None:
    """The place of the word that is the class, from either end, and its values."""
    split = [re.split(SEPARATOR, stem) for stem in stems]
    shortest = min(map(len, split))
    for place in (*range(-1, -shortest - 1, -1), *range(shortest)):
        count = Counter(words[place] for words in split)
        letters = all(re.fullmatch(r"[^\W\d_]+\d?", word) for word in count)
        digits = set(count) == {"0", "1"}
        if (letters or digits) and 2 <= len(count) <= MOST_WORDS and min(count.values()) > 1:
            return place, set(count)
    return None
