from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BlastlineError
from features.named import Named, call, numbers


def scale(factor: float, times: int = 1, how: str = "up") -> tuple[float, int, str]:
    if factor > 9:
        raise ValueError("needs a factor of at most 9")
    return factor, times, how


def several(*values: float) -> tuple[float, ...]:
    return values


TABLE: dict[str, Named[tuple[object, ...]]] = {
    "scale": Named(scale, ("scale:2", "scale:2,3,down"), ("scale:FILE",)),
    "several": Named(several, ("several",)),
}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("scale:2", (2.0, 1, "up")),
        ("scale:2.5,3", (2.5, 3, "up")),
        ("scale: 2 , 3 , down", (2.0, 3, "down")),
        ("several", ()),
        ("several:1,2,3", (1.0, 2.0, 3.0)),
    ],
)
def test_arguments_are_what_the_function_says_they_are(text: str, made: tuple[object, ...]) -> None:
    found = call(TABLE, text, "thing")
    assert found == made
    assert [type(each) for each in found] == [type(each) for each in made]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("scale", "found 0 argument"),
        ("scale:1,2,up,4", "found 4 argument"),
        ("scale:much", "'much' is not a number"),
        ("scale:nan", "'nan' is not a number"),
        ("scale:inf", "'inf' is not a number"),
        ("scale:", "found 0 argument"),
        ("scale:,", "'' is not a number"),
        ("scale:1,2.5", "'2.5' is not a whole number"),
        ("scale:10", "at most 9"),
        ("several:1,x", "'x' is not a number"),
    ],
)
def test_unfit_arguments_are_one_line_with_the_way_to_write_it(text: str, why: str) -> None:
    with pytest.raises(BlastlineError) as caught:
        call(TABLE, text, "thing")
    line = str(caught.value)
    assert line.startswith(f"thing '{text}': ")
    assert why in line
    assert all(form in line for form in TABLE[text.partition(":")[0]].examples)


def test_an_unknown_name_lists_those_that_there_are() -> None:
    with pytest.raises(BlastlineError, match="thing 'Scale:1': unknown; expected one of scale, s"):
        call(TABLE, "Scale:1", "thing")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back(values: list[float]) -> None:
    assert numbers(",".join(map(repr, values))) == tuple(values)


@pytest.mark.parametrize("text", ["", "a", "1,", "1,b", "my file.png"])
def test_what_is_no_list_of_numbers(text: str) -> None:
    assert numbers(text) is None


def test_a_mistake_in_a_step_itself_is_not_taken_for_the_users() -> None:
    def broken(value: float) -> Callable[[], None]:
        raise TypeError("a mistake of ours")

    with pytest.raises(TypeError, match="ours"):
        call({"broken": Named(broken, ("broken:1",))}, "broken:1", "thing")
