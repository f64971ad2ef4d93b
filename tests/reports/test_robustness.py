from pathlib import Path

import cv2
import numpy as np
import pytest

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import Perturbed, RobustnessPart
from classifiers.result import RunResult
from reports import words
from reports.build import render_section, template_environment
from reports.robustness import robustness, trust
from reports.sections import SECTIONS
from reports.words import disturbance
from tests.reports.examples import EXAMPLES, HOSTILE, build
from tests.reports.pages import Page

NONE = Estimate(value=None, low=None, high=None)
UNMEASURED = RobustnessPart(
    n=0, n_groups=0, accuracy=NONE, f1_macro=NONE, perturbed=[], note="it was switched off <b>"
)


def example(name: str = "five", **changes: object) -> RunResult:
    result = build(EXAMPLES[name])
    part = result.robustness.model_copy(update=changes)
    return result.model_copy(update={"robustness": part})


def page(result: RunResult, folder: Path) -> Page:
    section = next(each for each in SECTIONS if each.id == "robustness")
    return Page(f"<html>{render_section(section, result, template_environment(folder))}</html>")


def changed(each: Perturbed, value: float, low: float, high: float) -> Perturbed:
    return each.model_copy(
        update={"f1_macro_change": Estimate(value=value, low=low, high=high), "loss": high < -0.05}
    )


def harmless(result: RunResult) -> list[Perturbed]:
    """The last: intervals of their own that lie below zero, but not after eighteen of them."""
    several = [changed(each, -0.001, -0.02, 0.02) for each in result.robustness.perturbed]
    return [*several[:-3], *(changed(each, -0.01, -0.02, -0.0003) for each in several[-3:])]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_disturbance_stands_in_figure_and_table(name: str, tmp_path: Path) -> None:
    result = build(EXAMPLES[name])
    found = page(result, tmp_path)
    assert len(found.tags("svg")) == 1
    rows = found.text("tbody")
    for each in result.robustness.perturbed:
        title = disturbance(each.kind)
        title = title[:1].upper() + title[1:]
        assert " ".join(f"{title} {each.strength}".split()) in rows
        assert f"{each.f1_macro.value:.3f}" in rows
        assert " ".join(each.setting.split()) in rows
    assert not found.tags("script")


def test_names_of_users_show_as_text(tmp_path: Path) -> None:
    found = page(build(EXAMPLES["hostile"]), tmp_path)
    assert HOSTILE[0] in found.text()
    assert not found.tags("script")


def test_what_costs_nothing_is_not_called_harmful() -> None:
    result = build(EXAMPLES["five"])
    result = example(perturbed=harmless(result))
    assert "no loss of macro F1 beyond chance" in trust(result)[0]
    assert "240 cells" in trust(result)[0]
    assert "losses of up to 0.020 cannot be excluded" in trust(result)[0]
    assert "At no strength was a loss beyond chance" in str(robustness(result)["worst"])


def test_cells_that_all_stay_as_decided_prove_nothing() -> None:
    still = [changed(each, 0, 0, 0) for each in build(EXAMPLES["five"]).robustness.perturbed]
    assert "cannot show one that is rare" in trust(example(perturbed=still))[0]
    alone = [
        each.model_copy(update={"f1_macro_change": Estimate(value=-0.1, low=None, high=None)})
        for each in still
    ]
    assert "cannot be said" in trust(example(perturbed=alone))[0]


def test_how_the_cells_were_chosen_is_told(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"])
    n = words.selected(result).test.n
    assert n > result.robustness.n
    assert f"Of {n} cells under test, 240 were drawn" in page(result, tmp_path).text()
    assert f"All {n} cells under test were disturbed" in page(example(n=n), tmp_path).text()


def test_a_fragility_is_named_first_with_its_size() -> None:
    perturbed = harmless(build(EXAMPLES["five"]))
    for number, each in enumerate(perturbed):
        if (each.kind, each.strength) == ("blur", 1):
            perturbed[number] = changed(each, -0.2, -0.3, -0.1)
        if (each.kind, each.strength) == ("jpeg", 1):
            perturbed[number] = changed(each, -0.3, -0.4, -0.2)
        if (each.kind, each.strength) == ("noise", 3):
            perturbed[number] = changed(each, -0.5, -0.6, -0.4)
    result = example(perturbed=perturbed)
    (line,) = trust(result)
    assert "JPEG by −0.300 (−0.400 to −0.200) and blur by −0.200" in line
    assert "noise" not in line
    assert "under noise of strength 3" in str(robustness(result)["worst"])


def test_what_was_not_measured_is_said_with_its_reason(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"]).model_copy(update={"robustness": UNMEASURED})
    found = page(result, tmp_path)
    assert "not measured: it was switched off <b>." in found.text()
    assert not found.tags("svg")
    assert not found.tags("table")
    assert "not measured" in trust(result)[0]


def test_figures_that_are_not_defined_and_kinds_that_are_lacking_are_borne(tmp_path: Path) -> None:
    some = [
        each.model_copy(update={"f1_macro": NONE, "f1_macro_change": NONE, "accuracy": NONE})
        for each in build(EXAMPLES["five"]).robustness.perturbed[1:5]
    ]
    found = page(example(perturbed=some, f1_macro=NONE, accuracy=NONE), tmp_path)
    assert "not defined" in found.text("tbody")
    assert len(found.tags("svg")) == 1


def test_pictures_of_one_cell_are_shown_where_they_are(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"])
    assert not page(result, tmp_path).tags("img")
    content = cv2.imencode(".jpg", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
    (tmp_path / "thumbnails").mkdir()
    part = result.robustness
    for name in {part.thumbnail, *(each.thumbnail for each in part.perturbed)}:
        (tmp_path / name).write_bytes(content)
    shown = page(result, tmp_path).tags("img")
    assert len(shown) == 6 * 4
    assert all(each["src"].startswith("data:image/jpeg") for each in shown)
    assert {"the cell as it is", "Blur, strength 3"} <= {each["alt"] for each in shown}
    (tmp_path / part.perturbed[0].thumbnail).unlink()
    assert len(page(result, tmp_path).tags("img")) == 6 * 4 - 3
