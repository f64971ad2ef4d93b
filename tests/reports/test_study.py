"""What the card and the tuning say of the study, and what is said where they are silent."""

import pytest

from classifiers.result import SearchedPart
from data.origin import ORIGIN, Origin
from reports.model_card import as_text, model_card
from tests.reports.examples import EXAMPLES, HOSTILE, build
from tests.reports.test_sections import read


def section_of(key: str) -> str:
    return "use" if key == "purpose" else "data"


@pytest.mark.parametrize("key", ORIGIN)
def test_each_thing_that_a_card_may_say_is_printed_or_asked_for(key: str) -> None:
    result = build(EXAMPLES["no_patients"])
    section = section_of(key)
    assert f"not stated: add {key} to the card" in read(section, result).text("main")
    dataset = result.dataset.model_copy(update={"origin": Origin(**{key: "as they SAID"})})
    said = result.model_copy(update={"dataset": dataset})
    text = read(section, said).text("main")
    assert "as they SAID" in text and f"add {key} to" not in text
    assert model_card(said).count("as they SAID") == 1
    assert model_card(result).count("not stated") == 1 + model_card(said).count("not stated")


@pytest.mark.parametrize("odd", HOSTILE)
def test_what_a_card_says_is_text_and_never_markup(odd: str) -> None:
    result = build(EXAMPLES["five"])
    dataset = result.dataset.model_copy(update={"origin": Origin(**dict.fromkeys(ORIGIN, odd))})
    said = result.model_copy(update={"dataset": dataset})
    for section in ("use", "data"):
        page, plain = read(section, said), read(section, result)
        assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
        times = sum(section_of(key) == section for key in ORIGIN)
        assert page.text("main").count(" ".join(odd.split())) == times
    assert model_card(said).count(as_text(odd)) == len(ORIGIN)


def test_the_search_space_is_printed_once_where_all_share_it() -> None:
    result = build(EXAMPLES["five"])
    text = read("tuning", result).text("main")
    assert text.count("root True, False") == 1 and "all root True, False" in text
    assert "svm C 0.003 to 301, on a logarithmic scale" in text
    assert "all gamma 0.1 to 0.5, only with shape = round" in text
    assert "was not recorded" not in text


def test_a_single_classifier_and_fixed_values_are_named_and_a_lost_space_is_said() -> None:
    result = build(EXAMPLES["five"])
    spaces = {"svm": [SearchedPart(name="pca", choices=[50])]}
    tuning = result.tuning.model_copy(update={"spaces": spaces})
    changed = result.model_copy(update={"tuning": tuning})
    text = read("tuning", changed).text("main")
    assert "svm pca 50 (fixed)" in text
    assert "search space of logistic and dense was not recorded" in text


def test_without_patients_the_limits_say_that_intervals_are_too_narrow() -> None:
    assert "intervals are too narrow" in read("limits", build(EXAMPLES["no_patients"])).text("main")
    assert "too narrow" not in read("limits", build(EXAMPLES["five"])).text("main")
