"""Decisions of a reviewer as a file: read whole, or refused in one line with its row."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.decisions import COLUMNS, Decision, read_decisions
from data.errors import BlastlineError
from tests.data.decided import EVERY, decision

CLASSES = ("blast", "normal")


def save(path: Path, *decisions: Decision) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(COLUMNS)
        rows.writerows(each.cells for each in decisions)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BlastlineError) as caught:
        read_decisions(path, CLASSES, EVERY)
    assert str(path) in str(caught.value)
    return str(caught.value)


FREE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(deadline=None)
@given(st.lists(st.tuples(FREE, FREE), max_size=5, min_size=1))
def test_any_name_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("decisions")
    wanted = [
        decision(number, reviewer=reviewer, path=f"x{path}")
        for number, (reviewer, path) in enumerate(said)
    ]
    found = read_decisions(save(folder / "d.csv", *wanted), CLASSES, EVERY)
    assert list(found.values()) == wanted
    assert list(found) == list(range(2, 2 + len(wanted)))


def test_a_spreadsheet_may_have_saved_it(tmp_path: Path) -> None:
    path = save(tmp_path / "d.csv", decision(1), decision(2))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("i2", ",,,,,,,\n\ni2", 1), encoding="utf-8-sig")
    assert list(read_decisions(path, CLASSES, EVERY)) == [2, 5]


def test_a_decision_said_twice_counts_once(tmp_path: Path) -> None:
    later = decision(1, time="2026-11-21T23:00:00Z")
    copies = decision(3, sha256=later.sha256)
    found = read_decisions(save(tmp_path / "d.csv", decision(1), copies, later), CLASSES, EVERY)
    assert found == {3: copies, 4: later}


ROWS = {
    "unknown action 'remove'; expected label or exclude": {"action": "remove"},
    "unknown class 'Normal'; did you mean 'normal'?": {"decision": "Normal"},
    "unknown class 'nromal'; did you mean 'normal'?": {"decision": "nromal"},
    "unknown class 'x'; expected one of blast, normal": {"decision": "x"},
    "unknown class ''; expected": {"decision": ""},
    "leave the decision empty": {"action": "exclude"},
    "time '2026-11-21' is not": {"time": "2026-11-21"},
    "time '2026-11-21T22:40Z' is not": {"time": "2026-11-21T22:40Z"},
    "time '2026-13-21T22:40:05Z' is not": {"time": "2026-13-21T22:40:05Z"},
    "time '2026-11-21T22:40:05+02:00' is not": {"time": "2026-11-21T22:40:05+02:00"},
}


@pytest.mark.parametrize("complaint", ROWS)
def test_a_bad_row_is_named(complaint: str, tmp_path: Path) -> None:
    path = save(tmp_path / "d.csv", decision(1), decision(2, **ROWS[complaint]))
    told = refusal(path)
    assert f"{path}, row 3: " in told
    assert complaint in told


def test_one_image_decided_in_two_ways(tmp_path: Path) -> None:
    path = save(tmp_path / "d.csv", decision(1), decision(2), decision(1, decision="blast"))
    told = refusal(path)
    assert "rows 2 and 4: image 'i1' is decided twice, as 'normal' and as 'blast'" in told
    path = save(tmp_path / "d.csv", decision(1), decision(1, action="exclude", decision=""))
    assert "as 'normal' and as excluded" in refusal(path)


def test_copies_decided_in_two_ways(tmp_path: Path) -> None:
    copy = decision(2, sha256=decision(1).sha256, decision="blast")
    path = save(tmp_path / "d.csv", decision(1), decision(3), copy)
    told = refusal(path)
    assert "rows 2 and 4: 'i1' and 'i2' are byte-identical copies" in told


def test_a_file_of_another_run_is_called_so_before_its_classes_are_looked_at(
    tmp_path: Path,
) -> None:
    path = save(tmp_path / "d.csv", decision(1, decision="erythroblast"), decision(2))
    with pytest.raises(BlastlineError, match=r"d\.csv: of another run: none of its 2 images, .*i1"):
        read_decisions(path, CLASSES, {"j1"})
    for known in ({"i2"}, {decision(2).sha256}):
        with pytest.raises(BlastlineError, match="row 2: unknown class 'erythroblast'"):
            read_decisions(path, CLASSES, known)


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    assert "No such file" in refusal(path)
    assert "Is a directory" in refusal(tmp_path)
    header = ",".join(COLUMNS)
    for content, complaint in {
        b"": "empty",
        b"\n\n": "empty",
        header.encode() + b"\n": "no decision",
        b"\x89PNG\xff": "not UTF-8 (byte 0)",
        header.replace(",", ";").encode(): "not parted by commas",
        header.removesuffix(",time").encode(): "column 'time' is missing",
        f"{header},colour".encode(): "unknown column 'colour'",
        f"{header},time".encode(): "'time' stands there twice",
        f"{header}\na,b\n".encode(): "row 2: 2 cells, expected 8",
        f'{header}\n"a"b,c\n'.encode(): "row 2: not a CSV file",
        f'{header}\n"a\n'.encode(): "not a CSV file",
    }.items():
        path.write_bytes(content)
        assert complaint in refusal(path)
