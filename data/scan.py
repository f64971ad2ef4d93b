"""The scan of a folder: groups and sides of the split for the images found there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import splitext
from typing import Literal

import pandas as pd

from data.cards import Card, CellName
from data.errors import BlastlineError
from data.found import Found
from data.groups import join_groups, name_groups
from data.manifest import Manifest
from data.overlap import Overlap, find_overlap, refuse_overlap
from data.splits import grouped_folds

UNITS = ("image", "block", "group", "patient")  # from the weakest to the best
Protocol = Literal["grouped", "official"]
Ties = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Scan:
    """A scanned folder: its manifest, what was passed over, and the unit that the split keeps."""

    manifest: Manifest
    unit: str  # patient, group (of a table), block or image: the weakest that a labelled image has
    passed_over: dict[str, int]  # reason -> number of files and table rows
    examples: dict[str, list[str]]  # reason -> the first of them
    identical_files: int  # images whose content another image has too
    unchanged: int  # images whose hash was known, so that they were not read
    overlap: Overlap  # what stands on two sides of the split: nothing, unless that was allowed


def split_images(
    card: Card,
    found: Found,
    *,
    folds: int = 5,
    seed: int = 0,
    split: Protocol = "grouped",
    ties: Ties = (),
    copies: Ties = (),
    allow_overlap: bool = False,
) -> Scan:
    """Give every image its group and its side of the split.

    A group is the union of the patient (or, where the card says so, a block of neighbouring
    numbers), the group that a table names, byte-identical files and ``ties``. Identical files
    under different labels are excluded, and so are ``copies``.

    Args:
        folds: number of cross-validation folds for the labelled images.
        split: ``grouped`` makes folds that keep every group whole; ``official`` takes those that
            the card reads from paths or tables, numbered from 0 in their order.
        ties: pairs of paths that show the same thing: near duplicates, shared ground.
        copies: those of them that are one picture; under two labels both are excluded.
        allow_overlap: go on where patients, groups, identical files or ties stand on two sides of
            an official split; ``Scan.overlap`` tells which.

    Raises:
        BlastlineError: a class without images, a class that cannot be split, official folds that
            are not there or not complete, ties of unknown paths, or an overlap.
    """
    frame = _frame(found)
    classes = card.classes or tuple(sorted({label for label in frame.label if label}))
    _refuse_empty_classes(card, found, frame, classes)
    names = list(found.names.values())
    frame["group"], units = _groups(card, found.root, frame, names, ties)
    frame["split"] = [_side(card, name) for name in names]
    labelled = frame.loc[frame.label != "", ["sha256", "label"]].drop_duplicates()
    conflicting = frame.sha256.isin(labelled.sha256[labelled.sha256.duplicated()])
    label_of = dict(zip(frame.path, frame.label, strict=True))
    for pair in copies:
        one, other = (label_of[path] for path in pair)
        if one and other and one != other:
            conflicting |= frame.path.isin(pair)
    frame.loc[conflicting, "split"] = "excluded"
    train = frame.split == "train"
    left = set(frame.label[train])
    emptied = [label for label in classes if label not in left]
    if emptied:
        raise BlastlineError(
            f"image folder {found.root}: class '{emptied[0]}' has no image left to train on: the "
            "others have copies under another label, or are of the official test set; "
            "keep each image under one label"
        )
    if split == "official":
        said = pd.Series([name.fold for name in names], index=frame.index)
        frame.loc[train, "fold"] = _official_folds(card, found.root, frame[train], said[train])
    else:
        fold_of = grouped_folds(
            frame.label[train].to_numpy(str), frame.group[train].to_numpy(str), folds, seed
        )
        frame.loc[train, "fold"] = [str(fold) for fold in fold_of]
    overlap = find_overlap(frame, ties)
    if not allow_overlap:
        mend = (
            "split by groups (--split grouped)"
            if split == "official"
            else "take the images of one side out of the folder ('blastline audit' lists them in "
            "ties.csv)"
        )
        refuse_overlap(
            overlap,
            f"image folder {found.root}",
            f"{mend}, or allow it (--allow-overlap): every output then says so",
        )
    used = [units[row] for row in frame.index[frame.split.isin(("train", "test"))]]
    return Scan(
        manifest=Manifest(frame, classes, allow_overlap=allow_overlap),
        unit=min(used, key=UNITS.index),
        passed_over=dict(found.passed_over.counts),
        examples=found.passed_over.examples,
        identical_files=int(frame.sha256.duplicated(keep=False).sum()),
        unchanged=found.unchanged,
        overlap=overlap,
    )


def _frame(found: Found) -> pd.DataFrame:
    paths, names = list(found.names), found.names.values()
    return pd.DataFrame(
        {
            "image_id": _image_ids(paths),
            "path": paths,
            "sha256": [found.hashes[path] for path in paths],
            "label": [name.label for name in names],
            "patient": [name.patient for name in names],
            "source": [name.source for name in names],
            "fold": "",
        },
        dtype=object,
    )


def _image_ids(paths: list[str]) -> list[str]:
    """The path without its suffix; with it where that is another file's name or path too."""
    stems = [splitext(path)[0] for path in paths]
    count = Counter([*stems, *paths])
    return [stem if count[stem] == 1 else path for stem, path in zip(stems, paths, strict=True)]


