"""Stage scan: image folder -> manifest.csv and scan.json in the run folder."""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from classifiers.audit_part import AuditPart
from data.cards import Card
from data.decisions import HISTORY_FILE, RELABELLED_FILE
from data.errors import BlastlineError, describe_invalid
from data.files import write_text
from data.found import Found, find_images
from data.hashes import KnownHashes
from data.manifest import Manifest
from data.overlap import Overlap
from data.relabel import weakest_unit
from data.scan import Protocol, split_images
from data.synthetic import generate
from pipeline.audit import (
    Tied,
    judge,
    remove_audit,
    tell_findings,
    tell_pairs,
    tie_images,
    write_audit,
    write_ties,
)
from pipeline.config import RunConfig
from pipeline.console import progress, say, warn
from pipeline.history import apply_history, tell_history, write_relabelled
from pipeline.reuse import manifest_file

SHOWN = 3  # names of each reason on the screen; scan.json has more


@dataclass(frozen=True)
class ScanRecord:
    """What the manifest does not hold of a scan; scan.json in the run folder.

    Attributes:
        passed_over: reason -> number of files and table rows. examples: the first of each.
        overlap: what stands on two sides of the split: nothing, unless the user allowed it.
    """

    images: str
    classes: list[str]
    unit: str
    passed_over: dict[str, int]
    identical_files: int
    seconds: float
    split: Protocol = "grouped"
    overlap: Overlap = field(default_factory=Overlap)
    examples: dict[str, list[str]] = field(default_factory=dict)


def image_folder(config: RunConfig, card: Card) -> Path:
    """The folder of images; the synthetic set is drawn if it is not there yet.

    Raises:
        BlastlineError: no folder was given, or a foreign folder stands where cells would be drawn.
    """
    if config.images:
        return Path(config.images)
    if card.name != "synthetic":
        raise BlastlineError(
            f"data set {card.name}: no image folder given; say where its images are (IMAGES=folder "
            f"with make, --images folder). Get them from: {card.where}"
        )
    folder = Path(config.work).resolve() / "images" / f"synthetic-{config.seed}"
    with progress("drawing cells", "image") as update:
        generate(folder, seed=config.seed, progress=update)
    return folder


@dataclass(frozen=True)
class Scanned:
    """What ``run_scan`` found; ``audit`` and ``tied`` are None where the audit is switched off."""

    manifest: Manifest
    relabelled: Manifest  # with what reviewers decided
    record: ScanRecord
    tied: Tied | None
    audit: AuditPart | None


def run_scan(config: RunConfig, *, rehash: bool = False) -> Scanned:
    """Scan, audit and say what was found; of the run nothing is written yet.

    Args:
        rehash: hash every file, also those that look as they did when they were last hashed.

    Raises:
        BlastlineError: the folder cannot be scanned or split, or its sides overlap.
    """
    started = time.perf_counter()
    card = config.card()
    found = _find(config, card, rehash=rehash)
    tied = _tie(config, found) if config.audit else None
    return _split(config, card, found, tied, started)


def run_audit(config: RunConfig) -> None:
    """Audit, whatever the split shares between its sides; write the findings alone.

    Where the images cannot be split (one class, one patient) shortcuts cannot be measured; pairs
    are told all the same.
    """
    config = config.model_copy(update={"audit": True, "allow_overlap": True})
    started = time.perf_counter()
    card = config.card()
    found = _find(config, card, rehash=False)
    tied = _tie(config, found)
    try:
        scanned = _split(config, card, found, tied, started)
    except BlastlineError as error:
        tell_pairs(tied)
        remove_audit(config)
        write_ties(config, tied, None)
        say(f"      all pairs: {config.run_folder / 'ties.csv'}")
        warn(f"audit: shortcuts were not looked for, as there is no split: {error}")
        return
    if scanned.audit:
        write_audit(config, scanned.audit, tied, scanned.relabelled)
    say(f"      findings: {config.run_folder / 'audit.json'}, all pairs: ties.csv beside it")


def _find(config: RunConfig, card: Card, *, rehash: bool) -> Found:
    root = image_folder(config, card)
    known = KnownHashes(Path(config.work) / "hashes", rehash=rehash)
    with progress("scanning", "image") as update:
        return find_images(card, root, progress=update, known=known)


def _tie(config: RunConfig, found: Found) -> Tied:
    return tie_images(config, found.root, {path: found.hashes[path] for path in found.names})


def _split(
    config: RunConfig, card: Card, found: Found, tied: Tied | None, started: float
) -> Scanned:
    """Split the images, judge the split, and say what was found."""
    scanned = split_images(
        card,
        found,
        folds=config.folds,
        seed=config.seed,
        split=config.split,
        ties=tied.pairs if tied else (),
        copies=tied.copies if tied else (),
        allow_overlap=config.allow_overlap,
    )
    manifest = scanned.manifest
    record = ScanRecord(
        images=str(found.root.resolve()),
        classes=list(manifest.classes),
        unit=scanned.unit,
        passed_over=scanned.passed_over,
        identical_files=scanned.identical_files,
        seconds=time.perf_counter() - started,
        split=config.split,
        overlap=scanned.overlap,
        examples=scanned.examples,
    )
    _tell(manifest, record)
    if scanned.unchanged:
        say(f"      not hashed again: {scanned.unchanged:,} unchanged images (--rehash hashes all)")
    tell_history(config, manifest)
    relabelled = apply_history(config, manifest, allow_overlap=config.allow_overlap)
    audit = judge(config, manifest, relabelled, tied) if tied else None
    if audit and tied:
        tell_pairs(tied)
        tell_findings(audit)
    return Scanned(manifest, relabelled, record, tied, audit)


