"""Stage compare: finished runs on the same cells -> one page, and their differences in lines."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from classifiers.evaluation.comparison import paired_comparison
from classifiers.result import RunResult
from data.errors import BlastlineError
from pipeline.console import progress, say, warn
from pipeline.predictions import read_selected
from pipeline.reuse import manifest_file
from reports import words
from reports.compare import (
    FIGURES,
    ComparedRun,
    Comparison,
    Pair,
    cautions,
    chance,
    differences,
    write_comparison,
)


@dataclass(frozen=True)
class _Tested:
    """A run and what it says of its test cells.

    Attributes:
        frame: image_id, label, group, fold, sha256 (empty where it is not recorded), and p_CLASS;
            one row a labelled cell under test.
        trained: (content or image id, label) of all labelled cells that are not fixed test cells.
    """

    name: str
    folder: Path
    result: RunResult
    frame: pd.DataFrame
    trained: frozenset[tuple[str, str]]


def run_compare(
    runs: list[str], work: Path, out: Path | None = None, reference: str | None = None
) -> Path:
    """Write the page and tell the differences.

    Args:
        runs: names below ``work``, or paths of run folders; two or more.
        out: the page; None: compare.html in ``work``.
        reference: one of ``runs``; None: the first of them.

    Raises:
        BlastlineError: fewer than two runs, one of them is not there, not fitted, of another
            format or of other classes, or has no test cell in common with the reference.
    """
    folders = [_find(text, work) for text in runs]
    if len(runs) < 2:
        raise BlastlineError(
            f"compare: {words.plural(len(runs), 'run')} named, two or more expected; {_there(work)}"
        )
    for number, folder in enumerate(folders):
        if folder.resolve() in [each.resolve() for each in folders[:number]]:
            raise BlastlineError(f"compare: run '{runs[number]}' is named twice; name another one")
    first = _place(reference, runs, folders, work)
    tested = [_read(name, folder) for name, folder in zip(_names(folders), folders, strict=True)]
    by_content = all((each.frame.sha256 != "").all() for each in tested)
    keyed = [_keyed(each.frame, by_content) for each in tested]
    pairs = []
    others = [number for number in range(len(tested)) if number != first]
    with progress("comparing", "run") as update, threadpool_limits(1):
        for done, number in enumerate(others, start=1):
            pairs.append(_pair(tested[first], keyed[first], tested[number], keyed[number]))
            update(done, len(others))
    comparison = Comparison(
        runs=[ComparedRun(each.name, each.result, _stored(each)) for each in tested],
        reference=tested[first].name,
        pairs=pairs,
        matched_by="content" if by_content else "image id",
    )
    path = write_comparison(comparison, out or work / "compare.html")
    _tell(comparison, path)
    return path


def _find(text: str, work: Path) -> Path:
    """The folder of a run: a name below the work folder goes before a path."""
    for folder in (work / text, Path(text).expanduser()):
        if text and folder.is_dir():
            return folder
    raise BlastlineError(
        f"compare: no run '{text}' below {work}, nor such a folder; {_there(work)}"
    )


def _there(work: Path) -> str:
    found = sorted(path.parent.name for path in work.glob("*/run.json"))
    return f"fitted runs there: {', '.join(found)}" if found else f"no fitted run is below {work}"


def _place(reference: str | None, runs: list[str], folders: list[Path], work: Path) -> int:
    """Which of the runs is the reference."""
    if reference is None:
        return 0
    if reference in runs:
        return runs.index(reference)
    found = _find(reference, work).resolve()
    for number, folder in enumerate(folders):
        if folder.resolve() == found:
            return number
    raise BlastlineError(
        f"compare: --reference '{reference}' is not among the runs compared "
        f"({', '.join(runs)}); name it there, too"
    )


def _names(folders: list[Path]) -> list[str]:
    """The folders' names; whole paths where two runs have the same name."""
    names = [folder.resolve().name for folder in folders]
    return [
        name if names.count(name) == 1 else str(folder)
        for name, folder in zip(names, folders, strict=True)
    ]


def _read(name: str, folder: Path) -> _Tested:
    result = RunResult.read(folder / "run.json")
    words.selected(result)
    predictions = _predictions(folder / "predictions.csv", result.dataset.classes)
    contents = _manifest(manifest_file(folder))
    predictions["sha256"] = predictions.image_id.map(contents.sha256).fillna("")
    fixed = result.split.protocol == "fixed test set"
    frame = predictions[predictions.split == ("test" if fixed else "train")]
    if frame.empty:
        raise BlastlineError(f"{folder / 'predictions.csv'}: predicts no test cell; fit again")
    train = contents[(contents.split == "train") & (contents.label != "")]
    return _Tested(
        name, folder, result, frame, frozenset(zip(train.sha256, train.label, strict=True))
    )


