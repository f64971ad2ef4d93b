"""The section with the map of the cells."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from markupsafe import Markup

from classifiers.cell_parts import MapPart
from classifiers.result import RunResult
from reports import map_figure, words
from reports.map_figure import ASIDE, PLAIN, SHAPES, UNTESTED, WRONG, Mark, classes, mark_of

SURE = (0.5, 0.7, 0.9, 0.99)  # from which the next level of confidence begins
CLUMPED = 2.0  # times the pairs of one patient that a lottery would give, from which it is told
MORE = 0.1  # and so much more of them


@dataclass(frozen=True)
class Entry:
    """A line of the legend with its number of cells."""

    name: str
    mark: Mark
    count: int


@dataclass(frozen=True)
class Colouring:
    """One way to colour the map: its legend, and each cell's place in it."""

    title: str
    entries: list[Entry]
    of: list[int]


def embedding_map(result: RunResult) -> dict[str, object]:
    """The map as a figure, what it shows in words, and all that the page's script needs."""
    part = result.embedding_map
    if part is None:
        return {"part": None}
    wrong = _wrong(part)
    ways = _colourings(part, result.dataset.classes, wrong)
    first = ways[0]
    patients = len(set(part.patient) - {""})
    marks = [entry.mark for entry in first.entries]
    title = (
        f"Map of {words.plural(len(part.x), 'cell')} by their embeddings, coloured by label; "
        f"{words.count(sum(wrong))} of them named wrongly, in rings."
    )
    return {
        "part": part,
        "shown": len(part.x),
        "chance": words.percent(part.neighbours, max(1, len(part.x) - 1)),
        "percent": lambda share: words.percent(share, 1),
        "wrong": sum(wrong),
        "judged": sum(a >= 0 and b >= 0 for a, b in zip(part.label, part.predicted, strict=True)),
        "unlabelled": sum(label < 0 for label in part.label),
        "pictured": sum(place >= 0 for place in part.picture),
        "patients": patients,
        "many": max(patients, len(result.dataset.classes)) > map_figure.COLOURS,
        "figure": map_figure.still_map(part.x, part.y, first.of, marks, wrong, title),
        "ring": map_figure.RING,
        "legend": [(each, SHAPES[each.mark.shape], classes(each.mark)) for each in first.entries],
        "data": _for_script(part, wrong, ways),
    }  # fmt: skip


def trust(result: RunResult) -> list[str]:
    """A line where cells of one patient lie together more than their class explains."""
    part = result.embedding_map
    if part is None or part.same_patient is None or part.patient_chance is None:
        return []
    if part.same_patient < max(CLUMPED * part.patient_chance, part.patient_chance + MORE):
        return []
    flattered = result.premium.premium.get("f1_macro")
    if flattered is None or flattered.low is None:
        meaning = "whether it flatters a split that ignores patients was not measured."
    elif flattered.low > 0:
        meaning = "a split that ignores patients flatters this classifier by it."
    else:
        meaning = "a split that ignores patients would not flatter this classifier beyond chance."
    return [
        f"Cells of one patient look alike to the features: of the nearest cells of one label, "
        f"{words.percent(part.same_patient, 1)} are of the same patient, where "
        f"{words.percent(part.patient_chance, 1)} would be by lot. Stain, slide and patient are "
        f"part of what the classifier sees; {meaning}"
    ]


def _wrong(part: MapPart) -> list[bool]:
    pairs = zip(part.label, part.predicted, strict=True)
    return [label >= 0 and predicted >= 0 and label != predicted for label, predicted in pairs]


def _colourings(part: MapPart, names: Sequence[str], wrong: Sequence[bool]) -> list[Colouring]:
    """By label, prediction, patient where any is known, whether it is right, and confidence."""
    known = [(name, mark_of(number)) for number, name in enumerate(names)]
    ways = [
        _colouring("label", [*known, ("unlabelled", ASIDE)], part.label),
        _colouring("prediction", [*known, ("no prediction", UNTESTED)], part.predicted),
    ]
    patients = sorted(set(part.patient) - {""})
    if patients:
        number_of = {name: number for number, name in enumerate(patients)}
        styles = [(name, mark_of(number)) for number, name in enumerate(patients)]
        of = [number_of.get(name, -1) for name in part.patient]
        ways.append(_colouring("patient", [*styles, ("patient unknown", ASIDE)], of))
    verdicts = [("right", PLAIN), ("wrong", WRONG), ("unlabelled", ASIDE),
                ("no prediction", UNTESTED)]  # fmt: skip
    cells = zip(part.label, part.predicted, wrong, strict=True)
    of = [2 if label < 0 else 3 if said < 0 else int(bad) for label, said, bad in cells]
    ways.append(_colouring("right or wrong", verdicts, of))
    ends = ["0", *map(str, SURE), "1"]
    levels = [(f"{ends[n]} to {ends[n + 1]}", Mark(f"l{n}", 0)) for n in range(map_figure.LEVELS)]
    of = [-1 if each is None else bisect_right(SURE, each) for each in part.confidence]
    ways.append(_colouring("confidence", [*levels, ("no prediction", UNTESTED)], of))
    return ways


def _colouring(title: str, styles: Sequence[tuple[str, Mark]], of: Sequence[int]) -> Colouring:
    """Entries of those styles that occur; -1 is the last of them."""
    places = [number % len(styles) for number in of]
    counts = [0] * len(styles)
    for place in places:
        counts[place] += 1
    left = [number for number, count in enumerate(counts) if count]
    entries = [Entry(*styles[number], counts[number]) for number in left]
    moved = {number: place for place, number in enumerate(left)}
    return Colouring(title, entries, [moved[place] for place in places])


def _for_script(part: MapPart, wrong: Sequence[bool], ways: Sequence[Colouring]) -> Markup:
    """JSON in which no name can end the script element that holds it."""
    data = {
        "x": part.x, "y": part.y, "id": part.image_id, "wrong": [int(each) for each in wrong],
        "confidence": part.confidence, "picture": part.picture, "side": part.side,
        "columns": part.columns, "shapes": SHAPES, "ring": map_figure.RING,
        "radius": map_figure.radius_of(len(part.x)) / map_figure.WIDTH,
        "aspect": map_figure.aspect_of(part.y),
        "ways": [asdict(way) for way in ways],
    }  # fmt: skip
    return Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))
