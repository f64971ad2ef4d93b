"""Scan a folder under a card: find, hash, group and split its images."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import splitext

import pandas as pd

from data.cards import Card, CellName
from data.errors import BlastlineError
from data.groups import join_groups
from data.hashes import KnownHashes, Progress, hash_files
from data.manifest import Manifest
from data.splits import grouped_folds

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class Scan:
    """A scanned folder: its manifest, what was passed over, and the unit that the split keeps."""

    manifest: Manifest
    unit: str  # patient, block or image: the best group there is
    passed_over: dict[str, int]  # reason -> number of files
    identical_files: int  # images whose content another image has too
    unchanged: int  # images whose hash was known, so that they were not read


def scan(
    card: Card,
    root: Path,
    *,
    folds: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
    known: KnownHashes | None = None,
) -> Scan:
    """List the images below ``root`` that the card describes, with groups and folds.

    A group is the union of the patient (or, where the card says so, a block of neighbouring
    numbers) and of byte-identical files. Identical files under different labels are excluded.
    Links are not followed; hidden files and those that cannot be read are passed over. Nothing is
    written but ``known``.

    Args:
        folds: number of cross-validation folds for the labelled images.
        progress: called with (hashed, total) images; not at all where all hashes are known.
        known: hashes of earlier scans of ``root``; those of this scan are written to it.

    Raises:
        BlastlineError: no such folder or one that cannot be listed, no readable file that matches
            the card, a class without images, or a class that cannot be split.
    """
    if not root.is_dir():
        raise BlastlineError(f"image folder {root}: no such folder; give the folder of your images")
    if known is not None:
        known.load(root)
    passed_over: Counter[str] = Counter()
    files = dict(_files(root, passed_over))
    names = _names(card, root, files, passed_over)
    try:
        hashes, failed, unchanged = hash_files(
            root, {path: files[path] for path in names}, known, progress
        )
    finally:  # Ctrl-C keeps what is done
        if known is not None:
            known.write(files)
    passed_over.update(_reason("not readable", error) for error in failed.values())
    if not hashes:
        raise BlastlineError(
            f"image folder {root}: none of {len(names)} images can be read; found "
            f"'{next(iter(failed))}' {_reason('not readable', next(iter(failed.values())))}: "
            "check the rights and the disk"
        )
    names = {path: name for path, name in names.items() if path in hashes}
    paths = list(names)
    frame = pd.DataFrame(
        {
            "image_id": _image_ids(paths),
            "path": paths,
            "sha256": [hashes[path] for path in paths],
            "label": [name.label for name in names.values()],
            "patient": [name.patient for name in names.values()],
            "source": [name.source for name in names.values()],
            "fold": "",
        },
        dtype=object,
    )
    classes = card.classes or tuple(sorted({label for label in frame.label if label}))
    _refuse_empty_classes(card, root, frame, classes, passed_over)

    frame["group"], unit = _groups(card, frame, list(names.values()))
    labelled = frame.loc[frame.label != "", ["sha256", "label"]].drop_duplicates()
    conflicting = frame.sha256.isin(labelled.sha256[labelled.sha256.duplicated()])
    frame["split"] = [
        ("test" if card.is_test(source) else "train") if label else "unlabelled"
        for label, source in zip(frame.label, frame.source, strict=True)
    ]
    frame.loc[conflicting, "split"] = "excluded"
    train = frame.split == "train"
    left = set(frame.label[train])
    emptied = [label for label in classes if label not in left]
    if emptied:
        raise BlastlineError(
            f"image folder {root}: class '{emptied[0]}' has no image left to train on: the others "
            "have identical copies under another label, or are of the official test set; keep "
            "each image under one label"
        )
    fold_of = grouped_folds(
        frame.label[train].to_numpy(str), frame.group[train].to_numpy(str), folds, seed
    )
    frame.loc[train, "fold"] = [str(fold) for fold in fold_of]
    return Scan(
        manifest=Manifest(frame, classes),
        unit=unit,
        passed_over=dict(passed_over),
        identical_files=int(frame.sha256.duplicated(keep=False).sum()),
        unchanged=unchanged,
    )


def _files(root: Path, passed_over: Counter[str]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Regular files below ``root`` by relative POSIX path: sorted, those of a folder before it."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(root / below) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if not below:
                raise BlastlineError(
                    f"image folder {root}: {_reason('not readable', error)}; check its rights"
                ) from None
            passed_over[_reason("folder not readable", error)] += 1
            continue
        subfolders = []
        for entry in entries:
            path = below + entry.name
            hidden = entry.name.startswith(".")
            if _is_folder(entry):
                if hidden or entry.is_symlink():
                    passed_over["hidden or linked folder"] += 1
                else:
                    subfolders.append(f"{path}/")
            elif hidden:
                passed_over["hidden file"] += 1
            elif not entry.is_file(follow_symlinks=False):
                passed_over["link or special file"] += 1
            elif not _fits_csv(path):
                passed_over["name that is not UTF-8 text"] += 1
            else:
                yield path, entry
        waiting += reversed(subfolders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether this is a folder or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _fits_csv(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\r" not in name


def _reason(what: str, error: OSError) -> str:
    return f"{what}: {(error.strerror or str(error)).lower()}"


def _names(
    card: Card, root: Path, paths: Iterable[str], passed_over: Counter[str]
) -> dict[str, CellName]:
    """What the paths of the card's images say; the other paths are passed over."""
    names = {}
    first_other, shown_image = "", False  # for the message: better an image than a text file
    for path in paths:
        name = card.read(PurePosixPath(path))
        if name is not None:
            names[path] = name
            continue
        passed_over["not described by the card"] += 1
        is_image = splitext(path)[1].lower() in SUFFIXES
        if not first_other or (is_image and not shown_image):
            first_other, shown_image = path, is_image
    if not names:
        found = f"'{first_other}'" if first_other else "no file at all"
        raise BlastlineError(
            f"image folder {root}: no file matches card '{card.name}'; found {found}, expected "
            f"paths like '{next(iter(card.examples))}': check IMAGES, or choose another card"
        )
    return names


