"""The figure of the confusion matrix: one hue, darker for a larger share of the true class."""

from collections import defaultdict
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from reports import words
from reports.figures import INK, MUTED, ON_STAIN, RULE, STAIN, Drawing

MOST_WITH_NUMBERS = 15  # classes; above it cells are too small for counts
LONGEST_NAME = 22
_LETTER = 6.6  # mean width of a letter of 12 pixels
_DARK = 0.65  # opacity from which text turns light
_LEGEND = (0.0, 0.05, 0.2, 0.5, 1.0)


def confusion(classes: Sequence[str], matrix: Sequence[Sequence[int]], title: str) -> Markup:
    """Draw counts, rows the true and columns the predicted class, shaded by the row's share."""
    size = len(classes)
    numbers = size <= MOST_WITH_NUMBERS
    cell = max(52.0, min(96.0, 460 / size)) if numbers else max(12.0, 620 / size)
    font = 12.0 if numbers else 9.0
    names = [words.shorten(name, LONGEST_NAME) for name in classes]
    longest = max(map(len, names)) * _LETTER * font / 12
    flat = longest <= cell - 8  # names fit above their columns; else they stand upright
    left, top = longest + 34, (28 if flat else longest + 10) + 22
    width = max(left + size * cell + 2, left + 300)
    sheet = Drawing("confusion", width, top + size * cell + 58)
    sheet.text(left, 8, "predicted class →", color=MUTED, size=11)
    sheet.text(10, top, "true class →", color=MUTED, size=11, rotation=-90)
    for index, name in enumerate(names):
        middle = (index + 0.5) * cell
        sheet.text(left - 8, top + middle, name, ha="right", size=font)
        if flat:
            sheet.text(left + middle, top - 12, name, ha="center", size=font)
        else:
            sheet.text(left + middle, top - 8, name, rotation=90, va="center_baseline", size=font)
    _squares(sheet, matrix, left, top, cell)
    if numbers:
        _numbers(sheet, matrix, left, top, cell)
    side = size * cell
    for x, y in (((0, side), (0, 0)), ((0, side), (side, side)), ((0, 0), (0, side))):
        sheet.line((left + x[0], left + x[1]), (top + y[0], top + y[1]))
    sheet.line((left + side,) * 2, (top, top + side))
    _legend(sheet, left, top + side + 20)
    least = 320 if size <= 5 else 560 if numbers else width
    return sheet.to_svg(title, shown=width, least=least)


def _opacity(share: float) -> float:
    """Opacity of a share; a power below one keeps rare confusions visible."""
    return round(share**0.6, 2)


def _squares(
    sheet: Drawing, matrix: Sequence[Sequence[int]], left: float, top: float, cell: float
) -> None:
    """All squares of one shade as one path, so that a hundred classes stay a small file."""
    shades: dict[float, list[Outline]] = defaultdict(list)
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            if count:
                corner = (left + column * cell, top + row * cell)
                shades[_opacity(count / sum(counts))].append(_square(corner, cell))
    for opacity, squares in sorted(shades.items()):
        _fill(sheet, Outline.make_compound_path(*squares), opacity)


def _square(corner: tuple[float, float], side: float) -> Outline:
    x, y = corner
    return Outline(
        [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)], closed=True
    )


def _fill(sheet: Drawing, outline: Outline, opacity: float) -> None:
    shade = PathPatch(outline, facecolor=(STAIN, opacity), linewidth=0, clip_on=False)
    sheet.axes.add_patch(shade)


def _numbers(
    sheet: Drawing, matrix: Sequence[Sequence[int]], left: float, top: float, cell: float
) -> None:
    """Count and share of the row in every square."""
    for row, counts in enumerate(matrix):
        whole = sum(counts)
        for column, count in enumerate(counts):
            dark = whole > 0 and _opacity(count / whole) > _DARK
            x, y = left + (column + 0.5) * cell, top + (row + 0.5) * cell
            strong = ON_STAIN if dark else INK if count else MUTED
            sheet.text(
                x, y - 7 if count else y, words.count(count), ha="center", color=strong, size=13
            )
            if count:
                share = words.percent(count, whole)
                sheet.text(x, y + 10, share, ha="center", color=ON_STAIN if dark else INK, size=10)


def _legend(sheet: Drawing, left: float, y: float) -> None:
    """Swatches for some shares of a row."""
    sheet.text(left, y + 26, "share of the true class's cells", color=MUTED, size=11)
    for number, share in enumerate(_LEGEND):
        x = left + number * 60
        _fill(sheet, _square((x, y - 6), 12), _opacity(share))
        sheet.axes.add_patch(
            PathPatch(_square((x, y - 6), 12), fill=False, edgecolor=RULE, clip_on=False)
        )
        sheet.text(x + 18, y, f"{share:.0%}".replace("%", "\u00a0%"), color=MUTED, size=11)
