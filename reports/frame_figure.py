"""The figure of the frame: the mean picture, and where in it the class can be read off."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import ArrayLike

from reports import words
from reports.figures import INK, MUTED, ON_STAIN, RULE, STAIN, Drawing

SIDE = 256  # pixels of a panel
_TOP, _GAP, _FOOT = 24, 28, 62
_SHADES = 12  # steps of the scale: places of one shade are one path
_DARK = 0.5  # shade from which dots turn light
_COLOUR_STEP = 8  # of the mean picture's channels; never one of the codes of reports.figures
_Box = tuple[float, float, float, float]


def frame(
    skill: ArrayLike,
    picture: ArrayLike,
    cells: ArrayLike,
    chance: float,
    level: float,
    title: str,
    boxes: Sequence[_Box] = (),
) -> Markup:
    """Draw the mean picture beside the map; dots mark where the class shows without a cell.

    Args:
        skill: (g, g) balanced accuracy of the colour at each place.
        picture: (h, w, 3) uint8 mean of all frames. cells: (g, g) bool, where cells usually lie.
        chance: skill of guessing. level: what a finding passes.
        title: what a reader who cannot see the figure is told.
        boxes: burned-in labels: left, top, right, bottom as shares of width and height.
    """
    skill, cells = np.asarray(skill, np.float64), np.asarray(cells, bool)
    place = SIDE / len(skill)
    width = 2 * SIDE + _GAP + 4
    sheet = Drawing("frame", width, _TOP + SIDE + _FOOT)
    lefts = (2.0, 2.0 + SIDE + _GAP)
    sheet.text(lefts[0], 10, "mean of all images")
    sheet.text(lefts[1], 10, "class read off the colour at one place")
    _fill_picture(sheet, np.asarray(picture, np.uint8), lefts[0])
    top = max(float(skill.max()), level, chance + 0.05)
    shade = (skill - chance) / (top - chance)
    _fill_map(sheet, shade, lefts[1], place)
    for left in lefts:
        _edge(sheet, [_rectangle(left, _TOP, SIDE, SIDE)], RULE, 1)
        _border(sheet, cells, left, place)
        outlines = [
            _rectangle(left + x * SIDE, _TOP + y * SIDE, (right - x) * SIDE, (bottom - y) * SIDE)
            for x, y, right, bottom in boxes
        ]
        _edge(sheet, outlines, ON_STAIN, 4)
        _edge(sheet, outlines, INK, 1.5)
    _dots(sheet, (skill > level) & ~cells, shade > _DARK, lefts[1], place)
    _legend(sheet, lefts, (chance, level, top), bool(cells.any()), bool(boxes))
    return sheet.to_svg(title, shown=width, least=400)


def _fill_picture(sheet: Drawing, picture: np.ndarray, left: float) -> None:
    """The mean picture in a few hundred colours, a path each."""
    coarse = picture.astype(int) // _COLOUR_STEP * _COLOUR_STEP
    by_colour: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    for row, line in enumerate(coarse.tolist()):
        for column, colour in enumerate(line):
            by_colour[tuple(colour)].append((row, column))
    for (red, green, blue), places in by_colour.items():
        colour = f"#{red:02x}{green:02x}{blue:02x}"
        _fill(sheet, _runs(places, left, SIDE / len(coarse)), colour)


def _fill_map(sheet: Drawing, shares: np.ndarray, left: float, place: float) -> None:
    """Darker for a higher accuracy; at chance and below, empty."""
    shades = np.ceil(np.clip(shares, 0, 1) * _SHADES - 1e-9).astype(int)
    for shade in range(1, _SHADES + 1):
        places = list(zip(*(axis.tolist() for axis in np.nonzero(shades == shade)), strict=True))
        if places:
            _fill(sheet, _runs(places, left, place), (STAIN, round(shade / _SHADES, 2)))


def _runs(places: Iterable[tuple[int, int]], left: float, place: float) -> list[Outline]:
    """Rectangles of neighbours in a row, in the order of rows."""
    runs: list[list[int]] = []  # row, first column, column after the last
    for row, column in places:
        if runs and runs[-1][0] == row and runs[-1][2] == column:
            runs[-1][2] += 1
        else:
            runs.append([row, column, column + 1])
    return [
        _rectangle(left + start * place, _TOP + row * place, (end - start) * place, place)
        for row, start, end in runs
    ]


def _rectangle(x: float, y: float, width: float, height: float) -> Outline:
    right, foot = x + width, y + height
    return Outline([(x, y), (right, y), (right, foot), (x, foot), (x, y)], closed=True)


def _fill(sheet: Drawing, outlines: list[Outline], colour: str | tuple[str, float]) -> None:
    path = Outline.make_compound_path(*outlines)
    # Without smoothing, or seams show between neighbours.
    shape = PathPatch(path, facecolor=colour, linewidth=0, clip_on=False, antialiased=False)
    sheet.axes.add_patch(shape)


def _edge(sheet: Drawing, outlines: list[Outline], colour: str, width: float) -> None:
    if outlines:
        path = Outline.make_compound_path(*outlines)
        shape = PathPatch(path, fill=False, edgecolor=colour, linewidth=width, clip_on=False)
        sheet.axes.add_patch(shape)


def _border(sheet: Drawing, cells: np.ndarray, left: float, place: float) -> None:
    """The border of the cells' usual place, along the sides of the places."""
    padded = np.pad(cells, 1).astype(int)
    upright = np.argwhere(np.diff(padded, axis=1)[1:-1] != 0)
    level = np.argwhere(np.diff(padded, axis=0)[:, 1:-1] != 0)
    ends = [((x, y), (x, y + 1)) for y, x in upright.tolist()]
    ends += [((x, y), (x + 1, y)) for y, x in level.tolist()]
    lines = [Outline([(left + x * place, _TOP + y * place) for x, y in points]) for points in ends]
    _edge(sheet, lines, ON_STAIN, 3.5)
    _edge(sheet, lines, INK, 1.5)


