"""What a training of SmearNet leaves behind, and whether it is the one that is asked for."""

import csv
import io
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BlastlineError
from data.files import sha256_file, write_text
from features.backbones import find_backbone
from features.keras_import import accelerators, keras_backend
from features.smearnet.cells import Cells
from features.smearnet.settings import Settings
from features.smearnet.student import embed, load_embedder
from features.smearnet.training import Progress, read_identity
from features.smearnet.validation import Validation
from pipeline.console import say
from reports.learning_curve import learning_curve

WEIGHTS, RESULT, CHECKPOINT = "smearnet.weights.h5", "pretrain.json", "checkpoint.npz"
PACKAGES = ("keras", "numpy", "opencv-python-headless")
FORMAT = 1  # raised when the same settings mean another training: other pictures, other losses


def identity_of(
    settings: Settings, cells: Cells, teachers: Sequence[str], leave_out: Sequence[str],
    validation: bool,
) -> dict[str, Any]:  # fmt: skip
    """All that makes this training another one, as JSON gives it back."""
    said = asdict(settings)
    said |= said.pop("losses")
    said |= {
        "format": FORMAT,
        "teachers": list(teachers),
        "leave_out": sorted(leave_out),
        "validation": validation,
        "images": cells.digests["images"],
        "fields": cells.digests.get("fields", ""),
    }
    return dict(json.loads(json.dumps(said)))


def is_finished(out: Path, identity: dict[str, Any]) -> bool:
    """Whether this very training has a result.

    Raises:
        BlastlineError: the folder holds another training.
    """
    result, checkpoint = out / RESULT, out / CHECKPOINT
    earlier: dict[str, Any] | None = None
    if result.is_file():
        try:
            earlier = dict(json.loads(result.read_text(encoding="utf-8"))["settings"])
        except (ValueError, KeyError, TypeError):
            raise BlastlineError(
                f"{result}: not a result of pretrain; begin anew with --fresh, or name another "
                "folder with --out"
            ) from None
    elif checkpoint.is_file():
        earlier = read_identity(checkpoint)
    for name, value in identity.items():
        if earlier is not None and earlier.get(name) != value:
            raise BlastlineError(
                f"pretrain {out}: holds a training with {name} {earlier.get(name)}, asked for is "
                f"{value}; name another folder with --out, or begin anew with --fresh"
            )
    return result.is_file() and (out / WEIGHTS).is_file()


def write_result(
    out: Path, identity: dict[str, Any], done: Progress, validation: Validation | None,
    cells: Cells, rows: np.ndarray,
) -> None:  # fmt: skip
    """Validate the file of weights in ``out``, and write what tells of the training.

    Args:
        rows: the cells that were trained on.
    """
    scores: dict[str, float] = {}
    if validation:
        # Of the file as it is shipped, in half precision, and as it will be run.
        say("pretrain: validating the finished weights")
        embedder = load_embedder(out / WEIGHTS)
        scores = validation.score(embed(embedder, validation.images, input_size()))
        done.curve[-1]["validation"] = scores["macro"]
    write_text(out / "curve.csv", _curve_table(done.curve))
    write_text(out / "curve.svg", str(learning_curve(done.curve)))
    labels = cells.labels[rows]
    told = {
        "format": 1,
        "weights": {"file": WEIGHTS, "sha256": sha256_file(out / WEIGHTS)},
        "settings": identity,
        "cells": {name or "(no class)": int((labels == name).sum()) for name in np.unique(labels)},
        "left_out_as_unreadable": list(cells.unreadable),
        "validation": scores,
        "validation_input_size": input_size(),
        "seconds": round(done.seconds, 1),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": {name: version(name) for name in (*PACKAGES, keras_backend())}
        | {"python": platform.python_version()},
        "accelerators": accelerators(),
    }
    write_text(out / RESULT, json.dumps(told, indent=1) + "\n")
    shown = f"; validation macro-F1 {scores['macro']:.4f}" if scores else ""
    say(f"pretrain: {out / WEIGHTS} after {done.seconds / 60:.1f} minutes of training{shown}")
    say(f"          use it: blastline extract --backbone smearnet --weights {out / WEIGHTS}")


def _curve_table(curve: Sequence[dict[str, float]]) -> str:
    names = list(dict.fromkeys(name for point in curve for name in point))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in point.items()} for point in curve)
    return text.getvalue()


def input_size() -> int:
    """Side of the pictures that SmearNet sees where nothing else is said."""
    return find_backbone("smearnet").size
