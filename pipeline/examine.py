"""What is asked of the fitted models beyond their test figures: where they fail, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from classifiers.cell_parts import Galleries, MapPart
from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import (
    NoveltyPart,
    PremiumPart,
    RobustnessPart,
    SubgroupsPart,
)
from classifiers.protocol import Evaluation
from data.errors import BlastlineError
from pipeline.config import RunConfig
from pipeline.console import warn
from pipeline.embedding_map import map_of
from pipeline.explain import explained_galleries
from pipeline.inputs import FitInputs
from pipeline.novelty import novelty_of
from pipeline.novelty import unmeasured as novelty_unmeasured
from pipeline.premium import premium_of
from pipeline.premium import unmeasured as premium_unmeasured
from pipeline.robustness import robustness_of
from pipeline.subgroups import subgroups_of

Found = TypeVar("Found")


@dataclass(frozen=True)
class Examination:
    """What the examinations found.

    Attributes:
        pictures: that explain cells, by their path inside the run folder; not written yet.
    """

    premium: PremiumPart
    robustness: RobustnessPart
    novelty: NoveltyPart
    subgroups: SubgroupsPart
    galleries: Galleries
    embedding_map: MapPart | None
    pictures: dict[str, bytes]


def examine(
    config: RunConfig, inputs: FitInputs, evaluation: Evaluation,
    shown: Callable[[int], dict[str, Any]],
) -> Examination:  # fmt: skip
    """All examinations of a run; one that fails becomes a warning and a note in its part.

    Args:
        shown: makes the fields of a ``Cell`` from its position.
    """
    asked = (config, inputs, evaluation)
    unexplained = config.model_copy(update={"heatmaps": 0})

    def plain(note: str) -> tuple[Galleries, dict[str, bytes]]:
        found, pictures = explained_galleries(unexplained, inputs, evaluation, shown)
        return found.model_copy(update={"note": note}), pictures

    premium = _or_note(
        "the leakage premium", lambda: premium_of(*asked),
        lambda note: premium_unmeasured(inputs.scan.unit, note),
    )  # fmt: skip
    robustness = _or_note("robustness", lambda: robustness_of(*asked), _no_robustness)
    novelty = _or_note("novelty", lambda: novelty_of(*asked), novelty_unmeasured)
    subgroups = _or_note(
        "subgroups", lambda: subgroups_of(*asked), lambda note: SubgroupsPart(subsets=[], note=note)
    )
    galleries, pictures = _or_note(
        "explanations", lambda: explained_galleries(*asked, shown), plain
    )
    embedding_map = _or_note("the map", lambda: map_of(*asked), lambda _: None)
    return Examination(premium, robustness, novelty, subgroups, galleries, embedding_map, pictures)


def _or_note(what: str, examined: Callable[[], Found], without: Callable[[str], Found]) -> Found:
    try:
        return examined()
    except Exception as error:  # whatever it is, the fit that took hours is not lost for it
        reason = " ".join(str(error).split())
        if not isinstance(error, BlastlineError):
            reason = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
        warn(f"fit: {what} left out, it failed: {reason}")
        return without(f"it failed: {reason}")


def _no_robustness(note: str) -> RobustnessPart:
    none = Estimate(value=None, low=None, high=None)
    return RobustnessPart(n=0, n_groups=0, accuracy=none, f1_macro=none, perturbed=[], note=note)
