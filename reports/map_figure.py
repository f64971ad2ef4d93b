"""The map of the cells: how marks look, and the map as a figure that needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from markupsafe import Markup

COLOURS = 8  # of templates/map.css: --map-c0 and so on
LEVELS = 5  # --map-l0, least, to --map-l4
SHAPES = (  # of about the same area around 0, 0; unlike each other in grey and when small
    "m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0z",  # circle
    "m-.9-.9h1.8v1.8h-1.8z",  # square
    "m0-1.2l1.2 2.1h-2.4z",  # triangle
    "m0-1.3l1.3 1.3l-1.3 1.3l-1.3-1.3z",  # diamond
    "m0 1.2l1.2-2.1h-2.4z",  # triangle on its tip
    "m-.4-1.2h.8v.8h.8v.8h-.8v.8h-.8v-.8h-.8v-.8h.8z",  # plus
    "m0-.57l.57-.57l.57.57l-.57.57l.57.57l-.57.57l-.57-.57l-.57.57l-.57-.57l.57-.57l-.57-.57"
    "l.57-.57z",  # cross
    "m-1.4-.6h2.8v1.2h-2.8z",  # bar
)
CIRCLE, DIAMOND, CROSS = 0, 3, 6
RING = "m-1.8 0a1.8 1.8 0 1 0 3.6 0a1.8 1.8 0 1 0-3.6 0z"
WIDTH = 640  # pixels that the figure is made for
MARGIN = 3  # radii of a mark
LOWEST = 0.5  # height of the figure in its widths


@dataclass(frozen=True)
class Mark:
    """How the cells of an entry of the legend are drawn; ``colour`` ends a name of map.css."""

    colour: str
    shape: int
    hollow: bool = False


PLAIN = Mark("muted", CIRCLE)
ASIDE = Mark("muted", CIRCLE, hollow=True)
WRONG = Mark("eosin", CROSS)
UNTESTED = Mark("muted", DIAMOND, hollow=True)


def mark_of(number: int) -> Mark:
    """One of 128 marks in turn: colour and shape together tell 64 apart, filled or hollow."""
    shape = (number + number // COLOURS) % len(SHAPES)
    hollow = number // (COLOURS * len(SHAPES)) % 2 == 1
    return Mark(f"c{number % COLOURS}", shape, hollow)


def radius_of(count: int) -> float:
    """Pixels of a mark among so many, where the figure is ``WIDTH`` wide."""
    return min(5.5, max(2.6, 40 * max(1, count) ** -0.34))


def aspect_of(y: Sequence[float]) -> float:
    """Width of the figure over its height: no higher than cells lie around 0.5, within reason."""
    frame = 2 * MARGIN * radius_of(len(y)) / WIDTH
    return 1 / (frame + (1 - frame) * max(LOWEST, 2 * max(abs(each - 0.5) for each in y)))


def still_map(
    x: Sequence[float], y: Sequence[float], of: Sequence[int], marks: Sequence[Mark],
    wrong: Sequence[bool], title: str,
) -> Markup:  # fmt: skip
    """Draw the map, one path a mark, with rings around the cells that are named wrongly.

    Args:
        x, y: (n,) from 0 to 1. of: (n,) position of each cell's mark.
        title: what a reader who cannot see the figure is told.
    """
    extent = WIDTH / radius_of(len(x))  # in radii of a mark
    height = extent / aspect_of(y)

    def place(value: float) -> str:
        return f"{MARGIN + (extent - 2 * MARGIN) * value:.1f}"

    at = [f"M{place(a)} {place(1 - b)}" for a, b in zip(x, y, strict=True)]
    svg = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "plot map-plot",
            "role": "img",
            "aria-labelledby": "map-still-title",
            "viewBox": f"0 {(extent - height) / 2:.1f} {extent:.1f} {height:.1f}",
        },
    )
    ElementTree.SubElement(svg, "title", {"id": "map-still-title"}).text = title
    drawn: list[list[str]] = [[] for _ in marks]
    for number, start in zip(of, at, strict=True):
        drawn[number].append(start + SHAPES[marks[number].shape])
    for mark, parts in zip(marks, drawn, strict=True):
        if parts:
            ElementTree.SubElement(svg, "path", {"class": classes(mark), "d": "".join(parts)})
    rings = "".join(start + RING for start, is_wrong in zip(at, wrong, strict=True) if is_wrong)
    if rings:
        ElementTree.SubElement(svg, "path", {"class": "map-ring", "d": rings})
    # ElementTree escapes the title; all else is numbers and names of ours.
    return Markup(ElementTree.tostring(svg, encoding="unicode", short_empty_elements=False))


def classes(mark: Mark) -> str:
    """The classes of map.css that colour a mark."""
    return f"map-mark map-{mark.colour}" + (" map-hollow" if mark.hollow else "")
