"""The evaluation in depth: figures as found, verdicts no better than found, absence said."""

from collections.abc import Callable
from typing import Any

import pytest

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import EvaluationPart
from classifiers.result import RunResult
from reports.checklist import checked
from reports.model_card import model_card
from tests.reports.example_evaluation import calibration
from tests.reports.examples import EXAMPLES, HOSTILE, build
from tests.reports.test_sections import read

SECTIONS = ["operating", "calibration", "coverage", "conformal", "patients"]


def changed(name: str, change: Callable[[EvaluationPart], dict[str, Any]]) -> RunResult:
    """An example with other fields in its evaluation."""
    result = build(EXAMPLES[name])
    part = result.evaluation.model_copy(update=change(result.evaluation))
    return result.model_copy(update={"evaluation": part})


def with_point(**fields: Any) -> RunResult:
    return changed(
        "five", lambda part: {"operating": [part.operating[0].model_copy(update=fields)]}
    )


def with_wish(at: int, **fields: Any) -> RunResult:
    """The example with another outcome of one wish."""

    def change(part: EvaluationPart) -> dict[str, Any]:
        wishes = list(part.coverage.wishes)
        wishes[at] = wishes[at].model_copy(update=fields)
        return {"coverage": part.coverage.model_copy(update={"wishes": wishes})}

    return changed("five", change)


def printed(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})"


def test_the_decision_prints_its_counts_threshold_and_figures() -> None:
    result = build(EXAMPLES["five"])
    point = result.evaluation.operating[0]
    text = read("operating", result).text("main")
    assert "above 0.401 to 0.479 by fold" in text and "before any test cell was seen" in text
    assert "Positive (disease) Blast or L1 or L2 or L3 Negative (health) Normal" in text
    up, down = point.true_positives, point.true_negatives
    assert f"Called positive {up} {point.false_positives} {up + point.false_positives}" in text
    assert f"Called negative {point.false_negatives} {down}" in text
    assert f"All {point.n_positive} {point.n_negative} {result.evaluation.n}" in text
    assert f"Sensitivity {printed(point.sensitivity)}" in text
    assert f"Specificity {printed(point.specificity)}" in text
    assert f"AUROC {printed(point.auroc)}" in text
    assert f"Average precision {printed(point.average_precision)}" in text
    here = f"{100 * point.n_positive / result.evaluation.n:.1f} %"
    assert f"{here}, as here {printed(point.ppv)} {printed(point.npv)}" in text
    for at in point.at_prevalence:
        assert f"{100 * at.prevalence:g} % {printed(at.ppv)} {printed(at.npv)}" in text


def test_ratios_may_be_infinite_and_have_no_upper_bound() -> None:
    cases = {
        (None, 12.34, None): "infinite (at least 12.3)",
        (150.2, 9.5, None): "150 (9.500–∞)",
        (None, None, None): "not defined",
        (3.2, None, None): "3.200 (interval not defined)",
        (1234.0, 99.96, 5000.4): "1,234 (100–5,000)",
    }
    for (value, low, high), said in cases.items():
        ratio = Estimate(value=value, low=low, high=high)
        text = read("operating", with_point(lr_positive=ratio)).text("main")
        assert f"Positive likelihood ratio {said} odds" in text


def test_one_threshold_for_all_folds_and_no_positive_cell() -> None:
    nothing = Estimate(value=None, low=None, high=None)
    text = read(
        "operating", with_point(threshold_low=0.5, threshold_high=0.5001, sensitivity=nothing)
    ).text("main")
    assert "a probability above 0.500 " in text and "by fold" not in text
    assert "Sensitivity not defined" in text and "are found" not in text


def test_without_disease_each_class_stands_against_the_rest() -> None:
    result = build(EXAMPLES["no_patients"])
    found = read("operating", result)
    text = found.text("main")
    assert "blastline fit --positive CLASS" in text and "Predictive" not in text
    rows = found.text("tbody")
    for point in result.evaluation.operating:
        assert f"{point.name} {printed(point.sensitivity)} {printed(point.specificity)}" in rows
    assert "No class of this set is named" in text


def test_two_classes_of_which_none_is_named_are_not_called_disease_and_health() -> None:
    result = build(EXAMPLES["two"])
    assert "Positive (disease) blast" in read("operating", result).text("main")
    part = result.evaluation.model_copy(update={"named": False})
    unnamed = result.model_copy(update={"evaluation": part})
    text = read("operating", unnamed).text("main")
    assert "No class is named as disease; “positive” is blast, the second of the two." in text
    assert "(disease)" not in text and "(health)" not in text and "Sensitivity" in text
    assert "telling the two classes apart, cell by cell" in read("use", unnamed).text("main")
    assert "telling blast from" in read("use", result).text("main")
    assert "- Trained for: telling the two classes apart" in model_card(unnamed)
    missing = [each for item in checked(unnamed) for each in item.missing]
    assert "a threshold for disease: no class is named as disease" in missing


def test_a_perfect_decision_promises_no_more_than_its_interval() -> None:
    result = build(EXAMPLES["two"])
    perfect = Estimate(value=1.0, low=0.9731, high=1.0)
    point = result.evaluation.operating[0].model_copy(
        update={"sensitivity": perfect, "specificity": perfect}
    )
    part = result.evaluation.model_copy(update={"operating": [point]})
    lead = next(text for _, text in read("operating", result.model_copy(
        update={"evaluation": part})).texts if text.strip())  # fmt: skip
    assert lead == (
        "All 130 cells that are blast are found (at least 97 of 100 are found, with 95\u00a0% "
        "confidence); none of 130 cells that are healthy is called positive (at least 97 of 100 "
        "are called negative, with 95\u00a0% confidence)."
    )


