"""What explains the predictions of a run: heat maps, cells that look alike, descriptors."""

from collections.abc import Callable
from typing import Any

from classifiers.cell_parts import Galleries
from classifiers.protocol import Evaluation
from pipeline.config import RunConfig
from pipeline.inputs import FitInputs
from pipeline.thumbnails import choose_galleries


def explained_galleries(
    config: RunConfig, inputs: FitInputs, evaluation: Evaluation,
    shown: Callable[[int], dict[str, Any]],
) -> Galleries:  # fmt: skip
    """The cells that the report shows."""
    return choose_galleries(inputs.cells, evaluation, shown)
