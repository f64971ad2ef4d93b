"""Running the real command line, and small sets of images to run it on."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers.result import RunResult

ROOT = Path(__file__).resolve().parents[2]
STOPPED = 130
REFUSED = 2
PARTLY = 3


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and the two streams."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line in which a command says why it ends."""
        lines = [line for line in self.err.splitlines() if line.startswith("blastline:")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err + self.out
        return lines[0]

    def well(self) -> "Done":
        """The same, after a look that nothing went wrong."""
        assert (self.code, self.err) == (0, ""), self.err
        return self


Guarded = Callable[..., Done]


def without_progress(err: str) -> str:
    """Without the lines that tell how far a stage is, which bundle predicts, or how surely."""
    err = re.sub(r"^predict: (bundle of run|.* unlike) .*\n", "", err, flags=re.MULTILINE)
    return re.sub(r"^.*: [\d,]+/[\d,]+, .* left\n", "", err, flags=re.MULTILINE)


def finished(command: list[str], **variables: str) -> Done:
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | variables, check=False
    )
    return Done(done.returncode, done.stdout, without_progress(done.stderr))


def blastline(*arguments: object, **variables: str) -> Done:
    """Run the command line in a process of its own."""
    return finished([sys.executable, "-m", "pipeline", *map(str, arguments)], **variables)


@dataclass(frozen=True)
class Run:
    """A run on mean colours: all stages, in seconds. ``images`` are never changed."""

    images: Path
    work: Path
    name: str = "small"

    @property
    def folder(self) -> Path:
        return self.work / self.name

    @property
    def stores(self) -> list[Path]:
        return sorted(self.work.glob("embeddings/*/*.h5"))

    def options(self, stage: str) -> list[object]:
        shared = ["--work", self.work, "--run", self.name]
        if stage == "report":
            return shared
        if stage == "scan":
            return [*shared, "--images", self.images, "--folds", 2]
        chosen = [*shared, "--backbone", "mean_colour"]
        if stage == "extract":
            return [*chosen, "--images", self.images, "--folds", 2]
        return [*chosen, "--classifiers", "logistic", "--trials", 2, "--rounds", 0]

    def result(self) -> RunResult:
        return RunResult.read(self.folder / "run.json")

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / name, dtype=str, keep_default_na=False)


def paint(path: Path, colour: tuple[int, int, int], seed: int, side: int = 32) -> None:
    """A small PNG of one colour, with noise so that no two files are equal."""
    from PIL import Image

    noise = np.random.default_rng(seed).integers(-20, 21, (side, side, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (np.array(colour) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def two_classes(folder: Path, each: int = 8) -> Path:
    """A set for the card ``folders``: red and blue images."""
    for number in range(each):
        paint(folder / f"red/{number}.png", (200, 60, 60), number)
        paint(folder / f"blue/{number}.png", (60, 60, 200), 1000 + number)
    return folder


INTERRUPT = """
import os, signal, sys
from pipeline import cli
{patch}
cli.main()
"""


def interrupted(patch: str, *arguments: object) -> Done:
    """Run the command line in a process that sends itself the signal of Ctrl-C.

    ``patch`` is Python that arranges for it, with ``os`` and ``signal`` at hand.
    """
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    code = INTERRUPT.format(patch=patch)
    return finished([sys.executable, "-c", code, *map(str, arguments)])


def refused(done: Done, *named: object) -> None:
    assert done.code == REFUSED, done.err
    for word in named:
        assert str(word) in done.complaint


def partly(done: Done, *named: object) -> None:
    """Some images failed, all others are done."""
    assert done.code == PARTLY, done.err
    for word in named:
        assert str(word) in done.complaint


class Folders:
    """Red and blue images under the card ``folders``."""

    def __init__(self, folder: Path, guarded: Guarded) -> None:
        self.images, self.work, self._guarded = two_classes(folder / "cells"), folder / "w", guarded

    def __call__(self, stage: str, *more: object) -> Done:
        options: list[object] = ["--work", self.work, "--run", "r"]
        if stage in ("scan", "extract"):
            options += ["--dataset", "folders", "--images", self.images, "--folds", 2]
        if stage == "extract":
            options += ["--backbone", "mean_colour"]
        if stage == "fit":
            options += ["--classifiers", "logistic", "--trials", 1, "--rounds", 0]
        return self._guarded(stage, *options, *more)