def _side(card: Card, name: CellName) -> str:
    if not name.label:
        return "unlabelled"
    return name.split or ("test" if card.is_test(name.source) else "train")


def _groups(
    card: Card, root: Path, frame: pd.DataFrame, names: list[CellName], ties: Ties
) -> tuple[list[str], list[str]]:
    """The group of every row, and the unit that it rests on."""
    row_of = {path: row for row, path in enumerate(frame.path)}
    keys: list[list[tuple[str, object]]] = [[("content", sha256)] for sha256 in frame.sha256]
    for number, pair in enumerate(ties):
        for path in pair:
            if path not in row_of:
                raise BlastlineError(
                    f"image folder {root}: '{path}' is tied to another image, but it is no image "
                    "of this scan; run the audit again"
                )
            keys[row_of[path]].append(("tie", number))
    tags, units = [], []
    for row, name in enumerate(names):
        block = ""
        if card.block and name.number is not None and not (name.patient or name.group):
            block = f"{name.label or 'unlabelled'}-block-{(name.number - 1) // card.block:03d}"
        said = [("patient", name.patient), ("group", name.group), ("block", block)]
        keys[row] += [each for each in said if each[1]] or [("row", row)]
        tags.append(name.patient or name.group or block)
        units.append(next((unit for unit, there in said if there), "image"))
    return name_groups(join_groups(keys), tags, frame.image_id.tolist()), units


def _official_folds(card: Card, root: Path, train: pd.DataFrame, said: pd.Series) -> list[str]:
    """The number of the official fold of every training row, as text."""
    if not card.has_folds:
        raise BlastlineError(
            f"card '{card.name}': names no official folds; split by groups (--split grouped)"
        )
    where = f"image folder {root}"
    if (said == "").any():
        raise BlastlineError(
            f"{where}: '{train.path[said == ''].iloc[0]}' is in no official fold, like "
            f"{int((said == '').sum()):,} labelled images in all; split by groups (--split grouped)"
        )
    order = sorted(set(said), key=lambda fold: (len(fold), fold))
    for label, folds in said.groupby(train.label):
        if folds.nunique() < 2:
            raise BlastlineError(
                f"{where}: class '{label}' stands in official fold '{folds.iloc[0]}' only; it can "
                "not be both learned and tested: split by groups (--split grouped)"
            )
    return [str(order.index(fold)) for fold in said]


def _refuse_empty_classes(
    card: Card, found: Found, frame: pd.DataFrame, classes: tuple[str, ...]
) -> None:
    present = set(frame.label)
    inhabited = {path.split("/")[0] for path in frame.path}
    empty = [label for label in classes if label not in present]
    empty += sorted(set(found.folders) - inhabited)
    if empty:
        mend = "use a card without that class (such as DATASET=folders)"
        if not card.classes:
            mend = "remove the folder"
        named = "', '".join(empty)
        unread = [f"{n} {why}" for why, n in found.passed_over.counts.items() if "not read" in why]
        aside = f" ({', '.join(unread)})" if unread else ""
        raise BlastlineError(
            f"image folder {found.root}: no image of class '{named}'{aside}; expected at least "
            f"two of each class of card '{card.name}': add images, or {mend}"
        )
    if len(classes) < 2:
        one = f"only class '{classes[0]}'" if classes else "no labelled image"
        raise BlastlineError(
            f"image folder {found.root}: found {one}; expected images of at least two classes"
        )
