"""The out-of-distribution score of a run."""

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import NoveltyPart
from classifiers.protocol import Evaluation
from pipeline.config import RunConfig
from pipeline.inputs import FitInputs


def novelty_of(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> NoveltyPart:
    """How strange cells are to the models that did not train on them."""
    none = Estimate(value=None, low=None, high=None)
    return NoveltyPart(
        neighbours=0, components=0, references=0, accepted=0.95, limit_low=None, limit_high=None,
        sets=[], by_class={}, error_familiar=none, error_flagged=none, auroc_errors=none,
        note="not measured",
    )  # fmt: skip