def test_calibration_before_and_after_and_its_gain() -> None:
    part = build(EXAMPLES["five"]).evaluation.calibration
    assert part.before is not None and part.brier_gain is not None
    found = read("calibration", build(EXAMPLES["five"]))
    text = found.text("main")
    before, after = printed(part.before.brier), printed(part.after.brier)
    assert f"Brier score {before} {after} +0.012 (+0.002 to +0.023)" in text
    assert "Calibration made the probabilities better" in text
    assert "In 2 of 10 bins" in text and "too sure there" in text
    assert "1 40 0.520 0.520 (0.487–0.550)" in text
    assert len(found.tags("use")) >= 20  # a mark a bin, before and after


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.02, "made the probabilities better"),
        (-0.02, -0.01, "made the probabilities worse"),
        (-0.01, 0.02, "no more than chance"),
        (None, None, "cannot be said"),
    ],
)
def test_calibration_claims_no_more_than_its_interval(
    low: float | None, high: float | None, said: str
) -> None:
    gain = Estimate(value=0.01, low=low, high=high)
    part = calibration(before=True).model_copy(update={"log_loss_gain": gain})
    text = read("calibration", changed("five", lambda _: {"calibration": part})).text("main")
    claims = ["made the probabilities", "no more than chance", "cannot be said"]
    assert said in text and sum(each in text for each in claims) == 1


@pytest.mark.parametrize("method", ["none", "temperature"])
def test_probabilities_before_calibration_may_be_absent(method: str) -> None:
    part = calibration(before=method == "none", method=method)
    text = read("calibration", changed("five", lambda _: {"calibration": part})).text("main")
    assert "Before" not in text and "Gain" not in text and "open squares" not in text
    assert ("calibrated nothing" in text) == (method == "none")
    assert ("were not recorded" in text) == (method != "none")


def test_each_wish_has_its_verdict() -> None:
    found = read("coverage", build(EXAMPLES["five"]))
    text = found.text("main")
    assert "At most 1 %: out of reach; a confidence that keeps it was found in 25.0 %" in text
    assert "At most 2 %: missed, though not beyond chance; 65.4 %" in text
    assert "but 2.13 % of these are wrong" in text
    assert "At most 5 %: kept; 85.1 % of the cells are accepted, 3.87 %" in text
    assert "though the interval reaches above that" in text  # 6.97 %
    assert "5 % 0.851 (0.801–0.891) 0.039 (0.019–0.070) 0.812 kept" in text
    sure = read("coverage", with_wish(2, error=Estimate(value=0.03, low=0.02, high=0.04))).text(
        "main"
    )
    assert "reaches above" not in sure
    missed = read("coverage", with_wish(2, verdict="not met")).text("main")
    assert (
        "At most 5 %: missed; 85.1 %" in missed and "kept" not in missed.split("At most 5")[1][:9]
    )


def test_the_summary_promises_only_what_was_kept() -> None:
    line = "On the surest 85.1 % of the cells it errs in 3.87 %"
    assert line in read("summary", build(EXAMPLES["five"])).text("ul")
    for verdict in ("met within the interval", "not met", "not reachable"):
        text = read("summary", with_wish(2, verdict=verdict)).text("ul")
        assert "On the surest" not in text
    # the strictest wish that at least half of the cells stand behind
    strict = with_wish(1, verdict="met")
    assert "On the surest 65.4 % of the cells" in read("summary", strict).text("ul")
    narrow = with_wish(0, verdict="met")
    assert line in read("summary", narrow).text("ul")
    # no promise where all cells together keep the wish
    perfect = changed(
        "five",
        lambda part: {
            "coverage": part.coverage.model_copy(
                update={"error": Estimate(value=0.04, low=0.03, high=0.05)}
            )
        },
    )
    assert "On the surest" not in read("summary", perfect).text("ul")


def test_sets_of_classes_name_the_worst_class_and_what_falls_short() -> None:
    result = build(EXAMPLES["five"])
    text = read("conformal", result).text("main")
    assert "of 95 % of the cells held that of 91.0 %" in text
    assert "76.5 % of the cells get one class alone, 23.5 % get several" in text
    assert "unlike all classes" not in text  # none is empty at 95 %
    assert "beyond chance: 95 %, one limit." in text
    sets = result.evaluation.conformal.sets[0]
    worst = printed(sets.coverage_by_class["L3"])
    assert f"90 % one limit {printed(sets.coverage)} L3 {worst} 1.234" in text
    assert "10 times" in text
    alone = read("conformal", build(EXAMPLES["no_patients"])).text("main")
    assert "There are no sets: all cells are of one group" in alone


@pytest.mark.parametrize("section", SECTIONS)
def test_odd_names_stand_as_text(section: str) -> None:
    found = read(section, build(EXAMPLES["hostile"]))
    assert not found.tags("script") and not found.tags("img")
    text = found.text("main")
    assert (HOSTILE[0] in text) == (section in ("operating", "patients"))
    assert "None" not in text.replace("Several None", "") and "nan" not in text
