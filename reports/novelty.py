"""The section on cells that are unlike those the classifier was trained on."""

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import NoveltyOf, NoveltyPart
from classifiers.result import RunResult
from reports import novelty_figure, words

USEFUL = 0.7  # AUROC from which a score is said to be of use


def novelty(result: RunResult) -> dict[str, object]:
    """What the novelty score flags, what it tells apart, and whether it finds errors."""
    part = result.novelty
    if part.note or not part.sets:
        return {"part": part, "sets": [], "lines": [], "classes": []}
    tested = part.sets[0]
    return {
        "part": part,
        "sets": [(novelty_figure.title_of(each), each) for each in part.sets],
        "lead": _lead(part, tested, words.group_name(result)),
        "lines": [line for line in (_errors(part), _unlabelled(part), *_disturbed(part)) if line],
        "classes": list(part.by_class.items()),
        "figure": novelty_figure.novelty(
            part.training,
            part.sets,
            "Share of the cells above each novelty: training cells, cells under test and others",
        ),
        "limit": _limit(part),
    }


def _lead(part: NoveltyPart, tested: NoveltyOf, group: str) -> str:
    """How often cells under test are flagged, beside the share that was promised."""
    flagged, promised = tested.flagged, 1 - part.accepted
    if flagged.value is None:
        return ""
    found = (
        f"{words.percent(flagged.value, 1)} of the cells under test are flagged as unlike the "
        f"training cells; {words.percent(promised, 1)} are to be expected of cells like these"
    )
    if flagged.low is None or flagged.high is None:
        return f"{found}."
    if flagged.low > promised:
        return f"{found}. New {group}s are stranger to the classifier than its own to each other."
    if flagged.high < promised:
        return f"{found}. The warning comes more rarely than it was set to."
    return f"{found}: the operating point holds for new {group}s within the interval."


def _disturbed(part: NoveltyPart) -> list[str]:
    """Which disturbances it sees at each strength, and which it does not."""
    found = [each for each in part.sets if each.kind == "disturbed" and each.auroc is not None]
    lines = []
    for strength in sorted({each.strength for each in found}, reverse=True):
        told: list[str] = []
        missed: list[str] = []
        for each in found:
            if each.strength == strength and each.auroc is not None:
                seen = (each.auroc.value or 0.0) >= USEFUL and (each.auroc.low or 0.0) > 0.5
                (told if seen else missed).append(words.disturbance(each.name))
        line = f"Of disturbances of strength {strength} it sees {words.listing(told)}"
        if missed:
            line += f", and does not, or barely, see {words.listing(missed)}"
        lines.append(f"{line}.")
    return lines


def _unlabelled(part: NoveltyPart) -> str:
    """Whether the unlabelled cells are like the labelled ones."""
    found = [each for each in part.sets if each.kind == "unlabelled"]
    if not found or found[0].flagged.value is None:
        return ""
    share, area = words.percent(found[0].flagged.value, 1), found[0].auroc
    if area is None or area.low is None or area.high is None:
        return f"{share} of the unlabelled cells are flagged."
    how = "as familiar as"
    if area.low > 0.5:
        how = "stranger to it than"
    elif area.high < 0.5:
        how = "more familiar than"
    return f"Unlabelled cells are {how} the cells under test: {share} of them are flagged."


def _errors(part: NoveltyPart) -> str:
    """Whether it finds wrong decisions, no more than its interval says."""
    area = part.auroc_errors
    if area.value is None:
        return "Whether it finds wrong decisions cannot be said: there are none, or nothing else."
    rates = (
        f"{_share(part.error_flagged)} of the flagged cells are decided wrongly and "
        f"{_share(part.error_familiar)} of the others; AUROC of telling wrong decisions from right "
        f"ones: {words.figure(area)}"
    )
    if area.low is not None and area.low > 0.5:
        if area.value >= USEFUL:
            return f"Unfamiliar cells are decided wrongly more often: {rates}."
        return f"It hints at wrong decisions, but weakly: {rates}. A familiar cell may be wrong."
    if area.high is not None and area.high < 0.5:
        return f"It does not find errors; familiar cells are even wrong more often: {rates}."
    return (
        f"It does not find errors: {rates}. That a cell is familiar does not mean that it is "
        "named rightly."
    )


def _share(found: Estimate) -> str:
    return "–" if found.value is None else words.percent(found.value, 1)


def _limit(part: NoveltyPart) -> str:
    if part.limit_low is None or part.limit_high is None:
        return words.NOT_DEFINED
    low, high = words.number(part.limit_low), words.number(part.limit_high)
    return low if low == high else f"{low} to {high} by fold"


def trust(result: RunResult) -> list[str]:
    """For the summary: that new cells are strange to it, where more are than was promised."""
    part = result.novelty
    if not part.sets:
        return []
    flagged = part.sets[0].flagged
    if flagged.value is None or flagged.low is None or flagged.low <= 2 * (1 - part.accepted):
        return []
    return [
        f"{words.percent(flagged.value, 1)} of the cells under test are unlike the cells it was "
        f"trained on, where {words.percent(1 - part.accepted, 1)} were to be expected: "
        f"{words.group_name(result)}s differ more than a few of them can teach."
    ]
