"""Stage relabel: decisions of a reviewer -> the history of the run and its relabelled manifest."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from classifiers.audit_part import AuditPart
from data.decisions import HISTORY_FILE, RELABELLED_FILE, Decision, moment, read_decisions, verdict
from data.errors import BlastlineError
from data.manifest import Manifest
from data.relabel import USED, apply, lengthen, new_decisions, read_history, write_history
from pipeline.audit import Tied, judge, read_audit, tell_findings, tie_images, write_audit
from pipeline.config import RunConfig
from pipeline.console import say, warn
from pipeline.history import locked_history, write_relabelled
from pipeline.scan import ScanRecord, read_record

SHOWN = 8  # names on the screen
KINDS = ("relabelled", "newly labelled", "no longer excluded", "excluded", "confirmed")
SEEN = ["label", "split", "fold"]


def run_relabel(config: RunConfig, decisions: Path) -> Path:
    """Check decisions, apply them to the manifest, judge the audit again; say what changed.

    Where a check fails nothing is written. Decisions that were applied before change nothing. One
    is taken back by a later one on the same cell: the history keeps both, the last holds.

    Args:
        decisions: the CSV file that the review page saved.

    Returns:
        The relabelled manifest, beside that of the scan.

    Raises:
        BlastlineError: nothing was scanned, a decision does not fit the file, the run or what
            others decided in between, a class would be left without images to train on, or
            another relabel is at work on the run.
    """
    record = read_record(config)
    with locked_history(config.run_folder):
        return _relabel(config, record, decisions)


def _relabel(config: RunConfig, record: ScanRecord, decisions: Path) -> Path:
    folder = config.run_folder
    overlap = bool(record.overlap)
    scanned = Manifest.read(folder / "manifest.csv", record.classes, allow_overlap=overlap)
    history = read_history(folder / HISTORY_FILE)
    before = apply(scanned, history, allow_overlap=overlap)
    known = {*scanned.frame.image_id, *scanned.frame.sha256}
    given = read_decisions(decisions, scanned.classes, known)
    new = new_decisions(given, before, history, str(decisions))
    path = folder / RELABELLED_FILE
    if not new:
        write_relabelled(config, before)  # it may have been lost
        say(f"relabel: nothing changes: all {len(given):,} decisions of {decisions} were applied "
            "before")  # fmt: skip
        return path
    longer = lengthen(history, new, _now(history))
    after = apply(scanned, longer, str(decisions), allow_overlap=overlap)
    audited = _audit(config, record, scanned, after)
    write_history(folder / HISTORY_FILE, longer)  # first: the manifest can be made again from it
    write_relabelled(config, after)
    if audited:
        write_audit(config, *audited, after)
    names = ", ".join(sorted({each.reviewer for each in new if each.reviewer})) or "unnamed"
    say(
        f"relabel: {len(new):,} decisions of {decisions} applied (reviewer: {names}), "
        f"{len(given) - len(new):,} were applied before"
    )
    _tell(new, history, before.frame, after.frame)
    if audited:
        say("audit: judged again with the new labels")
        tell_findings(audited[0])
    say(f"      manifest: {path}, history: {HISTORY_FILE} beside it")
    same = after.frame.equals(before.frame)
    what = "only takes note of it: no label has changed" if same else "uses the new labels"
    say(f"      next: 'blastline fit' (make fit) {what}; nothing is embedded again")
    return path


def _now(history: pd.DataFrame) -> str:
    """The time in seconds, and later than all that was applied: it tells batches apart."""
    now = datetime.now(UTC)
    if len(history):
        now = max(now, moment(history.applied.iloc[-1]) + timedelta(seconds=1))
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _audit(
    config: RunConfig, record: ScanRecord, scanned: Manifest, manifest: Manifest
) -> tuple[AuditPart, Tied] | None:
    """The findings under the new labels; None where there were none, or images have gone."""
    earlier = read_audit(config)
    if earlier is None:
        return None
    hashes = dict(zip(scanned.frame.path, scanned.frame.sha256, strict=True))
    try:
        tied = tie_images(config, Path(record.images), hashes)
        same = tied.unreadable == earlier.unreadable
    except (BlastlineError, OSError):
        same = False
    if not same:
        warn(
            f"relabel: images in {record.images} cannot be looked at as before: the audit stays as "
            "it is, and out of the report until you extract again"
        )
        return None
    return judge(config, scanned, manifest, tied), tied


def _tell(
    new: list[Decision], history: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame
) -> None:
    """Say what became of the cells decided on, byte-identical copies among them."""
    rows = after.index[after.sha256.isin({each.sha256 for each in new})]
    became = Counter(_became(before.loc[row], after.loc[row]) for row in rows)
    for what in KINDS:
        each = [(change, n) for (kind, change), n in became.most_common() if kind == what]
        if not each:
            continue
        named = _some([f"{change} {n:,}" for change, n in each if change])
        say(f"      {what:18}  {sum(n for _, n in each):>7,}{f'  ({named})' if named else ''}")
    if len(rows) > len(new):
        say(f"      {len(rows) - len(new):,} of these cells are byte-identical copies of others")
    verdicts = map(verdict, history.action, history.decision)
    last = dict(zip(history.sha256, verdicts, strict=True))
    replaced = sum(last.get(each.sha256, each.verdict) != each.verdict for each in new)
    if replaced:
        say(f"      {replaced:,} decisions replace earlier ones (the history keeps both)")
    changed = (before[SEEN] != after[SEEN]).any(axis=1)
    groups = sorted(after.group[changed].unique(), key=lambda name: (len(name), name))
    if groups:
        cells, within = int(changed.sum()), "group" if len(groups) == 1 else "groups"
        say(f"      cells changed: {cells:,}, in {len(groups):,} {within} ({_some(groups)})")
    tested = int((changed & ((before.split == "test") | (after.split == "test"))).sum())
    if tested:
        say(f"      WARNING: {tested:,} cells of the test set were changed: it has been looked at")
    train = after[after.split == "train"]
    for label, count in train.groupby("label").fold.nunique().items():
        if count < 2 and "test" not in set(after.split):
            say(f"      WARNING: class '{label}' is left in one fold only: it cannot be both "
                "learned and tested")  # fmt: skip


def _some(names: list[str]) -> str:
    return ", ".join([*names[:SHOWN], *(["..."] if len(names) > SHOWN else [])])


def _became(before: pd.Series, after: pd.Series) -> tuple[str, str]:
    """Kind of change, and from which label to which."""
    if after.split == "excluded":
        return (
            ("confirmed", "excluded") if before.split == "excluded" else ("excluded", after.label)
        )
    if before.split not in USED:
        kind = "newly labelled" if before.split == "unlabelled" else "no longer excluded"
        return kind, after.label
    if before.label != after.label:
        return "relabelled", f"{before.label} -> {after.label}"
    return "confirmed", ""
