"""Self-training, confidence feedback and label errors: no claim beyond what was found."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.estimate import Estimate
from classifiers.result import InRoundsPart, RoundPart, RunResult
from reports.rounds_figure import by_round
from tests.reports.examples import EXAMPLES, build
from tests.reports.pages import Page
from tests.reports.test_sections import read

CLAIMS = [
    "self-training helped",
    "self-training did harm",
    "The interval holds zero",
    "shows nothing",
    "by self-training is not defined",
]


def with_part(key: str, **fields: Any) -> RunResult:
    """The example with other fields in its self-training or feedback."""
    result = build(EXAMPLES["five"])
    part: InRoundsPart = getattr(result, key)
    return result.model_copy(update={key: part.model_copy(update=fields)})


def rows_of(result: RunResult, section: str = "rounds") -> str:
    return read(section, result).text("tbody")


def test_what_is_missing_is_said_and_how_to_ask_for_it() -> None:
    text = read("rounds", build(EXAMPLES["no_patients"])).text("main")
    assert "There was no self-training in this run" in text
    assert "not asked for (--feedback-rounds)" in text


@pytest.mark.parametrize(
    ("low", "value", "high", "said"),
    [
        (0.001, 0.01, 0.02, CLAIMS[0]),
        (-0.03, -0.02, -0.01, CLAIMS[1]),
        (-0.004, 0.008, 0.02, CLAIMS[2]),
        (-0.004, -0.001, 0.0, CLAIMS[2]),
        (None, 0.1, None, CLAIMS[3]),
        (None, None, None, CLAIMS[4]),
    ],
)
def test_the_gain_claims_no_more_than_its_interval(
    low: float | None, value: float | None, high: float | None, said: str
) -> None:
    result = with_part("self_training", f1_macro_gain=Estimate(value=value, low=low, high=high))
    text = read("rounds", result).text("main")
    assert said in text
    if value == 0.008:
        assert "+0.008 (−0.004 to +0.020)" in text
    assert [each for each in CLAIMS if each in text] == [said]
    meaning = read("summary", result).text("ul")
    assert ("Self-training" in meaning) == (said in CLAIMS[:2])
    assert ("Self-training did harm" in meaning) == (said == CLAIMS[1])


def test_what_counts_and_what_was_rolled_back_is_said_fold_by_fold() -> None:
    text = read("rounds", build(EXAMPLES["five"])).text("main")
    assert "Rolled back to the labelled cells alone in 3 of 5 folds" in text
    assert "round 2 counts in folds 0 and 3" in text
    assert "final model, on all training cells, is that of round 1" in text
    assert "the score no longer rose (4 folds) and limit of rounds" in text
    # feedback was rolled back everywhere: its figures are no finding
    assert "Confidence feedback changed nothing" in text
    assert "Rolled back to plain training in all 5 folds" in text
    lines = read("summary", build(EXAMPLES["five"])).text("ul")
    assert "Confidence feedback gained too little" in lines and "Self-training" not in lines


def test_a_fold_that_made_no_round_is_not_called_rolled_back() -> None:
    first = build(EXAMPLES["five"]).self_training
    assert first is not None
    plain, second = first.rounds[0], first.rounds[1].model_copy(update={"folds": 3})
    result = with_part("self_training", rounds=[plain, second], kept=[1, 0, 0, 0, 0])
    assert "alone in 2 of 5 folds; round 1 counts in fold 0" in read("rounds", result).text("main")


@pytest.mark.parametrize("rounds", [0, 1])
def test_without_rounds_there_is_no_figure_and_no_table_of_them(rounds: int) -> None:
    part = build(EXAMPLES["five"]).self_training
    assert part is not None
    stopped = {"too few groups to validate a round: no round was made": 5}
    nothing = {"rounds": part.rounds[:rounds], "kept": [0] * 5, "kept_final": 0, "stopped": stopped}
    result = with_part("self_training", **nothing).model_copy(update={"feedback": None})
    found = read("rounds", result)
    assert not found.tags("svg") and len(found.tags("table")) == 1
    assert "no round was made" in found.text("main") and "ound back" not in found.text("main")
    assert "Self-training" not in read("summary", result).text("ul")


def test_a_fixed_test_set_has_no_folds() -> None:
    result = with_part("self_training", kept=[2], kept_final=2, stopped={"limit of rounds": 1})
    split = result.split.model_copy(update={"protocol": "fixed test set", "folds": 1})
    text = read("rounds", result.model_copy(update={"split": split, "feedback": None})).text("main")
    assert "The model is that of round 2. Why the rounds ended: limit of rounds." in text
    assert "fold 0" not in text


def test_the_tables_hold_every_round_with_its_classes() -> None:
    text = rows_of(build(EXAMPLES["five"]))
    assert "0 5 – – – 0.877 0.432 –" in text
    assert "1 5 305 0 0.987 0.881 (+0.004) 0.428 Normal +61, Blast +61, L1 +61" in text
    assert "2 4 35 3 0.941 0.888 (+0.011) 0.421 Normal +7 −3, Blast +7" in text
    assert "3 1 0 10 – 0.871 (−0.006) 0.438 Normal −10" in text
    assert "1 5 100 0.812 0.864 (−0.012) 0.444 Blast 10, L1 20, L2 30, L3 40" in text


def test_settings_are_words_and_unknown_ones_stand_as_they_are() -> None:
    text = read("rounds", with_part("self_training", settings={"growth": 0.1, "new": 3})).text(
        "main"
    )
    assert "Each round may take 10 % more of the unlabelled cells; new = 3." in text
    assert "its weight is then multiplied by 2" in text


def test_many_classes_are_summed_up() -> None:
    names = [f"class {number:03}" for number in range(100)]
    part = build(EXAMPLES["five"]).self_training
    assert part is not None
    counts = {"added": {name: 1 + (name == names[70]) for name in names}}
    changed = [part.rounds[0], part.rounds[1].model_copy(update={"counts": counts})]
    text = rows_of(with_part("self_training", rounds=changed))
    assert "class 070 +2" in text and "and 88 further classes" in text and "class 099" not in text


def test_the_figure_tells_which_rounds_count_and_what_they_held() -> None:
    found = read("rounds", build(EXAMPLES["five"]))
    assert len(found.tags("svg")) == 2
    text = found.text("svg")
    # held: 305 of five folds, then +35 -3, then -10; kept: 3 folds the plain classifier, 2 round 2
    assert "0 61 67 65" in text
    assert "folds in which the round counts 3 0 2 0" in text
    assert "+0.000 +0.004 +0.011 −0.006" in text
    assert "0 20" in text  # feedback: 100 cells of five folds


@settings(deadline=None, max_examples=30)
@given(
    gains=st.lists(st.floats(-1, 1), min_size=1, max_size=60),
    folds=st.integers(1, 9),
)
def test_a_figure_of_any_rounds_stays_inside_its_frame(gains: list[float], folds: int) -> None:
    rounds = [
        RoundPart(
            number=number, folds=max(1, folds - number), score=0.5, score_gain=gain, log_loss=1.0,
            counts={}, confidence=None,
        )
        for number, gain in enumerate(gains)
    ]  # fmt: skip
    held = [float(number**2) for number in range(len(gains))]
    drawn = by_round(rounds, held, [0] * folds, "score <b>", "held", "A & B", "test")
    page = Page(drawn)
    width, height = (float(each) for each in page.tags("svg")[0]["viewbox"].split()[2:])
    points = re.findall(r'<use[^>]* x="([-\d.]+)" y="([-\d.]+)"', drawn)
    assert len(points) == len(gains)
    assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in points)


def test_label_errors_are_counted_shown_and_not_called_proven() -> None:
    result = build(EXAMPLES["five"])
    found = read("label-errors", result)
    text = found.text("main")
    assert "3 labels of 576 (0.5 %) are confidently contradicted" in text
    assert "not errors found" in text and "Nothing is changed by itself" in text
    assert "label_errors.csv" in text and "blastline review" in text
    assert "Normal 2 168 1.2 %" in text and "L3 1 102 1.0 %" in text and "All 3 576" in text
    assert "The likeliest 2 of 3" in text
    assert "looks like Blast labelled Normal" in text
    assert "wrong" not in text.split("likeliest 2")[1]
    alternatives = [each["aria-label"] for each in found.tags("div") if each.get("role") == "img"]
    assert alternatives[0].startswith("Cell suspect-1: labelled Normal, looks like Blast")


def test_no_label_error_proves_nothing() -> None:
    result = build(EXAMPLES["five"])
    none = result.label_errors.model_copy(update={"suspected": {"Normal": 0}, "listed": []})
    text = read("label-errors", result.model_copy(update={"label_errors": none})).text("main")
    assert "None of the 576 labels is" in text and "does not prove them right" in text
    assert "Left out" not in text


@pytest.mark.parametrize(
    ("decided", "told"), [(1, "1 cell that looks like"), (1234, "1,234 cells that look like")]
)
def test_cells_decided_on_are_left_out_of_label_errors_and_counted(decided: int, told: str) -> None:
    result = build(EXAMPLES["five"])
    part = result.label_errors.model_copy(update={"decided": decided})
    text = read("label-errors", result.model_copy(update={"label_errors": part})).text("main")
    assert f"Left out: {told} another class" in text
    part = part.model_copy(update={"suspected": {"Normal": 0}, "listed": []})
    text = read("label-errors", result.model_copy(update={"label_errors": part})).text("main")
    assert "None of the 576 labels, apart from those read again, is confidently" in text
    assert f"Left out: {told} another class" in text


def test_odd_names_in_new_fields_stand_as_text() -> None:
    result = build(EXAMPLES["hostile"])
    for section in ("rounds", "label-errors"):
        found = read(section, result)
        assert not found.tags("script") and not found.tags("img")
        assert "<script>alert(1)</script>" in found.text("main")
