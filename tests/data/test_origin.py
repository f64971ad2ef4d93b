"""What a card may say of where its set comes from: never needed, always plain text."""

from pathlib import Path

import pytest

from data.cards import card_names, load_card
from data.errors import BlastlineError
from data.origin import ORIGIN, Origin
from tests.data.test_cards import GOOD, card_file


def test_a_card_that_says_nothing_of_it_stays_valid(tmp_path: Path) -> None:
    assert load_card(str(card_file(tmp_path, GOOD))).origin == Origin()


@pytest.mark.parametrize("key", ORIGIN)
def test_what_a_card_says_is_kept_as_it_is(key: str, tmp_path: Path) -> None:
    said = '<b>Giemsa</b> & 100\u00d7, "quoted"'
    text = f"{key} = '  {said} '\n{GOOD}"
    assert load_card(str(card_file(tmp_path, text))).origin == Origin(**{key: said})
    blank = load_card(str(card_file(tmp_path, f"{key} = '  '\n{GOOD}")))
    assert blank.origin == Origin()
    with pytest.raises(BlastlineError, match=f"'{key}'"):
        load_card(str(card_file(tmp_path, f"{key} = 3\n{GOOD}")))


def test_a_users_own_set_states_nothing_by_itself() -> None:
    for name in ("csv", "folders", "fab", "normal_vs_all"):
        assert load_card(name).origin == Origin()


@pytest.mark.parametrize("name", card_names())
def test_what_is_not_known_is_left_out_and_not_said_in_other_words(name: str) -> None:
    for said in load_card(name).origin.model_dump().values():
        assert said.lower() not in ("unknown", "not stated", "not known", "n/a", "-", "?")
