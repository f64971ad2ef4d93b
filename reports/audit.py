"""The section on what the audit of the images found: ties, shortcuts, burned-in labels."""

from collections.abc import Mapping, Sequence

from classifiers.audit_part import AuditPart
from classifiers.result import RunResult
from data.audit.association_strength import LEAST_STRENGTH
from reports import forest_figure, frame_figure, words

KINDS = {
    "exact": "byte-identical",
    "near": "near duplicates",
    "ground": "shared ground",
}
FAINT = 0.02  # strength below which a property is not worth a row


def audit(result: RunResult) -> dict[str, object]:
    """Findings in plain words, then pairs, properties, trivial classifiers and the frame."""
    part = result.audit
    if part is None:
        return {"part": None}
    shortcuts = sorted(part.shortcuts, key=lambda each: (not each.found, -each.strength))
    trivial = sorted(part.trivial, key=lambda each: -(each.f1_macro.value or 0.0))
    return {
        "part": part,
        "findings": findings(result, part),
        "kinds": [
            (KINDS[kind], part.ties.get(kind, 0), part.across.get(kind, 0)) for kind in KINDS
        ],
        "listed": [(KINDS[tie.kind], tie) for tie in part.listed],
        "shortcuts": [each for each in shortcuts if each.found or each.strength >= FAINT],
        "clean": _clean(result, part),
        "passed": sum(not each.found and each.strength < FAINT for each in shortcuts),
        "forest": forest_figure.forest(
            [
                ("The classifier", "selected", words.selected(result).test.f1_macro),
                *((each.title, "baseline", each.f1_macro) for each in trivial),
            ],
            "Macro F1 of trivial classifiers, beside the one of this run",
            "trivial",
        )
        if part.trivial and result.split.protocol == "cross-validation"
        else "",
        "trivial": trivial,
        "frame": frame_figure.frame(
            part.frame.skill,
            part.frame.picture,
            part.frame.cells,
            part.frame.chance,
            part.frame.level,
            "Where in the frame the class can be read off by colour alone",
            [each.box for each in part.burned_in],
        )
        if part.frame
        else "",
    }


def _clean(result: RunResult, part: AuditPart) -> str:
    """Where nothing is found that only a shortcut explains: what follows the class all the same."""
    if not part.shortcuts:
        return "Too few images could be read to look for what gives the class away."
    cells = [each.title for each in part.shortcuts if each.found]
    open_ = [each.title for each in part.shortcuts
             if not each.found and each.strength >= LEAST_STRENGTH]  # fmt: skip
    said = []
    if cells:
        said.append(
            f"Nothing but perhaps the cells themselves was found to give the class away: "
            f"{words.listing(cells)}."
        )
    if open_:
        said.append(
            f"There are too few {words.group_name(result)}s to tell whether "
            f"{words.listing(open_)} {'follows' if len(open_) == 1 else 'follow'} the class."
        )
    return " ".join(said) or "Nothing was found that gives the class away."


def findings(result: RunResult, part: AuditPart) -> list[str]:
    """What a reader must know before the figures; empty where the audit found nothing."""
    blanked = {step for recipe in result.recipes.values() for step in _steps(recipe)}
    found = [
        f"{each.text}; it is blanked in this run" if each.step in blanked else each.text
        for each in part.burned_in
        if each.found
    ]
    found += [each.text for each in part.shortcuts if each.found and each.technical]
    lines = [words.sentence(text) for text in found]
    if part.conflicting:
        lines.append(
            f"{words.plural(part.conflicting, 'pair')} of images that show the same cell bear "
            "different labels; both are left out."
        )
    return lines


def _steps(recipe: Mapping[str, object]) -> Sequence[str]:
    steps = recipe.get("steps", ())
    return [str(step) for step in steps] if isinstance(steps, list | tuple) else ()
