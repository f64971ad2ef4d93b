"""The section on what the split is worth."""

from classifiers.evaluation.stress_parts import PremiumPart
from classifiers.result import RunResult
from reports import words

TITLES = {"accuracy": "Accuracy", "f1_macro": "Macro F1", "auroc": "AUROC, macro average"}


def premium(result: RunResult) -> dict[str, object]:
    """The same classifier under a random and under the grouped split."""
    part = result.premium
    return {
        "part": part,
        "lead": _lead(part),
        "rows": [
            (title, part.grouped[name], part.random[name], words.signed_figure(part.premium[name]))
            for name, title in TITLES.items()
            if name in part.premium
        ],
    }


def _lead(part: PremiumPart) -> str:
    """What the split is worth in macro F1, no more than its interval says."""
    if not part.premium:
        return ""
    found = part.premium["f1_macro"]
    grouped, random = part.grouped["f1_macro"], part.random["f1_macro"]
    if found.value is None or found.low is None or found.high is None:
        return "What the split is worth cannot be said: the difference has no interval."
    figures = f"macro F1 {words.number(random.value)} instead of {words.number(grouped.value)}"
    if found.low > 0:
        return f"A random split would have made this classifier look better than it is: {figures}."
    if found.high < 0:
        return (
            f"A random split would not have flattered this classifier: {figures}, which is lower."
        )
    return (
        f"A random split would have made no difference to this classifier beyond chance: {figures}."
    )


def trust(result: RunResult) -> list[str]:
    """For the summary: that figures of random splits are others, where that was measured."""
    part = result.premium
    found = part.premium.get("f1_macro")
    if found is None or found.low is None or found.low <= 0:
        return []
    return [
        f"A split that ignores the {part.unit}s would have flattered it by "
        f"{words.signed_figure(found)} in macro F1: studies that split by image are not to be "
        "compared with this one."
    ]
