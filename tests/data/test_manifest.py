from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BlastlineError
from data.manifest import COLUMNS, SPLITS, Manifest

CLASSES = ("blast", "normal")
# What a file name can hold and a CSV file could trip over; scan passes over carriage returns.
TEXT = st.text(
    st.one_of(
        st.sampled_from(list(",;\"\n\t '#\\")),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0/\r"),
    ),
    max_size=12,
)
WORDS = st.one_of(
    TEXT, st.sampled_from(["NA", "nan", "None", "007", "1e5", "-0", "True", "\ufeff"])
)


def row(number: int, **changes: str) -> dict[str, str]:
    plain = {
        "image_id": f"i{number}",
        "path": f"blast/i{number}.png",
        "sha256": f"{number:064x}",
        "label": "blast",
        "patient": f"p{number}",
        "group": f"p{number}",
        "fold": str(number % 2),
        "split": "train",
        "source": "",
    }
    return {**plain, **changes}


def manifest(*rows: dict[str, str]) -> Manifest:
    return Manifest(pd.DataFrame(list(rows), columns=list(COLUMNS), dtype=object), CLASSES)


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, str]]:
    ids = draw(st.lists(WORDS, unique=True, max_size=6))
    split = st.sampled_from(SPLITS)
    return [
        row(
            number,
            image_id=image_id,
            path="x" + draw(WORDS),
            patient=f"{number}{draw(WORDS)}",
            group=f"{number}{draw(WORDS)}",
            source=draw(WORDS),
            split=draw(split),
        )
        for number, image_id in enumerate(ids)
    ]


@settings(deadline=None)
@given(rows())
def test_what_is_written_is_read_back_to_the_letter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("round") / "manifest.csv"
    written = manifest(*rows)
    written.write(path)
    again = Manifest.read(path, CLASSES)
    assert again.frame.to_dict("records") == written.frame.to_dict("records") == rows
    assert again.classes == CLASSES


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"image_id": "i0"}, "image_id 'i0' occurs twice"),
        ({"path": "../other/i.png"}, "leaves the image folder"),
        ({"path": "a/../../i.png"}, "leaves the image folder"),
        ({"path": "/etc/passwd"}, "leaves the image folder"),
        ({"label": "lymphocyte"}, "unknown label 'lymphocyte'; expected one of blast, normal"),
        ({"label": "Blast"}, "unknown label 'Blast'"),
        ({"label": ""}, "'i1' is in split 'train' without a label"),
        ({"split": "valid"}, "unknown split 'valid'"),
        ({"fold": "one"}, "unknown fold 'one'"),
        ({"fold": "-1"}, "unknown fold '-1'"),
        ({"patient": "p0"}, "patient 'p0' stands on two sides of the split"),
        ({"group": "p0"}, "group 'p0' stands on two sides of the split"),
        ({"patient": "p0", "fold": "", "split": "test"}, "train 0 and test"),
    ],
)
def test_rows_that_do_not_hold_together_are_refused(
    tmp_path: Path, changes: dict[str, str], expected: str
) -> None:
    pair = [row(0), row(1, **changes)]
    with pytest.raises(BlastlineError, match=expected):
        manifest(*pair)
    path = tmp_path / "manifest.csv"
    pd.DataFrame(pair).to_csv(path, index=False)
    with pytest.raises(BlastlineError) as caught:
        Manifest.read(path, CLASSES)
    assert str(path) in str(caught.value)


def test_an_overlap_that_was_allowed_survives_the_round_trip_and_no_other_check_is_skipped(
    tmp_path: Path,
) -> None:
    pair = pd.DataFrame([row(0), row(1, patient="p0", group="p0")])
    Manifest(pair, CLASSES, allow_overlap=True).write(tmp_path / "manifest.csv")
    again = Manifest.read(tmp_path / "manifest.csv", CLASSES, allow_overlap=True)
    assert again.frame.to_dict("records") == pair.to_dict("records")
    with pytest.raises(BlastlineError, match="unknown label"):
        Manifest(pair, ("normal",), allow_overlap=True)


def test_images_without_patient_or_off_the_split_may_share_anything() -> None:
    free = row(2, patient="p0", group="p0", split="unlabelled", label="", fold="")
    out = row(3, patient="p0", group="p0", split="excluded", fold="")
    nameless = [row(number, patient="") for number in (4, 5)]
    assert len(manifest(row(0), free, out, *nameless)) == 5


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    frame = pd.DataFrame([row(0)])
    path = tmp_path / "manifest.csv"
    frame.drop(columns=column).to_csv(path, index=False)
    with pytest.raises(BlastlineError, match=f"column '{column}' is missing"):
        Manifest.read(path, CLASSES)


def test_columns_of_the_users_own_and_their_order_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    shuffled = [*reversed(COLUMNS)]
    pd.DataFrame([{**row(0), "note": "x"}])[["note", *shuffled]].to_csv(path, index=False)
    assert Manifest.read(path, CLASSES).frame.to_dict("records") == [row(0)]


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b'image_id,path\n"open', b"a,b\n1,2,3\n", b"\x89PNG\r\n"]
)
def test_a_file_that_is_no_manifest_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)
    with pytest.raises(BlastlineError) as caught:
        Manifest.read(path, CLASSES)
    assert str(path) in str(caught.value)


def test_a_missing_file_says_which_command_makes_it(tmp_path: Path) -> None:
    with pytest.raises(BlastlineError, match="blastline scan"):
        Manifest.read(tmp_path / "manifest.csv", CLASSES)


def test_codes_folds_and_rows_follow_the_columns() -> None:
    found = manifest(
        row(0, label="normal"),
        row(1, label="", split="unlabelled", fold=""),
        row(2, split="test", fold=""),
        row(3),
    )
    assert found.codes().tolist() == [1, -1, 0, 0]
    assert found.folds().tolist() == [0, -1, -1, 1]
    assert [found.rows(split).tolist() for split in SPLITS] == [[0, 3], [2], [1], []]
    assert found.codes().dtype == found.folds().dtype == np.int64
