"""compare: which cells of which runs are compared, what is refused, what is told."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pipeline.compare import run_compare
from reports.compare import Comparison
from tests.pipeline.commands import Guarded, Run, refused

Seen = Callable[..., Comparison]


def copy(run: Run, name: str) -> Run:
    shutil.copytree(run.folder, run.work / name)
    return Run(run.images, run.work, name)


def change_table(run: Run, file: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(run.table(file)).to_csv(run.folder / file, index=False)


def change_result(run: Run, change: Callable[[dict], object]) -> None:
    path = run.folder / "run.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    change(result)
    path.write_text(json.dumps(result), encoding="utf-8")


def selected(table: pd.DataFrame) -> pd.Series:
    """Which rows are test cells of the selected classifier."""
    return (table.classifier == "selected") & (table.split == "train")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Compares runs by name and gives what the page is made of."""
    found: list[Comparison] = []

    def note(comparison: Comparison, path: Path) -> Path:
        found.append(comparison)
        return path

    def compare(work: Path, *names: str, reference: str | None = None) -> Comparison:
        monkeypatch.setattr("pipeline.compare.write_comparison", note)
        run_compare(list(names), work, reference=reference)
        return found[-1]

    return compare


def guess(right: bool) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The table with every test cell predicted right, or each of them wrong, surely."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        columns = [name for name in table if name.startswith("p_")]
        classes = [name[2:] for name in columns]
        for row in table.index[selected(table)]:
            code = classes.index(table.label[row])
            table.loc[row, columns] = "0.0"
            table.loc[row, columns[code if right else (code + 1) % len(classes)]] = "1.0"
        return table

    return change


def test_a_planted_difference_is_found_with_its_sign_and_told(
    run: Run, guarded: Guarded, seen: Seen
) -> None:
    for name, right in (("best", True), ("worst", False)):
        change_table(copy(run, name), "predictions.csv", guess(right))
    (pair,) = seen(run.work, "worst", "best").pairs
    assert (pair.name, pair.part.accuracy.value, pair.part.brier.value) == ("best", 1, -2)
    (pair,) = seen(run.work, "worst", "best", reference="best").pairs
    assert (pair.name, pair.part.accuracy.value, pair.part.brier.value) == ("worst", -1, 2)
    table = run.table("predictions.csv")
    assert pair.part.n == selected(table).sum()
    assert pair.part.n_groups == table[selected(table)].group.nunique()


def test_a_run_beside_itself_is_not_told_apart(run: Run, guarded: Guarded) -> None:
    copy(run, "again")
    done = guarded("compare", run.name, "again", "--work", run.work).well()
    told = next(line for line in done.out.splitlines() if line.split()[0] == "again")
    assert told.count("+0.000 (+0.000 to +0.000) not told apart") == 4
    assert told.endswith("1.000")
    page = run.work / "compare.html"
    assert str(page) in done.out
    text = page.read_text(encoding="utf-8")
    assert 'class="loud"' not in text
    size = sum(path.stat().st_size for path in run.stores) / 1e6
    assert f"{size:,.1f}\u00a0MB" in text


def test_cells_are_known_by_content_whatever_their_files_are_called(run: Run, seen: Seen) -> None:
    def rename(table: pd.DataFrame) -> pd.DataFrame:
        table["image_id"] = "moved/" + table.image_id
        return table.iloc[::-1]

    other = copy(run, "moved")
    change_table(other, "predictions.csv", rename)
    change_table(other, "manifest.csv", rename)
    found = seen(run.work, run.name, "moved")
    assert found.matched_by == "content"
    (pair,) = found.pairs
    assert (pair.only_reference, pair.only_run, pair.fitted_otherwise) == (0, 0, False)
    assert (pair.part.accuracy.value, pair.part.brier.low, pair.part.brier.high) == (0, 0, 0)
    (other.folder / "manifest.csv").unlink()
    with pytest.raises(Exception, match="tested none of the"):
        seen(run.work, run.name, "moved")


def test_copies_of_one_file_are_cells_of_their_own(run: Run, seen: Seen) -> None:
    def doubled(table: pd.DataFrame) -> pd.DataFrame:
        rows = table.index[(table.split == "train") & (table.label == table.label[0])]
        table.loc[rows[:3], "sha256"] = table.sha256[rows[0]]
        return table

    whole = int(selected(run.table("predictions.csv")).sum())
    for name in ("one", "two"):
        change_table(copy(run, name), "manifest.csv", doubled)
    (pair,) = seen(run.work, "one", "two").pairs
    assert (pair.part.n, pair.part.accuracy.value) == (whole, 0)


def test_without_contents_cells_are_known_by_their_ids(run: Run, seen: Seen) -> None:
    other = copy(run, "bare")
    (other.folder / "manifest.csv").unlink()
    found = seen(run.work, run.name, "bare")
    assert found.matched_by == "image id"
    assert found.pairs[0].part.accuracy.value == 0


def test_only_cells_under_the_same_label_that_both_tested_are_compared(
    run: Run, seen: Seen, guarded: Guarded
) -> None:
    def less(table: pd.DataFrame) -> pd.DataFrame:
        rows = table.index[selected(table)]
        first = table.label[rows[-1]]
        table.loc[rows[-3:], "label"] = next(label for label in table.label if label != first)
        return table.drop(rows[:5])

    whole = int(selected(run.table("predictions.csv")).sum())
    other = copy(run, "less")
    change_table(other, "predictions.csv", less)
    (pair,) = seen(run.work, run.name, "less").pairs
    assert pair.relabelled in (1, 2, 3)
    assert (pair.only_reference, pair.only_run) == (5, 0)
    assert pair.part.n == whole - 5 - pair.relabelled
    (back,) = seen(run.work, "less", run.name).pairs
    assert (back.only_reference, back.only_run, back.part.n) == (0, 5, pair.part.n)


