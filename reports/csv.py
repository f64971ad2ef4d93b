"""results.csv and patients.csv: the figures of a run as tables, for papers and other programs."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import EvaluationPart, PatientsPart
from classifiers.result import Metrics, RunResult
from data.errors import BlastlineError
from data.files import write_text

COLUMNS = (
    "classifier", "cells", "metric", "class", "value", "low", "high", "n", "groups",
)  # fmt: skip
OVERALL = ("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "auroc")
BY_CLASS = ("precision", "recall", "f1", "auroc")
AT_POINT = (
    "sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative", "auroc",
    "average_precision",
)  # fmt: skip
OF_PROBABILITIES = ("brier", "log_loss", "ece", "classwise_ece")

Row = tuple[object, ...]
Figure = tuple[str, str, Estimate]  # metric, class, figure


def write_tables(run_folder: Path) -> list[Path]:
    """Write results.csv, and patients.csv where patients are known, beside the report.

    results.csv has one row a figure: classifier, ``test`` or ``validation`` cells (``patients``
    where patients are counted; else the split, disturbance, subset or set of cells), metric, class
    (empty: of all), value, low and high of the 95 % interval (empty: not defined), n cells and
    groups that the figure rests on. A positive predictive value at another prevalence is the metric
    ``ppv at 0.05``. All stems from run.json.

    Raises:
        BlastlineError: no readable result there, or a table cannot be written.
    """
    result = RunResult.read(run_folder / "run.json")
    tables = {"results.csv": as_csv(COLUMNS, results_rows(result))}
    patients = result.evaluation.patients
    if patients.rows:
        tables["patients.csv"] = as_csv(*_patients(patients))
    else:
        (run_folder / "patients.csv").unlink(missing_ok=True)  # of an earlier fit of this run
    for name, text in tables.items():
        try:
            write_text(run_folder / name, text)
        except OSError as error:
            raise BlastlineError(
                f"{run_folder / name}: cannot be written ({error}); check the folder"
            ) from None
    return [run_folder / name for name in tables]


def as_csv(columns: Iterable[str], rows: Iterable[Row]) -> str:
    """A table as CSV text: None is empty, numbers have all their digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def results_rows(result: RunResult) -> Iterator[Row]:
    """Rows of results.csv in the order of ``COLUMNS``."""
    for name, item in result.classifiers.items():
        for cells, metrics in (("test", item.test), ("validation", item.validation)):
            if metrics is not None:
                counts = (metrics.n, metrics.n_groups)
                yield from _rows((name, cells), _of_metrics(metrics), counts)
    part = result.evaluation
    yield from _rows(("selected", "test"), _in_depth(part), (part.n, part.n_groups))
    judged = part.patients.n_labelled
    yield from _rows(("selected", "patients"), _by_patient(part.patients), (judged, judged))
    yield from _stress(result)


def _stress(result: RunResult) -> Iterator[Row]:
    """Other splits, disturbed, strange and special test cells; the second column says which."""
    premium = result.premium
    counts = (premium.n, premium.n_groups)
    for split in ("grouped", "random", "premium"):
        figures = getattr(premium, split).items()
        yield from _rows(
            (
                premium.classifier,
                f"{split} split" if split != "premium" else "random minus grouped",
            ),
            ((name, "", found) for name, found in figures),
            counts,
        )
    robustness = result.robustness
    counts = (robustness.n, robustness.n_groups)
    for each in robustness.perturbed:
        names = ("accuracy", "f1_macro", "f1_macro_change")
        yield from _rows(
            ("selected", f"{each.kind} {each.strength}"),
            ((name, "", getattr(each, name)) for name in names),
            counts,
        )
    for subset in result.subgroups.subsets:
        yield from _rows(
            ("selected", f"{subset.property}: {subset.name}"),
            (("accuracy", "", subset.accuracy), ("accuracy_gap", "", subset.gap)),
            (subset.n, subset.n_groups),
        )
    for strange in (*result.novelty.sets, *result.novelty.left_out):
        found = [("unlike_training_cells", "", strange.flagged)]
        if strange.auroc is not None:
            found.append(("auroc_of_novelty", "", strange.auroc))
        which = f"{strange.name} {strange.strength}" if strange.strength else strange.name
        which = f"left out: {which}" if strange.kind == "left out" else which
        for metric, of, estimate in found:
            yield ("selected", which, metric, of, estimate.value, estimate.low, estimate.high,
                   strange.n, None)  # fmt: skip


