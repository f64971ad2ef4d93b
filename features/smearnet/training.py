"""Training SmearNet step by step, so that it can be stopped at any and goes on from there."""

import json
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BlastlineError
from data.files import atomic_path
from features.smearnet.batches import Batches
from features.smearnet.settings import Settings
from features.smearnet.student import Student

SAVED_EVERY = 120.0  # seconds
POINTS = 200  # of the learning curve
LOOKS = 5  # validations, the last one at the end


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        step: steps done. seconds: that they took.
        curve: a point every so often: step, seconds, mean losses since the last one, and
            ``validation`` where it was asked for.
    """

    step: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)  # of losses since the last point
    summed: int = 0


def train(
    student: Student,
    batches: Batches,
    settings: Settings,
    path: Path,
    identity: dict[str, Any],
    validate: Callable[[], float] | None,
    stop: Callable[[], bool],
    update: Callable[[Progress, dict[str, float]], None],
) -> Progress:
    """Train, or go on with a training, until its end or until ``stop`` says so.

    Args:
        path: the checkpoint, written every two minutes and at the end.
        identity: what makes this training another one than those with other settings.
        validate: a quick figure of the student as it is, asked for a few times.
        update: called after each step with the progress and the step's losses.

    Raises:
        BlastlineError: the checkpoint is damaged or of another training.
    """
    progress = Progress()
    if path.is_file():
        progress = load_checkpoint(path, identity, student)
    every = max(1, settings.steps // POINTS)
    looks = {settings.steps * number // LOOKS for number in range(1, LOOKS)}
    started = time.monotonic() - progress.seconds
    saved = time.monotonic()
    with closing(batches.drawn(progress.step, settings.steps)) as drawn:
        while progress.step < settings.steps and not stop():
            images, said = next(drawn)
            losses = student.learn(images, said, settings.rate_at(progress.step))
            if not np.isfinite(losses["loss"]):
                raise BlastlineError(
                    f"pretrain: the loss is {losses['loss']} after {progress.step} steps; try a "
                    "lower learning rate (--rate)"
                )
            progress.step += 1
            progress.summed += 1
            for name, value in losses.items():
                progress.sums[name] = progress.sums.get(name, 0.0) + value
            progress.seconds = time.monotonic() - started
            look = progress.step in looks and validate is not None
            if progress.step % every == 0 or progress.step == settings.steps or look:
                _add_point(progress, validate() if look and validate else None)
            update(progress, losses)
            if time.monotonic() - saved > SAVED_EVERY:
                save_checkpoint(path, identity, student, progress)
                saved = time.monotonic()
    save_checkpoint(path, identity, student, progress)
    return progress


def _add_point(progress: Progress, validation: float | None) -> None:
    point = {"step": float(progress.step), "seconds": round(progress.seconds, 1)}
    point |= {name: value / progress.summed for name, value in progress.sums.items()}
    if validation is not None:
        point["validation"] = validation
    progress.curve.append(point)
    progress.sums, progress.summed = {}, 0


def save_checkpoint(
    path: Path, identity: dict[str, Any], student: Student, progress: Progress
) -> None:
    """Write all that a training needs to go on, whole or not at all."""
    arrays: dict[str, Any] = {
        f"v{number}": np.asarray(each) for number, each in enumerate(student.variables)
    }
    told = json.dumps({"identity": identity, "progress": vars(progress)})
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, told=np.array(told), **arrays)


def read_identity(path: Path) -> dict[str, Any]:
    """What training a checkpoint belongs to.

    Raises:
        BlastlineError: it is damaged.
    """
    told, _ = _read(path, 0)
    return dict(told["identity"])


def load_checkpoint(path: Path, identity: dict[str, Any], student: Student) -> Progress:
    """Set the student back to where a checkpoint of the same training has it.

    Raises:
        BlastlineError: the checkpoint is damaged, or of another training.
    """
    variables = student.variables
    told, arrays = _read(path, len(variables))
    shapes = [tuple(each.shape) for each in variables]
    if told["identity"] != identity or [each.shape for each in arrays] != shapes:
        raise _unfit(path, "of another training")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return Progress(**told["progress"])


def _read(path: Path, count: int) -> tuple[dict[str, Any], list[np.ndarray]]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            told = json.loads(str(content["told"]))
            return told, [content[f"v{number}"] for number in range(count)]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _unfit(path, f"damaged ({error})") from None


def _unfit(path: Path, what: str) -> BlastlineError:
    return BlastlineError(
        f"checkpoint {path}: {what}; begin anew with --fresh, or name another folder with --out"
    )
