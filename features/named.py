"""Functions that a recipe calls by text, ``name`` or ``name:argument,argument``."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from data.errors import BlastlineError

T = TypeVar("T")


@dataclass(frozen=True)
class Named(Generic[T]):
    """One entry of a table of such functions.

    Attributes:
        make: turns the arguments into what is applied to an image; its annotations (float, int or
            str) say what each argument is. Raises ValueError with a phrase for one out of range.
        examples: texts that are valid, one for each form.
        others: forms that need something of the user's own.
    """

    make: Callable[..., T]
    examples: tuple[str, ...]
    others: tuple[str, ...] = ()


def call(table: Mapping[str, Named[T]], text: str, what: str) -> T:
    """Make what ``text`` asks for.

    Args:
        what: what the table holds, for the complaint, such as ``preprocessing step``.

    Raises:
        BlastlineError: an unknown name or unfit arguments.
    """
    name, _, rest = text.partition(":")
    if name not in table:
        raise BlastlineError(f"{what} '{text}': unknown; expected one of {', '.join(table)}")
    entry = table[name]
    try:
        return entry.make(*_arguments(entry.make, rest))
    except ValueError as error:
        shown = " or ".join((*entry.examples, *entry.others))
        raise BlastlineError(f"{what} '{text}': {error}; write it as {shown}") from None


def numbers(text: str) -> tuple[float, ...] | None:
    """The numbers in a text ``number,number,...``, or None where it holds anything else."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return None


def _arguments(make: Callable[..., object], text: str) -> list[float | int | str]:
    words = [word.strip() for word in text.split(",")] if text else []
    kinds: list[type] = []
    least = 0
    for parameter in inspect.signature(make, eval_str=True).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            kinds += [parameter.annotation] * (len(words) - len(kinds))
        else:
            kinds.append(parameter.annotation)
            least += parameter.default is parameter.empty
    if not least <= len(words) <= len(kinds):
        expected = str(least) if least == len(kinds) else f"{least} to {len(kinds)}"
        raise ValueError(f"found {len(words)} argument(s), expected {expected}")
    return [_argument(kind, word) for kind, word in zip(kinds, words, strict=False)]


def _argument(kind: type, word: str) -> float | int | str:
    if kind is str:
        return word
    try:
        value = int(word) if kind is int else float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        expected = "a whole number" if kind is int else "a number"
        raise ValueError(f"'{word}' is not {expected}")
    return value
