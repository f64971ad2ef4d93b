"""Numbers and phrases as the report prints them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.estimate import Estimate
from reports import words


def test_a_figure_bears_its_interval_with_an_en_dash() -> None:
    assert words.figure(Estimate(value=0.9364, low=0.927, high=0.945)) == "0.936 (0.927–0.945)"
    assert words.figure(Estimate(value=None, low=None, high=None)) == "not defined"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0123, "+0.012"), (-0.0123, "−0.012"), (-0.0001, "+0.000"), (0, "+0.000")],
)
def test_differences_bear_their_sign(value: float, shown: str) -> None:
    assert words.signed(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.44, "0.4 s"),
        (9.97, "10 s"),
        (59.7, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7505, "2 h 5 min"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, shown: str) -> None:
    assert words.duration(seconds) == shown


def test_counts_agree_with_their_nouns() -> None:
    assert words.plural(1, "class") == "1 class"
    assert words.plural(2, "class") == "2 classes"
    assert words.plural(12345, "cell") == "12,345 cells"


@given(st.text(), st.integers(min_value=3, max_value=40))
def test_shortened_text_fits_and_keeps_both_ends(text: str, length: int) -> None:
    short = words.shorten(text, length)
    assert len(short) <= length
    assert short[:1] == text[:1]
    assert short[-1:] == text[-1:]


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1, "100"), (0.999, "99.9"), (0.99996, "99.9"), (0.93, "93"), (0.001, "0.1"), (0, "0")],
)
def test_all_and_none_are_only_said_where_they_are_meant(share: float, shown: str) -> None:
    assert words.of_hundred(share) == shown
