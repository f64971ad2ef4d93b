"""Data-set cards: a data set is described by one TOML file in data/cards, never by code."""

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data.errors import BlastlineError, describe_invalid

CARDS_FOLDER = Path(__file__).parent / "cards"
UNLABELLED = "unlabelled"  # the folder or label that marks images without a label, in every set


@dataclass(frozen=True)
class CellName:
    """What a path says about its image; an empty string is 'not said'."""

    label: str
    patient: str
    source: str
    number: int | None


class Card(BaseModel):
    """One data set: names, licence, classes in order, and the pattern that its paths follow.

    ``pattern`` is a regular expression for the end of a path below the image folder, with named
    groups: ``label`` (required), ``patient``, ``source`` (centre, slide or official part) and
    ``number`` (position in a series). ``examples`` are paths with the class that each must yield;
    every class needs one, so a card whose pattern cannot yield a class is refused.
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
    pattern: str
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
    def _pattern_yields_every_class(self) -> "Card":
        try:
            matcher = self._matcher
            re.compile(self.exclude)
            re.compile(self.test_source)
        except re.error as error:
            raise ValueError(
                f"pattern, exclude or test_source is not a regular expression ({error})"
            ) from None
        unknown = set(matcher.groupindex) - {"label", "patient", "source", "number"}
        if unknown or "label" not in matcher.groupindex:
            raise ValueError(
                "pattern needs the named group 'label' and may have patient, source, number; "
                f"it has {', '.join(matcher.groupindex) or 'none'}"
            )
        if self.test_source and "source" not in matcher.groupindex:
            raise ValueError("test_source needs the named group 'source' in the pattern")
        yielded = set()
        for path, expected in self.examples.items():
            name = self.read(PurePosixPath(path))
            found = None if name is None else name.label or UNLABELLED
            if found != expected:
                raise ValueError(f"example '{path}' yields {found}, expected {expected}")
            yielded.add(found)
        missing = [label for label in self.classes if label not in yielded]
        if missing:
            raise ValueError(f"no example yields class '{missing[0]}'; add one to [examples]")
        return self

    @cached_property
    def _matcher(self) -> re.Pattern[str]:
        # The user may point at the folder that the pattern starts in or at any folder above it;
        # what is optional in the pattern comes before the folders above (hence the lazy "??").
        return re.compile(rf"(?:.*?/)??(?:{self.pattern})", re.IGNORECASE)

    @property
    def has_patients(self) -> bool:
        """Whether paths of this set name the patient."""
        return "patient" in self._matcher.groupindex

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
        captured = said["label"]
        known = {label.casefold(): label for label in self.classes}
        label = self.labels.get(captured, known.get(captured.casefold(), captured))
        if captured == "" or captured.casefold() == UNLABELLED:
            label = ""
        elif self.classes and label not in self.classes:
            return None
        patient = said.get("patient", "")
        return CellName(
            label=label,
            patient=patient.upper() if self.patient_upper else patient,
            source=said.get("source", ""),
            number=int(said["number"]) if said.get("number") else None,
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
