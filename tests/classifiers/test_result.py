"""run.json: what is written is what is read, and nothing else is read."""

import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from classifiers.result import RunResult
from data.errors import BlastlineError

SIMPLE = {
    bool: st.booleans(),
    int: st.integers(0, 99),
    float: st.floats(-9, 9),
    str: st.text(max_size=5),
    NoneType: st.none(),
}


def of(kind: Any) -> st.SearchStrategy:
    """Small values of what a field of the result is annotated with."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, UnionType):
        return st.one_of([of(each) for each in inner])
    if origin is list:
        return st.lists(of(inner[0]), max_size=1)
    if origin is tuple:
        return st.tuples(*[of(each) for each in inner if each is not Ellipsis])
    if origin is dict:
        return st.dictionaries(of(inner[0]), of(inner[1]), max_size=1)
    assert issubclass(kind, BaseModel), kind
    fields = {name: of(field.annotation) for name, field in kind.model_fields.items()}
    return st.builds(kind, **fields)


RESULT = of(RunResult)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "run.json"


@given(result=RESULT)
def test_what_is_written_is_what_is_read(path: Path, result: RunResult) -> None:
    result.write(path)
    assert RunResult.read(path) == result
    json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)  # no NaN, no Infinity


def some_result() -> dict[str, Any]:
    """One of the larger results, as JSON gives it."""
    drawn: list[RunResult] = []

    @given(result=RESULT)
    def collect(result: RunResult) -> None:
        drawn.append(result)

    collect()
    return max((json.loads(each.model_dump_json()) for each in drawn), key=lambda x: len(str(x)))


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(BlastlineError) as caught:
        RunResult.read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_unknown_missing_and_wrong_keys_are_one_line(path: Path) -> None:
    whole = some_result()
    assert "'surprise'" in refused(path, json.dumps(whole | {"surprise": 1}).encode())
    split = whole["split"]
    inside = whole | {"split": split | {"surprise": 1}}
    assert "'split.surprise'" in refused(path, json.dumps(inside).encode())
    assert "split.unit" in refused(
        path, json.dumps(whole | {"split": split | {"unit": "hospital"}}).encode()
    )
    for key in set(whole) - {"format"}:
        less = {name: value for name, value in whole.items() if name != key}
        assert key in refused(path, json.dumps(less).encode())
    assert "format" in refused(path, json.dumps(whole | {"format": 99}).encode())


@given(content=st.binary(max_size=30))
def test_anything_else_is_one_line(path: Path, content: bytes) -> None:
    refused(path, content)


def test_no_result_says_which_command_makes_one(tmp_path: Path) -> None:
    with pytest.raises(BlastlineError, match="blastline fit"):
        RunResult.read(tmp_path / "run.json")
