"""Help is quick and says what each command does; nothing imports TensorFlow before it must."""

import re
import sys

import pytest

from tests.pipeline.commands import REFUSED, Done, Guarded, Run, blastline, finished

COMMANDS = (
    "scan", "audit", "cards", "gallery", "crop", "draw", "extract", "fit", "tune", "report",
    "compare", "review", "relabel", "simulate-labels", "predict", "doctor",
)  # fmt: skip
STAGES = ("extract", "fit", "report")
PROBE = """
import atexit, sys
@atexit.register
def tell():
    heavy = {"tensorflow", "keras", "torch", "jax"} & set(sys.modules)
    print("HEAVY:", *sorted(heavy), file=sys.stderr)
from pipeline import cli
commands = " ".join(sys.argv[1:]).split(" + ")
codes = [cli._guarded(lambda: cli.app(each.split(), standalone_mode=False)) for each in commands]
sys.exit(max(codes))
"""


def probed(*arguments: object) -> Done:
    """Run commands, with + between them, and tell what heavy packages they imported."""
    return finished([sys.executable, "-c", PROBE, *map(str, arguments)], COLUMNS="200")


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_no_deep_learning(arguments: list[str]) -> None:
    done = probed(*arguments)
    assert (done.code, done.err) == (0, "HEAVY:\n")


def test_no_stage_on_descriptors_imports_deep_learning(run: Run) -> None:
    image = next(run.images.glob("L1/*.png"))
    words: list[object] = ["predict", run.folder / "bundle", image]
    for stage in ("scan", *STAGES):
        words += ["+", stage, *run.options(stage), *(["--again"] if stage == "fit" else [])]
    done = probed(*words)
    assert (done.code, done.err) == (0, "HEAVY:\n")
    assert "fit: 3 studies" in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_says_what_it_reads_and_writes(name: str, guarded: Guarded) -> None:
    done = guarded(name, "--help")
    assert (done.code, done.err) == (0, "")
    text = re.sub(r"\s+", " ", done.out)
    assert re.search(r"Reads: \w", text)
    assert re.search(r"Writes: \w", text)
    assert re.search(rf"Example: blastline {name}\b", text)


def test_help_lists_every_command(guarded: Guarded) -> None:
    out = guarded("--help").out
    assert all(re.search(rf"\b{name}\b .*\w", out) for name in COMMANDS)


def test_no_command_shows_the_help_and_no_empty_complaint() -> None:
    done = blastline()
    assert done.code == REFUSED
    assert "Commands" in done.out + done.err
    assert "blastline:" not in done.err


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_the_help_are_commands_that_exist(name: str, guarded: Guarded) -> None:
    text = re.sub(r"[\s│]+", " ", guarded(name, "--help").out)
    example = re.search(rf"Example: blastline ({name}[^╭]*)", text)
    assert example is not None
    options = re.findall(r"--[a-z-]+", example[1].split("Options")[0].split("Arguments")[0])
    assert set(options) <= set(re.findall(r"--[a-z-]+", text.split("Options")[-1]))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["fit", "--trails", "3"], "--trails"),
        (["fit", "--trials", "many"], "integer"),
        (["scan", "--folds"], "--folds"),
        (["classify"], "classify"),
        (["--verbose"], "--verbose"),
        (["predict"], "bundle"),
        (["fit", "extra"], "extra"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    arguments: list[str], named: str, guarded: Guarded
) -> None:
    done = guarded(*arguments)
    assert done.code == REFUSED
    assert named in done.complaint
    assert len(done.err.splitlines()) == 1
