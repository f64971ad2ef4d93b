"""What the sections say: figures as they are in the result, and what speaks against them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from classifiers.estimate import Estimate
from classifiers.result import ClassifierResult, RunResult
from reports.build import render_section, template_environment
from reports.confusion_figure import confusion
from reports.sections import SECTIONS
from reports.summary import summary
from tests.reports.example_metrics import UNDEFINED
from tests.reports.examples import EXAMPLES, Plan, build
from tests.reports.pages import Page

BY_ID = {section.id: section for section in SECTIONS}


def read(section: str, result: RunResult) -> Page:
    """A section as a page."""
    environment = template_environment(Path("no such folder"))
    return Page(f"<main>{render_section(BY_ID[section], result, environment)}</main>")


def first_line(result: RunResult) -> str:
    """The summary's first line."""
    return next(text for _, text in read("summary", result).texts if text.strip())


def change(result: RunResult, key: str, f1: Estimate, accuracy: Estimate) -> RunResult:
    """The result with other headline figures of one classifier."""
    item: ClassifierResult = result.classifiers[key]
    test = item.test.model_copy(update={"f1_macro": f1, "accuracy": accuracy})
    classifiers = {**result.classifiers, key: item.model_copy(update={"test": test})}
    return result.model_copy(update={"classifiers": classifiers})


def exact(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.03, high=value + 0.03)


@pytest.mark.parametrize("name", ["five", "no_patients", "two"])
@pytest.mark.parametrize(
    "section",
    [
        "results", "per-class", "rounds", "label-errors", "summary", "operating", "calibration",
        "coverage", "conformal", "patients",
    ],
)  # fmt: skip
def test_every_printed_figure_occurs_in_the_result(section: str, name: str) -> None:
    result = build(EXAMPLES[name])
    numbers = re.findall(r"\d\.\d+", result.model_dump_json())
    known = {f"{float(number):.3f}" for number in numbers} | {"0.000", "1.000"}
    printed = re.findall(r"\d\.\d{3}", read(section, result).text("main"))
    assert len(printed) >= 4 or not result.self_training
    assert set(printed) <= known


def test_the_results_table_prints_each_classifier_with_its_own_figures() -> None:
    result = build(EXAMPLES["five"])
    text = read("results", result).text("table")
    for item in result.classifiers.values():
        for metrics in filter(None, (item.test, item.validation)):
            row = " ".join(
                f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})"
                for found in (
                    metrics.accuracy,
                    metrics.balanced_accuracy,
                    metrics.f1_macro,
                    metrics.f1_weighted,
                    metrics.auroc,
                )
            )
            assert re.search(f"{item.title}[a-z -]* {re.escape(row)}", text), item.title


@pytest.mark.parametrize(
    ("f1", "accuracy", "loud"),
    [
        (0.90, 0.5, True),  # at the lower bound of the selected classifier's macro F1
        (0.95, 0.5, True),  # above its interval
        (0.89, 0.5, False),
        (0.20, 0.9, True),  # accuracy alone: the most frequent class of a lopsided set
        (0.20, 0.89, False),
    ],
)
def test_a_baseline_within_the_interval_is_said_first(
    f1: float, accuracy: float, loud: bool
) -> None:
    ours = Estimate(value=0.92, low=0.90, high=0.94)
    result = change(build(EXAMPLES["no_patients"]), "selected", ours, ours)
    result = change(result, "colour", exact(f1), exact(accuracy))
    line = first_line(result)
    assert ("trivial baseline" in line and "Mean colour" in line) == loud
    assert ("No patients are known" in line) != loud
    assert "No patients are known" in read("summary", result).text("main")


def test_the_example_of_two_classes_is_beaten_by_its_baseline() -> None:
    assert first_line(build(EXAMPLES["two"])).startswith("A trivial baseline does as well")
    assert "trivial" not in first_line(build(EXAMPLES["five"]))


def test_a_network_with_random_weights_that_does_as_well_is_told_apart_from_what_is_trivial() -> (
    None
):
    result = build(EXAMPLES["five"])
    ours = result.classifiers["selected"].test
    control = result.classifiers["majority"].model_copy(update={"title": "Random"})
    added = {**result.classifiers, "random_weights": control}
    with_control = result.model_copy(update={"classifiers": added})
    assert "random weights" not in first_line(with_control)
    rival = change(with_control, "random_weights", ours.f1_macro, ours.accuracy)
    assert first_line(rival).startswith("The same network with random weights does as well")
    assert "trivial" not in first_line(rival)


