"""Patients: what their cells say together, and who is not judged."""

from typing import Any

from classifiers.evaluation.parts import EvaluationPart
from tests.reports.examples import EXAMPLES, build
from tests.reports.test_evaluation import changed, printed
from tests.reports.test_sections import read


def test_patients_are_judged_by_both_rules() -> None:
    result = build(EXAMPLES["five"])
    part = result.evaluation.patients
    found = read("patients", result)
    text = found.text("main")
    right = printed(part.rules[0].accuracy)
    line = f"Of 23 patients, the mean probability of the cells names 22 rightly: {right}"
    assert line in text and line in read("summary", result).text("ul")
    assert f"Mean probability of the cells {right} 0.909 (0.587–0.998) 1.000 (0.850–1.000)" in text
    assert "Majority of the cells" in text and "0.988 (interval not defined)" in text
    assert "P23 24 13 54.2 % Blast or L1 or L2 or L3" in text
    assert "3 cells of no known patient" in text and "P01 several" in text
    assert len(found.tags("details")) == 1
    assert text.count("Normal wrong") == 2  # by either rule


def test_patients_of_several_classes_have_no_sensitivity() -> None:
    result = build(EXAMPLES["hundred"])
    text = read("patients", result).text("main")
    assert "Sensitivity" not in text and "Cells called positive" not in text
    assert "Mean probability of the class named" in text


def test_unknown_patients_are_said_to_be() -> None:
    result = build(EXAMPLES["no_patients"])
    text = read("patients", result).text("main")
    assert "not judged in this run: no cell names its patient" in text
    assert "patients," not in read("summary", result).text("ul")


def test_at_most_200_patients_are_shown() -> None:
    def change(part: EvaluationPart) -> dict[str, Any]:
        rows = [
            part.patients.rows[0].model_copy(update={"name": f"n{number:03}"})
            for number in range(201)
        ]
        return {"patients": part.patients.model_copy(update={"n": 201, "rows": rows})}

    text = read("patients", changed("five", change)).text("main")
    assert "The first 200 of 201 patients" in text and "patients.csv" in text
    assert "n199" in text and "n200" not in text
