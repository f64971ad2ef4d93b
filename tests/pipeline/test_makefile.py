"""make: lists itself, and passes every variable on to the command it belongs to."""

import itertools
import re
import shlex

import pytest

from tests.pipeline.commands import ROOT, Done, Guarded, finished

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = " ".join(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)).split()
# Each command's options and the variables that they come from.
OPTIONS = {
    "extract": {
        "dataset": "DATASET", "images": "IMAGES", "backbone": "BACKBONE", "weights": "WEIGHTS",
        "alpha": "ALPHA", "layer": "LAYER", "run": "RUN", "work": "WORK", "pooling": "POOLING",
        "steps": "STEPS", "views": "VIEWS", "augment": "AUGMENT", "engine": "ENGINE",
        "precision": "PRECISION", "gate": "GATE", "split": "SPLIT",
    },
    "fit": {
        "dataset": "DATASET", "backbone": "BACKBONE", "layer": "LAYER", "run": "RUN",
        "work": "WORK", "classifiers": "CLASSIFIERS", "trials": "TRIALS", "rounds": "ROUNDS",
        "threshold": "THRESHOLD", "growth": "GROWTH", "feedback-rounds": "FEEDBACK",
    },
    "review": {
        "dataset": "DATASET", "backbone": "BACKBONE", "run": "RUN", "work": "WORK",
        "cells": "CELLS",
    },
    "simulate": {
        "dataset": "DATASET", "backbone": "BACKBONE", "run": "RUN", "work": "WORK",
        "classifiers": "CLASSIFIERS", "trials": "TRIALS", "rounds": "ROUNDS",
        "threshold": "THRESHOLD", "growth": "GROWTH", "feedback-rounds": "FEEDBACK",
        "shares": "SHARES", "draws": "DRAWS",
    },
    "report": {"dataset": "DATASET", "backbone": "BACKBONE", "run": "RUN", "work": "WORK"},
}  # fmt: skip
VALUES = {
    "DATASET": "my cards/mine.toml", "IMAGES": "/data/my cells (2024)", "BACKBONE": "vgg16",
    "WEIGHTS": "some weights", "ALPHA": "0.35", "LAYER": "block3_pool", "RUN": "a run",
    "WORK": "over there", "CLASSIFIERS": "logistic,svm", "TRIALS": "7",
    "BUNDLE": "a bundle", "PORT": "9090", "POOLING": "tokens", "VIEWS": "8", "ENGINE": "keras",
    "PRECISION": "bf16", "GATE": "0.95", "STEPS": "macenko;centre:0.6", "AUGMENT": "rotate:180",
    "SPLIT": "official", "ROUNDS": "4", "THRESHOLD": "0.7", "GROWTH": "0.2", "FEEDBACK": "3",
    "CELLS": "50", "SHARES": "5,10", "DRAWS": "3",
}  # fmt: skip


def make(*arguments: str, **variables: str) -> Done:
    # The environment exists; without --old-file a dry run would show how it is made.
    said = [f"{name}={value}" for name, value in variables.items()]
    return finished(["make", "--old-file", ".venv/.ready", *arguments, *said])


def commands(*targets: str, **variables: str) -> list[list[str]]:
    """The commands that make would run, as lists of words."""
    done = make("--dry-run", *targets, **variables)
    assert (done.code, done.err) == (0, "")
    whole = done.out.replace("\\\n", " ")
    lines = [line.partition(" || ")[0] for line in whole.splitlines()]
    return [shlex.split(line) for line in lines if ".venv/bin/" in line]


def options(words: list[str]) -> dict[str, str]:
    pairs = words[2:]
    assert all(name.startswith("--") for name in pairs[::2]), words
    return {name[2:]: value for name, value in zip(pairs[::2], pairs[1::2], strict=True)}


def test_make_alone_lists_every_target_with_a_line() -> None:
    done = make()
    assert (done.code, done.err) == (0, "")
    listed = dict(re.findall(r"^\s+make (\S+)\s+(\S.*)$", done.out, re.MULTILINE))
    assert set(listed) == set(TARGETS)
    variables = set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE)) - {"PYTHON"}
    told = re.search(r"variables: ([A-Z\s]+)", done.out)
    assert told is not None
    assert set(told[1].split()) == variables


