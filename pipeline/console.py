"""What the command line shows: lines, progress bars with rate and time left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LINE_EVERY = 30.0  # seconds
OUT = Console(highlight=False, emoji=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def say(line: str) -> None:
    """One line of plain text on standard output; markup in names is not interpreted."""
    OUT.print(_printable(line), markup=False)


def warn(line: str) -> None:
    """One line on standard error."""
    ERR.print(_printable(line), markup=False)


def _printable(line: str) -> str:
    """A file's name may hold line breaks, terminal codes or bytes that are no text."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {self._unit}/s" if speed else f"- {self._unit}/s")


class _Lines:
    """Progress for log files."""

    def __init__(self, title: str, unit: str) -> None:
        self._title, self._unit = title, unit
        self._started = self._told = time.monotonic()

    def __call__(self, done: int, total: int, what: str = "") -> None:
        now = time.monotonic()
        if now - self._told < LINE_EVERY or done == 0:
            return
        self._told = now
        rate = done / (now - self._started)
        left = timedelta(seconds=round((total - done) / rate))
        title = f"{self._title}: {what}" if what else self._title
        warn(f"{title}: {done:,}/{total:,}, {rate:.1f} {self._unit}/s, {left} left")


@contextmanager
def progress(title: str, unit: str) -> Iterator[Callable[..., None]]:
    """A progress bar; call what it yields with (done, total) and, if you like, what is going on.

    Where standard error is not a terminal, a plain line every half minute stands in for it.
    """
    if not sys.stderr.isatty():
        yield _Lines(title, unit)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(unit),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=ERR, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def update(done: int, total: int, what: str = "") -> None:
            described = f"{title}: {what}" if what else title
            bar.update(task, completed=done, total=total, description=described)

        yield update
