"""The section on cells that are unlike those the classifier was trained on."""

from statistics import median

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import NoveltyOf, NoveltyPart, Wrong
from classifiers.result import RunResult
from reports import novelty_figure, words

HALF, MOST = 0.5, 0.8  # shares flagged that the words for them go by


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
        "lines": [
            line
            for line in (_unseen(part), _errors(part), _unlabelled(part), *_disturbed(part))
            if line
        ],
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
        f"{words.count(part.error_flagged.n)} of {words.count(tested.n)} cells under test are "
        f"flagged as unlike the training cells ({_shares(flagged)}); {words.percent(promised, 1)} "
        "are to be expected of cells like these"
    )
    if flagged.low is None or flagged.high is None:
        return f"{found}."
    if flagged.low > promised:
        return f"{found}. New {group}s are stranger to the classifier than its own to each other."
    if flagged.high < promised:
        return f"{found}. The warning comes more rarely than it was set to."
    if flagged.high > 2 * promised:
        return f"{found}. Too few cells to tell whether the operating point holds for new {group}s."
    return f"{found}: the operating point holds for new {group}s within the interval."


def _unseen(part: NoveltyPart) -> str:
    """Whether it finds cell types that it never saw."""
    shares = _left_out(part)
    if not shares:
        return (
            "Whether it finds a cell type that it never saw was not measured: no class has enough "
            "cells under test that could be left out of the training."
        )
    if len(shares) == 1:
        ((name, share),) = shares
        return (
            f"It {_verdict(part)}: trained without {name}, it flags {words.percent(share, 1)} of "
            "the cells of this class."
        )
    (rarest, low), (commonest, high) = shares[0], shares[-1]
    middle = median(share for _, share in shares)
    return (
        f"It {_verdict(part)}: trained without one class at a time, it flags between "
        f"{words.percent(low, 1)} ({rarest}) and {words.percent(high, 1)} ({commonest}) of the "
        f"cells of the class left out, in the median {words.percent(middle, 1)}. That a cell is "
        "familiar does not mean that it is of a class that was trained on."
    )


def _verdict(part: NoveltyPart) -> str:
    shares = [share for _, share in _left_out(part)]
    if min(shares) >= MOST:
        return "finds most cells of a type that it never saw"
    if median(shares) >= HALF:
        return "finds some cell types that it never saw, and misses many cells of others"
    return "misses most cells of a type that it never saw"


def _left_out(part: NoveltyPart) -> list[tuple[str, float]]:
    """Classes and the share flagged when each is left out, rarest first."""
    found = [(each.name, each.flagged.value) for each in part.left_out]
    return sorted(
        ((name, share) for name, share in found if share is not None), key=lambda pair: pair[1]
    )


def _disturbed(part: NoveltyPart) -> list[str]:
    """Of which disturbances it flags most cells, and of which it does not."""
    found = [
        (each, each.flagged.value)
        for each in part.sets
        if each.kind == "disturbed" and each.flagged.value is not None
    ]
    found.sort(key=lambda pair: -pair[1])
    lines = []
    for strength in sorted({each.strength for each, _ in found}, reverse=True):
        of = [(each, share) for each, share in found if each.strength == strength]
        most = [_flagged(each, share) for each, share in of if share >= HALF]
        fewer = [_flagged(each, share) for each, share in of if share < HALF]
        numbers = sorted({each.n for each, _ in of})
        each_of = " to ".join(words.count(n) for n in dict.fromkeys((numbers[0], numbers[-1])))
        sentences = [f"flags most cells under {words.listing(most)}"] if most else []
        if fewer:
            sentences.append(f"flags fewer than half under {words.listing(fewer)}")
        lines.append(
            f"Of {each_of} cells disturbed at strength {strength}, it {'; it '.join(sentences)}."
        )
    return lines


def _flagged(each: NoveltyOf, share: float) -> str:
    return f"{words.disturbance(each.name)} ({words.percent(share, 1)})"


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
    """Whether it finds wrong decisions, no more than the intervals say."""
    area, familiar, flagged = part.auroc_errors, part.error_familiar, part.error_flagged
    if area.value is None:
        return "Whether it finds wrong decisions cannot be said: there are none, or nothing else."
    rates = (
        f"{_wrong(flagged, 'flagged')} and {_wrong(familiar, 'other')} are decided wrongly; AUROC "
        f"of telling wrong decisions from right ones: {words.figure(area)}"
    )
    ranked = area.low is not None and area.low > 0.5
    low, high = flagged.share.low, familiar.share.high
    apart = low is not None and high is not None and low > high
    if ranked and apart:
        still = "Still, most wrong decisions are on familiar cells."
        if familiar.wrong <= flagged.wrong:
            still = "Familiar ones may be wrong too."
        return f"Flagged cells are decided wrongly more often: {rates}. {still}"
    if ranked or apart:
        return f"It hints at wrong decisions, but no more: {rates}. A familiar cell may be wrong."
    if area.high is not None and area.high < 0.5:
        return f"It does not find errors; familiar cells are even wrong more often: {rates}."
    return (
        f"It is not shown to find errors: {rates}. That a cell is familiar does not mean that it "
        "is named rightly."
    )


def _wrong(found: Wrong, which: str) -> str:
    """How many of some cells are decided wrongly."""
    cells = f"{words.count(found.wrong)} of {words.count(found.n)} {which} cells"
    return f"{cells} ({_shares(found.share)})" if found.n else cells


def _shares(found: Estimate) -> str:
    """A share with its interval, in per cent."""
    if found.value is None:
        return words.NOT_DEFINED
    value = words.percent(found.value, 1)
    if found.low is None or found.high is None:
        return f"{value}, interval not defined"
    return f"{value}, {words.percent(found.low, 1)} to {words.percent(found.high, 1)}"


def _limit(part: NoveltyPart) -> str:
    if part.limit_low is None or part.limit_high is None:
        return words.NOT_DEFINED
    low, high = words.number(part.limit_low), words.number(part.limit_high)
    return low if low == high else f"{low} to {high} by fold"


def trust(result: RunResult) -> list[str]:
    """For the summary: that unseen cell types pass, or else that new cells are strange to it."""
    part = result.novelty
    shares = [share for _, share in _left_out(part)]
    if shares and median(shares) < HALF:
        return [
            f"The novelty score {_verdict(part)}, and the classifier names them as one of its "
            "classes: with a class left out of the training, in the median "
            f"{words.percent(median(shares), 1)} of its cells are flagged."
        ]
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
