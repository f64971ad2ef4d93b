"""A finished run to look at, and copies of it to break."""

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from data.synthetic import generate
from pipeline import cli
from tests.pipeline.commands import (
    Done,
    Folders,
    Guarded,
    Run,
    blastline,
    without_progress,
)

settings.register_profile("blastline", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("blastline")


@pytest.fixture
def guarded(capfd: pytest.CaptureFixture[str]) -> Guarded:
    """The command line in this process, as ``main`` runs it: quicker than one of its own."""

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        words = [str(argument) for argument in arguments]
        code = cli._guarded(lambda: cli.app(words, standalone_mode=False))
        out, err = capfd.readouterr()
        return Done(code, out, without_progress(err))

    return run


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic cells of twelve patients, small and few."""
    folder = tmp_path_factory.mktemp("images") / "cells"
    generate(folder, patients=12, cells=6, unlabelled=1, size=64)
    return folder


@pytest.fixture(scope="session")
def finished_run(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that went through all stages; look at it, change nothing."""
    run = Run(images, tmp_path_factory.mktemp("finished") / "work")
    for stage in ("extract", "fit", "report"):
        blastline(stage, *run.options(stage)).well()
    return run


@pytest.fixture
def run(finished_run: Run, tmp_path: Path) -> Run:
    """A copy of the finished run, to be broken."""
    shutil.copytree(finished_run.work, tmp_path / "work")
    return Run(finished_run.images, tmp_path / "work")


@pytest.fixture
def folders(tmp_path: Path, guarded: Guarded) -> Folders:
    return Folders(tmp_path, guarded)
