"""The figure of all classifiers: one figure with its interval a row, as in a forest plot."""

import math
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.patches import Rectangle

from classifiers.estimate import Estimate
from reports import words
from reports.figures import BAND, INK, MUTED, STAIN, Drawing

WIDTH, ROW, TOP, BOTTOM = 460, 40, 4, 36
LEFT, RIGHT = 12, 448  # the axis runs below the text, so that the figure fits a phone
LONGEST_NAME = 36
# Roles are told apart without colour, too.
_MARKERS = {"baseline": "s", "self_training": "D", "feedback": "^"}


def forest(rows: Sequence[tuple[str, str, Estimate]], title: str, key: str = "forest") -> Markup:
    """Draw (name, role, figure) of each row; the selected one's interval runs through all rows.

    Args:
        title: what a reader who cannot see the figure is told. key: of the figure in its page.
    """
    height = TOP + ROW * len(rows) + BOTTOM
    sheet = Drawing(key, WIDTH, height)
    start, step = _axis([estimate for _, _, estimate in rows])

    def place(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * (max(value, start) - start) / (1.0 - start)

    foot = height - BOTTOM + 4
    for _, role, estimate in rows:
        if role == "selected" and estimate.low is not None and estimate.high is not None:
            corner, width = place(estimate.low), place(estimate.high) - place(estimate.low)
            band = Rectangle((corner, TOP), width, foot - TOP, facecolor=BAND, linewidth=0)
            band.set_clip_on(False)
            sheet.axes.add_patch(band)
    ticks = [start + number * step for number in range(round((1.0 - start) / step) + 1)]
    for value in ticks:
        label = f"{value:.{1 if step >= 0.1 else 2}f}"
        sheet.text(place(value), foot + 10, label, ha="center", color=MUTED, size=10)
    sheet.text((LEFT + RIGHT) / 2, foot + 25, "macro F1", ha="center", color=MUTED, size=10)
    for number, (name, role, estimate) in enumerate(rows):
        _caption(sheet, TOP + ROW * number + 12, name, role, estimate)
        middle = TOP + ROW * number + 28
        sheet.line((LEFT, RIGHT), (middle, middle), linewidth=0.75)
        for value in ticks:
            sheet.line((place(value),) * 2, (middle - 4, middle + 4), linewidth=0.75)
        if estimate.value is not None:
            ends = [
                place(estimate.value if bound is None else bound)
                for bound in (estimate.low, estimate.high)
            ]
            _mark(sheet, middle, role, place(estimate.value), ends)
    return sheet.to_svg(title, shown=580, least=320)


def _caption(sheet: Drawing, y: float, name: str, role: str, estimate: Estimate) -> None:
    """Name and figure of a row, above its axis."""
    short = words.shorten(name, LONGEST_NAME)
    sheet.text(
        LEFT,
        y,
        f"{short}: {words.figure(estimate)}",
        ha="left",
        weight="bold" if role == "selected" else "normal",
        color=MUTED if role == "baseline" else INK,
        size=11,
    )


def _mark(sheet: Drawing, y: float, role: str, x: float, ends: Sequence[float]) -> None:
    """The interval as a line and the figure as a marker on it."""
    colour = MUTED if role == "baseline" else STAIN
    width = 2.5 if role == "selected" else 1.5
    sheet.line((ends[0], ends[1]), (y, y), color=colour, linewidth=width)
    sheet.axes.scatter(
        [x],
        [y],
        s=64 if role == "selected" else 36,
        marker=_MARKERS.get(role, "o"),
        facecolor=colour,
        linewidth=0,
        clip_on=False,
        zorder=3,
    )


def _axis(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Start of the axis, which ends at 1, and the step of its ticks."""
    bounds = [
        bound
        for estimate in estimates
        for bound in (estimate.low, estimate.value)
        if bound is not None
    ]
    start = min(0.9, math.floor(10 * min(bounds, default=0.0)) / 10)
    if start < 0.5:
        return 0.0, 0.2
    return start, 0.02 if start >= 0.9 else 0.05 if start >= 0.7 else 0.1
