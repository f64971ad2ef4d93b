"""The relabelled manifest: a scan's manifest with the decisions of reviewers applied to it."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from data.decisions import ACTIONS, COLUMNS, HISTORY, Decision, moment, read_rows, verdict
from data.errors import BlastlineError
from data.files import write_text
from data.manifest import Manifest

USED = ("train", "test")
MEND = "put back a sound copy, or remove it to go back to the labels as scanned"
HINTED = 50_000  # images among which a near name is looked for
Side = tuple[str, str]  # split and fold


def read_history(path: Path) -> pd.DataFrame:
    """The decisions applied so far in their order, columns as in ``HISTORY``, all of text.

    Returns:
        An empty frame where there is no such file.

    Raises:
        BlastlineError: the file is damaged.
    """
    rows = read_rows(path, HISTORY, MEND) if path.is_file() else []
    for number, cells in rows:
        where = f"{path}, row {number}"
        if cells["action"] not in ACTIONS:
            raise BlastlineError(
                f"{where}: unknown action '{cells['action']}'; expected {' or '.join(ACTIONS)}"
            )
        for column in ("applied", "time"):
            try:
                moment(cells[column])
            except ValueError:
                raise BlastlineError(
                    f"{where}: {column} '{cells[column]}' is not in the form "
                    "2026-01-31T09:30:00Z (UTC); mend it"
                ) from None
    return pd.DataFrame([cells for _, cells in rows], columns=list(HISTORY), dtype=object)


def write_history(path: Path, history: pd.DataFrame) -> None:
    """Write a frame as ``read_history`` gives it, whole or not at all."""
    text = io.StringIO()
    # Quotes around all: else a lone carriage return in a name would end the row when it is read.
    rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    rows.writerow(HISTORY)
    rows.writerows(history[list(HISTORY)].itertuples(index=False, name=None))
    write_text(path, text.getvalue())


def lengthen(history: pd.DataFrame, decisions: Iterable[Decision], applied: str) -> pd.DataFrame:
    """The history with decisions at its end.

    Args:
        applied: when they are applied, ISO 8601 with seconds in UTC.
    """
    more = [(applied, *each.cells) for each in decisions]
    return pd.concat([history, pd.DataFrame(more, columns=list(HISTORY), dtype=object)],
                     ignore_index=True)  # fmt: skip


def new_decisions(
    decisions: Mapping[int, Decision], manifest: Manifest, history: pd.DataFrame, name: str
) -> list[Decision]:
    """Those decisions that the history does not hold yet; each fits the manifest.

    A reviewer may correct what the same name decided before. What another one decided in between
    is overruled only by a decision that was made after that was applied, on the label as it is.

    Args:
        decisions: by row number. manifest: with the history applied. name: of their file.

    Raises:
        BlastlineError: an unknown image, another path or content, or a label that has changed
            since the image was shown.
    """
    held = set(history[list(COLUMNS)].itertuples(index=False, name=None))
    new = {row: each for row, each in decisions.items() if each.cells not in held}
    known = dict(zip(manifest.frame.image_id.tolist(), manifest.frame.itertuples(), strict=True))
    unknown = [row for row, each in new.items() if each.image_id not in known]
    if unknown:
        _refuse_unknown(new[unknown[0]], manifest, f"{name}, row {unknown[0]}", len(unknown))
    last = dict(zip(history.sha256.tolist(), history.itertuples(), strict=True))
    for row, each in new.items():
        where, there = f"{name}, row {row}", known[each.image_id]
        _refuse_foreign(each, there, where)
        _refuse_outdated(each, there, last.get(each.sha256), where)
    return list(new.values())


def _refuse_unknown(each: Decision, manifest: Manifest, where: str, count: int) -> None:
    frame = manifest.frame
    same = frame.image_id[frame.sha256 == each.sha256].tolist()
    ids = frame.image_id.tolist()
    near = get_close_matches(each.image_id, ids, 1) if len(ids) <= HINTED else []
    hint = f" (its picture is '{same[0]}' there)" if same else ""
    if near and not same:
        hint = f" (did you mean '{near[0]}'?)"
    more = f", like {count - 1:,} more" if count > 1 else ""
    raise BlastlineError(
        f"{where}: image '{each.image_id}' is not in the manifest of this run{hint}{more}; "
        "choose the RUN that the page was made for, or make a new page with 'blastline review'"
    )


def _refuse_foreign(each: Decision, there: Any, where: str) -> None:
    mend = "choose the RUN that the page was made for, or make a new page with 'blastline review'"
    if each.sha256 != there.sha256:
        raise BlastlineError(
            f"{where}: image '{each.image_id}' has SHA-256 {each.sha256[:12]}..., in this run "
            f"{there.sha256[:12]}...: a page of another run, or the image was replaced; {mend}"
        )
    if each.path != there.path:
        raise BlastlineError(
            f"{where}: image '{each.image_id}' has path '{each.path}', in this run "
            f"'{there.path}': a page of another run; {mend}"
        )


def _refuse_outdated(each: Decision, there: Any, last: Any, where: str) -> None:
    """Refuse what was decided in ignorance of the present state.

    Args:
        there: the row of the manifest. last: the last row of the history on it, or None.
    """
    now = f"'{there.label}'" if there.split in USED else "excluded" if last else ""
    if each.verdict == now:
        return
    if last and last.reviewer == each.reviewer and moment(last.time) <= moment(each.time):
        return
    by = f", decided by '{last.reviewer}' on {last.time}" if last else ""
    mend = (
        "take the row out to leave it so, or write the present label and time into it to overrule "
        "that"
    )
    if each.label != there.label:
        raise BlastlineError(
            f"{where}: image '{each.image_id}' was shown with label '{each.label}', which is "
            f"'{there.label}' by now{by}; {mend}"
        )
    if last and moment(each.time) < moment(last.applied):
        raise BlastlineError(
            f"{where}: image '{each.image_id}' is {each.verdict} here and was made "
            f"{verdict(last.action, last.decision)} in between{by}; {mend}"
        )


def apply(
    manifest: Manifest,
    history: pd.DataFrame,
    name: str = "decisions",
    *,
    allow_overlap: bool = False,
) -> Manifest:
    """The manifest with every decision applied to all images of its content (SHA-256).

    Of several decisions on one picture the last holds. Groups stay as they are. A cell of the split
    stays on its side, and comes back to it where an exclusion is taken back. Any other cell that
    gets a label goes where its group stands, or, with a group that stands nowhere, to the fold that
    has the least of its classes. Later decisions move no cell that earlier ones gave a side.

    Args:
        manifest: as the scan made it. history: as ``read_history`` gives it; rows on images that
            the manifest lacks say nothing. name: of their file.
        allow_overlap: as of ``Manifest``.

    Raises:
        BlastlineError: a class that the manifest does not know, or a class left without train rows.
    """
    if history.empty:
        return manifest
    frame = manifest.frame.copy()
    labels, splits, folds = (frame[name].tolist() for name in ("label", "split", "fold"))
    groups = frame.group.tolist()
    home = [(split, fold) if split in USED else None
            for split, fold in zip(splits, folds, strict=True)]  # fmt: skip
    sides = _sides(groups, home)
    rows_of = defaultdict(list)
    for row, sha256 in enumerate(frame.sha256):
        rows_of[sha256].append(row)
    for _, batch in history.groupby("applied", sort=False):
        waiting: dict[str, list[int]] = defaultdict(list)  # rows by group without a side
        for said in batch.drop_duplicates("sha256", keep="last").itertuples():
            for row in rows_of[said.sha256]:
                if said.action == "exclude":
                    splits[row], folds[row] = "excluded", ""
                    continue
                labels[row] = _known(said, manifest, name)
                side = home[row] or sides.get(groups[row])
                if side:
                    splits[row], folds[row] = side
                else:
                    waiting[groups[row]].append(row)
        filled = _filled(labels, splits, folds, home)
        for group, rows in sorted(waiting.items(), key=lambda item: (-len(item[1]), item[0])):
            fold = _neediest(filled, [labels[row] for row in rows])
            sides[group] = ("train", fold)
            for row in rows:
                splits[row], folds[row] = sides[group]
                filled[fold][labels[row]] += 1
    frame["label"], frame["split"], frame["fold"] = labels, splits, folds
    _refuse_emptied(manifest.frame, frame, name)
    return Manifest(frame, manifest.classes, "relabelled manifest", allow_overlap=allow_overlap)


def _known(said: Any, manifest: Manifest, name: str) -> str:
    if said.decision not in manifest.classes:
        raise BlastlineError(
            f"{name}: class '{said.decision}', which '{said.reviewer}' gave image "
            f"'{said.image_id}', is not among those of the data set "
            f"({', '.join(manifest.classes)}); add images of that class, or take the row out"
        )
    return str(said.decision)


def _sides(groups: Sequence[str], home: Sequence[Side | None]) -> dict[str, Side]:
    """Where each group stands. A group in the test set stands there, in some fold or not."""
    sides: dict[str, Side] = {}
    for group, side in zip(groups, home, strict=True):
        if side:
            sides[group] = min(side, sides.get(group, side))  # 'test' is less than 'train'
    return sides


def _filled(
    labels: Sequence[str], splits: Sequence[str], folds: Sequence[str], home: Sequence[Side | None]
) -> dict[str, Counter[str]]:
    """Fold -> its train rows by label; every fold that the scan made is there."""
    made = {side[1] for side in home if side and side[0] == "train"} - {""}
    filled: dict[str, Counter[str]] = {fold: Counter() for fold in sorted(made) or ["0"]}
    for label, split, fold in zip(labels, splits, folds, strict=True):
        if split == "train" and fold in filled:
            filled[fold][label] += 1
    return filled


def _neediest(filled: Mapping[str, Counter[str]], labels: Sequence[str]) -> str:
    """The fold with the least share of these labels, then with the fewest rows."""
    whole = sum(filled.values(), Counter[str]())

    def need(fold: str) -> tuple[float, int, int]:
        share = sum(filled[fold][label] / max(1, whole[label]) for label in labels)
        return round(share, 9), filled[fold].total(), int(fold)

    return min(filled, key=need)


def _refuse_emptied(before: pd.DataFrame, after: pd.DataFrame, name: str) -> None:
    left = set(after.label[after.split == "train"])
    for label in before.label[before.split == "train"].unique():
        if label not in left:
            raise BlastlineError(
                f"{name}: class '{label}' would have no image left to train on; keep some of its "
                "images, or use a data set without that class"
            )


def weakest_unit(unit: str, manifest: Manifest) -> str:
    """The unit that a split keeps (``data.scan``) when decisions have added cells to it.

    A cell without patient, block or field is in a group that is called after an image.

    Args:
        unit: of the split as scanned.
    """
    frame = manifest.frame[manifest.frame.split.isin(USED)]
    nameless = frame.group[frame.patient == ""]
    alone = nameless.isin(manifest.frame.image_id).any()
    return "image" if alone or (unit == "patient" and len(nameless)) else unit
