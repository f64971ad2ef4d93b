"""The history of a run: what its reviewers decided, applied to the manifest of a scan."""

from pathlib import Path
from typing import Any

from data.decisions import HISTORY_FILE, RELABELLED_FILE
from data.manifest import Manifest
from data.relabel import apply, read_history
from pipeline.config import RunConfig
from pipeline.console import say, warn

SHOWN = 3  # names on the screen; the history has all


def apply_history(config: RunConfig, scanned: Manifest, *, allow_overlap: bool) -> Manifest:
    """The manifest of a scan with all decisions of the run applied.

    Raises:
        BlastlineError: the history is damaged or does not fit the classes of the scan.
    """
    path = config.run_folder / HISTORY_FILE
    return apply(scanned, read_history(path), str(path), allow_overlap=allow_overlap)


def decided(folder: Path) -> dict[str, Any]:
    """What a run's result says of its reviews: how many cells were decided on, and by whom."""
    last = read_history(folder / HISTORY_FILE).drop_duplicates("sha256", keep="last")
    kept = (last.action == "label") & (last.decision == last.label)
    return {
        "decided": len(last),
        "changed": int((~kept).sum()),
        "reviewers": sorted(set(last.reviewer) - {""}),
    }


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
