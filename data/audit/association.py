"""Association of the class with what an image tells without a look at its cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.audit.association_strength import (
    BINS,
    LEAST_STRENGTH,
    ROUNDS,
    is_shortcut,
    permuted_classes,
    strength_and_p,
)
from data.audit.properties import FORMATS, NO_QUALITY, size_names
from data.errors import BlastlineError

MOSTLY = 0.8  # strength beyond which "in part" would understate
RARE = 0.005  # share of the images below which a value is not worth a sentence


@dataclass(frozen=True)
class Association:
    """How closely one property follows the class.

    Attributes:
        name, title: of the property.
        strength: bias-corrected Cramer's V, 0 (none) to 1 (the property gives the class away).
        p: how often permuted classes reach that strength, corrected by Holm's method.
        found: a shortcut: strength and p pass LEAST_STRENGTH and LEVEL.
        technical: cells cannot cause it; otherwise they may be a part of the reason.
        text: one sentence for the user.
        by_class: what the property is like in each class, by the class's name.
    """

    name: str
    title: str
    strength: float
    p: float
    found: bool
    technical: bool
    text: str
    by_class: dict[str, str]


@dataclass(frozen=True)
class _Property:
    """A property as columns of (n,) numbers or strings, any of which may follow the class."""

    name: str
    title: str
    technical: bool
    columns: Callable[[np.ndarray], dict[str, np.ndarray]]  # by what its values are called


def _opponent(colour: np.ndarray) -> dict[str, np.ndarray]:
    """Brightness and hue of (n, 3) colours.

    Hues differ between laboratories at one brightness, which red, green and blue would hide.
    """
    red, green, blue = colour.astype(np.float64).T
    return {
        "brightness": (red + green + blue) / 3,
        "red over green": red - green,
        "yellow over blue": (red + green) / 2 - blue,
    }


def _sizes(table: np.ndarray) -> dict[str, np.ndarray]:
    """Names of sizes, or where almost every image has its own, pixels and aspect."""
    names = size_names(table)
    if len(np.unique(names)) <= BINS:
        return {"size": names}
    width, height = table["width"].astype(np.float64), table["height"].astype(np.float64)
    return {"size": names, "pixels": width * height, "aspect": width / height}


def _qualities(table: np.ndarray) -> dict[str, np.ndarray]:
    quality = table["quality"]
    return {"quality": np.where(quality == NO_QUALITY, "none", quality.astype(str))}


PROPERTIES = (
    _Property("size", "image size", True, _sizes),
    _Property("format", "file format", True, lambda t: {"format": np.array(FORMATS)[t["format"]]}),
    _Property("quality", "JPEG quality", True, _qualities),
    _Property("bytes", "file size", False, lambda t: {"size in bytes": 1.0 * t["bytes"]}),
    _Property("border", "border colour", True, lambda t: _opponent(t["border"])),
    _Property("black", "black share", False, lambda t: {"share of black": t["black"]}),
    _Property("colour", "mean colour", False, lambda t: _opponent(t["numbers"][:, :3])),
    _Property("sharpness", "sharpness", False, lambda t: {"gradient": t["numbers"][:, 10]}),
)


def associations(
    table: np.ndarray, y: np.ndarray, groups: np.ndarray, classes: Sequence[str], seed: int
) -> list[Association]:
    """Measure every property, the most telling first.

    The strength is Cramer's V with the bias correction of Bergsma (2013,
    doi:10.1016/j.jkss.2012.10.002) of the table of classes and values; numbers are cut into tenths.
    Of several columns (the three of a colour) the strongest counts, in the permutations too.

    Cells of one patient are alike, so p comes from permutations of whole groups, see
    ``permuted_classes``, and is corrected by Holm's method (1979, Scandinavian Journal of
    Statistics 6, 65-70). One odd patient is then no finding, and neither is anything in a set with
    too few patients to tell.

    Args:
        table: (n,) records of ``data.audit.properties``. y: (n,) class codes.
        groups: (n,) names or numbers. classes: names by code. seed: of the permutations.

    Raises:
        BlastlineError: columns of different lengths, or no image.
    """
    if not len(table) == len(y) == len(groups) or len(y) == 0:
        raise BlastlineError(
            f"shortcuts: found {len(table)} images, {len(y)} classes and {len(groups)} groups; "
            "expected as many of each, and one at least: give the labelled images"
        )
    permuted = permuted_classes(y, groups, ROUNDS, seed)
    found = []
    for each in PROPERTIES:
        columns = each.columns(table)
        best, strength, p = strength_and_p(list(columns.values()), y, permuted, len(classes))
        text, by_class = _describe(*list(columns.items())[best], y, classes)
        found.append(
            Association(each.name, each.title, strength, p, False, each.technical, text, by_class)
        )
    return sorted(_judge(found), key=lambda each: (not each.found, -each.strength))


def _judge(found: list[Association]) -> list[Association]:
    """The same with p by Holm's method, and with the verdict."""
    judged, least = [], 0.0
    for rank, each in enumerate(sorted(found, key=lambda each: each.p)):
        least = min(1.0, max(least, (len(found) - rank) * each.p))
        shortcut = is_shortcut(each.strength, least)
        text = f"{_verdict(each, shortcut)}: {each.text} (strength {each.strength:.2f})"
        judged.append(replace(each, p=least, found=shortcut, text=text))
    return judged


