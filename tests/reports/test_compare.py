"""The page that compares runs: safe, self-contained, honest in words; its tables sort."""

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import ComparisonPart
from data.errors import BlastlineError
from reports import words
from reports.compare import (
    ComparedRun,
    Comparison,
    Pair,
    cautions,
    in_words,
    render_comparison,
    verdict,
    write_comparison,
)
from tests.reports.examples import EXAMPLES, HOSTILE, build
from tests.reports.pages import Page

BETTER = Estimate(value=0.031, low=0.01, high=0.052)
UNSURE = Estimate(value=0.002, low=-0.01, high=0.014)
WORSE = Estimate(value=-0.031, low=-0.052, high=-0.01)
UNKNOWN = Estimate(value=0.2, low=None, high=None)


def part(**changes: object) -> ComparisonPart:
    usual = {"n": 560, "n_groups": 24, "accuracy": BETTER, "f1_macro": BETTER, "auroc": UNSURE,
             "brier": WORSE, "p": 0.004, "permutations": 2000}  # fmt: skip
    return ComparisonPart.model_validate(usual | changes)


def pair(name: str, **changes: object) -> Pair:
    usual = Pair(name, part(), 0, 0, 0, fitted_otherwise=False)
    return replace(usual, **changes)  # type: ignore[arg-type]  # the fields of a pair


def comparison(*names: str, example: str = "five") -> Comparison:
    """Runs of the same result; the first is the reference."""
    result = build(EXAMPLES[example])
    sizes = [4_000_000, None, 90_000_000]
    runs = [ComparedRun(name, result, size) for name, size in zip(names, sizes, strict=False)]
    return Comparison(runs, names[0], [pair(name) for name in names[1:]], "content")


def hostile() -> Comparison:
    return comparison(*HOSTILE[:3], example="hostile")


@pytest.mark.parametrize("made", [comparison("a", "b", "c"), hostile()], ids=["usual", "hostile"])
def test_nothing_is_loaded_from_elsewhere_and_no_script_runs_but_the_pages_own(
    made: Comparison,
) -> None:
    text = render_comparison(made)
    page = Page(text)
    assert "url(" not in text and "@import" not in text
    assert page.tags("script") == [{}, {}] and not page.tags("img") and not page.tags("link")
    for _, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes), attributes
        assert not any(key in attributes for key in ("src", "srcset", "action"))
        assert attributes.get("href", "#").startswith("#")
    policy = next(each["content"] for each in page.tags("meta") if "http-equiv" in each)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()) for each in scripts]
    allowed = " ".join(f"'sha256-{each.decode()}'" for each in digests)
    assert policy.startswith("default-src 'none'") and f"script-src {allowed};" in policy
    ids = [each["id"] for _, each in page.elements if "id" in each]
    assert len(ids) == len(set(ids))


def test_hostile_names_stand_as_text() -> None:
    page = Page(render_comparison(hostile()))
    for name in HOSTILE[:3]:
        for section in ("differences", "runs", "classifiers"):
            assert name in page.text(section)


def test_every_figure_of_every_run_is_on_the_page() -> None:
    made = comparison("one", "two", "three")
    page = Page(render_comparison(made))
    result = made.reference_result
    selected = words.selected(result).test
    shown = page.text("runs")
    for each in (selected.accuracy, selected.f1_macro, selected.auroc):
        assert shown.count(words.figure(each)) >= 3
    assert "4.0 MB" in shown and "90.0 MB" in shown and shown.count("not there") == 1
    assert shown.count(words.duration(result.seconds["extract"])) == 3
    grid = page.text("classifiers")
    for item in result.classifiers.values():
        assert item.title in grid
        assert grid.count(words.figure(item.test.f1_macro)) >= 3
    for name in ("two", "three"):
        assert f"{name} : better in accuracy (+0.031)" in page.text("differences")


@pytest.mark.parametrize(
    ("found", "better", "p", "said"),
    [
        (BETTER, 1, None, "better"),
        (BETTER, -1, None, "worse"),
        (WORSE, 1, None, "worse"),
        (WORSE, -1, None, "better"),
        (UNSURE, 1, None, "not told apart"),
        (UNKNOWN, 1, None, "too few groups to tell"),
        (Estimate(value=0, low=0, high=0), 1, 1.0, "not told apart"),
        (Estimate(value=0.1, low=0, high=0.2), 1, None, "not told apart"),
        (BETTER, 1, 0.05, "not told apart"),
        (BETTER, 1, 0.049, "better"),
    ],
)
def test_a_run_is_better_only_where_chance_is_ruled_out(
    found: Estimate, better: int, p: float | None, said: str
) -> None:
    assert verdict(found, better, p) == said


def test_a_lower_brier_score_is_better_and_figures_are_told_by_verdict() -> None:
    _, said = in_words(pair("b", part=part(accuracy=WORSE)))
    assert said == (
        "worse in accuracy (−0.031); better in macro F1 (+0.031) and Brier score (−0.031); "
        "not told apart in AUROC (+0.002)"
    )


def test_a_p_value_is_of_accuracy_alone() -> None:
    _, said = in_words(pair("b", part=part(p=0.3)))
    assert "not told apart in accuracy (+0.031) and AUROC" in said
    assert "better in macro F1" in said


def test_what_forbids_a_comparison_is_said_loudly() -> None:
    plain = comparison("a", "b")
    assert cautions(plain) == []
    result = plain.runs[1].result
    split = result.split.model_copy(
        update={"seed": 3, "unit": "image", "overlap": "Patient 7 stands on both sides."}
    )
    made = replace(
        plain,
        runs=[plain.runs[0], replace(plain.runs[1], result=result.model_copy(
            update={"split": split}
        ))],
        pairs=[pair("b", relabelled=4, only_reference=10, only_run=2, fitted_otherwise=True)],
    )  # fmt: skip
    found = " ".join(cautions(made))
    assert "564 cells shared, 10 only in a, 2 only in b" in found
    assert "4 shared cells differently: left out" in found
    assert "differ in their folds or training cells" in found
    assert "unit of the split image instead of patient and seed 3 instead of 0" in found
    assert "b: Patient 7 stands on both sides." in found
    page = Page(render_comparison(made))
    loud = [each for each in page.tags("p") if each.get("class") == "loud"]
    assert len(loud) == len(cautions(made)) == 5


def test_a_warning_of_all_runs_is_said_once() -> None:
    (said,) = cautions(comparison("a", "b", example="no_patients"))
    assert said.startswith("All runs: No patients are known")


def test_no_run_is_called_the_best_of_the_table() -> None:
    page = Page(render_comparison(comparison("a", "b")))
    assert not page.tags("strong") or "best" not in page.text("strong")
    assert "No figure is marked as the best" in page.text("classifiers")


def test_two_classes_are_compared_without_their_threshold_and_that_is_said() -> None:
    said = "not by its learned threshold"
    assert said in render_comparison(comparison("a", "b", example="two"))
    assert said not in render_comparison(comparison("a", "b"))


def test_the_same_comparison_gives_the_same_bytes(tmp_path: Path) -> None:
    made = comparison("a", "b")
    first = write_comparison(made, tmp_path / "deep/one.html").read_bytes()
    assert first == write_comparison(made, tmp_path / "two.html").read_bytes()
    with pytest.raises(BlastlineError, match="cannot be written"):
        write_comparison(made, tmp_path)
