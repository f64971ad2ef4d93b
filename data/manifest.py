"""The manifest: which images there are, one row an image, as a CSV file that people can read."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from data.errors import BlastlineError
from data.files import atomic_path

COLUMNS = ("image_id", "path", "sha256", "label", "patient", "group", "fold", "split", "source")
SPLITS = ("train", "test", "unlabelled", "excluded")


class Manifest:
    """One row an image. Every column is text; an empty string is 'not known'.

    ``path`` is relative to the image folder. ``split`` is train, test, unlabelled or excluded;
    ``fold`` numbers the cross-validation folds of the train rows.

    Args:
        allow_overlap: a patient or group may stand on two sides of the split, because the user
            said so of an official split (``data.overlap`` tells what is shared).

    Attributes:
        frame: the rows, columns as in ``COLUMNS``, all of dtype object.
        classes: the class names in order; labels are coded by their position here.

    Raises:
        BlastlineError: missing columns, duplicate ids, a path that leaves the root, an unknown
            label, split or fold, or a patient or group on two sides of a split.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        classes: Iterable[str],
        name: str = "manifest",
        *,
        allow_overlap: bool = False,
    ) -> None:
        self.classes = tuple(classes)
        self._name = name
        missing = [column for column in COLUMNS if column not in frame.columns]
        if missing:
            self._refuse(f"column '{missing[0]}' is missing; expected {', '.join(COLUMNS)}")
        self.frame = frame.loc[:, list(COLUMNS)].astype(object).reset_index(drop=True)
        self._check()
        if not allow_overlap:
            self._refuse_overlap()

    def _refuse(self, what: str) -> None:
        raise BlastlineError(f"{self._name}: {what}")

    def _check(self) -> None:
        frame = self.frame
        repeated = frame.image_id[frame.image_id.duplicated()]
        if len(repeated):
            self._refuse(f"image_id '{repeated.iloc[0]}' occurs twice; ids must be unique")
        for path in frame.path:
            if path.startswith("/") or ".." in path.split("/"):
                self._refuse(f"path '{path}' leaves the image folder; expected a path inside it")
        for column, known in (("label", {"", *self.classes}), ("split", set(SPLITS))):
            unknown = frame.loc[~frame[column].isin(known), column]
            if len(unknown):
                expected = ", ".join(sorted(known - {""}))
                self._refuse(f"unknown {column} '{unknown.iloc[0]}'; expected one of {expected}")
        for fold in frame.fold.unique():
            if fold and not fold.isdecimal():
                self._refuse(f"unknown fold '{fold}'; expected a number from 0, or nothing")
        used = frame[frame.split.isin(("train", "test"))]
        if (used.label == "").any():
            row = used[used.label == ""].iloc[0]
            self._refuse(f"image '{row.image_id}' is in split '{row.split}' without a label")

    def _refuse_overlap(self) -> None:
        used = self.frame[self.frame.split.isin(("train", "test"))]
        sides = pd.DataFrame({"side": (used.split + " " + used.fold).str.strip()})
        for column in ("patient", "group"):
            named = sides.assign(name=used[column])[used[column] != ""].drop_duplicates()
            torn = named.name[named.name.duplicated()]
            if len(torn):
                both = named.side[named.name == torn.iloc[0]]
                self._refuse(
                    f"{column} '{torn.iloc[0]}' stands on two sides of the split "
                    f"({' and '.join(both[:2])}); keep each patient and group on one side"
                )

    def __len__(self) -> int:
        return len(self.frame)

    def rows(self, split: str) -> np.ndarray:
        """(n,) positions of the rows of one split, in order."""
        return np.flatnonzero(self.frame.split == split)

    def codes(self) -> np.ndarray:
        """(n,) int64 position of each row's label in ``classes``; -1 where there is no label."""
        position = {label: code for code, label in enumerate(self.classes)}
        return np.array([position.get(label, -1) for label in self.frame.label], dtype=np.int64)

    def folds(self) -> np.ndarray:
        """(n,) int64 fold of each row; -1 where it has none."""
        return np.array([int(fold) if fold else -1 for fold in self.frame.fold], dtype=np.int64)

    def write(self, path: Path) -> None:
        """Write the CSV, whole or not at all."""
        with atomic_path(path) as temporary:
            self.frame.to_csv(temporary, index=False)

    @classmethod
    def read(cls, path: Path, classes: Iterable[str], *, allow_overlap: bool = False) -> "Manifest":
        """Read a manifest written by ``write``; its checks run again.

        Raises:
            BlastlineError: no such file, not a CSV, or a row that the checks refuse.
        """
        if not path.is_file():
            raise BlastlineError(f"{path}: no manifest there; run 'blastline scan' first")
        try:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (ValueError, UnicodeDecodeError) as error:
            raise BlastlineError(f"{path}: not a CSV manifest ({error})") from None
        return cls(frame, classes, name=str(path), allow_overlap=allow_overlap)
