"""The search space of a classifier, written out for people; read off the code that suggests."""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from classifiers.preparation import Block, first_preparation, suggest_preparation
from classifiers.result import SearchedPart
from classifiers.spec import ClassifierSpec, Params


def searched(
    spec: ClassifierSpec, blocks: Sequence[Block], width: int, pca: int, *, grid: bool
) -> list[SearchedPart]:
    """Every parameter that a study of the classifier sets, those of the preparation first.

    Args:
        blocks: of the embeddings. width: columns of the embeddings.
        pca: principal components kept, 0 for none. grid: whether the study is a grid.
    """
    kept = [SearchedPart(name="pca", choices=[pca])] if pca else []
    first = first_preparation(blocks) | spec.first
    if grid:
        points = {name: [first[name]] for name in first_preparation(blocks)} | dict(spec.grid)
        return kept + [SearchedPart(name=name, choices=[*each]) for name, each in points.items()]
    # Asked, never fitted: a trial keeps the distributions that it was asked for.
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def asked(params: Params) -> dict[str, BaseDistribution]:
        study.enqueue_trial(params)
        trial = study.ask()
        preparation = suggest_preparation(trial, blocks, pca)
        spec.suggest(trial, preparation.pca or width)
        return trial.distributions

    space = asked(first)
    beside: dict[str, Params] = {}  # parameter -> the choice beside which it was first met
    only: dict[str, dict[str, list[Any]]] = {}
    pending = list(space)
    for name in pending:  # grows by what a choice brings with it
        given = space[name]
        if not isinstance(given, CategoricalDistribution):
            continue
        at = first | beside.get(name, {})
        met = [(choice, asked(at | {name: choice})) for choice in given.choices]
        for choice, found in met:
            for each in [new for new in found if new not in space]:
                space[each] = found[each]
                beside[each] = beside.get(name, {}) | {name: choice}
                pending.append(each)
        for each in space:
            where = [choice for choice, found in met if each in found]
            if 0 < len(where) < len(met):
                only.setdefault(each, {})[name] = where
    return kept + [_part(name, each, only.get(name, {})) for name, each in space.items()]


def _part(name: str, given: BaseDistribution, only: dict[str, list[Any]]) -> SearchedPart:
    if isinstance(given, CategoricalDistribution):
        return SearchedPart(name=name, choices=list(given.choices), only=only)
    if isinstance(
        given, optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution
    ):
        return SearchedPart(name=name, low=given.low, high=given.high, log=given.log, only=only)
    raise TypeError(f"{name}: a distribution of the kind {type(given).__name__} is not known")