def _verdict(each: Association, shortcut: bool) -> str:
    if shortcut and not each.technical:
        part = "" if each.strength > MOSTLY else " in part"
        return f"the class can be read off the {each.title}{part}, perhaps by way of the cells"
    if shortcut:
        return f"{each.title} follows the class"
    if each.strength < LEAST_STRENGTH:
        return f"{each.title} hardly follows the class"
    return f"too few groups to tell whether {each.title} follows the class"


def _describe(
    what: str, column: np.ndarray, y: np.ndarray, classes: Sequence[str]
) -> tuple[str, dict[str, str]]:
    """What a column is like, and what it is like in each class."""
    present = [code for code in range(len(classes)) if (y == code).any()]
    if column.dtype.kind == "U":
        return _describe_names(column, y, classes, present)
    middle = {code: float(np.median(column[y == code])) for code in present}
    if len({_number(value) for value in middle.values()}) == 1 and np.ptp(column) > 0:
        what = f"mean {what}"  # most images have none of it
        middle = {code: float(np.mean(column[y == code])) for code in present}
    else:
        what = f"median {what}"
    low, high = min(middle, key=middle.__getitem__), max(middle, key=middle.__getitem__)
    by_class = {classes[code]: f"{what} {_number(value)}" for code, value in middle.items()}
    if _number(middle[low]) == _number(middle[high]):
        return f"{what} {_number(middle[low])} in every class", by_class
    return (
        f"{what} runs from {_number(middle[low])} ({classes[low]}) to "
        f"{_number(middle[high])} ({classes[high]})"
    ), by_class


def _describe_names(
    column: np.ndarray, y: np.ndarray, classes: Sequence[str], present: list[int]
) -> tuple[str, dict[str, str]]:
    """The same of a column of strings."""
    values, codes = np.unique(column, return_inverse=True)
    counts = np.zeros((len(classes), len(values)))
    np.add.at(counts, (y, codes), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    by_class = {}
    for code in present:
        common = np.argsort(-shares[code], kind="stable")[:3]
        by_class[classes[code]] = ", ".join(
            f"{values[v]} ({100 * shares[code, v]:.0f} %)" for v in common if shares[code, v] > 0
        )
    if len(values) == 1:
        return f"{values[0]} in every class", by_class
    # The value whose images are furthest from being spread over the classes as all images are; one
    # that half of the classes or more do not have at all is the plainest to tell.
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    odd = ((counts - expected) ** 2 / np.maximum(expected, 1e-9)).sum(axis=0)
    odd[counts.sum(axis=0) < RARE * len(y)] *= RARE
    of_few = np.count_nonzero(counts, axis=0) <= len(present) / 2
    telling = of_few & (odd >= odd.max() / 4)
    value = int(np.where(telling, odd, -1).argmax() if telling.any() else odd.argmax())
    if of_few[value]:
        bearers = [classes[code] for code in present if counts[code, value]]
        return f"{values[value]} occurs for {_listing(bearers)} only", by_class
    most, least = (present[int(pick(shares[present, value]))] for pick in (np.argmax, np.argmin))
    return (
        f"{values[value]} is {100 * shares[most, value]:.0f} % of {classes[most]} and "
        f"{100 * shares[least, value]:.0f} % of {classes[least]}"
    ), by_class


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _listing(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
