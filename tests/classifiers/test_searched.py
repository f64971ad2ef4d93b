"""The search space that a report prints is the one that tuning draws from."""

from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from optuna.trial import BaseTrial

from classifiers.preparation import Block, first_preparation, suggest_preparation
from classifiers.registry import CLASSIFIERS
from classifiers.result import SearchedPart
from classifiers.searched import searched
from classifiers.spec import ClassifierSpec, Params

BLOCKS = [(Block("one", 64),), (Block("one", 40), Block("two", 60))]


def drawn(spec: ClassifierSpec, blocks: tuple[Block, ...], width: int) -> Iterator[Params]:
    """Optuna's parameters of random trials, asked for as tuning does."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(60):
        trial = study.ask()
        suggest_preparation(trial, blocks, 0)
        spec.suggest(trial, width)
        yield trial.params


def holds(part: SearchedPart, params: Params) -> bool:
    """Whether a trial has this parameter where, and only where, the space says so."""
    asked = all(params[name] in choices for name, choices in part.only.items())
    if not asked or part.name not in params:
        return not asked and part.name not in params
    value = params[part.name]
    if part.low is None or part.high is None:
        return value in part.choices
    return part.low <= value <= part.high


@pytest.mark.parametrize("width", [64, 1024])
@pytest.mark.parametrize("blocks", BLOCKS, ids=["one", "two"])
@pytest.mark.parametrize("spec", CLASSIFIERS.values(), ids=list(CLASSIFIERS))
def test_every_trial_lies_in_the_space_and_fills_it(
    spec: ClassifierSpec, blocks: tuple[Block, ...], width: int
) -> None:
    space = searched(spec, blocks, width, 0, grid=False)
    trials = list(drawn(spec, blocks, width))
    assert {name for params in trials for name in params} == {part.name for part in space}
    for part in space:
        assert all(holds(part, params) for params in trials), part
        seen = {params[part.name] for params in trials if part.name in params}
        assert set(part.choices) <= seen
        if part.low is not None and part.high is not None and not part.log:
            assert max(seen) - min(seen) > 0.5 * (part.high - part.low)


@pytest.mark.parametrize("blocks", BLOCKS, ids=["one", "two"])
@pytest.mark.parametrize("spec", CLASSIFIERS.values(), ids=list(CLASSIFIERS))
def test_a_grid_is_its_points_and_the_first_preparation(
    spec: ClassifierSpec, blocks: tuple[Block, ...]
) -> None:
    space = {part.name: part.choices for part in searched(spec, blocks, 64, 30, grid=True)}
    fixed: dict[str, Any] = {"pca": [30]}
    fixed |= {name: [value] for name, value in first_preparation(blocks).items()}
    assert space == fixed | {name: list(values) for name, values in spec.grid.items()}


def test_a_condition_within_a_condition_is_found() -> None:
    def suggest(trial: BaseTrial, n_features: int) -> Params:
        inner = trial.suggest_categorical("a", ["x", "y"]) == "y"
        if inner and trial.suggest_categorical("b", [1, 2, 3]) != 1:
            trial.suggest_int("c", 2, 9, log=True)
        return {}

    spec = ClassifierSpec("made", "made", CLASSIFIERS["svm"].build, suggest, {"a": "x"}, {})
    space = {part.name: part for part in searched(spec, BLOCKS[0], 64, 0, grid=False)}
    assert list(space) == ["root", "a", "b", "c"]
    assert space["b"].only == {"a": ["y"]}
    assert space["c"].only["b"] == [2, 3]
    assert (space["c"].low, space["c"].high, space["c"].log) == (2, 9, True)


def test_components_kept_are_told_as_fixed() -> None:
    space = searched(CLASSIFIERS["logistic"], BLOCKS[0], 2048, 50, grid=False)
    assert space[0] == SearchedPart(name="pca", choices=[50])
    assert any(part.name == "l1_ratio" for part in space)  # of 50 components, not 2048 columns
    whole = searched(CLASSIFIERS["logistic"], BLOCKS[0], 2048, 0, grid=False)
    assert not any(part.name in ("pca", "l1_ratio") for part in whole)
