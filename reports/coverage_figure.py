"""The figure of coverage against risk: the error among the surest cells."""

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from classifiers.evaluation.parts import CoveragePoint, RiskWish
from reports.figures import MUTED, ON_STAIN, STAIN, Drawing

WIDTH, HEIGHT = 460, 290
LEFT, RIGHT, TOP, FOOT = 56, 436, 14, 244
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
MOST_TICKS = 6
SETTLED = 0.05  # coverage below which single cells make the error leap: they set no scale


def coverage(
    curve: Sequence[CoveragePoint], wishes: Sequence[RiskWish], title: str, key: str = "coverage"
) -> Markup:
    """Draw the error against the share of cells accepted, surest first, and what wishes came to.

    A diamond with the intervals of both is what a confidence set on other groups came to; it is
    full where the wish was kept.

    Args:
        title: what a reader who cannot see the figure is told. key: of the figure in its page.
    """
    sheet = Drawing(key, WIDTH, HEIGHT)
    tried = [each for each in wishes if each.verdict != "not reachable"]
    step, top = _axis(curve, wishes, tried)

    def across(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * value

    def up(value: float) -> float:
        return FOOT - (FOOT - TOP) * min(value, top) / top

    for number in range(round(top / step) + 1):
        y = up(number * step)
        sheet.line((LEFT - 4, LEFT), (y, y), linewidth=0.75)
        label = f"{100 * number * step:g}\u00a0%"
        sheet.text(LEFT - 8, y, label, ha="right", color=MUTED, size=11)
    for fifth in range(6):
        x = across(fifth / 5)
        sheet.line((x, x), (FOOT, FOOT + 4), linewidth=0.75)
        sheet.text(x, FOOT + 14, f"{20 * fifth}\u00a0%", ha="center", color=MUTED, size=11)
    sheet.line((LEFT, RIGHT), (FOOT, FOOT), linewidth=0.75)
    sheet.line((LEFT, LEFT), (TOP, FOOT), linewidth=0.75)
    caption = "coverage: share of the cells accepted, surest first"
    sheet.text((LEFT + RIGHT) / 2, FOOT + 34, caption, ha="center", color=MUTED, size=11)
    middle = (TOP + FOOT) / 2
    sheet.text(10, middle, "error among them", ha="center", rotation=90, color=MUTED, size=11)
    for each in wishes:
        y = up(each.wish)
        sheet.line((LEFT, RIGHT), (y, y), linewidth=0.75, linestyle=(0, (4, 3)))
    if curve:
        sheet.axes.plot(
            [across(each.coverage) for each in curve],
            [up(each.error) for each in curve],
            color=STAIN, linewidth=2, clip_on=False,
        )  # fmt: skip
    for each in tried:
        _mark(sheet, each, across, up)
    return sheet.to_svg(title, shown=580, least=320)


def _mark(
    sheet: Drawing, each: RiskWish, across: Callable[[float], float], up: Callable[[float], float]
) -> None:
    if each.coverage.value is None or each.error.value is None:
        return
    x, y = across(each.coverage.value), up(each.error.value)
    if each.error.low is not None and each.error.high is not None:
        sheet.line((x, x), (up(each.error.low), up(each.error.high)), color=MUTED, linewidth=1.25)
    if each.coverage.low is not None and each.coverage.high is not None:
        ends = (across(each.coverage.low), across(each.coverage.high))
        sheet.line(ends, (y, y), color=MUTED, linewidth=1.25)
    fill = STAIN if each.verdict == "met" else ON_STAIN
    sheet.axes.scatter(
        [x], [y], s=64, marker="D", facecolor=fill, edgecolor=STAIN, linewidth=1.5, clip_on=False,
        zorder=3,
    )  # fmt: skip


def _axis(
    curve: Sequence[CoveragePoint], wishes: Sequence[RiskWish], tried: Sequence[RiskWish]
) -> tuple[float, float]:
    """Step of the ticks of the error, and where its axis ends."""
    drawn = [each.error for each in curve if each.coverage >= SETTLED or each is curve[-1]]
    drawn += [each.wish for each in wishes]
    drawn += [each.error.value for each in tried if each.error.value is not None]
    most = max(drawn, default=1.0) * 1.02
    step = next((each for each in STEPS if most / each <= MOST_TICKS), STEPS[-1])
    return step, min(1.0, math.ceil(most / step) * step) or 1.0
