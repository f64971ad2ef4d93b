"""What is asked of the fitted models beyond their test figures: where they fail, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from classifiers.cell_parts import Galleries, MapPart
from classifiers.evaluation.stress_parts import (
    NoveltyPart,
    PremiumPart,
    RobustnessPart,
    SubgroupsPart,
)
from classifiers.protocol import Evaluation
from pipeline.config import RunConfig
from pipeline.embedding_map import map_of
from pipeline.explain import explained_galleries
from pipeline.inputs import FitInputs
from pipeline.novelty import novelty_of
from pipeline.premium import premium_of
from pipeline.robustness import robustness_of
from pipeline.subgroups import subgroups_of


@dataclass(frozen=True)
class Examination:
    """What the examinations found."""

    premium: PremiumPart
    robustness: RobustnessPart
    novelty: NoveltyPart
    subgroups: SubgroupsPart
    galleries: Galleries
    embedding_map: MapPart | None


def examine(
    config: RunConfig, inputs: FitInputs, evaluation: Evaluation,
    shown: Callable[[int], dict[str, Any]],
) -> Examination:  # fmt: skip
    """All examinations of a run.

    Args:
        shown: makes the fields of a ``Cell`` from its position.
    """
    return Examination(
        premium=premium_of(config, inputs, evaluation),
        robustness=robustness_of(config, inputs, evaluation),
        novelty=novelty_of(config, inputs, evaluation),
        subgroups=subgroups_of(config, inputs, evaluation),
        galleries=explained_galleries(config, inputs, evaluation, shown),
        embedding_map=map_of(config, inputs, evaluation),
    )
