"""The section on subgroups: kinds of images on which the classifier is worse."""

from classifiers.evaluation.stress_parts import Subset
from classifiers.result import RunResult
from reports import words


def subgroups(result: RunResult) -> dict[str, object]:
    """All subsets by property, and which of them fare worse than the other cells."""
    part = result.subgroups
    return {
        "part": part,
        "lead": _lead(part.subsets),
        "rows": [(each, words.signed_figure(each.gap)) for each in part.subsets],
    }


def trust(result: RunResult) -> list[str]:
    """For the summary: only what fares worse."""
    worse = [each for each in result.subgroups.subsets if each.worse]
    return [_lead(worse)] if worse else []


def _lead(subsets: list[Subset]) -> str:
    worse = [each for each in subsets if each.worse]
    if not worse:
        return (
            f"On none of {words.plural(len(subsets), 'subset')} of the test cells is accuracy "
            "surely lower than on the other cells of the same classes."
        )
    named = words.listing(
        f"{each.property} {each.name} ({words.plural(each.n, 'cell')}: "
        f"{words.number(each.accuracy.value)} where {words.number(each.expected)} is expected)"
        for each in worse
    )
    return f"Accuracy is lower than on the other cells of the same classes on: {named}."
