"""What the report says of the split's worth and of strange cells, no more than was found."""

import re

import pytest

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import NoveltyPart, PremiumPart
from classifiers.result import RunResult
from reports import novelty, premium
from reports.novelty_figure import novelty as figure
from tests.reports.examples import EXAMPLES, HOSTILE, build
from tests.reports.test_sections import read


def estimate(low: float, value: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high)


NONE = Estimate(value=None, low=None, high=None)


def with_premium(found: Estimate, **changed: object) -> RunResult:
    result = build(EXAMPLES["five"])
    part = result.premium
    update = {"premium": dict.fromkeys(part.premium, found), **changed}
    return result.model_copy(update={"premium": part.model_copy(update=update)})


def with_novelty(flagged: Estimate | None = None, **changed: object) -> RunResult:
    result = build(EXAMPLES["five"])
    part: NoveltyPart = result.novelty
    if flagged is not None:
        tested = part.sets[0].model_copy(update={"flagged": flagged})
        changed["sets"] = [tested, *part.sets[1:]]
    return result.model_copy(update={"novelty": part.model_copy(update=changed)})


@pytest.mark.parametrize(
    ("found", "said", "trusted"),
    [
        (estimate(0.01, 0.02, 0.03), "look better than it is", True),
        (estimate(-0.01, 0.02, 0.05), "no difference to this classifier beyond chance", False),
        (estimate(-0.05, -0.02, -0.01), "would not have flattered", False),
        (Estimate(value=0.02, low=None, high=None), "cannot be said", False),
        (NONE, "cannot be said", False),
    ],
)
def test_the_premium_is_told_as_its_interval_allows(
    found: Estimate, said: str, trusted: bool
) -> None:
    result = with_premium(found)
    assert said in read("premium", result).text("main")
    assert bool(premium.trust(result)) == trusted


def test_a_premium_that_was_not_measured_is_a_warning() -> None:
    result = build(EXAMPLES["no_patients"])
    page = read("premium", result)
    loud = [each for each in page.tags("p") if each.get("class") == "loud"]
    assert len(loud) == 1
    assert result.premium.note in page.text("main")
    assert "no comfort" in page.text("main")
    assert premium.trust(result) == []
    assert isinstance(result.premium, PremiumPart)


@pytest.mark.parametrize("section", ["premium", "novelty"])
@pytest.mark.parametrize("name", ["five", "two", "hostile"])
def test_every_printed_figure_is_one_of_the_result(section: str, name: str) -> None:
    result = build(EXAMPLES[name])
    part = result.premium if section == "premium" else result.novelty
    known = {f"{float(number):.3f}" for number in re.findall(r"\d\.\d+", part.model_dump_json())}
    printed = re.findall(r"\d\.\d{3}", read(section, result).text("main"))
    assert len(printed) >= 9
    assert set(printed) <= known | {"0.000", "1.000"}


@pytest.mark.parametrize(
    ("flagged", "said", "trusted"),
    [
        (estimate(0.03, 0.05, 0.07), "holds for new patients", False),
        (estimate(0.07, 0.09, 0.12), "are stranger to the classifier", False),
        (estimate(0.2, 0.3, 0.4), "are stranger to the classifier", True),
        (estimate(0.0, 0.01, 0.02), "more rarely", False),
    ],
)
def test_false_alarms_are_told_as_their_interval_allows(
    flagged: Estimate, said: str, trusted: bool
) -> None:
    result = with_novelty(flagged)
    assert said in read("novelty", result).text("main")
    assert bool(novelty.trust(result)) == trusted


@pytest.mark.parametrize(
    ("area", "said"),
    [
        (estimate(0.45, 0.51, 0.58), "It does not find errors"),
        (estimate(0.35, 0.42, 0.48), "familiar cells are even wrong more often"),
        (estimate(0.52, 0.6, 0.68), "weakly"),
        (estimate(0.7, 0.8, 0.9), "Unfamiliar cells are decided wrongly more often"),
        (NONE, "cannot be said"),
    ],
)
def test_whether_it_finds_errors_is_said_honestly(area: Estimate, said: str) -> None:
    assert said in read("novelty", with_novelty(auroc_errors=area)).text("main")


def test_what_it_sees_and_what_it_does_not_is_named() -> None:
    text = read("novelty", build(EXAMPLES["five"])).text("main")
    assert "it sees blur and noise, and does not, or barely, see stain shift" in text
    assert "Unlabelled cells are as familiar as the cells under test" in text


def test_a_run_without_a_score_says_why() -> None:
    result = with_novelty(sets=[], training=[], by_class={}, note="all cells are of one group")
    text = read("novelty", result).text("main")
    assert "not measured: all cells are of one group" in text
    assert novelty.trust(result) == []


def test_names_in_the_figure_are_text() -> None:
    part = build(EXAMPLES["hostile"]).novelty
    svg = str(figure(part.training, part.sets, HOSTILE[0]))
    assert "<script" not in svg
    assert "&lt;script" in svg


def test_the_figure_shows_the_strangest_sets_told_apart_without_colour() -> None:
    part = build(EXAMPLES["five"]).novelty
    svg = str(figure(part.training, part.sets, "title"))
    texts = re.findall(r"<text[^>]*>([^<]*)<", svg)
    assert {"cells under test", "training cells", "noise, strength 3", "blur, strength 3"} <= {
        *texts
    }
    assert "unlabelled cells" not in texts
    dashes = re.findall(r"stroke-dasharray: ([^;\"]*)", svg)
    assert len(set(dashes)) == 4  # and the line of the cells under test is whole
    assert "var(--stain)" in svg


def test_a_figure_of_a_single_set_and_far_away_cells() -> None:
    part = build(EXAMPLES["five"]).novelty
    alone = part.sets[:1]
    assert "cells under test" in str(figure(part.training, alone, "title"))
    far = part.sets[1].model_copy(update={"quantiles": [3.0, 900.0, 1e6]})
    svg = str(figure(part.training, [*alone, far], "title"))
    assert "nan" not in svg
    xs = [float(x) for x in re.findall(r"[ML] (\d+(?:\.\d+)?) ", svg)]
    assert max(xs) <= 460
