"""The section on disturbed images: other slides, lenses, files and cameras, made by computer."""

from collections.abc import Sequence

from classifiers.evaluation.stress_parts import Perturbed, RobustnessPart
from classifiers.result import RunResult
from reports import robustness_figure, words


def robustness(result: RunResult) -> dict[str, object]:
    """What was found in words, the figure, the table, and pictures of one cell."""
    part = result.robustness
    kinds = list(dict.fromkeys(each.kind for each in part.perturbed))
    of_kind = [
        (_title(kind), [each for each in part.perturbed if each.kind == kind]) for kind in kinds
    ]
    strengths = sorted({each.strength for each in part.perturbed})
    return {
        "part": part,
        "first": _first(part),
        "chosen": _chosen(part, words.selected(result).test.n, words.group_name(result)),
        "worst": _worst(part),
        "change": _change,
        "percent": words.percent,
        "rows": [(title, each) for title, several in of_kind for each in several],
        "figure": robustness_figure.robustness(
            of_kind, part.f1_macro, "Macro F1 by kind and strength of disturbance"
        )
        if of_kind
        else "",
        "strengths": strengths,
        "pictures": [
            (title, [_at(several, strength) for strength in strengths])
            for title, several in of_kind
        ]
        if part.thumbnail
        else [],
    }


def trust(result: RunResult) -> list[str]:
    """What the summary says of it: one sentence."""
    part = result.robustness
    if not part.perturbed:
        return ["How it holds on other stains, lenses, cameras and files was not measured."]
    return [_first(part)]


def _first(part: RobustnessPart) -> str:
    """Which disturbances cost something at strength 1, or how much they may cost unseen."""
    mild = [each for each in part.perturbed if each.strength == 1]
    if not mild:
        return "How it holds on mildly disturbed images (strength 1) was not measured."
    harmful = sorted(
        (each for each in mild if each.loss), key=lambda each: each.f1_macro_change.value or 0.0
    )
    start = "On mildly disturbed images (strength 1)"
    if not harmful:
        return (
            f"{start} of {words.plural(part.n, 'cell')}, no loss of macro F1 beyond chance was "
            f"found; {_not_excluded(mild)}."
        )
    named = words.listing(
        f"{words.disturbance(each.kind)} by {words.signed_figure(each.f1_macro_change)}"
        for each in harmful
    )
    return (
        f"{start}, the classifier's macro F1 changes under {named}: expect less on images from "
        "elsewhere."
    )


def _worst(part: RobustnessPart) -> str:
    """The disturbance that costs most."""
    known = [each for each in part.perturbed if each.f1_macro_change.value is not None]
    if not known:
        return ""
    if not any(each.loss for each in known):
        return f"At no strength was a loss beyond chance found; {_not_excluded(known)}."
    worst = min(
        (each for each in known if each.loss), key=lambda each: each.f1_macro_change.value or 0.0
    )
    return (
        f"It loses most under {words.disturbance(worst.kind)} of strength {worst.strength} "
        f"({worst.setting}): macro F1 {words.figure(worst.f1_macro)} instead of "
        f"{words.figure(part.f1_macro)}, and {words.percent(worst.changed, 1)} of the cells are "
        "decided otherwise."
    )


def _title(kind: str) -> str:
    name = words.disturbance(kind)
    return name[:1].upper() + name[1:]


def _change(each: Perturbed) -> tuple[str, str]:
    """The change and its interval, apart: each is printed without a break."""
    value, _, interval = words.signed_figure(each.f1_macro_change).partition(" (")
    return value, f"({interval}" if interval else ""


def _not_excluded(several: Sequence[Perturbed]) -> str:
    """The greatest loss that an interval leaves possible: that none was found proves nothing."""
    lows = [each.f1_macro_change.low for each in several if each.f1_macro_change.low is not None]
    if not lows:
        return "whether there is one cannot be said without intervals"
    if round(min(lows), 3) >= 0:
        return "but these cells cannot show one that is rare"
    return f"losses of up to {words.number(-min(lows))} cannot be excluded"


def _chosen(part: RobustnessPart, n_tested: int, group: str) -> str:
    """Which cells they are, and why they score otherwise than all."""
    if part.n >= n_tested:
        return f"All {words.plural(n_tested, 'cell')} under test"
    spread = "" if group == "image" else f", spread over as many {group}s as possible"
    return (
        f"Of {words.plural(n_tested, 'cell')} under test, {words.count(part.n)} were drawn: each "
        f"class has its share, rare ones at least a few cells{spread}. So they may score otherwise "
        "than all cells do, and the change is what counts. They"
    )


def _at(several: Sequence[Perturbed], strength: int) -> Perturbed | None:
    return next((each for each in several if each.strength == strength), None)
