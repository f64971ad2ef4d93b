"""Sections on how far the selected classifier can be trusted: decision, probabilities, doubt."""

from collections.abc import Sequence

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import CalibrationPart, OperatingPoint, PredictionSets, RiskWish
from classifiers.result import RunResult
from reports import coverage_figure, reliability_figure, words

Printed = tuple[str, str]  # a figure and its interval
LEAST_COVERAGE = 0.5  # a promise for fewer cells is not what a summary should begin with
VERDICTS = {
    "met": "kept",
    "met within the interval": "missed, though not beyond chance",
    "not met": "missed",
    "not reachable": "out of reach",
}
METHODS = {
    "temperature": "one temperature",
    "sigmoid": "a sigmoid for each class",
    "isotonic": "isotonic regression for each class",
    "none": "no calibration",
}


def operating(result: RunResult) -> dict[str, object]:
    """The decision for or against the positive classes; where there are none, each class."""
    part = result.evaluation
    if not part.positive:
        return {"point": None, "points": [(each, *_ratios(each)) for each in part.operating]}
    point = part.operating[0]
    negative = [name for name in result.dataset.classes if name not in part.positive]
    up, down = _ratios(point)
    return {
        "point": point,
        "negative": " or ".join(negative),
        "hundred": _of_a_hundred(point, " or ".join(negative)),
        "threshold": _threshold(point),
        "figures": [
            ("Sensitivity", _printed(point.sensitivity), "share of the positive cells found"),
            ("Specificity", _printed(point.specificity), "share of the negative cells passed"),
            (
                "Positive likelihood ratio",
                up,
                "odds of being positive after a positive call, as a multiple of those before",
            ),
            ("Negative likelihood ratio", down, "the same after a negative call"),
            ("AUROC", _printed(point.auroc), "chance that a positive cell outscores a negative"),
            (
                "Average precision",
                _printed(point.average_precision),
                "mean precision over all thresholds",
            ),
        ],
        "predictive": [
            (f"{words.percent(point.n_positive, result.evaluation.n)}, as here", point),
            *((f"{100 * at.prevalence:g}\u00a0%", at) for at in point.at_prevalence),
        ],
    }


def _of_a_hundred(point: OperatingPoint, negative: str) -> str:
    found, passed = point.sensitivity, point.specificity
    parts = []
    if found.value == 1:
        parts.append(
            f"all {words.plural(point.n_positive, 'cell')} that are {point.name} are found"
            f"{words.at_least(found)}"
        )
    elif found.value is not None:
        right = words.of_hundred(found.value)
        parts.append(f"of 100 cells that are {point.name}, about {right} are found")
    if passed.value == 1:
        parts.append(
            f"none of {words.plural(point.n_negative, 'cell')} that are {negative} is called "
            f"positive{words.at_least(passed, 'called negative')}"
        )
    elif passed.value is not None:
        wrong = words.of_hundred(1 - passed.value)
        parts.append(f"of 100 that are {negative}, about {wrong} are called positive too")
    return words.sentence("; ".join(parts)) if parts else ""


def _threshold(point: OperatingPoint) -> str:
    if point.threshold_low is None or point.threshold_high is None:
        return "none: the most probable class decides"
    low, high = words.number(point.threshold_low), words.number(point.threshold_high)
    if low == high:
        return f"a probability above {low}"
    return f"a probability above {low} to {high} by fold"


def _printed(found: Estimate) -> Printed:
    if found.value is None:
        return words.NOT_DEFINED, ""
    return words.number(found.value), words.interval(found) or "interval not defined"


def _ratios(point: OperatingPoint) -> tuple[Printed, Printed]:
    return _ratio(point.lr_positive), _ratio(point.lr_negative)


def _ratio(found: Estimate) -> Printed:
    """A figure that may be infinite, or have no upper bound."""
    if found.value is None:
        if found.low is None:
            return words.NOT_DEFINED, ""
        return "infinite", f"at least {_short(found.low)}"
    if found.low is None:
        return _short(found.value), "interval not defined"
    return _short(found.value), f"{_short(found.low)}–{_short(found.high)}"


def _short(value: float | None) -> str:
    """A ratio: the larger, the fewer decimals."""
    if value is None:
        return "∞"
    if value >= 99.95:
        return words.count(round(value))
    return f"{value:.1f}" if value >= 9.995 else f"{value:.3f}"


def calibration(result: RunResult) -> dict[str, object]:
    """Confidence against accuracy, before and after calibration."""
    part = result.evaluation.calibration
    # Without calibration both are the same.
    before = None if part.method == "none" else part.before
    names = (
        ("Brier score", "brier", part.brier_gain),
        ("Log loss", "log_loss", part.log_loss_gain),
        ("Calibration error of the class named", "ece", None),
        ("Calibration error, mean of all classes", "classwise_ece", None),
    )
    return {
        "part": part,
        "before": before,
        "method": METHODS.get(part.method, part.method),
        "bins": _off(part),
        "gain": _gain(part) if before else "",
        "rows": [
            (
                title,
                getattr(before, name) if before else None,
                getattr(part.after, name),
                words.signed_figure(gain) if gain else "–",
            )
            for title, name, gain in names
        ],
        "figure": reliability_figure.reliability(
            part.after.bins,
            before.bins if before else [],
            "Accuracy against confidence of the test cells, in bins of about equally many",
        ),
    }