def _rows(
    first: tuple[str, str], figures: Iterable[Figure], last: tuple[int, int]
) -> Iterator[Row]:
    for metric, of, found in figures:
        yield (*first, metric, of, found.value, found.low, found.high, *last)


def _of_metrics(metrics: Metrics) -> Iterator[Figure]:
    for name in OVERALL:
        yield name, "", getattr(metrics, name)
    for of, each in metrics.per_class.items():
        for name in BY_CLASS:
            yield name, of, getattr(each, name)
        yield "support", of, Estimate(value=each.support, low=None, high=None)


def _in_depth(part: EvaluationPart) -> Iterator[Figure]:
    for point in part.operating:
        for name in AT_POINT:
            # Of one class against the rest, the metrics by class have it already.
            if not (name == "auroc" and point.name in part.average_precision):
                yield name, point.name, getattr(point, name)
        for at in point.at_prevalence:
            yield f"ppv at {at.prevalence:g}", point.name, at.ppv
            yield f"npv at {at.prevalence:g}", point.name, at.npv
    given = {point.name for point in part.operating}
    for of, found in part.average_precision.items():
        if of not in given:
            yield "average_precision", of, found
    yield "average_precision_macro", "", part.average_precision_macro
    yield from _of_probabilities(part)
    yield "error_of_most_probable", "", part.coverage.error
    yield "area_under_risk_coverage", "", part.coverage.aurc
    for wish in part.coverage.wishes:
        yield f"coverage at error {wish.wish:g}", "", wish.coverage
        yield f"error at error {wish.wish:g}", "", wish.error
    for sets in part.conformal.sets:
        kind = f"{sets.level:g} {'by class' if sets.by_class else 'overall'}"
        yield f"set_coverage {kind}", "", sets.coverage
        yield f"set_size {kind}", "", sets.size
        for of, found in sets.coverage_by_class.items():
            yield f"set_coverage {kind}", of, found


def _of_probabilities(part: EvaluationPart) -> Iterator[Figure]:
    found = part.calibration
    for suffix, each in (("", found.after), ("_uncalibrated", found.before)):
        if each is not None:
            for name in OF_PROBABILITIES:
                yield name + suffix, "", getattr(each, name)
    for name, gain in (("brier_gain", found.brier_gain), ("log_loss_gain", found.log_loss_gain)):
        if gain is not None:
            yield name, "", gain


def _by_patient(part: PatientsPart) -> Iterator[Figure]:
    for each in part.rules:
        of_rule: Mapping[str, Estimate | None] = {
            "accuracy": each.accuracy,
            "sensitivity": each.sensitivity,
            "specificity": each.specificity,
            "auroc": each.auroc,
        }
        for name, found in of_rule.items():
            if found is not None:
                yield f"{name} by {each.rule}", "", found


def _patients(part: PatientsPart) -> tuple[list[str], list[Row]]:
    """Columns and rows of patients.csv."""
    columns = ["patient", "label", "cells", "wrong", "by_mean", "by_majority", "positive_share"]
    rows = [
        (
            each.name, each.label, each.cells, each.wrong, each.by_mean, each.by_majority,
            each.positive_share, *(each.probability.get(name) for name in part.labels),
        )
        for each in part.rows
    ]  # fmt: skip
    return columns + [f"probability {name}" for name in part.labels], list(rows)
