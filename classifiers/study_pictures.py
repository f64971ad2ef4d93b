"""Pictures of a study as SVG, written as text: a hundredth of the time that matplotlib takes."""

from html import escape

import numpy as np

INK, STAIN = "#222222", "#5e3c99"
LETTER = 7.0  # mean width of a letter in pixels
LONGEST = 26  # letters of a name


def importance_bars(importances: dict[str, float]) -> str:
    """One bar a parameter, labelled with its share in percent."""
    left = _width(list(importances)) + 24
    longest = max(importances.values())
    parts = [_text(12, 22, "Parameter importances", weight="bold")]
    for row, (name, share) in enumerate(importances.items()):
        y = 40 + 26 * row
        length = 300 * share / longest
        parts += [
            _text(left - 10, y + 14, name, anchor="end"),
            f'<rect x="{left:.1f}" y="{y}" width="{length:.1f}" height="19" fill="{STAIN}"/>',
            _text(left + length + 7, y + 14, f"{share:.0%}"),
        ]
    return _svg(left + 360, 52 + 26 * len(importances), parts)


def confusion_matrix(confusion: np.ndarray, classes: tuple[str, ...]) -> str:
    """Counts, rows true and columns predicted, coloured by their share of the true class.

    Args:
        confusion: (k, k) counts. classes: names of the k classes.
    """
    names = _width(list(classes))
    wide = max(58.0, LETTER * len(f"{confusion.max():,}") + 12)
    steep = names > wide  # names that do not fit above a column are written aslant
    left, top, high = names + 44, (56 + 0.64 * names if steep else 66.0), 34
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    parts = [_text(12, 22, "Best trial, cells out of fold: rows true, columns predicted",
                   weight="bold")]  # fmt: skip
    for (row, column), count in np.ndenumerate(confusion):
        x, y, part = left + wide * column, top + high * row, share[row, column]
        parts += [
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide - 1:.1f}" height="{high - 1}" '
            f'fill="{STAIN}" fill-opacity="{0.05 + 0.95 * part:.3f}"/>',
            _text(x + wide / 2, y + 22, f"{count:,}", anchor="middle",
                  colour="white" if part > 0.45 else INK),
        ]  # fmt: skip
    for code, name in enumerate(classes):
        x, y = left + wide * (code + 0.5), top - 8
        parts += [
            _text(left - 10, top + high * code + 22, name, anchor="end"),
            _text(x - 6, y, name, turn=-40) if steep else _text(x, y, name, anchor="middle"),
        ]
    overhang = 0.77 * names if steep else 0.0
    width = max(left + wide * len(classes) + overhang, 470)
    return _svg(width, top + high * len(classes) + 14, parts)


def _width(names: list[str]) -> float:
    return LETTER * min(max(map(len, names)), LONGEST)


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal",
    colour: str = INK, turn: int = 0,
) -> str:  # fmt: skip
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    shown = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    shown = shown if weight == "normal" else text
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="{colour}"{turned}>{escape(shown)}</text>'
    )


def _svg(width: float, height: float, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>'
    )