def test_other_folds_are_noticed_and_their_numbers_do_not_matter(run: Run, seen: Seen) -> None:
    renumbered, moved, merged = (copy(run, name) for name in ("renumbered", "moved", "merged"))

    def renumber(table: pd.DataFrame) -> pd.DataFrame:
        table["fold"] = table.fold.map(lambda fold: fold and str(7 - int(fold)))
        return table

    def move(table: pd.DataFrame) -> pd.DataFrame:
        rows = table.index[selected(table)]
        table.loc[rows[0], "fold"] = "1" if table.fold[rows[0]] == "0" else "0"
        return table

    change_table(renumbered, "predictions.csv", renumber)
    change_table(moved, "predictions.csv", move)
    change_table(merged, "predictions.csv", lambda table: table.assign(fold="0"))
    found = seen(run.work, run.name, "renumbered", "moved", "merged").pairs
    assert [pair.fitted_otherwise for pair in found] == [False, True, True]
    assert seen(run.work, "merged", run.name).pairs[0].fitted_otherwise


def test_other_training_cells_of_a_fixed_test_set_are_noticed(run: Run, seen: Seen) -> None:
    def fix(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[(table.fold == "1") & (table.split == "train"), "split"] = "test"
        return table

    runs = [copy(run, name) for name in ("one", "two")]
    for each in runs:
        change_table(each, "predictions.csv", fix)
        change_table(each, "manifest.csv", fix)
        change_result(each, lambda result: result["split"].update(protocol="fixed test set"))
    (pair,) = seen(run.work, "one", "two").pairs
    table = runs[0].table("predictions.csv")
    tested = (table.classifier == "selected") & (table.split == "test")
    assert (pair.part.n, pair.fitted_otherwise) == (tested.sum(), False)
    change_table(
        runs[1], "manifest.csv", lambda table: table.drop(table.index[table.split == "train"][0])
    )
    (pair,) = seen(run.work, "one", "two").pairs
    assert pair.fitted_otherwise


def test_classes_in_another_order_are_the_same_classes(run: Run, seen: Seen) -> None:
    other = copy(run, "turned")
    change_result(other, lambda result: result["dataset"]["classes"].reverse())
    (pair,) = seen(run.work, run.name, "turned").pairs
    assert (pair.part.accuracy.value, pair.part.brier.value) == (0, 0)


def test_runs_are_named_by_path_or_name_and_the_page_goes_where_it_is_wanted(
    run: Run, tmp_path: Path, guarded: Guarded
) -> None:
    elsewhere = tmp_path / "elsewhere" / run.name
    shutil.copytree(run.folder, elsewhere)
    page = tmp_path / "pages/mine.html"
    done = guarded(
        "compare", run.name, elsewhere, "--work", run.work, "--out", page,
        "--reference", f"{elsewhere}/",
    ).well()  # fmt: skip
    assert f"each run minus {elsewhere}" in done.out  # the name alone would be of two
    assert re.search(rf"<title>.*</title>[\s\S]*{elsewhere}", page.read_text(encoding="utf-8"))


def test_what_cannot_be_compared_is_refused_in_one_line(run: Run, guarded: Guarded) -> None:
    work = ("--work", run.work)
    other = copy(run, "other")
    refused(guarded("compare", run.name, *work), "two or more", "other, small")
    refused(guarded("compare", run.name, "absent", *work), "'absent'", "other, small")
    refused(guarded("compare", run.name, run.name, *work), "named twice")
    refused(guarded("compare", run.name, "other", "--reference", "absent", *work), "'absent'")
    copy(run, "third")
    done = guarded("compare", run.name, "other", "--reference", "third", *work)
    refused(done, "--reference 'third'", "small, other")
    (other.folder / "predictions.csv").unlink()
    refused(guarded("compare", run.name, "other", *work), "blastline fit")
    (other.folder / "run.json").unlink()
    refused(guarded("compare", run.name, "other", *work), "blastline fit")
    assert not (run.work / "compare.html").exists()


def test_results_of_another_format_or_other_classes_are_refused(run: Run, guarded: Guarded) -> None:
    command = ("compare", run.name, "other", "--work", run.work)
    other = copy(run, "other")
    change_result(other, lambda result: result.update(format=1))
    refused(guarded(*command), "run.json", "fit again")
    shutil.copy(run.folder / "run.json", other.folder)
    table = run.table("predictions.csv")
    first = table.label[0]
    change_result(
        other,
        lambda result: result["dataset"].update(
            classes=["strange" if name == first else name for name in result["dataset"]["classes"]]
        ),
    )
    refused(guarded(*command), "predictions.csv", "strange")
    change_table(
        other,
        "predictions.csv",
        lambda table: table.replace({first: "strange"}).rename(columns={f"p_{first}": "p_strange"}),
    )
    refused(guarded(*command), "its classes are", "strange", "same classes")


@pytest.mark.parametrize("bad", ["nan", "inf", "none", ""])
def test_a_probability_that_is_none_is_refused(run: Run, guarded: Guarded, bad: str) -> None:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        table.iloc[0, -1] = bad
        return table

    change_table(copy(run, "other"), "predictions.csv", spoil)
    done = guarded("compare", run.name, "other", "--work", run.work)
    refused(done, "predictions.csv", "fit again")