def write_scan(config: RunConfig, scanned: Scanned) -> None:
    """Write manifest.csv, scan.json, config.toml and the audit into the run folder.

    Where reviewers have decided, manifest-relabelled.csv is written anew beside them. A stage calls
    it when its work is done: a failed try leaves the files of the run as they were.
    """
    folder, manifest = config.run_folder, scanned.manifest
    # Anew: more may have been decided while images were embedded.
    relabelled = apply_history(config, manifest, allow_overlap=config.allow_overlap)
    write_relabelled(config, relabelled)
    manifest.write(folder / "manifest.csv")
    write_text(folder / "scan.json", json.dumps(asdict(scanned.record), indent=1) + "\n")
    if scanned.tied and scanned.audit:
        write_audit(config, scanned.audit, scanned.tied, relabelled)
    else:
        remove_audit(config)
    config.write()
    say(f"      manifest: {folder / 'manifest.csv'}")


def read_scan(config: RunConfig) -> tuple[Manifest, ScanRecord]:
    """What ``run_scan`` left in the run folder, with the decisions of reviewers applied.

    Raises:
        BlastlineError: nothing was scanned, or its files are damaged.
    """
    record, path = read_record(config), manifest_file(config.run_folder)
    if path.name != RELABELLED_FILE and (config.run_folder / HISTORY_FILE).is_file():
        raise BlastlineError(
            f"{config.run_folder / RELABELLED_FILE}: gone, though {HISTORY_FILE} beside it holds "
            "decisions; run 'blastline extract' again (nothing is embedded twice), or remove "
            f"{HISTORY_FILE} to go back to the labels as scanned"
        )
    manifest = Manifest.read(path, record.classes, allow_overlap=bool(record.overlap))
    if path.name == RELABELLED_FILE:
        record = replace(record, unit=weakest_unit(record.unit, manifest))
    return manifest, record


def read_record(config: RunConfig) -> ScanRecord:
    """What ``run_scan`` left beside the manifest.

    Raises:
        BlastlineError: nothing was scanned, or the record is damaged.
    """
    path = config.run_folder / "scan.json"
    try:
        return TypeAdapter(ScanRecord).validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = sorted(each.parent.name for each in Path(config.work).glob("*/scan.json"))
        there = ", ".join(names) or "none"
        raise BlastlineError(
            f"run {config.run_folder}: nothing scanned yet (runs there: {there}); "
            "run 'blastline extract' first, or choose another RUN"
        ) from None
    except (ValidationError, UnicodeDecodeError) as error:
        what = describe_invalid(error) if isinstance(error, ValidationError) else str(error)
        raise BlastlineError(f"{path}: not readable ({what}); scan again") from None


def split_warning(unit: str) -> str:
    """What every output says where cells of one patient may stand on both sides of a split."""
    if unit == "patient":
        return ""
    if unit == "group":
        return (
            "No patient ids: the split keeps the groups of the table together, such as the cells "
            "of one field. Cells of one patient may still stand on both sides; figures may flatter."
        )
    if unit == "block":
        return (
            "No patient ids: the split keeps blocks of neighbouring images together, which share "
            "slide and field. Cells of one patient may still stand on both sides; figures may "
            "flatter."
        )
    return (
        "No patient ids: the split is by image. Cells of one patient may stand on both sides; "
        "figures may flatter."
    )


def overlap_warning(overlap: Overlap) -> str:
    """What every output says, first of all, where the user allowed a split that leaks."""
    if not overlap:
        return ""
    return f"The split leaks: {overlap} on two sides of it. Figures flatter."


def _tell(manifest: Manifest, record: ScanRecord) -> None:
    frame = manifest.frame
    counts = frame.split.value_counts()
    say(
        f"scan: {len(frame):,} images in {record.images}: {counts.get('train', 0):,} labelled, "
        f"{counts.get('unlabelled', 0):,} unlabelled, {counts.get('excluded', 0):,} excluded"
    )
    if counts.get("test", 0):
        say(f"      {counts['test']:,} more are the official test set: no fold takes them")
    train = frame[frame.split == "train"]
    sizes = ", ".join(f"{name} {(train.label == name).sum():,}" for name in manifest.classes)
    groups, folds = train.group.nunique(), train.fold.nunique()
    say(f"      classes: {sizes}; {groups:,} groups (by {record.unit}) in {folds} folds")
    if record.split == "official":
        say("      folds: the official ones of the data set")
    for reason, count in record.passed_over.items():
        what = "rows" if reason.startswith("row ") else "files"
        names = record.examples.get(reason, [])[:SHOWN]
        aside = f": {', '.join(names)}{', ...' if count > len(names) else ''}" if names else ""
        say(f"      passed over: {count:,} {what} ({reason}){aside}")
    if record.identical_files:
        say(
            f"      {record.identical_files:,} images have byte-identical copies: kept in one group"
        )
    if counts.get("excluded", 0):
        say("      excluded: one picture under different labels (see the manifest and ties.csv)")
    for warning in (overlap_warning(record.overlap), split_warning(record.unit)):
        if warning:
            say(f"      WARNING: {warning}")