def test_every_variable_reaches_the_commands_it_belongs_to() -> None:
    found = [options(words) for words in commands(*OPTIONS, **VALUES)]
    for said, expected in zip(found, OPTIONS.values(), strict=True):
        assert said == {option: VALUES[key] for option, key in expected.items()}


def test_what_is_not_said_is_left_to_the_run() -> None:
    for words in commands(*OPTIONS):
        assert words[0].endswith("/blastline")
        assert options(words) == {"work": "runs"}


def test_one_variable_says_one_option() -> None:
    for name, expected in OPTIONS.items():
        for option, key in expected.items():
            (words,) = commands(name, **{key: VALUES[key]})
            assert options(words) == {"work": "runs", option: VALUES[key]}


def test_the_control_is_switched_on_or_off_and_anything_else_is_refused() -> None:
    for said, expected in {"1": ["--control"], "0": ["--no-control"], "": []}.items():
        (words,) = commands("extract", CONTROL=said)
        assert [each for each in words if "control" in each] == expected
    done = make("--dry-run", "extract", CONTROL="maybe")
    assert done.code == 2
    assert "CONTROL='maybe': expected 1 or 0" in done.err


def test_relabel_wants_decisions() -> None:
    (words,) = commands("relabel", DECISIONS="my decisions.csv", RUN="r")
    assert words[1:] == ["relabel", "my decisions.csv", "--run", "r", "--work", "runs"]
    assert "DECISIONS=" in make("relabel").err


def test_compare_wants_runs_and_names_each() -> None:
    (words,) = commands("compare", RUNS="one a&b", WORK="over there")
    assert words[1:] == ["compare", "one", "a&b", "--work", "over there"]
    assert "RUNS=" in make("compare").err


def test_predict_takes_a_bundle_or_that_of_a_run() -> None:
    (words,) = commands("predict", IMAGES="my cells", BUNDLE="a bundle", WEIGHTS="w")
    assert words[1:] == ["predict", "--weights", "w", "--work", "runs", "a bundle", "my cells"]
    (words,) = commands("predict", IMAGES="my cells", RUN="r", WORK="there")
    assert words[1:] == ["predict", "--work", "there", "there/r/bundle", "my cells"]


def test_the_demonstration_runs_all_stages_on_the_synthetic_set() -> None:
    found = commands("demo", WORK="there")
    assert [words[1] for words in found] == ["extract", "fit", "report"]
    for words in found:
        said = options(words)
        assert said["dataset"] == "synthetic"
        assert said["work"] == "there"


def test_the_dashboard_opens_the_studies_of_the_set() -> None:
    (words,) = commands("dashboard", DATASET="cards/mine.toml", WORK="there", PORT="9090")
    said = dict(itertools.pairwise(words))
    expected = {"--dataset": "cards/mine.toml", "--work": "there", "--port": "9090"}
    assert {name: said[name] for name in expected} == expected


def test_predict_takes_the_bundle_of_the_run_that_the_variables_name() -> None:
    named = {"DATASET": "cards/mine.toml", "BACKBONE": "vgg16", "IMAGES": "cells"}
    assert "runs/mine-vgg16/bundle" in commands("predict", **named)[-1]
    assert "runs/own/bundle" in commands("predict", **named, RUN="own")[-1]
    several = {"BACKBONE": "vgg16,resnet50@conv4_block6_out", "IMAGES": "cells"}
    assert (
        "runs/synthetic-vgg16+resnet50@conv4_block6_out/bundle"
        in commands("predict", **several)[-1]
    )
    assert "other/bundle" in commands("predict", **named, RUN="own", BUNDLE="other/bundle")[-1]


@pytest.mark.parametrize("name", OPTIONS)
def test_options_in_the_makefile_exist(name: str, guarded: Guarded) -> None:
    text = guarded(commands(name)[0][1], "--help").out
    assert all(re.search(rf"--{option}\b", text) for option in OPTIONS[name])


def test_cleaning_never_touches_what_was_generated() -> None:
    out = make("--dry-run", "clean").out
    assert "runs" not in out
    assert ".venv" in out
