"""results.csv and patients.csv: every figure of run.json once, with all its digits."""

import csv
import io
from pathlib import Path

import pytest

from classifiers.result import RunResult
from data.errors import BlastlineError
from reports.csv import COLUMNS, write_tables
from tests.reports.examples import EXAMPLES, HOSTILE, build


def tables(result: RunResult, folder: Path) -> dict[str, list[dict[str, str]]]:
    result.write(folder / "run.json")
    return {
        path.name: list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        for path in write_tables(folder)
    }


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_a_figure_stands_once(name: str, tmp_path: Path) -> None:
    rows = tables(build(EXAMPLES[name]), tmp_path)["results.csv"]
    keys = [(each["classifier"], each["cells"], each["metric"], each["class"]) for each in rows]
    assert len(set(keys)) == len(keys) > 100
    assert all(tuple(each) == COLUMNS for each in rows)


def test_disturbances_of_several_strengths_have_rows_of_their_own(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"])
    blur = next(each for each in result.novelty.sets if each.strength == 3)
    sets = [*result.novelty.sets, blur.model_copy(update={"strength": 1})]
    novelty = result.novelty.model_copy(update={"sets": sets})
    rows = tables(result.model_copy(update={"novelty": novelty}), tmp_path)["results.csv"]
    keys = [(each["classifier"], each["cells"], each["metric"], each["class"]) for each in rows]
    assert len(set(keys)) == len(keys)
    assert ("selected", f"{blur.name} 1", "unlike_training_cells", "") in keys


@pytest.mark.parametrize("name", ["five", "hostile"])
def test_figures_are_those_of_the_result(name: str, tmp_path: Path) -> None:
    result = build(EXAMPLES[name])
    rows = tables(result, tmp_path)["results.csv"]
    found = {(r["classifier"], r["cells"], r["metric"], r["class"]): r for r in rows}
    for key, item in result.classifiers.items():
        for cells, metrics in (("test", item.test), ("validation", item.validation)):
            if metrics is None:
                assert (key, cells, "accuracy", "") not in found
                continue
            row = found[key, cells, "f1_macro", ""]
            figure = metrics.f1_macro
            assert [float(row[each]) for each in ("value", "low", "high")] == [
                figure.value, figure.low, figure.high,
            ]  # fmt: skip
            assert (int(row["n"]), int(row["groups"])) == (metrics.n, metrics.n_groups)
            for of, each in metrics.per_class.items():
                recall = found[key, cells, "recall", of]
                assert recall["value"] == (
                    "" if each.recall.value is None else f"{each.recall.value}"
                )
                assert found[key, cells, "support", of]["value"] == f"{float(each.support)}"
    point = result.evaluation.operating[0]
    row = found["selected", "test", "sensitivity", point.name]
    assert float(row["value"]) == point.sensitivity.value
    at = found["selected", "test", "ppv at 0.125", point.name]
    assert float(at["low"]) == point.at_prevalence[1].ppv.low
    premium = found[result.premium.classifier, "random minus grouped", "f1_macro", ""]
    assert float(premium["low"]) == result.premium.premium["f1_macro"].low
    blur = next(each for each in result.robustness.perturbed if each.kind.startswith("blur"))
    row = found["selected", f"{blur.kind} {blur.strength}", "f1_macro_change", ""]
    assert float(row["value"]) == blur.f1_macro_change.value
    worse = next(each for each in result.subgroups.subsets if each.worse)
    row = found["selected", f"{worse.property}: {worse.name}", "accuracy_gap", ""]
    assert (float(row["value"]), int(row["n"])) == (worse.gap.value, worse.n)
    judged = found["selected", "patients", "accuracy by mean probability", ""]
    assert int(judged["n"]) == result.evaluation.patients.n_labelled


def test_every_patient_has_a_row_under_its_own_name(tmp_path: Path) -> None:
    result = build(EXAMPLES["hostile"])
    rows = tables(result, tmp_path)["patients.csv"]
    part = result.evaluation.patients
    assert [each["patient"] for each in rows] == [each.name for each in part.rows]
    assert HOSTILE[0] in rows[0]["patient"]
    assert float(rows[0][f"probability {part.labels[0]}"]) == 0.8765


def test_patients_of_an_earlier_fit_do_not_stay(tmp_path: Path) -> None:
    assert "patients.csv" in tables(build(EXAMPLES["two"]), tmp_path)
    assert list(tables(build(EXAMPLES["no_patients"]), tmp_path)) == ["results.csv"]
    assert not (tmp_path / "patients.csv").exists()


def test_a_table_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    build(EXAMPLES["two"]).write(tmp_path / "run.json")
    (tmp_path / "results.csv").mkdir()
    with pytest.raises(BlastlineError, match=r"results\.csv: cannot be written"):
        write_tables(tmp_path)
