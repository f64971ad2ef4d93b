"""The audit of a scan: ties before the split is made, shortcuts under it."""

import csv
import hashlib
import io
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from classifiers.audit_part import (
    AuditPart,
    BurnedInPart,
    FramePart,
    ShortcutPart,
    TiePart,
    TrivialPart,
)
from data.audit.association import associations
from data.audit.frame import look_at_frame
from data.audit.labels import BurnedIn, burned_in
from data.audit.looks import FORMAT as LOOKS_FORMAT
from data.audit.looks import Looks
from data.audit.properties import parts_of
from data.audit.ties import KINDS, Tie, find_ties
from data.files import write_text
from data.manifest import Manifest
from data.overlap import find_overlap
from pipeline.config import RunConfig
from pipeline.console import progress, say, warn

FORMAT = 1  # raised when other shortcuts would be found in the same images
NO_SIDE = ""
TOLD = 3  # unreadable images that are named on the screen
LISTED = 20  # pairs that the report names


@dataclass(frozen=True)
class Tied:
    """What the audit knows before the split: ties, images that cannot be read, and the looks."""

    ties: list[Tie]
    unreadable: dict[str, str]
    looks: Looks
    seconds: float

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Paths that a split must keep on one side; identical files a scan knows by itself."""
        return [(tie.first, tie.second) for tie in self.ties if tie.kind != "exact"]

    @property
    def copies(self) -> list[tuple[str, str]]:
        """Paths of one picture."""
        return [(tie.first, tie.second) for tie in self.ties if tie.kind == "near"]


def tie_images(config: RunConfig, root: Path, hashes: Mapping[str, str]) -> Tied:
    """Look at every image, once for all runs on the data set, and find those that show the same.

    Args:
        hashes: path below ``root`` -> SHA-256, in the order of the manifest.
    """
    started = time.perf_counter()
    folder = Path(config.work) / "audit" / Path(config.dataset).stem
    looks = Looks(folder)
    ties, unreadable = find_ties(root, hashes, looks, folder, progress)
    return Tied(ties, unreadable, looks, time.perf_counter() - started)


def judge(config: RunConfig, scanned: Manifest, manifest: Manifest, tied: Tied) -> AuditPart:
    """What the audit finds under a split: pairs across it, and what gives the class away.

    The findings of the run folder are given again where they rest on the same images, labels,
    groups and folds.

    Args:
        scanned: as the scan made it. Burned-in labels are looked for under its classes: as they
            become masks, and masks part of the embeddings, no decision may change them.
        manifest: the same with the decisions of reviewers; all else is found under its classes.
    """
    fingerprint = _fingerprint(config, scanned, manifest, tied)
    earlier = read_audit(config)
    if earlier is not None and earlier.fingerprint == fingerprint:
        return earlier
    started = time.perf_counter()
    frame = manifest.frame
    labels = dict(zip(frame.path, frame.label, strict=True))
    # Two cells of one field may well be of different classes: shared ground is no conflict.
    conflicting = [
        tie
        for tie in tied.ties
        if tie.kind != "ground" and len({labels[tie.first], labels[tie.second]} - {""}) > 1
    ]
    kinds = [[tie for tie in tied.ties if tie.kind == kind] for kind in KINDS]
    some = [tie for each in kinds for tie in each[: LISTED // len(KINDS)]]
    listed = list(dict.fromkeys([*conflicting[:LISTED], *some]))[:LISTED]
    return AuditPart(
        fingerprint=fingerprint,
        manifest=_digest(manifest),
        images=len(frame),
        unreadable=tied.unreadable,
        ties={kind: len(each) for kind, each in zip(KINDS, kinds, strict=True)},
        conflicting=len(conflicting),
        listed=[
            TiePart(labels=(labels[tie.first], labels[tie.second]), **asdict(tie)) for tie in listed
        ],
        groups=frame.group.nunique(),
        across=_across(manifest, tied),
        **_shortcuts(config, scanned, manifest, tied),
        seconds=tied.seconds + time.perf_counter() - started,
    )


def read_audit(config: RunConfig) -> AuditPart | None:
    """The findings in the run folder; None where there are none of this version."""
    try:
        text = (config.run_folder / "audit.json").read_text(encoding="utf-8")
        return AuditPart.model_validate_json(text)
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def masks(part: AuditPart) -> tuple[str, ...]:
    """What ``mask:audit`` stands for: the steps that blank the labels found."""
    return tuple(each.step for each in part.burned_in)


def audit_of(config: RunConfig, manifest: Manifest) -> AuditPart | None:
    """The findings in the run folder, if they are of these images, groups and folds."""
    part = read_audit(config)
    if part is None or part.manifest == _digest(manifest):
        return part
    warn(
        f"run {config.run_folder}: audit.json is of other labels, groups or folds than "
        "manifest.csv, and is left out of the report; scan or extract again"
    )
    return None


def remove_audit(config: RunConfig) -> None:
    """Take away what an earlier scan wrote, as this one did without."""
    for name in ("audit.json", "ties.csv"):
        (config.run_folder / name).unlink(missing_ok=True)


def write_audit(config: RunConfig, part: AuditPart, tied: Tied, manifest: Manifest) -> None:
    """Write audit.json and ties.csv, the list of all pairs, into the run folder."""
    write_text(config.run_folder / "audit.json", part.model_dump_json(indent=1) + "\n")
    write_ties(config, tied, manifest)


def write_ties(config: RunConfig, tied: Tied, manifest: Manifest | None) -> None:
    """Write ties.csv, a row a pair; without a manifest no image has a side."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("kind", "first", "second", "first_side", "second_side", "evidence"))
    sides = _sides(manifest) if manifest else {}
    rows.writerows(
        (tie.kind, tie.first, tie.second, sides.get(tie.first, NO_SIDE),
         sides.get(tie.second, NO_SIDE), tie.evidence)
        for tie in tied.ties
    )  # fmt: skip
    write_text(config.run_folder / "ties.csv", text.getvalue())


