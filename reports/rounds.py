"""The section on fitting in rounds: self-training and confidence feedback beside plain fitting."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from classifiers.result import UNLABELLED, InRoundsPart, RoundPart, RunResult
from reports import rounds_figure, words

MOST_CLASSES = 12  # named in a row of the table of rounds

SETTINGS: dict[str, Callable[[float], str]] = {
    "rounds": lambda value: f"at most {words.plural(int(value), 'round')}",
    "growth": lambda value: (
        f"each round may take {words.parameter(100 * value)}\u00a0% more of the unlabelled cells"
    ),
    "threshold": lambda value: f"a pseudo-label needs a probability of {words.parameter(value)}",
    "balanced": lambda value: (
        "pseudo-labels are shared among the classes as the labels are"
        if value
        else "the surest cells come first, whatever their class"
    ),
    "soft": lambda value: (
        "a pseudo-label counts by its probability"
        if value
        else "a pseudo-label counts as much as a label"
    ),
    "agreement": lambda value: (
        "all classifiers, and each backbone alone, must agree on it" if value else ""
    ),
    "feedback_rounds": lambda value: f"at most {words.plural(int(value), 'round')}",
    "feedback_threshold": lambda value: (
        f"a cell is doubtful where its label has a probability below {words.parameter(value)}"
    ),
    "feedback_weight": lambda value: f"its weight is then multiplied by {words.parameter(value)}",
}


@dataclass(frozen=True)
class Kind:
    """A way to fit in rounds, in words.

    Attributes:
        key: field of the result, and role of the classifier.
        plain: what it is compared with and rolled back to.
        held: what the figure counts beside the score.
        unasked: the option that there is none of it without.
        bundle: folder of its model in the run.
    """

    key: str
    title: str
    plain: str
    how: str
    held: str
    note: str
    unasked: str
    bundle: str


KINDS = (
    Kind(
        "self_training",
        "Self-training",
        "the labelled cells alone",
        "Each round looks at all unlabelled cells anew: the surest get a pseudo-label and teach "
        "the next round, and a pseudo-label that no longer holds is dropped.",
        "pseudo-labels held, mean of all folds",
        "How many pseudo-labels are right cannot be known here, since the truth about unlabelled "
        "cells is not. It can be in a simulation: 'blastline simulate-labels' hides known labels.",
        "--rounds 0",
        "bundle-self-trained/",
    ),
    Kind(
        "feedback",
        "Confidence feedback",
        "plain training",
        "Each round gives more weight to the training cells whose own label a classifier that "
        "has not seen them finds improbable.",
        "cells fed back, mean of the folds that made the round",
        "A wrong label is doubtful too and gains weight: see the likely label errors below. "
        "Classifiers that know no weights learn nothing from them.",
        "--feedback-rounds",
        "bundle-feedback/",
    ),
)


def rounds(result: RunResult) -> dict[str, object]:
    """Both kinds of fitting in rounds: gain in words, figure, rounds; None for what is missing."""
    return {
        "kinds": [(kind, _content(result, kind), why_absent(result, kind.key)) for kind in KINDS]
    }


def why_absent(result: RunResult, key: str) -> str:
    """Why there are no rounds of this kind, as far as the result tells."""
    option = next(kind.unasked for kind in KINDS if kind.key == key)
    pool = [step.count for step in result.flow if step.name == UNLABELLED]
    if key == "self_training" and pool and not any(pool):
        return "there were no unlabelled cells to learn from"
    if result.galleries.drawn:
        return f"it was not asked for ({option}), or the embeddings did not fit into memory"
    return f"it was not asked for ({option})"


def meaning(result: RunResult) -> list[str]:
    """Lines for the summary: rounds that helped, did harm or were rolled back everywhere."""
    lines = []
    for kind in KINDS:
        part = _part(result, kind)
        if part is None or not _made(part):
            continue
        gain = part.f1_macro_gain
        if not any(part.kept):
            lines.append(f"{kind.title} gained too little on validation cells: rolled back.")
        elif gain.low is not None and gain.low > 0:
            lines.append(
                f"{kind.title} changed macro F1 by {words.signed_figure(gain)}. The headline is "
                f"without it; the model is in {kind.bundle}."
            )
        elif gain.high is not None and gain.high < 0:
            lines.append(
                f"{kind.title} did harm: macro F1 changed by {words.signed_figure(gain)}. The "
                f"headline is without it; do not use {kind.bundle}."
            )
    return lines


def _content(result: RunResult, kind: Kind) -> dict[str, object] | None:
    part = _part(result, kind)
    if part is None:
        return None
    rows = [(words.sentence(kind.plain).rstrip("."), words.selected(result).test)]
    rows += [(item.title, item.test) for item in words.with_role(result, kind.key)]
    settings = [
        SETTINGS[key](value) if key in SETTINGS else f"{key} = {words.parameter(value)}"
        for key, value in part.settings.items()
    ]
    metric = words.METRICS.get(part.metric, part.metric)
    return {
        "part": part,
        "gain": _gain(kind, part),
        "settings": words.sentence("; ".join(filter(None, settings))) if settings else "",
        "kept": _kept(result, kind, part),
        "stopped": words.listing(
            reason if len(part.kept) == 1 else f"{reason} ({words.plural(n, 'fold')})"
            for reason, n in part.stopped.items()
        ),
        "rows": [(title, test.accuracy, test.f1_macro) for title, test in rows],
        "metric": metric,
        "rounds": [
            (each, words.signed(each.score_gain), _totals(kind, each), _by_class(each))
            for each in part.rounds
        ],
        "figure": rounds_figure.by_round(
            part.rounds,
            _held(kind, part),
            part.kept,
            f"change of {metric} on validation cells against round 0",
            kind.held,
            f"{kind.title}, round by round: {metric} on validation cells, {kind.held}, and the "
            "number of folds in which each round counts",
            f"rounds-{kind.key}",
        )
        if _made(part)
        else "",
    }


def _part(result: RunResult, kind: Kind) -> InRoundsPart | None:
    found: InRoundsPart | None = getattr(result, kind.key)
    return found


def _made(part: InRoundsPart) -> int:
    """Folds that made a round after the plain one."""
    return max((each.folds for each in part.rounds if each.number), default=0)


def _gain(kind: Kind, part: InRoundsPart) -> str:
    """The paired gain in macro F1 as a sentence that claims no more than its interval."""
    gain, name = part.f1_macro_gain, kind.title.lower()
    if not any(part.kept):
        why = "no round gained enough on validation cells" if _made(part) else "no round was made"
        return f"{kind.title} changed nothing: {why}, so its figures are those of {kind.plain}."
    if gain.value is None:
        return f"The gain in macro F1 by {name} is not defined."
    text = f"On the same test cells macro F1 changed by {words.signed_figure(gain)}"
    if gain.low is None or gain.high is None:
        return f"{text}: without an interval it shows nothing."
    if gain.low > 0:
        return f"{text}: {name} helped."
    if gain.high < 0:
        return f"{text}: {name} did harm."
    return f"{text}. The interval holds zero: neither help nor harm is shown."


def _kept(result: RunResult, kind: Kind, part: InRoundsPart) -> str:
    """Which round counts where, and where there was a way back."""
    if not _made(part):
        return "No round was made after the plain classifier."
    number = part.kept_final
    final = f"is that of round {number}" if number else f"is rolled back to {kind.plain}"
    if result.split.protocol == "fixed test set":
        return f"The model {final}."
    of_round = defaultdict(list)
    for fold, number in enumerate(part.kept):
        of_round[number].append(str(fold))
    back = _made(part) - sum(number > 0 for number in part.kept)
    phrases = [
        f"round {number} counts in {'fold' if len(folds) == 1 else 'folds'} {words.listing(folds)}"
        for number, folds in sorted(of_round.items())
        if number
    ]
    if back:
        of = words.plural(len(part.kept), "fold")
        where = f"all {of}" if back == len(part.kept) > 1 else f"{back} of {of}"
        phrases.insert(0, f"rolled back to {kind.plain} in {where}")
    return f"{words.sentence('; '.join(phrases))} The final model, on all training cells, {final}."


def _held(kind: Kind, part: InRoundsPart) -> list[float]:
    """What each round was given, a fold: (rounds,).

    Pseudo-labels are given by what changed; a fold that has stopped holds what it held last.
    """
    if kind.key == "feedback":
        return [_sum(each, "fed_back") / max(1, each.folds) for each in part.rounds]
    held, found = 0, []
    for each in part.rounds:
        held += _sum(each, "added") - _sum(each, "dropped")
        found.append(held / max(1, len(part.kept)))
    return found


def _totals(kind: Kind, each: RoundPart) -> list[int]:
    names = ("fed_back",) if kind.key == "feedback" else ("added", "dropped")
    return [_sum(each, name) for name in names]


def _sum(each: RoundPart, name: str) -> int:
    return sum(each.counts.get(name, {}).values())


def _by_class(each: RoundPart) -> str:
    """Classes with what was added and dropped, or fed back: ``L1 +12 −3, L2 +4``."""
    signs = {"added": "+", "dropped": "−"}
    found: dict[str, tuple[int, str]] = {}
    for what, counts in each.counts.items():
        for name, n in counts.items():
            if n:
                total, text = found.get(name, (0, name))
                found[name] = total + n, f"{text}\u00a0{signs.get(what, '')}{words.count(n)}"
    largest = sorted(found, key=lambda name: -found[name][0])[:MOST_CLASSES]
    texts = [found[name][1] for name in found if name in largest]
    if len(found) > len(texts):
        texts.append(f"and {words.plural(len(found) - len(texts), 'further class')}")
    return ", ".join(texts)
