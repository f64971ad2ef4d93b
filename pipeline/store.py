"""Stages verify and repair: is an embedding store sound, and what can be kept of it?"""

from pathlib import Path

from data.errors import BlastlineError
from features.repair import repair, verify
from pipeline.console import say


def run_verify(path: Path) -> None:
    """Print what a check of a store found, one line a file.

    Raises:
        BlastlineError: no such store, or it is not sound; the line says how to mend it.
    """
    checks = verify(path)
    for check in checks:
        recipe = check.recipe.name if check.recipe else "recipe unknown"
        state = "; ".join(check.problems) or "sound"
        say(
            f"verify: {check.path}: {check.rows:,} embeddings, {check.failed:,} unreadable, "
            f"{recipe}: {state}"
        )
    damaged = sum(bool(check.problems) for check in checks)
    if damaged:
        raise BlastlineError(
            f"verify: {damaged} of {len(checks)} file(s) not sound; run 'blastline repair {path}', "
            "then extract again"
        )


def run_repair(path: Path) -> None:
    """Save what is sound of a store and say what has to be extracted again.

    Raises:
        BlastlineError: no such store, or it is in use.
    """
    done = repair(path)
    say(f"repair: {done.kept:,} embeddings kept, {done.lost:,} damaged and dropped ({path})")
    for moved in done.set_aside:
        say(f"repair: nothing could be read in a file; it lies at {moved} now")
    if done.lost or done.set_aside:
        say("repair: the next 'blastline extract' computes what is missing")