def tell_pairs(tied: Tied) -> None:
    """Say how many pairs show the same, and which images could not be read."""
    count = Counter(tie.kind for tie in tied.ties)
    say(
        f"audit: pairs of images: {count['exact']:,} identical, {count['near']:,} near duplicates, "
        f"{count['ground']:,} that share ground"
    )
    if tied.unreadable:
        first = ", ".join(f"{path} ({why})" for path, why in list(tied.unreadable.items())[:TOLD])
        more = ", ..." if len(tied.unreadable) > TOLD else ""
        say(f"      WARNING: {len(tied.unreadable):,} images cannot be read: {first}{more}")


def tell_findings(part: AuditPart) -> None:
    """Say what gives the class away, the worst first."""
    if part.conflicting:
        say(f"      WARNING: {part.conflicting:,} pairs show one cell under two labels: ties.csv")
    for label in part.burned_in:
        say(f"      {'WARNING: ' if label.found else ''}{label.text} (blank it: {label.step})")
    for each in part.shortcuts:
        if each.found:
            say(f"      {'WARNING: ' if each.technical else ''}{each.text}")
    telling = [each for each in part.trivial if each.above_chance]
    if telling:
        best = max(telling, key=lambda each: each.f1_macro.value or 0.0)
        say(
            f"      best trivial classifier: {best.title[0].lower()}{best.title[1:]}, "
            f"accuracy {best.accuracy.value:.3f}, macro F1 {best.f1_macro.value:.3f}"
        )


def _fingerprint(config: RunConfig, scanned: Manifest, manifest: Manifest, tied: Tied) -> str:
    rows = [_digest(manifest), _digest(scanned)]
    rests_on = {
        "formats": [FORMAT, LOOKS_FORMAT],
        "seed": config.seed,
        "classes": manifest.classes,
        "rows": rows if len(set(rows)) > 1 else rows[0],
        "ties": [asdict(tie) for tie in tied.ties],
        "unreadable": tied.unreadable,
    }
    return hashlib.sha256(json.dumps(rests_on).encode()).hexdigest()


