"""Stage scan: image folder -> manifest.csv and scan.json in the run folder."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from data.cards import Card
from data.errors import BlastlineError, describe_invalid
from data.files import write_text
from data.hashes import KnownHashes
from data.manifest import Manifest
from data.scan import scan
from data.synthetic import generate
from pipeline.config import RunConfig
from pipeline.console import progress, say


@dataclass(frozen=True)
class ScanRecord:
    """What the manifest does not hold of a scan; scan.json in the run folder."""

    images: str
    classes: list[str]
    unit: str
    passed_over: dict[str, int]
    identical_files: int
    seconds: float


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


def run_scan(config: RunConfig, *, rehash: bool = False) -> tuple[Manifest, ScanRecord]:
    """Scan and say what was found; nothing is written yet but the hashes of the files.

    Args:
        rehash: hash every file, also those that look as they did when they were last hashed.
    """
    started = time.perf_counter()
    card = config.card()
    root = image_folder(config, card)
    known = KnownHashes(Path(config.work) / "hashes", rehash=rehash)
    with progress("scanning", "image") as update:
        found = scan(card, root, folds=config.folds, seed=config.seed, progress=update, known=known)
    manifest = found.manifest
    record = ScanRecord(
        images=str(root.resolve()),
        classes=list(manifest.classes),
        unit=found.unit,
        passed_over=found.passed_over,
        identical_files=found.identical_files,
        seconds=time.perf_counter() - started,
    )
    _tell(manifest, record)
    if found.unchanged:
        say(f"      not hashed again: {found.unchanged:,} unchanged images (--rehash hashes all)")
    return manifest, record


def write_scan(config: RunConfig, manifest: Manifest, record: ScanRecord) -> None:
    """Write manifest.csv, scan.json and config.toml into the run folder.

    A stage calls it when its work is done: a failed try leaves the files of the run as they were.
    """
    folder = config.run_folder
    manifest.write(folder / "manifest.csv")
    write_text(folder / "scan.json", json.dumps(asdict(record), indent=1) + "\n")
    config.write()
    say(f"      manifest: {folder / 'manifest.csv'}")


def read_scan(config: RunConfig) -> tuple[Manifest, ScanRecord]:
    """What ``run_scan`` left in the run folder.

    Raises:
        BlastlineError: nothing was scanned, or its files are damaged.
    """
    path = config.run_folder / "scan.json"
    try:
        record = TypeAdapter(ScanRecord).validate_json(path.read_text(encoding="utf-8"))
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
    return Manifest.read(config.run_folder / "manifest.csv", record.classes), record


def split_warning(unit: str) -> str:
    """What every output says where cells of one patient may stand on both sides of a split."""
    if unit == "patient":
        return ""
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
    for reason, count in record.passed_over.items():
        say(f"      passed over: {count:,} files ({reason})")
    if record.identical_files:
        say(
            f"      {record.identical_files:,} images have byte-identical copies: kept in one group"
        )
    if counts.get("excluded", 0):
        say("      excluded: identical files under different labels (see the manifest)")
    if record.unit != "patient":
        say(f"      WARNING: {split_warning(record.unit)}")
