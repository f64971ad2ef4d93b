"""The gate before a reduced precision, on the user's own images; its result stays."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from data.decode import MAX_BYTES, UnreadableImageError, decode
from data.errors import BlastlineError
from data.files import read_regular, write_text
from features.gate import IMAGES, GateResult, run_gate
from pipeline.config import RunConfig
from pipeline.console import say
from pipeline.recipes import Plan, store_path


def pass_gate(
    config: RunConfig, plan: Plan, root: Path, images: Sequence[tuple[str, str]]
) -> GateResult | None:
    """Compare a reduced precision with float32 before it is used; None where it is not reduced.

    Done once a store: the result lies beside it and is only judged again.

    Args:
        images: (sha256, path below root) of the images to draw from.

    Raises:
        BlastlineError: the two agree too little; the line says how to go on.
    """
    recipe = plan.recipe
    if recipe.precision == "float32" or plan.weights.source == "none":
        return None
    store = store_path(config, recipe)
    kept = store.with_suffix(".gate.json")
    result = _read(kept)
    if result is None:
        exact = replace(plan, recipe=replace(recipe, precision="float32"))
        chosen = _choose(root, images, config.seed)
        if len(chosen) < 2:
            return None  # nothing to compare; extraction says why the images cannot be read
        result = run_gate(chosen, exact.make_engine(), plan.make_engine())
        write_text(kept, json.dumps(asdict(result), indent=1) + "\n")
    say(f"extract: gate: {recipe.precision} beside float32: {result}")
    if result.cosine < config.gate:
        enough = f"{np.floor(result.cosine * 1000) / 1000:.3f}"
        raise BlastlineError(
            f"precision {recipe.precision}: agrees too little with float32 on these images "
            f"({recipe.backbone}: centred cosine {result.cosine:.4f}, expected at least "
            f"{config.gate}); use --precision float32 (PRECISION=float32), or accept it with "
            f"--gate {enough} (GATE={enough})"
        )
    return result


def _read(path: Path) -> GateResult | None:
    try:
        return TypeAdapter(GateResult).validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError, UnicodeDecodeError):
        return None


def _choose(
    root: Path, images: Sequence[tuple[str, str]], seed: int
) -> list[tuple[str, np.ndarray]]:
    """The first readable ones of the images in random order."""
    chosen: list[tuple[str, np.ndarray]] = []
    for number in np.random.default_rng(seed).permutation(len(images)):
        sha256, path = images[number]
        try:
            chosen.append((sha256, decode(read_regular(root / path, MAX_BYTES))))
        except (UnreadableImageError, OSError):
            continue
        if len(chosen) == IMAGES:
            break
    return chosen