def _predictions(path: Path, classes: list[str]) -> pd.DataFrame:
    """The selected classifier's rows of labelled cells."""
    columns = [f"p_{name}" for name in classes]
    table = read_selected(path, classes)
    table = table[table.label != ""].copy()
    proba = table[columns].to_numpy(np.float64)
    unknown = ~table.label.isin(classes) | ~np.isfinite(proba).all(axis=1)
    if unknown.any() or table.image_id.duplicated().any() or not (proba.sum(axis=1) > 0).all():
        raise BlastlineError(
            f"{path}: expected each image once, with a label among {', '.join(classes)} and a "
            "probability for each of them; fit again"
        )
    table[columns] = proba / proba.sum(axis=1, keepdims=True)  # they were rounded
    return table


def _manifest(path: Path) -> pd.DataFrame:
    """sha256, label and split by image id; empty where the run has no readable manifest."""
    columns = ["sha256", "label", "split"]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return table.drop_duplicates("image_id").set_index("image_id")[columns]
    except (OSError, ValueError, KeyError):
        return pd.DataFrame(columns=columns, dtype=str)


def _keyed(frame: pd.DataFrame, by_content: bool) -> pd.DataFrame:
    """The rows by what other runs know the cell by; copies of one file are numbered."""
    if not by_content:
        return frame.set_index("image_id", drop=False)
    ordered = frame.sort_values("image_id", kind="stable")
    number = ordered.groupby("sha256").cumcount().astype(str)
    return ordered.set_index(ordered.sha256 + " " + number)


def _pair(reference: _Tested, frame_a: pd.DataFrame, other: _Tested, frame_b: pd.DataFrame) -> Pair:
    classes = reference.result.dataset.classes
    if set(classes) != set(other.result.dataset.classes):
        raise BlastlineError(
            f"{other.folder}: its classes are {', '.join(other.result.dataset.classes)}, those of "
            f"{reference.name} {', '.join(classes)}; compare runs on the same classes"
        )
    shared = frame_a.index.intersection(frame_b.index)
    if shared.empty:
        raise BlastlineError(
            f"{other.folder}: tested none of the {len(frame_a):,} cells that {reference.name} "
            "tested; compare runs on the same images"
        )
    a, b = frame_a.loc[shared], frame_b.loc[shared]
    same = (a.label == b.label).to_numpy()
    if not same.any():
        raise BlastlineError(
            f"{other.folder}: labels each of the {len(shared):,} cells that {reference.name} "
            "tested, too, differently; compare runs with the same labels"
        )
    columns = [f"p_{name}" for name in classes]
    part = paired_comparison(
        a.label.map({name: code for code, name in enumerate(classes)}).to_numpy(np.int64)[same],
        a[columns].to_numpy(np.float64)[same],
        b[columns].to_numpy(np.float64)[same],
        a.group.to_numpy(str)[same],
        len(classes),
        reference.result.split.seed,
    )
    return Pair(
        name=other.name,
        part=part,
        relabelled=int((~same).sum()),
        only_reference=len(frame_a) - len(shared),
        only_run=len(frame_b) - len(shared),
        fitted_otherwise=_other_folds(a.fold, b.fold) or reference.trained != other.trained,
    )


def _other_folds(a: pd.Series, b: pd.Series) -> bool:
    """Whether two divisions of the same cells differ in more than the numbers of their folds."""
    both = len(set(zip(a, b, strict=True)))
    return not both == a.nunique() == b.nunique()


def _stored(run: _Tested) -> int | None:
    """Bytes of the embedding files beside the run folder."""
    sizes = []
    for digest in run.result.recipes:
        files = sorted(run.folder.resolve().parent.glob(f"embeddings/*/*-{digest[:8]}.h5"))
        if not files:
            return None
        sizes.append(files[0].stat().st_size)
    return sum(sizes)


def _tell(comparison: Comparison, path: Path) -> None:
    for caution in cautions(comparison):
        warn(f"compare: {caution}")
    say(f"compare: each run minus {comparison.reference}, on the test cells that both share")
    labels = [label for _, label, _ in FIGURES]
    rows = [["run", "cells", *labels, "p (accuracy)"]]
    for pair in comparison.pairs:
        found = [
            f"{each.value} ({each.interval}) {each.verdict}" if each.interval
            else f"{each.value}, {each.verdict}"
            for each in differences(pair.part)
        ]  # fmt: skip
        rows.append([pair.name, words.count(pair.part.n), *found, chance(pair.part)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        say(f"      {'  '.join(cells).rstrip()}")
    say(f"      page: {path}")
