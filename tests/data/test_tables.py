"""CSV tables of labels: what they say reaches the manifest, and each bad one is one clear line."""

from pathlib import Path

import pytest

from data.cards import load_card
from data.errors import BlastlineError
from data.scan import Scan
from tests.data.folders import column, put, scan

CSV = load_card("csv")
HEADER = "path,label,patient,field\n"


def rows(suffix: str = ".png") -> str:
    return HEADER + "".join(
        f"cells/{who}{n}{suffix},{label},{who},\n"
        for label, people in (("blast", "abc"), ("normal", "def"))
        for who in people
        for n in range(2)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    put(root, *(f"cells/{who}{n}.png" for who in "abcdef" for n in range(2)))
    return root


def table(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(folder: Path) -> str:
    with pytest.raises(BlastlineError) as caught:
        scan(CSV, folder, folds=2)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def same(first: Scan, second: Scan) -> bool:
    return first.manifest.frame.equals(second.manifest.frame)


def test_class_and_patient_come_from_the_table(folder: Path) -> None:
    table(folder, rows())
    found = scan(CSV, folder, folds=2)
    assert found.manifest.classes == ("blast", "normal")
    assert column(found, "label")["cells/a0.png"] == "blast"
    assert column(found, "patient")["cells/f1.png"] == "f"
    assert (found.unit, found.passed_over) == ("patient", {})


@pytest.mark.parametrize(
    "text",
    [
        rows(""),  # without suffix
        rows().replace("cells/", ""),  # the file's name alone
        rows("").replace("cells/", ""),
        rows().replace("cells/", "./cells//"),
        rows().replace("cells/", "cells\\"),
        "\ufeff" + rows().replace("\n", "\r\n"),
        rows().replace(",blast,", ', "blast" ,'.replace(" ", "")).replace("path,", " path ,"),
        "\n" + rows().replace("\n", "\n\n"),
    ],
)
def test_paths_and_signs_may_be_written_in_several_ways(folder: Path, text: str) -> None:
    table(folder, rows())
    expected = scan(CSV, folder, folds=2)
    table(folder, text)
    assert same(scan(CSV, folder, folds=2), expected)


def test_the_only_csv_will_do_and_the_user_may_stand_above_it(folder: Path) -> None:
    table(folder, rows())
    expected = column(scan(CSV, folder, folds=2), "label")
    (folder / "labels.csv").rename(folder / "truth.csv")
    assert column(scan(CSV, folder, folds=2), "label") == expected
    above = column(scan(CSV, folder.parent, folds=2), "label")
    assert above == {f"{folder.name}/{path}": label for path, label in expected.items()}
    table(folder, "a,b\n1,2\n", "other.csv")
    assert "2 files could be the table of labels, such as 'other.csv'" in refusal(folder)
    table(folder, rows())
    assert column(scan(CSV, folder, folds=2), "label") == expected


def test_a_bare_name_means_the_image_beside_its_own_table(folder: Path) -> None:
    """Two folders with a table each, as cropping leaves them, and the same names in both."""
    for part, flip in (("one", False), ("two", True)):
        put(folder, *(f"{part}/{who}{n}.png" for who in "abcdef" for n in range(2)))
        text = rows().replace("cells/", "").replace(",a,", f",{part} a,")
        if flip:
            text = text.replace("blast", "x").replace("normal", "blast").replace(",x,", ",normal,")
        table(folder / part, text)
    labels = column(scan(CSV, folder, folds=2), "label")
    assert (labels["one/a0.png"], labels["two/a0.png"]) == ("blast", "normal")
    table(folder, rows().replace("cells/", ""))
    assert "'a0.png' fits 3 images" in refusal(folder)


@pytest.mark.parametrize("text", [rows(), rows("")])
def test_of_several_images_the_one_at_the_very_path_is_meant(folder: Path, text: str) -> None:
    put(folder, "old/cells/a0.png", "old/cells/a0.jpg")
    table(folder, text)
    found = scan(CSV, folder, folds=2)
    assert len(found.manifest) == 12
    assert "cells/a0.png" in column(found, "path")


def test_what_has_no_partner_is_counted_and_listed(folder: Path) -> None:
    put(folder, "cells/extra.png", "overlays/field.png")
    table(folder, rows() + "cells/gone.png,blast,a,\n")
    found = scan(CSV, folder, folds=2)
    assert len(found.manifest) == 12
    assert found.passed_over == {
        "row of labels.csv without an image": 1,
        "image without a row in the table": 2,
    }
    assert found.examples["row of labels.csv without an image"] == ["cells/gone.png"]
    assert found.examples["image without a row in the table"] == [
        "cells/extra.png",
        "overlays/field.png",
    ]


def test_group_source_fold_and_split_are_taken_where_they_are_given(folder: Path) -> None:
    lines = ["path,label,group,source,fold,split,note"]
    for who in "abcdef":
        for n in range(2):
            label = "blast" if n else "normal"
            part = "test" if who in "ef" else "Train"
            fold = "" if who in "ef" else "5" if who in "ab" else "12"
            lines.append(f"cells/{who}{n}.png,{label},field {who},north,{fold},{part},x")
    table(folder, "\n".join(lines))
    found = scan(CSV, folder, folds=2, split="official")
    assert found.unit == "group"
    assert column(found, "group")["cells/a0.png"] == "field a"
    assert set(column(found, "source").values()) == {"north"}
    for path, split in column(found, "split").items():
        who = path[6]
        assert split == ("test" if who in "ef" else "train")
        assert column(found, "fold")[path] == {"a": "0", "b": "0", "c": "1", "d": "1"}.get(who, "")


def test_images_of_one_group_never_part(folder: Path) -> None:
    lines = [f"cells/{who}{n}.png,{'blast' if n else 'normal'},{who in 'abc'}"
             for who in "abcdef" for n in range(2)]  # fmt: skip
    table(folder, "path,label,group\n" + "\n".join(lines))
    frame = scan(CSV, folder, folds=2).manifest.frame
    assert frame.groupby("group").fold.nunique().tolist() == [1, 1]


def test_an_empty_label_is_an_unlabelled_image(folder: Path) -> None:
    text = rows().replace("cells/a0.png,blast", "cells/a0.png,")
    table(folder, text.replace("cells/a1.png,blast", "cells/a1.png,Unlabelled"))
    split = column(scan(CSV, folder, folds=2), "split")
    assert {path for path in split if split[path] == "unlabelled"} == {
        "cells/a0.png",
        "cells/a1.png",
    }


def test_a_row_that_is_repeated_says_nothing_new(folder: Path) -> None:
    table(folder, rows() + "cells/a0.png,blast,a,\n")
    assert len(scan(CSV, folder, folds=2).manifest) == 12


def test_a_second_table_that_says_the_same_says_nothing_new(folder: Path) -> None:
    table(folder, rows())
    table(folder, rows(), "copy/labels.csv")
    assert len(scan(CSV, folder, folds=2).manifest) == 12


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty; expected a first line"),
        ("\n\n", "empty; expected a first line"),
        (HEADER, "no row below its first line"),
        (rows().replace("label", "class", 1), "column 'label' is missing; expected path, label"),
        (rows().replace("path", "file", 1), "found file, label, patient, field"),
        (rows().replace("field", "label", 1), "column 'label' stands there twice"),
        (rows().replace(",", ";"), "parted by semicolons; save it as CSV with commas"),
        (rows().replace(",", "\t"), "parted by tabs"),
        (rows().encode("utf-16"), "not UTF-8 (byte 0)"),
        (rows().replace(",a,", ",Müller,").encode("latin-1"), "not UTF-8"),
        (rows() + '"cells/a0', "not a CSV file"),
        (rows() + "cells/a0.png,blast\n", "line 14: 2 cells, expected 4"),
        (rows() + ",blast,a,\n", "line 14: column 'path' is empty"),
        (rows() + "../a0.png,blast,a,\n", "'../a0.png' leaves the image folder"),
        (rows() + "cells/../../a0.png,blast,a,\n", "leaves the image folder"),
        (rows() + "/etc/passwd,blast,a,\n", "leaves the image folder"),
        (rows() + "cells/a0.png,normal,a,\n", "line 14: says something else of 'cells/a0.png'"),
        (rows() + "a0,blast,f,\n", "line 14: says something else of 'cells/a0.png'"),
        (rows().replace("cells/", "slides/"), "none of its 12 rows names an image"),
        (rows().replace("field", "split", 1).replace(",a,\n", ",a,valid\n"), "split 'valid'"),
    ],
)
def test_a_bad_table_is_refused_in_one_line_that_names_it(
    folder: Path, text: str | bytes, expected: str
) -> None:
    path = table(folder, text)
    message = refusal(folder)
    assert expected in message
    assert str(path) in message


def test_a_folder_without_any_table_is_refused(folder: Path) -> None:
    assert "card 'csv' needs a table that gives the labels; expected a file like 'labels.csv'" in (
        refusal(folder)
    )
