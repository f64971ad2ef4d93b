import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BlastlineError
from features.recipe import FORMAT, Recipe

PLAIN = Recipe("mobilenet_v2", "file", "ab" * 32, ("mask:0,0,0.5,1",), 224)
TEXT = st.text(max_size=20)
RECIPES = st.builds(
    Recipe,
    backbone=TEXT,
    weights=TEXT,
    weights_digest=TEXT,
    steps=st.lists(TEXT, max_size=3).map(tuple),
    size=st.integers(0, 2000),
    layer=TEXT,
    alpha=st.floats(0.1, 2),
    views=st.integers(1, 8),
)


def other(value: Any) -> Any:
    return {str: f"{value}x", int: 7, float: 0.35, tuple: ("mask:0,0,1,1",)}[type(value)]


@given(RECIPES)
def test_json_gives_the_same_recipe_back(recipe: Recipe) -> None:
    again = Recipe.from_json(recipe.to_json(), "here")
    assert again == recipe
    assert again.digest == recipe.digest
    assert again.difference(recipe) == ""


@given(RECIPES, RECIPES)
def test_the_digest_is_equal_only_for_equal_recipes(first: Recipe, second: Recipe) -> None:
    assert (first.digest == second.digest) == (first == second)
    assert (first.difference(second) == "") == (first == second)


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe)])
def test_every_field_changes_the_digest_and_is_named_in_the_difference(name: str) -> None:
    changed = replace(PLAIN, **{name: other(getattr(PLAIN, name))})
    assert changed.digest != PLAIN.digest
    assert changed.name != PLAIN.name
    difference = PLAIN.difference(changed)
    assert difference == f"{name} {getattr(changed, name)!r} instead of {getattr(PLAIN, name)!r}"


def test_the_digest_is_pinned_for_the_sake_of_stores_on_disk() -> None:
    """Whoever changes this makes every user extract again: raise FORMAT with it."""
    assert Recipe("mean_colour", "none", "revision 1").name == "mean_colour-a3f71f5e"


def test_steps_keep_their_order() -> None:
    one, two = (replace(PLAIN, steps=steps) for steps in (("a", "b"), ("b", "a")))
    assert one.digest != two.digest


@pytest.mark.parametrize("number", [0, FORMAT + 1, None, "1"])
def test_another_format_is_refused_with_both_numbers(number: object) -> None:
    text = json.dumps({**json.loads(PLAIN.to_json()), "format": number})
    with pytest.raises(BlastlineError, match=rf"^here: .*format {number}, expected {FORMAT}"):
        Recipe.from_json(text, "here")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '{"format": 1}',
        '{"format": 1, "steps": []}',
        PLAIN.to_json().replace('"size"', '"sise"'),
        PLAIN.to_json().replace('["mask:0,0,0.5,1"]', "3"),
    ],
)
def test_what_is_no_recipe_is_refused_by_name(text: str) -> None:
    with pytest.raises(BlastlineError, match=r"^here: "):
        Recipe.from_json(text, "here")
