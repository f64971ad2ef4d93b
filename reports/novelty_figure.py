"""The figure of novelty: the share of cells above each value, for several sets of cells."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from classifiers.evaluation.stress_parts import NoveltyOf
from reports import words
from reports.figures import INK, MUTED, STAIN, Drawing

WIDTH, HEIGHT, ROW = 460, 250, 20
LEFT, RIGHT, TOP, FOOT = 56, 436, 24, 204
SHOWN = 3  # sets beside training cells and cells under test
LONGEST_NAME = 44


class _Style(NamedTuple):
    """How a line is drawn: told apart by dashes and width, without colour too."""

    colour: str
    width: float
    dashes: tuple[float, ...]  # none: a solid line


TRAINING, TESTED = _Style(MUTED, 1.75, (1, 1.5)), _Style(STAIN, 2.5, ())
OTHERS = (_Style(INK, 1.5, (8, 3)), _Style(INK, 1.5, (3, 2)), _Style(INK, 1.5, (8, 2, 1, 2)))


def novelty(
    training: Sequence[float], sets: Sequence[NoveltyOf], title: str, key: str = "novelty"
) -> Markup:
    """Draw how many cells lie above each novelty; the operating point is a line at 1.

    Args:
        training: quantiles of the training cells at evenly spaced shares.
        sets: cells under test first; of the others those most often flagged are drawn.
        title: what a reader who cannot see the figure is told. key: of the figure in its page.
    """
    others = sorted(sets[1:], key=lambda each: -(each.flagged.value or 0.0))[:SHOWN]
    lines: list[tuple[str, Sequence[float], _Style]] = [
        (title_of(each), each.quantiles, style) for each, style in zip(others, OTHERS, strict=False)
    ]
    lines += [("training cells", training, TRAINING)]
    lines += [(title_of(each), each.quantiles, TESTED) for each in sets[:1]]
    height = HEIGHT + ROW * len(lines)
    sheet = Drawing(key, WIDTH, height)
    end = _end([quantiles for _, quantiles, _ in lines])

    def across(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * min(value, end) / end

    def up(share: float) -> float:
        return FOOT - (FOOT - TOP) * share

    step = 0.5 if end <= 3 else 1.0
    for number in range(round(end / step) + 1):
        x = across(number * step)
        sheet.line((x, x), (FOOT, FOOT + 4), linewidth=0.75)
        sheet.text(x, FOOT + 14, f"{number * step:g}", ha="center", color=MUTED, size=11)
    for fifth in range(6):
        y = up(fifth / 5)
        sheet.line((LEFT - 4, LEFT), (y, y), linewidth=0.75)
        sheet.text(LEFT - 8, y, f"{20 * fifth}\u00a0%", ha="right", color=MUTED, size=11)
    sheet.line((LEFT, RIGHT), (FOOT, FOOT), linewidth=0.75)
    sheet.line((LEFT, LEFT), (TOP, FOOT), linewidth=0.75)
    sheet.line((across(1),) * 2, (TOP, FOOT), color=INK, linewidth=1)
    sheet.text(across(1), TOP - 11, "operating point", ha="center", color=INK, size=11)
    caption = "novelty: distance over the operating point"
    sheet.text((LEFT + RIGHT) / 2, FOOT + 32, caption, ha="center", color=MUTED, size=11)
    middle = (TOP + FOOT) / 2
    sheet.text(10, middle, "cells above it", ha="center", rotation=90, color=MUTED, size=11)
    for number, (name, quantiles, style) in enumerate(reversed(lines)):
        shares = [1 - place / (len(quantiles) - 1) for place in range(len(quantiles))]
        inside = [(q, share) for q, share in zip(quantiles, shares, strict=True) if q <= end]
        sheet.axes.plot(
            [across(q) for q, _ in inside], [up(share) for _, share in inside], **_line(style)
        )
        y = FOOT + 58 + ROW * number
        sheet.axes.plot([LEFT, LEFT + 44], [y, y], **_line(style))
        sheet.text(LEFT + 54, y, words.shorten(name, LONGEST_NAME), ha="left", size=11)
    return sheet.to_svg(title, shown=580, least=320)


def title_of(each: NoveltyOf) -> str:
    """A set for people: its name, and how strong a disturbance was."""
    if not each.strength:
        return each.name
    return f"{words.disturbance(each.name)}, strength {each.strength}"


def _line(style: _Style) -> dict[str, Any]:
    dashes = {"linestyle": (0, style.dashes)} if style.dashes else {}
    return {"color": style.colour, "linewidth": style.width, "clip_on": False, **dashes}


def _end(lines: Sequence[Sequence[float]]) -> float:
    """Where the axis ends: beyond the operating point, and short of the strangest few cells."""
    high = max((each[int(0.95 * (len(each) - 1))] for each in lines if each), default=1.0)
    if high <= 2.8:
        return max(1.5, round(high * 2 + 0.5) / 2)
    return float(min(4, round(high + 0.5)))
