"""The command line: all commands, and what becomes of their errors."""

import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.exceptions import TyperException

from data.errors import BlastlineError
from pipeline import commands_data, commands_labels, commands_pretrain, commands_run
from pipeline.console import warn

STOPPED = 130  # after Ctrl-C, as in a shell
app = typer.Typer(
    help="Classify leukaemia cells in blood-smear images: scan, extract, fit, report, predict.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(commands_data.app)
app.add_typer(commands_run.app)
app.add_typer(commands_labels.app)
app.add_typer(commands_pretrain.app)


def _guarded(command: Callable[[], Any]) -> int:
    """Run a command; its exit code. A user's mistake is one line and 2, Ctrl-C is 130."""
    try:
        code = int(command() or 0)
    except typer.Exit as error:
        code = error.exit_code
    except TyperException as error:
        if what := error.format_message().rstrip("."):  # empty where it only showed the help
            warn(f"blastline: {what}; see 'blastline --help'")
        return 2
    except BlastlineError as error:
        warn(f"blastline: {error}")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        code = STOPPED
    except OSError as error:
        path = error.filename2 or error.filename  # of two paths the target
        where = f" {path}" if path else ""
        warn(f"blastline:{where} {error.strerror or error}; check the path, rights and disk space")
        return 2
    if code == STOPPED:  # which is also what typer makes of Ctrl-C
        warn("blastline: stopped; what is finished is kept, the same command goes on from there")
    return code


def main() -> None:
    """Entry point of ``blastline``."""
    sys.exit(_guarded(lambda: app(standalone_mode=False)))