def _digest(manifest: Manifest) -> str:
    """SHA-256 of images, labels, groups and sides: what findings are true of."""
    rows = manifest.frame[["path", "sha256", "label", "group", "fold", "split"]]
    return hashlib.sha256(json.dumps(rows.to_numpy().tolist()).encode()).hexdigest()


def _across(manifest: Manifest, tied: Tied) -> dict[str, int]:
    """How many patients, groups and pairs stand on two sides of the split."""
    sides, overlap = _sides(manifest), find_overlap(manifest.frame)
    across = {"patients": len(overlap.patients), "groups": len(overlap.groups)}
    for kind in KINDS:
        pairs = [(tie.first, tie.second) for tie in tied.ties if tie.kind == kind]
        both = [(sides[first], sides[second]) for first, second in pairs]
        across[kind] = sum(a != b for a, b in both if NO_SIDE not in (a, b))
    return across


def _sides(manifest: Manifest) -> dict[str, str]:
    """Path -> fold 0, fold 1, ..., test, or nothing where a cell is neither learned nor tested."""
    frame = manifest.frame
    fold = [f"fold {fold}" if fold else NO_SIDE for fold in frame.fold]
    sides = frame.split.where(frame.split == "test", fold)
    return dict(zip(frame.path, sides, strict=True))


def _shortcuts(
    config: RunConfig, scanned: Manifest, manifest: Manifest, tied: Tied
) -> dict[str, Any]:
    """What gives the class away, on the cells of the folds."""
    from classifiers.shortcuts import shortcut_scores  # scikit-learn takes a while to import

    frame = manifest.frame
    rows = _seen(manifest, tied)
    y, folds = manifest.codes()[rows], manifest.folds()[rows]
    if len(np.unique(y)) < 2 or len(np.unique(folds)) < 2:  # what is left cannot be compared
        return {"shortcuts": [], "burned_in": [], "trivial": [], "frame": None}
    groups = frame.group.to_numpy(str)[rows]
    table = tied.looks.take(frame.sha256[rows], "properties")
    classes, k, seed = manifest.classes, len(manifest.classes), config.seed
    seen = look_at_frame(table["picture"], y, groups, folds, k, seed)
    with progress("audit: trivial classifiers", "part") as update:
        scores = shortcut_scores(
            parts_of(table), y, groups, folds, k, seed, workers=os.cpu_count() or 1, on_part=update
        )
    return {
        "shortcuts": [
            ShortcutPart(
                name=each.name, title=each.title, strength=each.strength, p=each.p,
                found=each.found, technical=each.technical, text=each.text,
            )
            for each in associations(table, y, groups, classes, seed)
        ],
        "burned_in": [
            BurnedInPart(
                text=each.text, step=each.step, found=each.follows_class,
                box=(each.left, each.top, each.right, each.bottom),
            )
            for each in _burned_in(scanned, tied, seed)
        ],
        "trivial": [
            TrivialPart(
                name=each.name, title=each.title, accuracy=each.accuracy,
                f1_macro=each.f1_macro, above_chance=each.above_chance,
            )
            for each in scores
        ],
        "frame": FramePart(
            skill=np.round(seen.skill, 4).tolist(), picture=seen.picture.tolist(),
            cells=seen.cells.tolist(), chance=seen.chance, level=seen.level, text=seen.text,
        ),
    }  # fmt: skip


def _burned_in(scanned: Manifest, tied: Tied, seed: int) -> list[BurnedIn]:
    rows = _seen(scanned, tied)
    table = tied.looks.take(scanned.frame.sha256[rows], "properties")
    y, groups = scanned.codes()[rows], scanned.frame.group.to_numpy(str)[rows]
    return burned_in(table["picture"], table["edges"], y, groups, scanned.classes, seed)


def _seen(manifest: Manifest, tied: Tied) -> list[int]:
    """The rows of the folds that could be looked at."""
    return [row for row in manifest.rows("train") if manifest.frame.sha256[row] in tied.looks]