def test_without_an_interval_or_baselines_nothing_is_claimed() -> None:
    result = build(EXAMPLES["five"])
    undefined = change(result, "selected", UNDEFINED, UNDEFINED)
    assert summary(undefined)["loud"] == []
    assert "cannot be compared" in read("summary", undefined).text("main")
    only = {key: item for key, item in result.classifiers.items() if item.role != "baseline"}
    alone = result.model_copy(update={"classifiers": only, "audit": None})
    assert "No baseline was run" in read("summary", alone).text("main")


def test_research_use_is_always_said() -> None:
    for plan in EXAMPLES.values():
        assert "not for diagnosis" in read("summary", build(plan)).text("main")


@pytest.mark.parametrize("part", ["shared_groups", "shared_files"])
def test_a_leaking_split_is_loud(part: str) -> None:
    result = build(EXAMPLES["five"])
    leaking = result.model_copy(update={"split": result.split.model_copy(update={part: 3})})
    assert "The split leaks" in first_line(leaking)
    assert "must be zero" in read("split", leaking).text("main")
    assert "must be zero" not in read("split", result).text("main")


def test_a_fixed_test_set_is_no_fold() -> None:
    result = build(EXAMPLES["five"])
    fixed = {"protocol": "fixed test set", "folds": 1}
    sizes = {"cells_per_fold": [400, 176], "groups_per_fold": [16, 8]}
    changed = result.model_copy(
        update={
            "split": result.split.model_copy(update=fixed | sizes),
            "tuning": result.tuning.model_copy(update={"selected_per_fold": ["svm"]}),
        }
    )
    text = read("split", changed).text("main")
    assert "training 400 16 test 176 8" in text and "fold 0" not in text
    assert "a fixed test set" in read("summary", changed).text("main")
    assert "Selected in the folds" not in read("tuning", changed).text("main")


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("imagenet", "frozen network (mobilenet_v2, pretrained)"),
        ("random", "frozen network (mobilenet_v2, with random weights)"),
        ("none", "hand-made descriptors (mobilenet_v2)"),
    ],
)
def test_only_pretrained_networks_are_called_so(weights: str, said: str) -> None:
    result = build(EXAMPLES["five"])
    recipes = {digest: {**each, "weights": weights} for digest, each in result.recipes.items()}
    changed = result.model_copy(update={"recipes": recipes})
    assert said in read("summary", changed).text("main")
    assert said in read("recipe", changed).text("main")


def test_the_commands_of_a_run_with_an_odd_name_are_quoted() -> None:
    result = build(EXAMPLES["five"]).model_copy(update={"run": "a b; rm"})
    text = read("reproduce", result).text("main")
    assert "blastline fit --config 'runs/a b; rm/config.toml'" in text


def test_what_is_not_defined_is_said_so() -> None:
    result = build(EXAMPLES["hostile"])  # its third class has no cells
    rows = read("per-class", result).text("tbody")
    assert rows.count("not defined") == 3  # precision is defined: cells were given the name
    no_interval = Estimate(value=0.5, low=None, high=None)
    changed = change(result, "selected", UNDEFINED, no_interval)
    text = read("results", changed).text("tbody")
    assert "not defined" in text and "0.500 (interval not defined)" in text
    assert "None" not in text and "nan" not in text


def test_counts_of_the_confusion_matrix_stand_in_the_figure() -> None:
    result = build(EXAMPLES["five"])
    text = read("confusion", result).text("svg")
    for row in result.classifiers["selected"].test.confusion:
        for count in row:
            assert f" {count} " in text
            assert (
                not count or f"{100 * count / sum(row):.1f}\N{NO-BREAK SPACE}%".split()[0] in text
            )


def test_rows_of_the_figure_are_true_classes() -> None:
    drawn = confusion(["a", "b"], [[5, 5], [0, 10]], "Title")
    half = re.search(r'd="([^"]*)" style="fill: var\(--stain\); fill-opacity: 0\.66', drawn)
    assert half  # the two squares of class a, side by side
    numbers = np.array(re.findall(r"[\d.]+", half[1]), float).reshape(-1, 2)
    width, height = np.ptp(numbers, axis=0)
    assert width == pytest.approx(2 * height)


