"""Data-set cards: a data set is described by one TOML file in data/cards, never by code."""

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from data.errors import BlastlineError, describe_invalid
from data.origin import Origin

CARDS_FOLDER = Path(__file__).parent / "cards"
UNLABELLED = "unlabelled"  # the folder or label that marks images without a label, in every set


@dataclass(frozen=True)
class CellName:
    """What is said about an image, by its path or by a table; an empty string is 'not said'."""

    label: str = ""
    patient: str = ""
    source: str = ""
    number: int | None = None
    fold: str = ""  # official cross-validation fold
    group: str = ""  # smear or field: images of one group never part
    split: str = ""  # train or test, where a table says it


class Table(BaseModel):
    """A CSV file in the image folder that says what its images show.

    ``path``, ``label`` and so on are names of columns; ``path`` names the image, with or without
    folders and suffix. Files are sought in the order of ``file``; all that match the first pattern
    found are read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: tuple[str, ...] = Field(min_length=1, description="patterns of the file's path")
    path: str
    label: str
    patient: str = ""
    group: str = ""
    source: str = ""
    fold: str = ""
    split: str = ""
    optional: bool = Field(default=False, description="only path and label must be there")
    image: str = Field(default="{path}", description="how the path column becomes a path")
    patient_pattern: str = Field(default="", description="what of the column is the patient")

    @model_validator(mode="after")
    def _patterns_hold(self) -> "Table":
        patterns = (*self.file, self.patient_pattern)
        try:
            compiled = [re.compile(pattern) for pattern in patterns]
        except re.error as error:
            raise ValueError(
                f"file or patient_pattern is not a regular expression ({error})"
            ) from None
        if self.patient_pattern and compiled[-1].groups != 1:
            raise ValueError("patient_pattern needs one group in brackets: the patient")
        try:
            fields = [name for _, name, _, _ in Formatter().parse(self.image) if name is not None]
            self.image.format(path="1")
        except (ValueError, LookupError):
            fields = []
        if fields != ["path"]:
            raise ValueError("image needs {path} once, such as 'images/{path}.png'")
        return self

    @property
    def columns(self) -> dict[str, str]:
        """What is said -> the column that says it; what no column says is left out."""
        names = ("path", "label", "patient", "group", "source", "fold", "split")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def image_of(self, value: str) -> str:
        """The end of the image's path that a value of the path column means."""
        return self.image.format(path=value)

    def patient_of(self, value: str) -> str | None:
        """The patient that a value of its column means; None where it does not fit."""
        if not self.patient_pattern or not value:
            return value
        match = re.fullmatch(self.patient_pattern, value, re.IGNORECASE)
        return match[1] if match else None


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class Card(Origin):
    """One data set: names, licence, classes in order, and the pattern that its paths follow.

    What ``Origin`` asks may be left out.

    ``pattern`` is a regular expression for the end of a path below the image folder, with named
    groups: ``label`` (required unless a table says it), ``patient``, ``source`` (centre, slide or
    official part), ``fold`` (official cross-validation fold) and ``number`` (position in a
    series). ``examples`` are paths with the class that each must yield; every class needs one, so
    a card whose pattern cannot yield a class is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    citation: str
    licence: str
    doi: str = ""
    where: str = Field(description="where to get the images")
    classes: tuple[str, ...] = Field(default=(), description="empty: the folder names, sorted")
    labels: dict[str, str] = Field(
        default={}, description="what is captured -> class, if not equal"
    )
    positive: str = Field(default="", description="of two classes the one that is looked for")
    colours: dict[str, str] = Field(default={}, description="class -> #rrggbb, for plots")
    pattern: str
    table: Annotated[tuple[Table, ...], BeforeValidator(_listed)] = ()
    annotations: Literal["", "voc", "xyc"] = Field(
        default="", description="whole smear fields, whose cells are marked in such files"
    )
    exclude: str = Field(default="", description="paths that match anywhere are not of this set")
    test_source: str = Field(
        default="", description="labelled images whose source matches are the official test set"
    )
    examples: dict[str, str]
    patient_upper: bool = Field(
        default=False, description="patient names differ in case by mistake"
    )
    block: int = Field(default=0, ge=0, description="neighbouring numbers that form one group")
    preprocess: tuple[str, ...] = Field(default=(), description="steps that this set needs")
    caveats: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _classes_fit(self) -> "Card":
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: the same class twice")
        if self.positive and self.positive not in self.classes:
            raise ValueError(f"positive '{self.positive}' is none of the classes")
        unknown = sorted(set(self.labels.values()) - {*self.classes, UNLABELLED})
        if self.classes and unknown:
            raise ValueError(f"labels name '{unknown[0]}', which is none of the classes")
        if self.colours and set(self.colours) != set(self.classes):
            odd = sorted(set(self.colours) ^ set(self.classes))[0]
            raise ValueError(f"colours: '{odd}' differs; give a colour to each class or to none")
        for colour in self.colours.values():
            if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
                raise ValueError(f"colours: '{colour}' is not of the form #rrggbb")
        return self

    @model_validator(mode="after")
    def _pattern_yields_every_class(self) -> "Card":
        try:
            matcher = self._matcher
            re.compile(self.exclude)
            re.compile(self.test_source)
        except re.error as error:
            raise ValueError(
                f"pattern, exclude or test_source is not a regular expression ({error})"
            ) from None
        known = ("label", "patient", "source", "fold", "number")
        groups = set(matcher.groupindex)
        if groups - set(known) or not (self.labels_in_paths or self.table or self.annotations):
            raise ValueError(
                "pattern needs the named group 'label' (or a [table]) and may have "
                f"{', '.join(known[1:])}; it has {', '.join(matcher.groupindex) or 'none'}"
            )
        if self.test_source and "source" not in groups and not any(t.source for t in self.table):
            raise ValueError("test_source needs the named group 'source' in the pattern")
        # What a table or the annotations of a field say, no path can show.
        yielded = set(self.labels.values()) if self.table or self.annotations else set()
        for path, expected in self.examples.items():
            name = self.read(PurePosixPath(path))
            found = None if name is None else name.label or UNLABELLED
            if found != expected:
                raise ValueError(f"example '{path}' yields {found}, expected {expected}")
            yielded.add(found)
        if not self.examples:
            raise ValueError("[examples] is empty; give at least one path")
        missing = [label for label in self.classes if label not in yielded]
        if missing and not self.annotations:
            raise ValueError(f"no example yields class '{missing[0]}'; add one to [examples]")
        return self

    @property
    def origin(self) -> Origin:
        """What the card says of where the set comes from, alone."""
        return Origin(**{name: getattr(self, name) for name in Origin.model_fields})

    @cached_property
    def _matcher(self) -> re.Pattern[str]:
        # The user may point at the folder that the pattern starts in or at any folder above it;
        # what is optional in the pattern comes before the folders above (hence the lazy "??").
        # A folder's name may hold a line break.
        return re.compile(rf"(?:.*?/)??(?:{self.pattern})", re.IGNORECASE | re.DOTALL)

    @property
    def labels_in_paths(self) -> bool:
        """Whether paths of this set name the class."""
        return "label" in self._matcher.groupindex

    @property
    def has_patients(self) -> bool:
        """Whether paths of this set, or its tables, name the patient."""
        return "patient" in self._matcher.groupindex or any(each.patient for each in self.table)

    @property
    def has_folds(self) -> bool:
        """Whether this set comes with official cross-validation folds."""
        return "fold" in self._matcher.groupindex or any(each.fold for each in self.table)

    @cached_property
    def _class_of(self) -> dict[str, str]:
        named = {label.casefold(): label for label in self.classes}
        return named | {said.casefold(): label for said, label in self.labels.items()}

    def class_of(self, said: str) -> str | None:
        """The class that a path or table means: '' is unlabelled, None is none of the classes."""
        label = self._class_of.get(said.casefold(), said)
        if label == "" or label.casefold() == UNLABELLED:
            return ""
        return None if self.classes and label not in self.classes else label

    def patient_of(self, said: str) -> str:
        """The patient, written in one way."""
        return said.upper() if self.patient_upper else said

    def is_test(self, source: str) -> bool:
        """Whether images of this source are the official test set."""
        return bool(self.test_source) and bool(re.fullmatch(self.test_source, source))

    def read(self, path: PurePosixPath) -> CellName | None:
        """What the path says (relative to the image folder), or None if it is not of this set."""
        text = str(path)
        if self.exclude and re.search(self.exclude, text):
            return None
        match = self._matcher.fullmatch(text)
        if match is None:
            return None
        said = {key: value or "" for key, value in match.groupdict().items()}
        label = self.class_of(said.get("label", ""))
        if label is None:
            return None
        return CellName(
            label=label,
            patient=self.patient_of(said.get("patient", "")),
            source=said.get("source", ""),
            number=int(said["number"]) if said.get("number") else None,
            fold=said.get("fold", ""),
        )


def card_names() -> list[str]:
    """Names of the cards that come with Blastline, sorted."""
    return sorted(path.stem for path in CARDS_FOLDER.glob("*.toml"))


def load_card(name: str) -> Card:
    """Load a card by its name, or by the path of a TOML file of the user's own.

    Raises:
        BlastlineError: unknown name, unreadable TOML, unknown key, or a pattern that fails its
            own examples.
    """
    path = Path(name) if name.endswith(".toml") else CARDS_FOLDER / f"{name}.toml"
    if not path.is_file():
        raise BlastlineError(
            f"data set '{name}' has no card; expected one of {', '.join(card_names())}, "
            "or the path of your own card (a .toml file)"
        )
    try:
        return Card.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BlastlineError(f"card {path}: not valid TOML ({error}); mend the file") from None
    except ValidationError as error:
        raise BlastlineError(f"card {path}: {describe_invalid(error)}; mend the card") from None
