"""The figure of robustness: macro F1 over the strength of each kind of disturbance."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import Perturbed
from reports import words
from reports.figures import BAND, MUTED, STAIN, Drawing

WIDTH, ACROSS = 460, 2  # panels a row
LEFT, GAP, PANEL = 46, 24, 182  # widths
TITLE, TALL, ROW = 18, 96, 152  # heights
FOOT = 22
LONGEST = 24  # letters of a title


def robustness(
    of_kind: Sequence[tuple[str, Sequence[Perturbed]]],
    plain: Estimate,
    title: str,
    key: str = "robustness",
) -> Markup:
    """Draw a panel a kind: macro F1 with its interval, from undisturbed to the highest strength.

    Args:
        of_kind: titles with what was found, at least one. plain: macro F1 undisturbed.
        title: what a reader who cannot see the figure is told. key: of the figure in its page.
    """
    rows = math.ceil(len(of_kind) / ACROSS)
    sheet = Drawing(key, WIDTH, rows * ROW + FOOT)
    floor = _floor(of_kind, plain)
    most = max(each.strength for _, several in of_kind for each in several)
    for number, (name, several) in enumerate(of_kind):
        row, column = divmod(number, ACROSS)
        left = LEFT + column * (PANEL + GAP)
        _panel(sheet, left, row * ROW + TITLE, name, several, plain, floor, most, column == 0)
    caption = "strength of the disturbance; 0: the images as they are"
    sheet.text((LEFT + WIDTH) / 2, rows * ROW + 8, caption, ha="center", color=MUTED, size=11)
    return sheet.to_svg(title, shown=640, least=320)


def _panel(
    sheet: Drawing, left: float, top: float, name: str, several: Sequence[Perturbed],
    plain: Estimate, floor: float, most: int, labelled: bool,
) -> None:  # fmt: skip
    foot, right = top + TALL, left + PANEL

    def across(strength: float) -> float:
        return left + 10 + (PANEL - 20) * strength / most

    def up(value: float) -> float:
        return foot - TALL * (value - floor) / (1 - floor)

    sheet.text(left, top - 10, words.shorten(name, LONGEST), ha="left", weight="bold", size=11)
    for value in (floor, (1 + floor) / 2, 1.0):
        sheet.line((left, right), (up(value), up(value)), linewidth=0.75)
        if labelled:
            label = f"{value:.2g}"
            sheet.text(left - 6, up(value), label, ha="right", color=MUTED, size=10)
    for strength in range(most + 1):
        sheet.text(across(strength), foot + 12, str(strength), ha="center", color=MUTED, size=10)
    points = [(0, plain), *((each.strength, each.f1_macro) for each in several)]
    drawn = [(across(x), found) for x, found in points if found.value is not None]
    bands = [
        (x, up(found.low), up(found.high))
        for x, found in drawn
        if found.low is not None and found.high is not None
    ]
    if plain.value is not None:
        y = up(plain.value)
        sheet.line((left, right), (y, y), color=MUTED, linewidth=0.75, linestyle=(0, (4, 3)))
    if len(bands) > 1:
        x, low, high = zip(*bands, strict=True)
        sheet.axes.fill_between(x, low, high, color=BAND, linewidth=0, clip_on=False)
    for x_at, low_at, high_at in bands:
        sheet.line((x_at, x_at), (low_at, high_at), color=STAIN, linewidth=0.75)
    places = [x for x, _ in drawn]
    heights = [up(found.value) for _, found in drawn if found.value is not None]
    sheet.axes.plot(places, heights, color=STAIN, linewidth=2, clip_on=False)
    sheet.axes.scatter(places, heights, s=22, color=STAIN, clip_on=False, zorder=3)


def _floor(of_kind: Sequence[tuple[str, Sequence[Perturbed]]], plain: Estimate) -> float:
    """Where all panels begin: a fifth at or below all that is drawn."""
    found = [plain, *(each.f1_macro for _, several in of_kind for each in several)]
    drawn = [bound for each in found for bound in (each.low, each.value) if bound is not None]
    return min(0.8, max(0.0, math.floor(min(drawn, default=0.0) * 5) / 5))
