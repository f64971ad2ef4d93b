"""What lies in an image folder: the images that a card describes, what is said of each, hashes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from posixpath import splitext

from data.cards import Card, CellName
from data.errors import BlastlineError
from data.hashes import KnownHashes, Progress, hash_files
from data.listing import SUFFIXES, PassedOver, list_files, why
from data.tables import add_tables, find_tables


@dataclass(frozen=True)
class Found:
    """The images below a folder: what is said of each, and the hash of its content.

    Attributes:
        names, hashes: by path below ``root``; both have the same paths.
        folders: the class folders, of a set whose folders are its classes.
        unchanged: images whose hash was known, so that they were not read.
    """

    root: Path
    names: dict[str, CellName]
    hashes: dict[str, str]
    folders: tuple[str, ...] = ()
    passed_over: PassedOver = field(default_factory=PassedOver)
    unchanged: int = 0


def find_images(
    card: Card,
    root: Path,
    *,
    progress: Progress | None = None,
    known: KnownHashes | None = None,
) -> Found:
    """List and hash the images below ``root`` that the card describes, and read its tables.

    Links are not followed; hidden files and those that cannot be read are passed over. Nothing is
    written but ``known``.

    Args:
        progress: called with (hashed, total) images; not at all where all hashes are known.
        known: hashes of earlier scans of ``root``; those of this scan are written to it.

    Raises:
        BlastlineError: the card describes whole fields, no such folder or one that cannot be
            listed, no readable file that matches the card, or a bad table.
    """
    if card.annotations:
        raise BlastlineError(
            f"card '{card.name}': describes whole smear fields, not single cells; run 'blastline "
            f"crop FIELDS --out DIR --dataset {card.name} --annotations' first, then scan DIR with "
            "--dataset csv"
        )
    if not root.is_dir():
        raise BlastlineError(f"image folder {root}: no such folder; give the folder of your images")
    if known is not None:
        known.load(root)
    passed_over = PassedOver()
    files = dict(list_files(root, passed_over))
    tables = find_tables(card, root, files)
    names = _names(card, root, [path for path in files if path not in tables], passed_over)
    if card.table:
        names = add_tables(card, root, tables, names, passed_over)
    try:
        hashes, failed, unchanged = hash_files(
            root, {path: files[path] for path in names}, known, progress
        )
    finally:  # Ctrl-C keeps what is done
        if known is not None:
            known.write(files)
    for path, error in failed.items():
        passed_over.add(why("not readable", error), path)
    if not hashes:
        raise BlastlineError(
            f"image folder {root}: none of {len(names)} images can be read; found "
            f"'{next(iter(failed))}' {why('not readable', next(iter(failed.values())))}: "
            "check the rights and the disk"
        )
    return Found(
        root=root,
        names={path: name for path, name in names.items() if path in hashes},
        hashes=hashes,
        folders=_class_folders(card, root),
        passed_over=passed_over,
        unchanged=unchanged,
    )


def _names(
    card: Card, root: Path, paths: Iterable[str], passed_over: PassedOver
) -> dict[str, CellName]:
    """What the paths of the card's images say; the other paths are passed over."""
    names = {}
    first_other, shown_image = "", False  # for the message: better an image than a text file
    for path in paths:
        name = card.read(PurePosixPath(path))
        if name is not None:
            names[path] = name
            continue
        passed_over.add("not described by the card", path)
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


def _class_folders(card: Card, root: Path) -> tuple[str, ...]:
    """Where folders are classes: their names, those of links and empty ones too."""
    if card.classes or not card.labels_in_paths:
        return ()
    return tuple(
        entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
