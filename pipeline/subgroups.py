"""The subgroups of a run: what is known of its images beside their classes."""

from pathlib import Path

import numpy as np

from classifiers.evaluation.stress_parts import SubgroupsPart
from classifiers.evaluation.subgroups import by_thirds, subgroups
from classifiers.protocol import SELECTED, Evaluation
from data.audit.looks import Looks
from data.audit.properties import NO_QUALITY, NUMBERS, size_names
from pipeline.config import RunConfig
from pipeline.inputs import FitInputs

MANY_SIZES = 6  # more sizes of image than these are told by the longest side


def subgroups_of(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> SubgroupsPart:
    """The selected classifier by source and by what the audit measured of each image."""
    cells, rows = inputs.cells, evaluation.rows
    properties = {"source": inputs.manifest.frame.source.to_numpy(object)[rows]}
    measured = _measured(config, cells.sha256[rows]) if config.audit else {}
    found = subgroups(
        cells.y[rows], evaluation.decided[SELECTED], cells.groups[rows], len(cells.classes),
        properties | measured, config.seed,
    )  # fmt: skip
    note = "" if measured else "the images were not audited, so their quality is not known"
    if not found and not note:
        note = "neither sources nor the quality of the images differ"
    return SubgroupsPart(subsets=found, note=note)


def _measured(config: RunConfig, sha256: np.ndarray) -> dict[str, np.ndarray]:
    """Names of subsets by property, empty for images that were not looked at."""
    looks = Looks(Path(config.work) / "audit" / Path(config.dataset).stem)
    seen = np.array([key in looks for key in sha256], dtype=bool)
    if not seen.any():
        return {}
    table = looks.take(sha256[seen], "properties")

    def spread(values: np.ndarray) -> np.ndarray:
        found = np.full(len(seen), np.nan)
        found[seen] = values
        return found

    sizes = np.full(len(seen), "", dtype=object)
    sizes[seen] = [name.replace("x", "\u00a0x\u00a0") for name in size_names(table)]
    if len(set(sizes) - {""}) > MANY_SIZES:
        sizes = by_thirds(spread(np.maximum(table["width"], table["height"])), "\u00a0px")
    numbers = table["numbers"]
    quality = table["quality"].astype(np.float64)
    return {
        "sharpness": by_thirds(spread(numbers[:, NUMBERS.index("sharpness")])),
        "brightness": by_thirds(spread(numbers[:, :3].mean(axis=1))),
        "size": sizes,
        "JPEG quality": by_thirds(spread(np.where(quality == NO_QUALITY, np.nan, quality))),
    }