def _dots(sheet: Drawing, telling: np.ndarray, dark: np.ndarray, left: float, place: float) -> None:
    """A dot at each place, light on a dark shade."""
    half = place / 8
    for rows, colour in ((telling & ~dark, INK), (telling & dark, ON_STAIN)):
        dots = [
            _rectangle(
                left + (x + 0.5) * place - half, _TOP + (y + 0.5) * place - half, 2 * half, 2 * half
            )
            for y, x in np.argwhere(rows).tolist()
        ]
        if dots:
            _fill(sheet, dots, colour)


def _legend(
    sheet: Drawing,
    lefts: tuple[float, float],
    scale: tuple[float, float, float],
    outlined: bool,
    boxed: bool,
) -> None:
    """What the outlines and dots mean, and the scale with chance and level on it."""
    chance, level, top = scale
    first = _TOP + SIDE + 16
    notes = ["outlined: where cells usually lie" if outlined else "cells have no usual place"]
    notes += ["rectangle: burned-in label"] if boxed else []
    for number, note in enumerate(notes):
        sheet.text(lefts[0], first + 16 * number, note, color=MUTED, size=11)
    for shade in range(1, _SHADES + 1):
        step = SIDE / _SHADES
        swatch = _rectangle(lefts[1] + (shade - 1) * step, first - 6, step, 10)
        _fill(sheet, [swatch], (STAIN, round(shade / _SHADES, 2)))
    _edge(sheet, [_rectangle(lefts[1], first - 6, SIDE, 10)], RULE, 1)
    where = lefts[1] + SIDE * (level - chance) / (top - chance)
    sheet.line((where, where), (first - 9, first + 7), color=INK, linewidth=1.5)
    sheet.text(lefts[1], first + 16, f"{words.number(chance)} chance", color=MUTED, size=11)
    sheet.text(lefts[1] + SIDE, first + 16, words.number(top), color=MUTED, size=11, ha="right")
    note = f"line: {words.number(level)}, the least of a finding; dots: above it, outside cells"
    sheet.text(lefts[1] + SIDE, first + 34, note, color=MUTED, size=11, ha="right")
