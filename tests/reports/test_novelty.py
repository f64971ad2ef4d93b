"""What the report says of the split's worth and of strange cells, no more than was found."""

import re

import pytest

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import NoveltyPart, PremiumPart, Wrong
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
        (estimate(0.0, 0.083, 0.21), "Too few cells to tell", False),
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
        (estimate(0.45, 0.51, 0.58), "It hints at wrong decisions, but no more"),
        (estimate(0.52, 0.6, 0.68), "Flagged cells are decided wrongly more often"),
        (NONE, "cannot be said"),
    ],
)
def test_whether_it_finds_errors_is_said_honestly(area: Estimate, said: str) -> None:
    assert said in read("novelty", with_novelty(auroc_errors=area)).text("main")


@pytest.mark.parametrize(
    ("area", "said"),
    [
        (estimate(0.45, 0.51, 0.58), "It is not shown to find errors"),
        (estimate(0.35, 0.42, 0.48), "familiar cells are even wrong more often"),
        (estimate(0.7, 0.8, 0.9), "It hints at wrong decisions, but no more"),
    ],
)
def test_few_flagged_cells_prove_nothing_of_errors(area: Estimate, said: str) -> None:
    """5 of 14 flagged cells wrong, and 14.4 % of the others: their intervals overlap."""
    result = with_novelty(
        auroc_errors=area,
        error_flagged=Wrong(n=14, wrong=5, share=estimate(0.12, 5 / 14, 0.62)),
        error_familiar=Wrong(n=306, wrong=44, share=estimate(0.1, 44 / 306, 0.19)),
    )  # fmt: skip
    text = read("novelty", result).text("main")
    assert said in text
    assert "5 of 14 flagged cells (35.7 %, 12.0 % to 62.0 %) and 44 of 306 other cells" in text


def test_errors_that_it_lets_pass_are_counted() -> None:
    text = read("novelty", build(EXAMPLES["five"])).text("main")
    assert "7 of 35 flagged cells (20.0 %, 10.0 % to 30.0 %) and 27 of 541 other cells" in text
    assert "Still, most wrong decisions are on familiar cells" in text


def test_how_much_is_flagged_of_what_is_disturbed_is_named() -> None:
    text = read("novelty", build(EXAMPLES["five"])).text("main")
    assert (
        "Of 240 cells disturbed at strength 3, it flags most cells under noise (90.0 %) and blur "
        "(70.0 %); it flags fewer than half under stain shift (8.0 %)."
    ) in text
    assert "Unlabelled cells are as familiar as the cells under test" in text


@pytest.mark.parametrize(
    ("shares", "said", "warned"),
    [
        ((0.85, 0.99, 1.0), "It finds most cells of a type that it never saw", False),
        ((0.1, 0.6, 1.0), "It finds some cell types that it never saw, and misses", False),
        ((0.0, 0.05, 1.0), "It misses most cells of a type that it never saw", True),
        ((0.0,), "trained without lymphocyte, it flags 0.0 % of the cells", True),
        ((), "was not measured: no class has enough cells", False),
    ],
)
def test_cell_types_that_it_never_saw(shares: tuple[float, ...], said: str, warned: bool) -> None:
    first = build(EXAMPLES["five"]).novelty.left_out[0]
    left_out = [
        first.model_copy(update={"name": name, "flagged": estimate(share, share, share)})
        for name, share in zip(("lymphocyte", "monocyte", "platelet"), shares, strict=False)
    ]
    result = with_novelty(left_out=left_out)
    text = read("novelty", result).text("main")
    assert said in text
    assert ("Class left out" in text) == bool(shares)
    assert bool(novelty.trust(result)) == warned
    if len(shares) == 3:
        assert f"between {shares[0]:.1%}".replace("%", " % (lymphocyte)") in text
        assert "familiar does not mean that it is of a class that was trained on" in text


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
