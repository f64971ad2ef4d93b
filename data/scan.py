"""Scan a folder under a card: find, hash, group and split its images."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from data.cards import Card, CellName
from data.errors import BlastlineError
from data.files import sha256_file
from data.groups import join_groups
from data.manifest import Manifest
from data.splits import grouped_folds

Progress = Callable[[int, int], None]  # done, total
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class Scan:
    """A scanned folder: its manifest, what was passed over, and the unit that the split keeps."""

    manifest: Manifest
    unit: str  # patient, block or image: the best group there is
    passed_over: dict[str, int]  # reason -> number of files
    identical_files: int  # images whose content another image has too


def scan(
    card: Card, root: Path, *, folds: int = 5, seed: int = 0, progress: Progress | None = None
) -> Scan:
    """List the images below ``root`` that the card describes, with groups and folds.

    A group is the union of the patient (or, where the card says so, a block of neighbouring
    numbers) and of byte-identical files. Identical files under different labels are excluded.
    Links are not followed and hidden files are passed over; nothing is written.

    Args:
        folds: number of cross-validation folds for the labelled images.
        progress: called with (hashed, total) images.

    Raises:
        BlastlineError: no such folder, no file that matches the card, a class without images, or
            a class that cannot be split.
    """
    if not root.is_dir():
        raise BlastlineError(f"image folder {root}: no such folder; give the folder of your images")
    passed_over: Counter[str] = Counter()
    names: dict[PurePosixPath, CellName] = {}
    first_other, shown_image = "", False  # for the message: better an image than a text file
    for path in _files(root, passed_over):
        name = card.read(path)
        if name is None:
            passed_over["not described by the card"] += 1
            if not first_other or (path.suffix.lower() in SUFFIXES and not shown_image):
                first_other, shown_image = str(path), path.suffix.lower() in SUFFIXES
        else:
            names[path] = name
    if not names:
        found = f"'{first_other}'" if first_other else "no file at all"
        raise BlastlineError(
            f"image folder {root}: no file matches card '{card.name}'; found {found}, expected "
            f"paths like '{next(iter(card.examples))}': check IMAGES, or choose another card"
        )
    paths = list(names)
    hashes = _hash_all(root, paths, progress)
    frame = pd.DataFrame(
        {
            "image_id": _image_ids(paths),
            "path": [str(path) for path in paths],
            "sha256": hashes,
            "label": [name.label for name in names.values()],
            "patient": [name.patient for name in names.values()],
            "source": [name.source for name in names.values()],
            "fold": "",
        },
        dtype=object,
    )
    classes = card.classes or tuple(sorted({label for label in frame.label if label}))
    _refuse_empty_classes(card, root, paths, frame, classes)

    frame["group"], unit = _groups(card, frame, list(names.values()))
    labels_of_content = frame[frame.label != ""].groupby("sha256").label.nunique()
    conflicting = frame.sha256.map(labels_of_content).fillna(0) > 1
    frame["split"] = ["train" if label else "unlabelled" for label in frame.label]
    frame.loc[conflicting, "split"] = "excluded"
    train = frame.split == "train"
    emptied = [label for label in classes if label not in set(frame.label[train])]
    if emptied:
        raise BlastlineError(
            f"image folder {root}: every image of class '{emptied[0]}' has an identical copy under "
            "another label, which excludes both; keep each image under one label"
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
    )


def _files(root: Path, passed_over: Counter[str]) -> Iterator[PurePosixPath]:
    """Regular files below ``root`` in sorted order, as relative POSIX paths."""
    for folder, subfolders, files in os.walk(root, followlinks=False):
        for name in list(subfolders):
            if name.startswith(".") or Path(folder, name).is_symlink():
                subfolders.remove(name)
                passed_over["hidden or linked folder"] += 1
        subfolders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if name.startswith("."):
                passed_over["hidden file"] += 1
            elif path.is_symlink() or not path.is_file():
                passed_over["link or special file"] += 1
            elif not _fits_csv(str(path.relative_to(root))):
                passed_over["name that is not UTF-8 text"] += 1
            else:
                yield PurePosixPath(path.relative_to(root).as_posix())


def _fits_csv(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\r" not in name


def _hash_all(root: Path, paths: list[PurePosixPath], progress: Progress | None) -> list[str]:
    hashes = []
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter lock
        for digest in pool.map(sha256_file, (root / path for path in paths)):
            hashes.append(digest)
            if progress:
                progress(len(hashes), len(paths))
    return hashes


def _image_ids(paths: list[PurePosixPath]) -> list[str]:
    """The path without its suffix; with it where that is another file's name or path too."""
    stems = [str(path.with_suffix("")) for path in paths]
    count = Counter([*stems, *map(str, paths)])
    return [
        stem if count[stem] == 1 else str(path) for stem, path in zip(stems, paths, strict=True)
    ]


def _groups(card: Card, frame: pd.DataFrame, names: list[CellName]) -> tuple[list[str], str]:
    """The group of every row, and the unit that it rests on."""
    keys, tags = [], []
    for row, name in enumerate(names):
        if name.patient:
            tag = name.patient
        elif card.block and name.number is not None:
            tag = f"{name.label or 'unlabelled'}-block-{(name.number - 1) // card.block:03d}"
        else:
            tag = ""
        tags.append(tag)
        keys.append([("content", frame.sha256[row]), ("tag", tag) if tag else ("row", row)])
    numbers = join_groups(keys)
    members: dict[int, set[str]] = {}
    for number, tag, image_id in zip(numbers, tags, frame.image_id, strict=True):
        members.setdefault(number, set()).add(tag or image_id)
    # A group is called after all its patients; without patients, after its first image.
    called = {
        number: "+".join(sorted(each, key=_natural)) if any(tags) else min(each)
        for number, each in members.items()
    }
    unit = "patient" if card.has_patients else "block" if card.block else "image"
    return [called[number] for number in numbers], unit


def _natural(text: str) -> tuple[int, str]:
    return (len(text), text)


def _refuse_empty_classes(
    card: Card,
    root: Path,
    paths: list[PurePosixPath],
    frame: pd.DataFrame,
    classes: tuple[str, ...],
) -> None:
    present = set(frame.label)
    empty = [label for label in classes if label not in present]
    if not card.classes:
        inhabited = {path.parts[0] for path in paths}
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
        raise BlastlineError(
            f"image folder {root}: class '{named}' has no image; expected at least two "
            f"of each class of card '{card.name}': add images, or {mend}"
        )
    if len(classes) < 2:
        found = f"only class '{classes[0]}'" if classes else "no labelled image"
        raise BlastlineError(
            f"image folder {root}: found {found}; expected images of at least two classes"
        )