def test_many_classes_are_drawn_without_numbers() -> None:
    assert not re.search(r"\d\.\d", read("confusion", build(EXAMPLES["hundred"])).text("svg"))
    assert re.search(r"\d\.\d", read("confusion", build(EXAMPLES["no_patients"])).text("svg"))


def test_long_and_many_names_are_shortened_in_figures_alone() -> None:
    names = [f"{letter} {'very ' * 30}long name" for letter in "abc"]
    result = build(Plan("Long names", names, [40, 40, 40]))
    found = read("confusion", result)
    assert "very very very very very" not in found.text("svg")
    assert found.text("svg").count("…") == 6
    assert names[0] in read("per-class", result).text("table")


def test_the_flow_lists_steps_reasons_and_dropped_images() -> None:
    result = build(EXAMPLES["five"])
    text = read("flow", result).text("main")
    for step in result.flow:
        assert f"{step.name} {step.count}" in text
        assert all(image in text for image in step.images)
    assert "truncated JPEG (2), not an image (1)" in text


def test_search_calibration_decision_and_what_was_unusual_are_said() -> None:
    two, many = build(EXAMPLES["two"]), build(EXAMPLES["five"])
    second = two.dataset.classes[1]
    text = read("tuning", two).text("main")
    assert "Parzen" in text
    assert "one temperature" in text
    assert f"{second} from a probability of 0.437" in text
    assert "the most probable class" in read("tuning", many).text("main")
    shared = two.model_copy(update={"tuning": two.tuning.model_copy(update={"workers": 3})})
    assert "3 workers, so not repeatable" in read("tuning", shared).text("main")
    assert "Dense network with dropout: not calibrated" in read("results", many).text("main")


def test_recipe_tuning_and_versions_are_printed_whole() -> None:
    result = build(EXAMPLES["five"])
    recipe = read("recipe", result).text("main")
    assert (
        next(iter(result.recipes)) in recipe and "9f2c" * 16 in recipe and "own setting" in recipe
    )
    assert "mask:0.60,0.85,1,1" in recipe
    assert "openvino, bf16, 2 streams of 8 images" in recipe
    assert "centred cosine 0.9991 on average and 0.9876 at worst" in recipe
    assert "same for 97" in recipe
    tuning = read("tuning", result).text("main")
    assert (
        "svm (4 of 5 folds) and logistic (1 of 5 folds)" in tuning and "fold 2 logistic" in tuning
    )
    assert tuning.count("kernel = rbf") == len(result.tuning.studies)
    again = read("reproduce", result).text("main")
    assert result.run in again and "scikit-learn 1.9.1" in again and "3 min 4 s" in again


def test_data_and_limits_say_who_read_the_cells_again() -> None:
    nobody = build(EXAMPLES["no_patients"])
    assert "read again" not in read("data", nobody).text("main")
    assert "no one has read the cells again" in read("limits", nobody).text("main")
    for section in ("data", "limits"):
        text = read(section, build(EXAMPLES["hostile"])).text("main")
        assert "but for 7 cells read again by Dr Bennett" in text
        assert "3 of these labels changed" in text


def test_limits_name_small_classes_and_missing_patients() -> None:
    few = read("limits", build(EXAMPLES["hostile"])).text("main")
    assert "Few examples" in few and "a_b$^2$ (0 cells" in few
    assert "optimistic" not in few
    assert "optimistic" in read("limits", build(EXAMPLES["no_patients"])).text("main")


def test_examples_are_results_that_survive_the_file() -> None:
    for plan in EXAMPLES.values():
        result = build(plan)
        assert RunResult.model_validate(json.loads(result.model_dump_json())) == result


def test_perfect_figures_are_said_with_what_their_interval_warrants() -> None:
    perfect = Estimate(value=1.0, low=0.9812, high=1.0)
    text = read("summary", change(build(EXAMPLES["five"]), "selected", perfect, perfect)).text(
        "main"
    )
    assert "All 576 cells under test are named rightly (at least 98 of 100 are to be" in text
    assert "0 not" not in text