def _off(part: CalibrationPart) -> str:
    """In how many bins accuracy is credibly not what the confidence promises."""
    bins = part.after.bins
    bold = sum(each.accuracy.high is not None and each.confidence > each.accuracy.high
               for each in bins)  # fmt: skip
    timid = sum(each.accuracy.low is not None and each.confidence < each.accuracy.low
                for each in bins)  # fmt: skip
    if all(each.accuracy.low is None for each in bins):
        return "The bins have no intervals, so nothing can be said of them."
    if not bold and not timid:
        return "In every bin the interval of the accuracy holds the confidence."
    if bold and timid:
        how = f"in {bold} it is too sure and in {timid} not sure enough"
    else:
        how = "it is too sure there" if bold else "it is not sure enough there"
    return (
        f"In {bold + timid} of {words.plural(len(bins), 'bin')} the interval of the accuracy does "
        f"not hold the confidence: {how}."
    )


def _gain(part: CalibrationPart) -> str:
    """What calibration did to the log loss, no more than its interval says."""
    gain = part.log_loss_gain
    if gain is None or gain.low is None or gain.high is None:
        return "Whether calibration helped cannot be said: its gain has no interval."
    if gain.low > 0:
        return "Calibration made the probabilities better."
    if gain.high < 0:
        return "Calibration made the probabilities worse."
    return "Calibration changed the probabilities by no more than chance does."


def coverage(result: RunResult) -> dict[str, object]:
    """The error on the surest cells, and how far cells can be left out to keep a wished error."""
    part = result.evaluation.coverage
    return {
        "part": part,
        "rows": [(_percent(each.wish), each, VERDICTS[each.verdict]) for each in part.wishes],
        "lines": [_wish(each) for each in part.wishes],
        "figure": coverage_figure.coverage(
            part.curve,
            part.wishes,
            "Error of the surest cells against the share of cells that are accepted",
        ),
    }


def _percent(share: float) -> str:
    return f"{100 * share:g}\u00a0%"


def _exactly(share: float) -> str:
    """A share to two decimals, so that it does not round to the wish that it missed."""
    return f"{100 * share:.2f}\u00a0%"


def _wish(each: RiskWish) -> str:
    wish = f"At most {_percent(each.wish)}"
    if each.verdict == "not reachable" or each.error.value is None or each.coverage.value is None:
        found = words.percent(each.found, 1)
        return (
            f"{wish}: out of reach; a confidence that keeps it was found in {found} of the tries."
        )
    taken = f"{words.percent(each.coverage.value, 1)} of the cells are accepted"
    wrong = f"{_exactly(each.error.value)} of these are wrong"
    if each.verdict == "met":
        high = each.error.high
        sure = (
            "" if high is None or high <= each.wish else ", though the interval reaches above that"
        )
        return f"{wish}: kept; {taken}, {wrong}{sure}."
    return f"{wish}: {VERDICTS[each.verdict]}; {taken}, but {wrong}."


def conformal(result: RunResult) -> dict[str, object]:
    """Conformal prediction sets: what they hold, and how large they are."""
    part = result.evaluation.conformal
    return {
        "part": part,
        "lead": _in_sets(part.sets),
        "short": [
            f"{_percent(each.level)}, {_kind(each)}"
            for each in part.sets
            if each.coverage.high is not None and each.coverage.high < each.level
        ],
        "rows": [(_percent(each.level), _kind(each), each, *_worst(each)) for each in part.sets],
    }


def _kind(sets: PredictionSets) -> str:
    return "a limit for each class" if sets.by_class else "one limit"


def _worst(sets: PredictionSets) -> tuple[str, Estimate]:
    """The class that its sets miss most often."""
    found = {name: each for name, each in sets.coverage_by_class.items() if each.value is not None}
    if not found:
        return "", Estimate(value=None, low=None, high=None)
    name = min(found, key=lambda name: found[name].value or 0.0)
    return name, found[name]


def _in_sets(sets: Sequence[PredictionSets]) -> str:
    """The highest level, in words."""
    whole = [each for each in sets if not each.by_class and each.coverage.value is not None]
    if not whole:
        return ""
    each = max(whole, key=lambda each: each.level)
    none = (
        f", and {words.percent(each.empty, 1)} get none: they are unlike all classes"
        if each.empty
        else ""
    )
    return (
        f"Sets meant to hold the true class of {_percent(each.level)} of the cells held that of "
        f"{words.percent(each.coverage.value or 0.0, 1)}. {words.percent(each.single, 1)} of the "
        f"cells get one class alone, {words.percent(each.multiple, 1)} get several, between which "
        f"the classifier does not choose{none}."
    )


def trust(result: RunResult) -> list[str]:
    """For the summary: how good it is on the cells it is sure of, where that was kept."""
    part = result.evaluation.coverage
    kept = [
        each
        for each in part.wishes
        if each.verdict == "met" and part.error.value is not None and each.wish < part.error.value
    ]
    wide = [each for each in kept if (each.coverage.value or 0.0) >= LEAST_COVERAGE]
    if not kept:
        return []
    best = min(wide, key=lambda each: each.wish) if wide else max(kept, key=lambda each: each.wish)
    return [
        f"On the surest {words.percent(best.coverage.value or 0.0, 1)} of the cells it errs in "
        f"{_exactly(best.error.value or 0.0)}; the others are better left to a person."
    ]
