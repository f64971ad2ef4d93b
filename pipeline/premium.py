"""The leakage premium of a run."""

from classifiers.evaluation.stress_parts import PremiumPart
from classifiers.protocol import Evaluation
from pipeline.config import RunConfig
from pipeline.inputs import FitInputs


def premium_of(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> PremiumPart:
    """The selected classifier under a random and under the grouped split."""
    return PremiumPart(
        unit=inputs.scan.unit, classifier="", n=0, n_groups=0, folds=0, grouped={}, random={},
        premium={}, note="not measured",
    )  # fmt: skip
