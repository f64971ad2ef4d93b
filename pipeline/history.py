"""The history of a run: what its reviewers decided, applied to the manifest of a scan."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from classifiers.result import RunResult
from data.decisions import HISTORY_FILE, RELABELLED_FILE
from data.errors import BlastlineError
from data.manifest import Manifest
from data.relabel import apply, read_history
from pipeline.config import RunConfig
from pipeline.console import say, warn

SHOWN = 3  # names on the screen; the history has all
SECONDS = len("2026-01-31T09:30:00")


def apply_history(config: RunConfig, scanned: Manifest, *, allow_overlap: bool) -> Manifest:
    """The manifest of a scan with all decisions of the run applied.

    Raises:
        BlastlineError: the history is damaged or does not fit the classes of the scan.
    """
    path = config.run_folder / HISTORY_FILE
    return apply(scanned, read_history(path), str(path), allow_overlap=allow_overlap)


@contextmanager
def locked_history(folder: Path) -> Iterator[None]:
    """Hold the history of a run; the system frees it when the process ends, however it ends.

    Args:
        folder: of the run.

    Raises:
        BlastlineError: another process holds it.
    """
    path = folder / HISTORY_FILE
    with path.with_name(path.name + ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlastlineError(
                f"{path}: another relabel is writing this history; nothing of this one was "
                "applied, repeat it when the other has ended"
            ) from None
        yield


def decided(folder: Path) -> dict[str, Any]:
    """What a run's result says of its reviews: how many cells were decided on, and by whom.

    A cell counts as changed if the last decision on it is not the label that it had before the
    first one, whoever made them.
    """
    history = read_history(folder / HISTORY_FILE)
    label = dict(zip(history.sha256[::-1], history.label[::-1], strict=True))  # the first holds
    last = history.drop_duplicates("sha256", keep="last")
    kept = (last.action == "label") & (last.decision == last.sha256.map(label))
    return {
        "decided": len(last),
        "changed": int((~kept).sum()),
        "reviewers": sorted(set(history.reviewer) - {""}),
    }


def warn_unfitted(config: RunConfig) -> None:
    """Say if decisions were applied after the fit, whose result does not know of them.

    Raises:
        BlastlineError: nothing was fitted, or the history is damaged.
    """
    fitted = RunResult.read(config.run_folder / "run.json").created
    applied = read_history(config.run_folder / HISTORY_FILE).applied
    newer = int((applied.str[:SECONDS] >= fitted[:SECONDS]).sum())  # both are ISO 8601 in UTC
    if newer:
        warn(
            f"{config.run_name}: {newer:,} decisions are newer than the fit and not in its result; "
            "run 'blastline fit' (make fit) again"
        )


def tell_history(config: RunConfig, scanned: Manifest) -> None:
    """Say how many earlier decisions a scan takes over, and which have lost their image."""
    path = config.run_folder / HISTORY_FILE
    decided = read_history(path).drop_duplicates("sha256", keep="last")
    if decided.empty:
        return
    gone = decided.image_id[~decided.sha256.isin(scanned.frame.sha256)].tolist()
    say(
        f"      decisions: {len(decided) - len(gone):,} of {len(decided):,} earlier ones applied "
        f"({path})"
    )
    if gone:
        names = ", ".join(gone[:SHOWN]) + (", ..." if len(gone) > SHOWN else "")
        warn(
            f"scan: {len(gone):,} images that were decided on are gone or replaced ({names}); the "
            "decisions are kept"
        )


def write_relabelled(config: RunConfig, relabelled: Manifest) -> None:
    """Write what later stages read, or take it away where nothing was decided."""
    path = config.run_folder / RELABELLED_FILE
    if (config.run_folder / HISTORY_FILE).is_file():
        relabelled.write(path)
    else:
        path.unlink(missing_ok=True)
