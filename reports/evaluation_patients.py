"""The section on patients: what the cells of each say together."""

from classifiers.evaluation.parts import PatientRow, PatientsPart
from classifiers.result import RunResult
from reports import words

MOST_ROWS = 200  # of the table of all patients; patients.csv has the rest
RULES = {
    "mean probability": "mean probability of the cells",
    "majority of cells": "majority of the cells",
}


def patients(result: RunResult) -> dict[str, object]:
    """Rules that sum up cells, the patients with most errors, and all patients."""
    part = result.evaluation.patients
    positive = _positive(part)
    return {
        "part": part,
        "positive": positive,
        "lead": in_words(part),
        "rules": [(words.sentence(RULES[each.rule])[:-1], each) for each in part.rules],
        "worst": [_row(row, positive) for row in part.worst],
        "rows": [_row(row, positive) for row in part.rows[:MOST_ROWS]],
    }


def in_words(part: PatientsPart) -> str:
    """How many patients are named rightly by the mean probability of their cells."""
    if not part.rules or (right := part.rules[0].accuracy).value is None:
        return ""
    return (
        f"Of {words.plural(part.n_labelled, 'patient')}, the mean probability of the cells names "
        f"{round(right.value * part.n_labelled)} rightly: {words.figure(right)}."
    )


def trust(result: RunResult) -> list[str]:
    """For the summary; nothing where no patient can be judged."""
    line = in_words(result.evaluation.patients)
    return [line] if line else []


def _positive(part: PatientsPart) -> str:
    """The label that means disease; empty where none does."""
    return part.labels[1] if any(row.positive_share is not None for row in part.rows) else ""


def _row(row: PatientRow, positive: str) -> tuple[PatientRow, str, float, bool, bool]:
    """A patient, its share of wrong cells, the probability shown, and which rule is mistaken."""
    shown = positive or row.by_mean
    return (
        row,
        words.percent(row.wrong or 0, row.cells),
        row.probability.get(shown, 0.0),
        bool(row.label) and row.by_mean != row.label,
        bool(row.label) and row.by_majority != row.label,
    )
