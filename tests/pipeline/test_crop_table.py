"""labels.csv of a folder of crops: what a user made of it outlives that cells are cropped again."""

import csv
from pathlib import Path

import pytest

from data.errors import BlastlineError
from data.synthetic_fields import generate_fields
from pipeline.crop_table import COLUMNS, CropTable
from tests.pipeline.commands import Guarded, refused

BOX = (
    "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin>"
    "<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def row(number: int, *, label: str = "", patient: str = "", box: int | None = None) -> list[str]:
    x = 10 * (number if box is None else box)
    path = f"cells/a.png_{number:03d}.png"
    return [path, label, patient, "a.png", "", "a.png", str(x), "0", str(x + 9), "9", "0"]


def written(out: Path, before: list[list[str]], now: list[list[str]]) -> dict[str, list[str]]:
    return {each[0]: each for each in CropTable(out, before).write(now)}


def lines(out: Path) -> list[list[str]]:
    with (out / "labels.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def save(
    out: Path, rows: list[list[str]], *added: str, sign: str = ",", code: str = "utf-8"
) -> None:
    with (out / "labels.csv").open("w", newline="", encoding=code) as stream:
        csv.writer(stream, delimiter=sign).writerows([[*COLUMNS, *added], *rows])


def images(out: Path, rows: list[list[str]]) -> None:
    (out / "cells").mkdir(exist_ok=True)
    for each in rows:
        (out / each[0]).write_bytes(b"")


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_read_as_spreadsheets_save_it(sign: str, code: str, tmp_path: Path) -> None:
    rows = [row(1), row(2)]
    save(tmp_path, [row(1, label="é", patient='7, "x"; y'), row(2)], sign=sign, code=code)
    images(tmp_path, rows)
    assert written(tmp_path, rows, rows)[row(1)[0]][1:3] == ["é", '7, "x"; y']
    assert lines(tmp_path) == [[*COLUMNS], row(1, label="é", patient='7, "x"; y'), row(2)]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "lacks a column"),
        (b"path|label\ncells/a.png_001.png|L1\n", "lacks a column"),
        (",".join(COLUMNS).encode() + b";\n" + ",".join(row(1)).encode() + b";L1\n", "lacks"),
        (",".join(COLUMNS).encode() + b"\n" + ",".join(row(1, label="\xe9")).encode("latin1"),
         "not UTF-8"),
        (",".join(COLUMNS).encode() + b"\ncells/a.png_001.png,L1\n", "2 cells, expected 11"),
        (",".join(COLUMNS).encode() + 2 * (b"\n" + ",".join(row(1)).encode()), "twice"),
        (",".join([*COLUMNS, "label"]).encode() + b"\n", "twice"),
        (",".join(COLUMNS).encode() + b'\n"cells', "quote|end of data"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused_and_stays(
    content: bytes, named: str, tmp_path: Path
) -> None:
    rows = [row(1)]
    table = CropTable(tmp_path, rows)
    (tmp_path / "labels.csv").write_bytes(content)  # even if it comes while cells are cropped
    for attempt in (lambda: CropTable(tmp_path, rows), lambda: table.write(rows)):
        with pytest.raises(BlastlineError, match=f"labels.csv: .*({named})") as error:
            attempt()
        assert "\n" not in str(error.value)
        assert (tmp_path / "labels.csv").read_bytes() == content


def test_what_a_user_wrote_wins_over_what_is_cropped(tmp_path: Path) -> None:
    before = [row(n, label="WBC", patient="P1") for n in (1, 2, 3, 4)]
    hers = [["c", "L1", "P9", "g", "s", *before[0][5:]], row(2, label=""), *before[2:]]
    hers[0][0] = before[0][0]
    save(tmp_path, hers)
    now = [row(n, label="EOS", patient="P1") for n in (1, 2, 3, 4)]  # annotations changed
    for cropped_before in (before, now):  # and what she wrote stays the next time
        rows = written(tmp_path, cropped_before, now)
        assert rows[before[0][0]] == hers[0]
        assert rows[before[1][0]][1:3] == ["", ""]  # emptied by her
        assert rows[before[2][0]] == now[2]  # as cropped: she said nothing


def test_columns_and_rows_of_a_user_stay(tmp_path: Path) -> None:
    rows = [row(1), row(2)]
    images(tmp_path, [*rows, row(3)])
    own = ["mine/x.png", "L2", "", "", "", "", "", "", "", "", "", "seen", "5"]
    save(tmp_path, [own, [*row(2), "blurred", "1"], [*row(1), "", ""]], "remark", "score")
    written(tmp_path, rows, [*rows, row(3)])
    assert lines(tmp_path) == [
        [*COLUMNS, "remark", "score"],
        [*row(1), "", ""],
        [*row(2), "blurred", "1"],
        [*row(3), "", ""],
        own,
    ]


def test_a_label_goes_with_the_box_of_its_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [row(1), row(2), row(3)]
    save(tmp_path, [row(n, label=f"L{n}") for n in (1, 2, 3)])
    old = (tmp_path / "labels.csv").read_bytes()
    images(tmp_path, before)
    now = [row(1, box=7), row(2, box=1), row(3, box=3)]  # one box more in front, the second gone
    labels = {path: said[1] for path, said in written(tmp_path, before, now).items()}
    assert labels == {now[0][0]: "", now[1][0]: "L1", now[2][0]: "L3"}
    said = capsys.readouterr().err
    assert "1 rows with your entries, such as 'cells/a.png_002.png'" in said.replace("\n", " ")
    assert (tmp_path / "labels.before-1.csv").read_bytes() == old
    written(tmp_path, now, now)
    assert not (tmp_path / "labels.before-2.csv").exists()  # nothing else is lost


def test_two_cells_of_one_box_keep_their_own_labels(tmp_path: Path) -> None:
    rows = [row(1), row(2, box=1)]
    save(tmp_path, [row(2, box=1, label="B"), row(1, label="A")])
    assert [each[1] for each in written(tmp_path, rows, rows).values()] == ["A", "B"]
    now = [row(3, box=1), row(4, box=1)]
    images(tmp_path, now)
    assert {each[1] for each in written(tmp_path, rows, now).values()} == {"A", "B"}


def test_a_cell_stays_away_if_both_row_and_image_were_deleted(
    tmp_path: Path, guarded: Guarded
) -> None:
    generate_fields(tmp_path / "s", seed=3, fields=1, cells=3, touching=0, width=500, height=400)
    field, out = tmp_path / "s/fields/P01.png", tmp_path / "cells"
    marks = field.with_suffix(".xml")
    boxes = [BOX.format("WBC", x, 50, x + 60, 120) for x in (40, 140, 240, 340)]
    marks.write_text(f"<annotation>{''.join(boxes[1:])}</annotation>")
    call = ("crop", field, "--annotations", "--out", out)
    guarded(*call).well()
    header, *rows = lines(out)
    first, second, third = (out / each[0] for each in rows)
    pixels = [path.read_bytes() for path in (first, second, third)]
    third.unlink()  # and its row
    second.unlink()  # its row stays
    save(out, [rows[1]])  # the image of the first stays
    times = []
    for _ in range(2):
        assert "2 cells of 1 fields" in guarded(*call).well().out
        assert lines(out) == [header, rows[0], rows[1]]
        assert not third.exists()
        assert [first.read_bytes(), second.read_bytes()] == pixels[:2]
        times.append(first.stat().st_mtime_ns)
    assert times[0] == times[1]  # it is not cropped again and again
    marks.write_text(f"<annotation>{''.join(boxes)}</annotation>")  # all are numbered anew
    assert "3 cells of 1 fields" in guarded(*call).well().out
    assert [each[6] for each in lines(out)[1:]] == ["40", "140", "240"]
    assert sorted((out / "cells").iterdir()) == [
        out / f"cells/P01.png_{number:03d}.png" for number in (1, 2, 3)
    ]
    (out / "labels.csv").write_text("path;label\n")
    refused(guarded(*call), "labels.csv")
    assert (out / "labels.csv").read_text() == "path;label\n"
