"""What networks learned from before the run is said, above all where it was the run's own set."""

import pytest

from reports.model_card import model_card
from tests.reports.examples import EXAMPLES, build
from tests.reports.test_model_card import said
from tests.reports.test_sections import read

SMEARNET = {"backbone": "smearnet", "weights": "shipped", "weights_digest": "9f2c" * 16}


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        (SMEARNET, "Before this run: smearnet was trained on normal blood cells"),
        (SMEARNET, "no leukaemic cell"),
        ({"backbone": "vgg16", "weights": "imagenet"}, "vgg16 was trained on ImageNet"),
        (SMEARNET | {"weights": "file"}, "weights of smearnet were given as a file"),
    ],
)
def test_the_card_says_what_the_network_learned_from(recipe: dict[str, str], line: str) -> None:
    result = build(EXAMPLES["five"]).model_copy(update={"recipes": {"ab" * 32: recipe}})
    assert line in said(model_card(result))


@pytest.mark.parametrize("weights", ["none", "random"])
def test_what_learned_nothing_is_not_said_to_have(weights: str) -> None:
    recipes = {"ab" * 32: SMEARNET | {"weights": weights}}
    result = build(EXAMPLES["five"]).model_copy(update={"recipes": recipes})
    assert "Before this run" not in model_card(result)


@pytest.mark.parametrize(
    ("dataset", "weights", "known"),
    [
        ("pbc2020", "shipped", True),
        ("pbc2020", "file", False),
        ("pbc2020", "random", False),
        ("cnmc2019", "shipped", False),
    ],
)
def test_a_network_that_learned_from_the_set_itself_is_told_first(
    dataset: str, weights: str, known: bool
) -> None:
    result = build(EXAMPLES["five"])
    changed = result.model_copy(
        update={
            "dataset": result.dataset.model_copy(update={"name": dataset}),
            "recipes": {"ab" * 32: {"backbone": "smearnet", "weights": weights}},
        }
    )
    text = read("summary", changed).text("main")
    assert ("weights of smearnet were learned from this data set" in text) == known
    text = read("recipe", changed).text("main")
    assert ("but the weights of smearnet were learned from this data set" in text) == known
    assert ("this run changed nothing in them" in text) != known
