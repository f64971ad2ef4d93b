"""run.json: what is written is what is read, and nothing else is read."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.result import RunResult
from data.errors import BlastlineError
from tests.classifiers.evaluation.parts import ESTIMATE, EVALUATION, NAMES

CLASS = st.fixed_dictionaries(
    dict.fromkeys(("precision", "recall", "f1", "auroc"), ESTIMATE)
    | {"support": st.integers(0, 99)}
)
HEADS = ("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "auroc")
METRICS = st.fixed_dictionaries(
    dict.fromkeys(HEADS, ESTIMATE)
    | {
        "n": st.integers(0, 999),
        "n_groups": st.integers(0, 99),
        "per_class": st.dictionaries(NAMES, CLASS, max_size=2),
        "confusion": st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=2),
    }
)
COUNTS = st.dictionaries(NAMES, st.integers(0, 99), max_size=2)
IN_ROUNDS = st.fixed_dictionaries(
    {
        "settings": st.dictionaries(NAMES, st.booleans() | st.integers() | st.floats(0, 1)),
        "metric": NAMES,
        "rounds": st.lists(
            st.fixed_dictionaries(
                dict.fromkeys(("number", "folds"), st.integers(0, 9))
                | dict.fromkeys(("score", "score_gain", "log_loss"), st.floats(-9, 9))
                | {
                    "counts": st.dictionaries(NAMES, COUNTS, max_size=2),
                    "confidence": st.none() | st.floats(0, 1),
                }
            ),
            max_size=1,
        ),
        "stopped": COUNTS,
        "kept": st.lists(st.integers(0, 9), max_size=2),
        "f1_macro_gain": ESTIMATE,
    }
    | dict.fromkeys(("kept_final", "unlabelled", "withheld"), st.integers(0, 9))
)
SUSPECT = st.fixed_dictionaries(
    dict.fromkeys(
        ("image_id", "path", "label", "predicted", "patient", "thumbnail", "suggested"), NAMES
    )
    | {
        "probabilities": st.dictionaries(NAMES, st.floats(0, 1), max_size=2),
        "quality": st.floats(0, 1),
    }
)
LABEL_ERRORS = st.fixed_dictionaries(
    {
        "checked": st.integers(0, 99),
        "decided": st.integers(0, 9),
        "suspected": COUNTS,
        "listed": st.lists(SUSPECT, max_size=1),
    }
)
RESULT = st.fixed_dictionaries(
    {
        "run": NAMES,
        "created": st.just("2024-01-01T00:00:00+00:00"),
        "seconds": st.dictionaries(NAMES, st.floats(0, 1e6), max_size=2),
        "versions": st.dictionaries(NAMES, NAMES, max_size=2),
        "machine": NAMES,
        "dataset": st.fixed_dictionaries(
            dict.fromkeys(("name", "title", "citation", "doi", "licence"), NAMES)
            | {
                "caveats": st.lists(NAMES, max_size=2),
                "classes": st.lists(NAMES, max_size=3),
                "images_per_class": st.dictionaries(NAMES, st.integers(0, 9), max_size=2),
                "groups_per_class": st.just({}),
                "patients": st.none() | st.integers(1, 9),
                "decided": st.integers(0, 9),
                "changed": st.integers(0, 9),
                "reviewers": st.lists(NAMES, max_size=2),
            }
        ),
        "flow": st.lists(
            st.fixed_dictionaries({"name": NAMES, "count": st.integers(0, 9)}), max_size=2
        ),
        "split": st.fixed_dictionaries(
            {
                "protocol": st.sampled_from(["cross-validation", "fixed test set"]),
                "unit": st.sampled_from(["patient", "group", "block", "image"]),
                "official": st.booleans(),
                "warning": st.text(max_size=9),
                "overlap": st.text(max_size=9),
                "cells_per_fold": st.lists(st.integers(0, 9), max_size=3),
                "groups_per_fold": st.just([]),
            }
            | {
                name: st.integers(0, 9)
                for name in (
                    "folds",
                    "inner_folds",
                    "seed",
                    "n_groups",
                    "shared_groups",
                    "shared_files",
                )
            }
        ),
        "recipes": st.dictionaries(
            NAMES,
            st.dictionaries(NAMES, NAMES | st.integers() | st.lists(NAMES), max_size=3),
            max_size=2,
        ),
        "extraction": st.fixed_dictionaries(
            {
                "engines": st.dictionaries(NAMES, NAMES, max_size=2),
                "gates": st.dictionaries(
                    NAMES,
                    st.fixed_dictionaries(
                        {"images": st.integers(2, 64)}
                        | {name: st.floats(-1, 1) for name in ("cosine", "lowest", "neighbours")}
                    ),
                    max_size=2,
                ),
            }
        ),
        "tuning": st.fixed_dictionaries(
            {
                "metric": NAMES,
                "trials": st.integers(1, 9),
                "sampler": st.sampled_from(["tpe", "random", "grid"]),
                "calibration": st.sampled_from(["temperature", "sigmoid", "isotonic", "none"]),
                "decision": st.sampled_from(["learned", "argmax"]),
                "workers": st.integers(1, 9),
                "studies": st.just([]),
                "selected_per_fold": st.lists(NAMES, max_size=2),
                "selected_final": NAMES,
            }
        ),
        "classifiers": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {
                    "title": NAMES,
                    "role": st.sampled_from(["classifier", "selected", "feedback", "baseline"]),
                    "validation": st.none() | METRICS,
                    "test": METRICS,
                    "seconds": st.floats(0, 99),
                    "threshold": st.none() | st.floats(0, 1),
                    "notes": st.lists(NAMES, max_size=2),
                }
            ),
            max_size=2,
        ),
        "self_training": st.none() | IN_ROUNDS,
        "feedback": st.none() | IN_ROUNDS,
        "label_errors": LABEL_ERRORS,
        "evaluation": EVALUATION,
        "galleries": st.just({"samples": [], "least_confident": []}),
        "audit": st.none(),
    }
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "run.json"


@given(content=RESULT)
def test_what_is_written_is_what_is_read(path: Path, content: dict[str, object]) -> None:
    result = RunResult.model_validate(content)
    result.write(path)
    assert RunResult.read(path) == result
    json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)  # no NaN, no Infinity


def some_result() -> dict[str, object]:
    return json.loads(RunResult.model_validate(_first(RESULT)).model_dump_json())


def _first(strategy: st.SearchStrategy[dict[str, object]]) -> dict[str, object]:
    drawn: list[dict[str, object]] = []

    @given(content=strategy)
    def collect(content: dict[str, object]) -> None:
        drawn.append(content)

    collect()
    return max(drawn, key=lambda content: len(str(content)))


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
    split = dict(whole["split"])  # type: ignore[call-overload]
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
