"""Decisions on a manifest: where relabelled cells stand, and which decisions are refused."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data.decisions import Decision
from data.errors import BlastlineError
from data.manifest import Manifest
from data.overlap import find_overlap
from data.relabel import (
    apply,
    lengthen,
    read_history,
    weakest_unit,
    write_history,
)
from tests.data.decided import CLASSES, FIRST, NOTHING, SECOND, base, manifest, row, said


def after(rows: Sequence[dict[str, str]], *decisions: Decision) -> pd.DataFrame:
    frame = apply(manifest(*rows), lengthen(NOTHING, decisions, FIRST)).frame
    return frame.set_index("image_id")


def side(frame: pd.DataFrame, image_id: str) -> tuple[str, str, str]:
    label, split, fold = frame.loc[image_id, ["label", "split", "fold"]]
    return label, split, fold


def test_a_relabelled_cell_stays_on_its_side() -> None:
    rows = [*base(), row(30, "t", "test", label="a")]
    found = after(rows, said(0, "b"), said(30, "c"))
    assert side(found, "i0") == ("b", "train", "0")
    assert side(found, "i30") == ("c", "test", "")


def test_an_unlabelled_cell_joins_the_side_of_its_group() -> None:
    rows = [*base(), row(30, "t", "test", label="a"), row(31, "t", "unlabelled"),
            row(32, "g1a", "unlabelled")]  # fmt: skip
    found = after(rows, said(31, "b"), said(32, "b"))
    assert side(found, "i31") == ("b", "test", "")
    assert side(found, "i32") == ("b", "train", "1")


def test_a_group_without_side_goes_whole_to_the_fold_that_lacks_its_class() -> None:
    rows = [*base(), row(20, "g0a", "train", "0", "a")]
    rows += [row(30 + each, "new", "unlabelled") for each in range(3)]
    found = after(rows, said(30, "a"), said(32, "a"))
    assert side(found, "i30") == side(found, "i32") == ("a", "train", "1")
    assert side(found, "i31") == ("", "unlabelled", "")


def test_new_groups_are_dealt_evenly() -> None:
    rows = base() + [row(30 + each, f"new{each}", "unlabelled") for each in range(20)]
    found = after(rows, *(said(30 + each, "ab"[each % 2]) for each in range(20)))
    new = found[found.group.str.startswith("new")]
    assert new.groupby(["fold", "label"]).size().tolist() == [5, 5, 5, 5]


def test_the_order_of_decisions_deals_no_group_elsewhere() -> None:
    rows = [*base(), row(30, "small", "unlabelled")]
    rows += [row(40 + each, "large", "unlabelled") for each in range(2)]
    decisions = [said(30, "a"), said(40, "a"), said(41, "a")]
    assert after(rows, *decisions).equals(after(rows, *decisions[::-1]))


def test_an_excluded_cell_keeps_its_label_and_finds_back_to_its_side() -> None:
    rows = [*base(), row(20, "g1a", "train", "1", "a"), row(30, "t", "test", label="a")]
    history = lengthen(NOTHING, [said(20, ""), said(30, "")], FIRST)
    gone = apply(manifest(*rows), history).frame.set_index("image_id")
    assert side(gone, "i20") == side(gone, "i30") == ("a", "excluded", "")
    history = lengthen(history, [said(20, "c"), said(30, "a")], SECOND)
    back = apply(manifest(*rows), history).frame.set_index("image_id")
    assert side(back, "i20") == ("c", "train", "1")
    assert side(back, "i30") == ("a", "test", "")


def test_what_the_scan_excluded_returns_by_content_alone() -> None:
    rows = [*base(), row(20, "x", "excluded", label="a"), row(21, "x", "excluded", label="b"),
            row(22, "x", "excluded", label="b")]  # fmt: skip
    rows[-1]["sha256"] = rows[-3]["sha256"]
    found = after(rows, said(20, "c"))
    assert side(found, "i20") == side(found, "i22")
    assert side(found, "i20")[:2] == ("c", "train")
    assert side(found, "i21") == ("b", "excluded", "")


def test_a_decision_holds_for_copies_wherever_they_lie() -> None:
    rows = [*base(), row(30, "g0a", "unlabelled")]
    rows[-1]["sha256"] = rows[0]["sha256"]
    found = after(rows, said(0, "b"))
    assert side(found, "i0") == side(found, "i30") == ("b", "train", "0")


def test_a_group_torn_by_leave_of_the_user_sends_new_cells_to_the_test_set() -> None:
    rows = [row(30, "g0a", "test", label="a"), *base(), row(31, "g0a", "unlabelled")]
    torn = Manifest(pd.DataFrame(rows, dtype=object), CLASSES, allow_overlap=True)
    history = lengthen(NOTHING, [said(31, "a"), said(0, "b")], FIRST)
    found = apply(torn, history, allow_overlap=True).frame.set_index("image_id")
    assert side(found, "i31") == ("a", "test", "")
    assert side(found, "i0") == ("b", "train", "0")


def test_a_class_is_not_emptied() -> None:
    with pytest.raises(BlastlineError, match=r"d\.csv: class 'a' would have no image left"):
        apply(manifest(*base()), lengthen(NOTHING, [said(0, "b"), said(10, "")], FIRST), "d.csv")


def test_a_class_that_has_gone_is_named() -> None:
    history = lengthen(NOTHING, [said(0, "z")], FIRST)
    with pytest.raises(BlastlineError, match=r"relabelled\.csv: class 'z', which 'Ana' gave"):
        apply(manifest(*base()), history, "relabelled.csv")


# Whatever is decided


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    rows = base()
    for number in range(draw(st.integers(0, 5))):
        home = draw(st.sampled_from([("train", "0"), ("train", "1"), ("test", ""), None]))
        for _ in range(draw(st.integers(1, 4))):
            sides = [("unlabelled", ""), ("excluded", ""), *([home] if home else [])]
            split, fold = draw(st.sampled_from(sides))
            label = "" if split == "unlabelled" else draw(st.sampled_from(CLASSES))
            rows.append(row(100 + len(rows), f"new{number}", split, fold, label))
            if draw(st.booleans()) and rows[-2]["group"] == rows[-1]["group"]:
                rows[-1]["sha256"] = rows[-2]["sha256"]
    return manifest(*rows)


@st.composite
def histories(draw: st.DrawFn, on: Manifest) -> pd.DataFrame:
    """Batches of decisions that leave the cells of ``base`` alone, on gone images among them."""
    free = on.frame[on.frame.group.str.startswith("new")].sha256.tolist()
    free.append("f" * 64)
    history = NOTHING
    for number in range(draw(st.integers(0, 3))):
        batch = draw(st.dictionaries(st.sampled_from(free), st.sampled_from(["", *CLASSES])))
        decisions = [said(0, verdict, sha256=sha256) for sha256, verdict in batch.items()]
        history = lengthen(history, decisions, f"2026-11-2{number + 1}T00:00:00Z")
    return history


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_group_ever_stands_on_two_sides_and_others_stay_as_they_are(data: st.DataObject) -> None:
    before = data.draw(manifests())
    history = data.draw(histories(before))
    found = apply(before, history)
    assert not find_overlap(found.frame)
    untouched = ~before.frame.sha256.isin(history.sha256)
    assert found.frame[untouched].equals(before.frame[untouched])
    for sha256, last in history.groupby("sha256").last().iterrows():
        of_it = found.frame[found.frame.sha256 == sha256]
        if last.action == "exclude":
            assert set(of_it.split) <= {"excluded"}
        else:
            assert set(of_it.label) <= {last.decision}
            assert set(of_it.split) <= {"train", "test"}
    home = before.frame.split.isin(("train", "test")) & found.frame.split.isin(("train", "test"))
    kept = ["split", "fold"]
    assert found.frame.loc[home, kept].equals(before.frame.loc[home, kept])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_order_and_repetition_change_nothing(data: st.DataObject) -> None:
    before = data.draw(manifests())
    history = data.draw(histories(before))
    found = apply(before, history).frame
    parts = [batch for _, batch in history.groupby("applied")]
    shuffled = [batch.sample(frac=1, random_state=1) for batch in parts]
    assert apply(before, pd.concat([NOTHING, *shuffled])).frame.equals(found)
    assert apply(before, pd.concat([history, *parts[-1:]])).frame.equals(found)
    assert apply(before, NOTHING).frame.equals(before.frame)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_later_decisions_move_no_cell_of_earlier_ones(data: st.DataObject) -> None:
    before = data.draw(manifests())
    history = data.draw(histories(before))
    sides = pd.Series("", before.frame.index)
    for applied in history.applied.unique():
        found = apply(before, history[history.applied <= applied]).frame
        now = (found.split + " " + found.fold).where(found.split.isin(("train", "test")), "")
        both = (sides != "") & (now != "")
        assert (now[both] == sides[both]).all()
        sides = now.where(now != "", sides)


# The history on disk


def test_a_history_survives_the_disk(tmp_path: Path) -> None:
    odd = said(1, "b", reviewer='Zoë "Z", <b>\r\n;', image_id="fol der/i,1 ")
    history = lengthen(lengthen(NOTHING, [odd], FIRST), [said(2, "")], SECOND)
    write_history(tmp_path / "relabelled.csv", history)
    assert read_history(tmp_path / "relabelled.csv").equals(history)
    assert read_history(tmp_path / "none.csv").equals(NOTHING)


ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


@settings(deadline=None)
@given(st.lists(st.tuples(ANY, ANY, ANY, ANY), max_size=4))
@example([("a\rb", "", "", ""), ("", "\n", "\x85\x00\u2028", '"\r"')])
def test_whatever_a_history_holds_it_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("history") / "relabelled.csv"
    decisions = [
        said(1, decision, reviewer=reviewer, image_id=image_id, label=label)
        for reviewer, decision, image_id, label in texts
    ]
    history = lengthen(NOTHING, decisions, FIRST)
    write_history(path, history)
    assert read_history(path).equals(history)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("exclude", "drop", "row 2: unknown action 'drop'"),
        (FIRST, "today", "row 2: applied 'today'"),
        (f'"{FIRST}",', "", "row 2: 8 cells"),
        ("applied", "when", "'applied' is missing.*remove it to go back"),
    ],
)
def test_a_damaged_history_is_refused(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "relabelled.csv"
    write_history(path, lengthen(NOTHING, [said(2, "")], FIRST))
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(BlastlineError, match=complaint):
        read_history(path)


def test_the_unit_of_a_split_falls_with_cells_that_name_no_patient() -> None:
    new = row(30, "i30", "unlabelled") | {"patient": ""}
    history = lengthen(NOTHING, [said(30, "a")], FIRST)
    before = manifest(*base(), new)
    assert weakest_unit("patient", before) == "patient"
    assert weakest_unit("patient", apply(before, history)) == "image"
    assert weakest_unit("block", apply(before, history)) == "image"
