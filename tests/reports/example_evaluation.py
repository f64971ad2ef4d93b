"""The evaluation in depth of made-up confusion matrices."""

import numpy as np

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import (
    AtPrevalence,
    Bin,
    CalibrationPart,
    ConformalPart,
    CoveragePart,
    CoveragePoint,
    EvaluationPart,
    OperatingPoint,
    PatientRow,
    PatientRule,
    PatientsPart,
    PredictionSets,
    Reliability,
    RiskWish,
    Verdict,
)
from classifiers.result import Metrics
from tests.reports.example_metrics import UNDEFINED, estimate

HIGHEST = Estimate(value=1.0, low=0.85, high=1.0)


def evaluation(
    found: Metrics, names: list[str], positive: list[str], patients: int | None, odd: str
) -> EvaluationPart:
    """In depth, of the classifier with these figures."""
    confusion = np.array(found.confusion)
    if positive:
        sick = np.isin(names, positive)
        points = [_point(" or ".join(positive), confusion, sick, threshold=True)]
    else:
        points = [_point(name, confusion, np.array(names) == name) for name in names]
    return EvaluationPart(
        n=found.n,
        n_groups=found.n_groups,
        positive=positive,
        operating=points,
        average_precision={
            name: estimate(each.auroc.value, 0.03) for name, each in found.per_class.items()
        },
        average_precision_macro=estimate(0.8765),
        calibration=calibration(before=patients is not None),
        coverage=coverage(1 - float(np.trace(confusion)) / found.n),
        conformal=conformal(names, bool(patients)),
        patients=_patients(names, positive, patients, found.n, odd),
    )


def _point(
    name: str, confusion: np.ndarray, sick: np.ndarray, threshold: bool = False
) -> OperatingPoint:
    tp, fn = int(confusion[sick][:, sick].sum()), int(confusion[sick][:, ~sick].sum())
    fp, tn = int(confusion[~sick][:, sick].sum()), int(confusion[~sick][:, ~sick].sum())

    def share(hits: int, misses: int) -> Estimate:
        return estimate(hits / (hits + misses) if hits + misses else None, 0.03)

    sensitivity, specificity = share(tp, fn), share(tn, fp)
    a, b = sensitivity.value, specificity.value
    rates = a is not None and b not in (None, 0.0, 1.0)
    return OperatingPoint(
        name=name,
        rule="threshold" if threshold else "most probable class",
        threshold_low=0.4012 if threshold else None,
        threshold_high=0.4789 if threshold else None,
        n_positive=tp + fn,
        n_negative=fp + tn,
        true_positives=tp,
        false_positives=fp,
        false_negatives=fn,
        true_negatives=tn,
        sensitivity=sensitivity,
        specificity=specificity,
        ppv=share(tp, fp),
        npv=share(tn, fn),
        lr_positive=_of_one(a / (1 - b)) if rates else UNDEFINED,  # type: ignore[operator]
        lr_negative=_of_one((1 - a) / b) if rates else UNDEFINED,  # type: ignore[operator]
        auroc=estimate(0.9713),
        average_precision=estimate(0.9534),
        at_prevalence=[
            AtPrevalence(prevalence=0.01, ppv=estimate(0.1234), npv=estimate(0.9911)),
            AtPrevalence(prevalence=0.125, ppv=estimate(0.6543), npv=estimate(0.9456)),
        ],
    )


def _of_one(value: float) -> Estimate:
    return Estimate(value=value, low=0.8 * value, high=1.3 * value)


def calibration(before: bool, method: str = "temperature") -> CalibrationPart:
    """Ten bins, too sure in the two middle ones; before calibration twice as far off."""
    return CalibrationPart(
        method=method,
        before=_reliability(0.08) if before else None,
        after=_reliability(0.04),
        brier_gain=Estimate(value=0.0123, low=0.0021, high=0.0234) if before else None,
        log_loss_gain=Estimate(value=0.0345, low=0.0101, high=0.0567) if before else None,
    )


def _reliability(off: float) -> Reliability:
    sure = [0.52, 0.67, 0.78, 0.86, 0.91, 0.945, 0.97, 0.985, 0.994, 0.999]
    below = {1: 0.01, 4: off, 5: off}  # the first of these within its interval
    right = [each - below.get(number, 0) for number, each in enumerate(sure)]
    return Reliability(
        brier=estimate(0.2 + off),
        log_loss=estimate(0.3 + 2 * off),
        ece=estimate(off / 5),
        classwise_ece=estimate(off / 9),
        bins=[
            Bin(count=40 + number, confidence=a, accuracy=estimate(b, 0.03))
            for number, (a, b) in enumerate(zip(sure, right, strict=True))
        ],
    )


