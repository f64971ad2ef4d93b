"""What the report says of the audit: findings first, nothing in silence."""

import pytest

from classifiers.estimate import Estimate
from classifiers.result import RunResult
from tests.reports.example_audit import COLOUR, LABEL, QUALITY, audit
from tests.reports.examples import EXAMPLES, build
from tests.reports.test_sections import first_line, read

FIVE = build(EXAMPLES["five"])


def result(**changes: object) -> RunResult:
    return FIVE.model_copy(update=changes)


FOUND = result(audit=audit(576, 24))


@pytest.mark.parametrize("section", ["summary", "audit"])
@pytest.mark.parametrize("line", [LABEL, QUALITY, "1 pair of images that show the same cell"])
def test_what_gives_the_class_away_is_said_in_the_summary_too(section: str, line: str) -> None:
    assert line[1:] in read(section, FOUND).text("main")
    assert line[1:] not in read(section, FIVE).text("main")


def test_what_cells_may_cause_is_no_warning() -> None:
    assert COLOUR[1:] in read("audit", FOUND).text("main")
    assert COLOUR[1:] not in read("summary", FOUND).text("main")


def test_pairs_are_counted_by_kind_and_shown_with_how_they_are_known() -> None:
    text = read("audit", FOUND).text("main")
    assert all(kind in text for kind in ("byte-identical", "near duplicates", "shared ground"))
    assert "recompressed: correlation 0.998" in text
    assert "L1/one.png" in text


def test_the_step_that_blanks_a_label_is_ready_to_copy() -> None:
    assert 'steps = ["mask:0.6,0.85,1,1"]' in read("audit", FOUND).text("code")


def test_a_clean_set_is_said_to_be_clean() -> None:
    text = read("audit", FIVE).text("main")
    assert "Nothing was found that gives the class away" in text
    assert "3 other properties of files and frames do not follow the class" in text


def test_a_run_without_audit_says_so_at_the_top() -> None:
    assert "not audited" in read("summary", result(audit=None)).text("main")
    assert "switched off" in read("audit", result(audit=None)).text("main")


def test_a_trivial_classifier_of_the_audit_that_does_as_well_is_the_first_line() -> None:
    part = FIVE.audit
    assert part is not None
    perfect = Estimate(value=0.999, low=0.99, high=1.0)
    strong = part.trivial[0].model_copy(
        update={"title": "The lower right corner", "f1_macro": perfect, "accuracy": perfect}
    )
    rival = result(audit=part.model_copy(update={"trivial": [strong]}))
    assert "The lower right corner (of the images as they lie on disk)" in first_line(rival)
    assert "does as well as the classifier" in first_line(rival)
    weak = first_line(FIVE)
    assert "does as well" not in weak


def test_a_label_that_the_recipe_blanks_is_said_to_be_blanked() -> None:
    assert "it is blanked in this run" not in read("summary", FOUND).text("main")
    recipes = {
        digest: recipe | {"steps": ["mask:0.6,0.85,1,1"]} for digest, recipe in FIVE.recipes.items()
    }
    masked = result(audit=audit(576, 24), recipes=recipes)
    assert "it is blanked in this run" in read("summary", masked).text("main")


def test_an_overlap_that_was_allowed_is_the_first_line_of_all() -> None:
    warning = "The split leaks: 3 patients on two sides of it. Figures flatter."
    leaking = result(
        split=FIVE.split.model_copy(update={"overlap": warning, "shared_groups": 3}),
        audit=audit(576, 24),
    )
    assert first_line(leaking) == warning
    assert warning in read("split", leaking).text("main")
    assert "stay on one side" not in read("split", leaking).text("main")


def test_with_a_fixed_test_set_trivial_figures_are_said_to_be_of_other_cells() -> None:
    split = FIVE.split.model_copy(update={"protocol": "fixed test set"})
    text = read("audit", result(split=split)).text("main")
    assert "in cross-validation on the training cells" in text
    assert "on the same folds" not in text
    assert "on the same folds" in read("audit", FIVE).text("main")


def test_images_that_were_too_few_to_judge_are_not_called_clean() -> None:
    part = FIVE.audit
    assert part is not None
    bare = part.model_copy(update={"shortcuts": [], "burned_in": [], "trivial": [], "frame": None})
    text = read("audit", result(audit=bare)).text("main")
    assert "Too few images" in text
    assert "Nothing was found" not in text


def test_official_folds_are_said_to_be_official() -> None:
    split = FIVE.split.model_copy(update={"official": True})
    assert "folds are those that the data set names" in read("split", result(split=split)).text(
        "main"
    )
    assert "that the data set names" not in read("split", FIVE).text("main")


def test_what_follows_the_class_is_not_denied_above_the_table_that_shows_it() -> None:
    part = FIVE.audit
    assert part is not None
    size, colour = part.shortcuts[2], part.shortcuts[1]
    by_cells = colour.model_copy(update={"strength": 0.9, "found": True})
    open_ = size.model_copy(update={"strength": 0.57, "p": 0.2})
    text = read("audit", result(audit=part.model_copy(
        update={"shortcuts": [by_cells, open_]}))).text("main")  # fmt: skip
    assert "Nothing was found that gives the class away" not in text
    assert "Nothing but perhaps the cells themselves was found to give the class away: mean" in text
    assert "too few patients to tell whether image size follows the class" in text
