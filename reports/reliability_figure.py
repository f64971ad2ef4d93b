"""The figure of calibration: how often the classifier is right where it is so sure."""

import math
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.collections import PathCollection

from classifiers.evaluation.parts import Bin
from reports.figures import MUTED, ON_STAIN, STAIN, Drawing

WIDTH, HEIGHT = 460, 440
LEFT, RIGHT, TOP, FOOT = 56, 446, 14, 394
STRETCH = 0.01  # of the distance from 1: smaller spreads the surest cells more
TICKS = (0.0, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 1.0)
LARGEST, SMALLEST = 110.0, 16.0  # areas of marks


def reliability(
    after: Sequence[Bin], before: Sequence[Bin], title: str, key: str = "reliability"
) -> Markup:
    """Draw accuracy, with its interval, against confidence; the area of a mark is its cells.

    Both axes are stretched towards 1, where most cells lie, alike, so that the line of equal
    confidence and accuracy stays straight.

    Args:
        before: bins before calibration; none: not drawn.
        title: what a reader who cannot see the figure is told. key: of the figure in its page.
    """
    sheet = Drawing(key, WIDTH, HEIGHT)
    start = _start([*after, *before])
    low, span = _stretched(start), _stretched(1.0) - _stretched(start)

    def share(value: float) -> float:
        return (_stretched(max(value, start)) - low) / span

    def across(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * share(value)

    def up(value: float) -> float:
        return FOOT - (FOOT - TOP) * share(value)

    for value in (each for each in TICKS if each >= start):
        sheet.line((across(value),) * 2, (FOOT, FOOT + 4), linewidth=0.75)
        sheet.line((LEFT - 4, LEFT), (up(value),) * 2, linewidth=0.75)
        label = f"{value:g}"
        sheet.text(across(value), FOOT + 14, label, ha="center", color=MUTED, size=11)
        sheet.text(LEFT - 8, up(value), label, ha="right", color=MUTED, size=11)
    sheet.line((LEFT, RIGHT), (FOOT, FOOT), linewidth=0.75)
    sheet.line((LEFT, LEFT), (TOP, FOOT), linewidth=0.75)
    sheet.line((across(start), across(1.0)), (up(start), up(1.0)), linewidth=1)
    caption = "confidence: mean probability of the class named"
    sheet.text((LEFT + RIGHT) / 2, FOOT + 34, caption, ha="center", color=MUTED, size=11)
    middle = (TOP + FOOT) / 2
    sheet.text(14, middle, "accuracy", ha="center", rotation=90, color=MUTED, size=11)
    most = max((each.count for each in [*after, *before]), default=1)
    for bins, colour, fill, marker, width in (
        (before, MUTED, ON_STAIN, "s", 0.75),
        (after, STAIN, STAIN, "o", 1.5),
    ):
        for each in bins:
            if each.accuracy.value is None:
                continue
            x, y = across(each.confidence), up(each.accuracy.value)
            if each.accuracy.low is not None and each.accuracy.high is not None:
                ends = (up(each.accuracy.low), up(each.accuracy.high))
                sheet.line((x, x), ends, color=colour, linewidth=width)
            _mark(sheet, x, y, max(SMALLEST, LARGEST * each.count / most), marker, colour, fill)
    return sheet.to_svg(title, shown=520, least=320)


def _mark(
    sheet: Drawing, x: float, y: float, area: float, marker: str, colour: str, fill: str
) -> PathCollection:
    return sheet.axes.scatter(
        [x], [y], s=area, marker=marker, facecolor=fill, edgecolor=colour, linewidth=1,
        clip_on=False, zorder=3,
    )  # fmt: skip


def _stretched(value: float) -> float:
    return -math.log(1.0 + STRETCH - value)


def _start(bins: Sequence[Bin]) -> float:
    """Where both axes begin: the highest tick below all that is drawn."""
    drawn = [each.confidence for each in bins]
    drawn += [
        bound
        for each in bins
        for bound in (each.accuracy.low, each.accuracy.value)
        if bound is not None
    ]
    least = min(drawn, default=0.0)
    return max(tick for tick in TICKS[:-1] if tick <= max(least, 0.0))