def _image_ids(paths: list[str]) -> list[str]:
    """The path without its suffix; with it where that is another file's name or path too."""
    stems = [splitext(path)[0] for path in paths]
    count = Counter([*stems, *paths])
    return [stem if count[stem] == 1 else path for stem, path in zip(stems, paths, strict=True)]


def _groups(card: Card, frame: pd.DataFrame, names: list[CellName]) -> tuple[list[str], str]:
    """The group of every row, and the unit that it rests on."""
    keys, tags = [], []
    for row, (name, sha256) in enumerate(zip(names, frame.sha256, strict=True)):
        if name.patient:
            tag = name.patient
        elif card.block and name.number is not None:
            tag = f"{name.label or 'unlabelled'}-block-{(name.number - 1) // card.block:03d}"
        else:
            tag = ""
        tags.append(tag)
        keys.append([("content", sha256), ("tag", tag) if tag else ("row", row)])
    numbers = join_groups(keys)
    members: dict[int, set[str]] = {}
    for number, tag, image_id in zip(numbers, tags, frame.image_id, strict=True):
        members.setdefault(number, set()).add(tag or image_id)
    # A group is called after all its patients; without patients, after its first image.
    tagged = any(tags)
    called = {
        number: "+".join(sorted(each, key=_natural)) if tagged else min(each)
        for number, each in members.items()
    }
    unit = "patient" if card.has_patients else "block" if card.block else "image"
    return [called[number] for number in numbers], unit


def _natural(text: str) -> tuple[int, str]:
    return (len(text), text)


def _refuse_empty_classes(
    card: Card,
    root: Path,
    frame: pd.DataFrame,
    classes: tuple[str, ...],
    passed_over: Counter[str],
) -> None:
    present = set(frame.label)
    empty = [label for label in classes if label not in present]
    if not card.classes:
        inhabited = {path.split("/")[0] for path in frame.path}
        empty += sorted(
            entry.name
            for entry in root.iterdir()
            if entry.is_dir() and not entry.name.startswith(".") and entry.name not in inhabited
        )
    if empty:
        mend = "use a card without that class (such as DATASET=folders)"
        if not card.classes:
            mend = "remove the folder"
        named = "', '".join(empty)
        unread = [f"{n} {why}" for why, n in passed_over.items() if "not readable" in why]
        aside = f" ({', '.join(unread)})" if unread else ""
        raise BlastlineError(
            f"image folder {root}: class '{named}' has no image{aside}; expected at least two "
            f"of each class of card '{card.name}': add images, or {mend}"
        )
    if len(classes) < 2:
        found = f"only class '{classes[0]}'" if classes else "no labelled image"
        raise BlastlineError(
            f"image folder {root}: found {found}; expected images of at least two classes"
        )
