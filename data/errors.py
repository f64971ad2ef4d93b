"""The one kind of error that a user can cause."""

from pydantic import ValidationError

MOST = 80  # characters of what was found that an error shows


class BlastlineError(Exception):
    """A mistake that the user can mend; its text is one line.

    The text names the file or setting, what was found, what was expected and the mend. The command
    line prints it without a traceback and exits with code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def describe_invalid(error: ValidationError) -> str:
    """The first complaint of a pydantic error as a phrase: where, what was expected and found.

    Only the first is told: mending it often mends the rest, and the user reads one line.
    """
    first = error.errors()[0]
    where = _short(".".join(str(part) for part in first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"unknown key '{where}'"
    found = first["input"]
    shown = f", found {_short(repr(found))}" if isinstance(found, str | int | float) else ""
    message = first["msg"].removeprefix("Value error, ") + shown
    return f"'{where}': {message}" if where else message


def _short(text: str) -> str:
    """What was found may be a whole file."""
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"