def coverage(error: float) -> CoveragePart:
    """The 5 % wish is kept, 2 % just missed, 1 % out of reach."""

    def wish(at: float, share: float, found: float, verdict: Verdict) -> RiskWish:
        return RiskWish(
            wish=at,
            coverage=Estimate(value=share, low=share - 0.05, high=share + 0.04),
            error=Estimate(value=found, low=found / 2, high=found * 1.8),
            found=0.25 if verdict == "not reachable" else 0.9,
            verdict=verdict,
            confidence=None if verdict == "not reachable" else 0.8123,
        )

    steps = [number / 100 for number in range(1, 101)]
    return CoveragePart(
        error=estimate(error),
        aurc=estimate(error / 3, 0.005),
        curve=[
            CoveragePoint(coverage=step, error=error * step**2, confidence=1 - 0.6 * step)
            for step in steps
        ],
        wishes=[
            wish(0.01, 0.05, 0.0456, "not reachable"),
            wish(0.02, 0.6543, 0.0213, "met within the interval"),
            wish(0.05, 0.8512, 0.0387, "met"),
        ],
        note="",
    )


def conformal(names: list[str], several: bool) -> ConformalPart:
    """At both levels; one limit misses the last class, at 95 % beyond chance."""
    if not several:
        return ConformalPart(sets=[], halvings=0, note="all cells are of one group")
    return ConformalPart(
        sets=[
            PredictionSets(
                level=level,
                by_class=by_class,
                coverage=estimate(level - (0.04 if level > 0.9 and not by_class else 0.002)),
                coverage_by_class={
                    name: estimate(level - (0.1 if name == names[-1] else 0)) for name in names
                }
                | {names[0]: UNDEFINED},
                size=estimate(1.0, 0.0).model_copy(update={"value": 1.2345, "high": 1.3456}),
                empty=0.0123 if level < 0.95 else 0.0,
                single=0.8321 if level < 0.95 else 0.7654,
                multiple=0.1556 if level < 0.95 else 0.2346,
            )
            for level in (0.9, 0.95)
            for by_class in (False, True)
        ],
        halvings=10,
        note="",
    )


def _patients(
    names: list[str], positive: list[str], patients: int | None, cells: int, odd: str
) -> PatientsPart:
    """Half of the patients of each of two labels; the last is named wrongly by both rules."""
    if patients is None:
        return PatientsPart(
            n=0, n_labelled=0, unknown=cells, labels=names, rules=[], rows=[], worst=[],
            note="no cell names its patient",
        )  # fmt: skip
    healthy = [name for name in names if name not in positive]
    labels = [" or ".join(healthy), " or ".join(positive)] if positive else names
    rows = []
    for number in range(patients):
        label = labels[number * 2 // patients]
        called = labels[0] if number == patients - 1 else label
        rest = dict.fromkeys(labels, 0.0625)
        rows.append(
            PatientRow(
                name=f"P{number:02}{odd}",
                cells=24,
                label="" if number == 1 else label,
                probability=rest | {called: 0.8765},
                by_mean=called,
                by_majority=called,
                positive_share=(0.75 if called == labels[1] else 0.125) if positive else None,
                wrong=13 if called != label else number % 3,
            )
        )
    share = max(0, patients - 2) / max(1, patients - 1)
    rules = [
        PatientRule(
            rule=rule,
            accuracy=Estimate(value=share, low=0.7543, high=0.9987),
            sensitivity=Estimate(value=0.9091, low=0.5872, high=0.9977) if positive else None,
            specificity=HIGHEST if positive else None,
            auroc=Estimate(value=0.9876, low=None, high=None),
        )
        for rule in ("mean probability", "majority of cells")
    ]
    return PatientsPart(
        n=patients,
        n_labelled=patients - 1,
        unknown=3,
        labels=labels,
        rules=rules,  # type: ignore[arg-type]  # checked by pydantic
        rows=rows,
        worst=[rows[-1]],
        note=f"1 of {patients} patients have cells of several labels and are not judged",
    )
