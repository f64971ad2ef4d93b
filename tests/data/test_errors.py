"""Errors are one short line."""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from data.errors import MOST, describe_invalid


class Sample(BaseModel):
    """Anything that is read from a file."""

    model_config = ConfigDict(extra="forbid")
    count: int


@pytest.mark.parametrize(
    "text",
    ['{"count": 1' + " " * 5000, '{"count": "' + "many " * 999 + '"}', '{"' + "k" * 5000 + '": 1}'],
    ids=["not JSON", "a long value", "a long key"],
)
def test_what_was_found_is_cut_short(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate_json(text)
    assert len(describe_invalid(caught.value)) < 3 * MOST


def test_what_is_short_is_shown_whole() -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({"count": "seven"})
    assert describe_invalid(caught.value).endswith("found 'seven'")
