"""The robustness of a run's classifier."""

from classifiers.estimate import Estimate
from classifiers.evaluation.stress_parts import RobustnessPart
from classifiers.protocol import Evaluation
from pipeline.config import RunConfig
from pipeline.inputs import FitInputs


def robustness_of(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> RobustnessPart:
    """The selected classifier on disturbed images."""
    none = Estimate(value=None, low=None, high=None)
    return RobustnessPart(
        n=0, n_groups=0, accuracy=none, f1_macro=none, perturbed=[], note="not measured"
    )
