"""The figure of fitting in rounds: validation score, cells given, and which rounds count."""

import math
from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.patches import Rectangle

from classifiers.result import RoundPart
from reports import words
from reports.figures import BAND, MUTED, ON_STAIN, STAIN, Drawing

WIDTH, LEFT, RIGHT = 460, 34, 426
SCORE_TOP, SCORE_FOOT = 38, 128
HELD_TOP, HELD_FOOT = 178, 234
COUNTS, NUMBERS, HEIGHT = 280, 306, 334
LEAST_SPAN = 0.02  # of the score axis, so that small changes look small
LABEL = 36  # pixels that a label needs


def by_round(
    rounds: Sequence[RoundPart],
    held: Sequence[float],
    kept: Sequence[int],
    score_title: str,
    held_title: str,
    title: str,
    key: str,
) -> Markup:
    """Draw three rows over the rounds: change of the score, cells held, folds that keep the round.

    The change is drawn and not the score itself: folds stop at different rounds, and each is
    compared with its own round 0.

    Args:
        held: (rounds,) cells. kept: the round that counts, one a fold.
        title: what a reader who cannot see the figure is told. key: of the figure in its page.
    """
    sheet = Drawing(key, WIDTH, HEIGHT)
    step = (RIGHT - LEFT) / max(1, len(rounds) - 1)
    places = [LEFT + step * number for number in range(len(rounds))]
    stride = math.ceil(LABEL / step)  # of labelled rounds: with many, the table has the rest
    labelled = [number for number in range(len(rounds)) if number % stride == 0]
    _scores(sheet, rounds, places, labelled, score_title)
    _bars(sheet, held, places, min(step * 0.7, 24), labelled, held_title)
    counts = Counter(kept)
    sheet.text(12, COUNTS - 20, "folds in which the round counts", ha="left", size=11)
    for x, each in zip(places, rounds, strict=True):
        number = counts[each.number]
        if number or stride == 1:
            style: dict[str, object] = (
                {"color": STAIN, "weight": "bold"} if number else {"color": MUTED}
            )
            style["size"] = 11 if step > 12 else 8  # neighbours must not read as one number
            sheet.text(x, COUNTS, words.count(number), ha="center", **style)
    sheet.line((LEFT - 20, RIGHT + 20), (NUMBERS - 12, NUMBERS - 12), linewidth=0.75)
    for number in labelled:
        sheet.text(
            places[number], NUMBERS, str(rounds[number].number), ha="center", color=MUTED, size=10
        )
    sheet.text(WIDTH / 2, NUMBERS + 16, "round", ha="center", color=MUTED, size=10)
    return sheet.to_svg(title, shown=580, least=320)


def _scores(
    sheet: Drawing,
    rounds: Sequence[RoundPart],
    places: Sequence[float],
    labelled: Sequence[int],
    title: str,
) -> None:
    """A disc a round, open where not all folds made it, and a line at no change."""
    gains = [each.score_gain for each in rounds]
    low, high = min(0.0, *gains), max(0.0, *gains)
    slack = max(0.0, LEAST_SPAN - (high - low)) / 2
    low, high = low - slack, high + slack
    heights = [
        SCORE_FOOT - (SCORE_FOOT - SCORE_TOP) * (gain - low) / (high - low)
        for gain in (0.0, *gains)
    ]
    zero, *heights = heights
    sheet.text(12, 10, title, ha="left", size=11)
    sheet.line((LEFT - 20, RIGHT + 20), (zero, zero), linewidth=0.75)
    for number in range(1, len(rounds)):
        sheet.line(
            (places[number - 1], places[number]),
            (heights[number - 1], heights[number]),
            color=STAIN,
            linewidth=1.5,
        )
    whole = max(each.folds for each in rounds)
    for of_all, fill in ((True, STAIN), (False, ON_STAIN)):
        chosen = [n for n, each in enumerate(rounds) if (each.folds == whole) == of_all]
        if chosen:
            sheet.axes.scatter(
                [places[n] for n in chosen],
                [heights[n] for n in chosen],
                s=36,
                facecolor=fill,
                edgecolor=STAIN,
                linewidth=1.5,
                clip_on=False,
                zorder=3,
            )
    for number in labelled:
        y = heights[number] + (13 if gains[number] < 0 else -13)  # away from the line at no change
        sheet.text(places[number], y, words.signed(gains[number]), ha="center", color=MUTED, size=9)


def _bars(
    sheet: Drawing,
    values: Sequence[float],
    places: Sequence[float],
    width: float,
    labelled: Sequence[int],
    title: str,
) -> None:
    """A bar a round, with its value above it."""
    most = max(1.0, *values)
    sheet.text(12, HELD_TOP - 26, title, ha="left", size=11)
    sheet.line((LEFT - 20, RIGHT + 20), (HELD_FOOT, HELD_FOOT), linewidth=0.75)
    for number, (x, value) in enumerate(zip(places, values, strict=True)):
        height = (HELD_FOOT - HELD_TOP) * value / most
        if value > 0:
            bar = Rectangle(
                (x - width / 2, HELD_FOOT - height), width, height, facecolor=BAND,
                edgecolor=STAIN, linewidth=0.75,
            )  # fmt: skip
            bar.set_clip_on(False)
            sheet.axes.add_patch(bar)
        if number in labelled:
            text = words.count(round(value))
            sheet.text(x, HELD_FOOT - height - 8, text, ha="center", color=MUTED, size=9)
