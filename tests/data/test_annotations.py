"""Boxes and centroids as people marked them, and files that are none."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.annotations import MarkedBox, find_marks, read_marks
from data.errors import BlastlineError
from tests.shared import BCCD, needs_shared

OBJECT = (
    "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin>"
    "<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def voc(path: Path, *objects: tuple[object, ...], head: str = "") -> Path:
    body = "".join(OBJECT.format(*each) for each in objects)
    path.write_text(f"{head}<annotation><filename>a.jpg</filename>{body}</annotation>")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(BlastlineError) as caught:
        read_marks(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_boxes_keep_class_and_corners_and_those_without_area_are_counted(tmp_path: Path) -> None:
    path = voc(
        tmp_path / "a.xml", ("WBC", 10, 20, 30, 40), ("RBC", 5, 5, 5, 5), ("RBC", 9, 1, 3, 7)
    )
    marks = read_marks(path)
    assert (marks.form, marks.dropped) == ("voc", 2)
    assert marks.boxes == (MarkedBox("WBC", (10, 20, 30, 40)),)


def test_centres_are_lines_of_two_numbers(tmp_path: Path) -> None:
    path = tmp_path / "Im001_1.xyc"
    path.write_bytes("\N{BYTE ORDER MARK}  635\t 983\r\n\r\n12.5, 7\n".encode())
    assert read_marks(path).centres == ((635.0, 983.0), (12.5, 7.0))
    path.write_bytes(b"")  # a field without a blast
    assert read_marks(path).centres == ()
    assert read_marks(path).form == "xyc"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "not XML"),
        ("no XML", "not XML"),
        ("<annotation><object>", "not XML"),
        ("<html></html>", "<html>"),
        ("<annotation><object><name>WBC</name></object></annotation>", "object 1"),
        (f"<annotation>{OBJECT.format('', 1, 2, 3, 4)}</annotation>", "object 1"),
        (f"<annotation>{OBJECT.format('WBC', 1, 2, 'x', 4)}</annotation>", "'x'"),
        (f"<annotation>{OBJECT.format('WBC', 1, 2, 'nan', 4)}</annotation>", "'nan'"),
        (f"<annotation>{OBJECT.format('WBC', 1, 2, 'inf', 4)}</annotation>", "'inf'"),
        ('<?xml version="1.0" encoding="no-such"?><annotation/>', "not XML"),
    ],
)
def test_a_file_of_another_form_is_refused_in_one_line(
    tmp_path: Path, content: str, found: str
) -> None:
    path = tmp_path / "a.xml"
    path.write_text(content)
    assert found in complaint(path)


def test_entities_are_refused_before_they_swell(tmp_path: Path) -> None:
    swelling = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    assert "document type" in complaint(voc(tmp_path / "a.xml", ("&b;", 1, 2, 3, 4), head=swelling))
    secret = tmp_path / "secret"
    secret.write_text("secret")
    outside = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{secret.as_uri()}">]>'
    assert "document type" in complaint(voc(tmp_path / "a.xml", ("&b;", 1, 2, 3, 4), head=outside))


@pytest.mark.parametrize(
    "line", ["1", "1 2 3", "x y", "-4 5", "1e3 5", "\N{ARABIC-INDIC DIGIT ONE} 2"]
)
def test_a_line_that_is_no_centre_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.xyc"
    path.write_text(f"1 2\n{line}\n", encoding="utf-8")
    assert "line 2" in complaint(path)


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert "no such file" in complaint(tmp_path / "gone.xml")
    (tmp_path / "folder.xyc").mkdir()
    complaint(tmp_path / "folder.xyc")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([".xml", ".xyc"]), st.booleans())
def test_any_bytes_give_marks_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str, wrapped: bool
) -> None:
    path = tmp_path_factory.mktemp("bytes") / f"a{suffix}"
    path.write_bytes(b"<annotation>" + content + b"</annotation>" if wrapped else content)
    try:
        read_marks(path)
    except BlastlineError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("place", [".", "../Annotations", "../xyc"])
def test_the_annotation_of_a_field_is_found_by_its_name(tmp_path: Path, place: str) -> None:
    field = tmp_path / "JPEGImages/a.jpg"
    assert find_marks(field) is None
    folder = field.parent / place
    field.parent.mkdir()
    folder.mkdir(exist_ok=True)
    (folder / "ab.xml").touch()
    assert find_marks(field) is None
    (folder / "a.xyc").touch()
    found = find_marks(field)
    assert found is not None
    assert found.resolve() == (folder / "a.xyc").resolve()


@needs_shared
def test_bccd_has_the_counts_of_its_source() -> None:
    read = [read_marks(path) for path in sorted((BCCD / "BCCD/Annotations").glob("*.xml"))]
    labels = [box.label for marks in read for box in marks.boxes]
    assert len(read) == 364
    assert labels.count("WBC") == 372
    assert labels.count("RBC") == 4155 - 2
    assert sum(marks.dropped for marks in read) == 2
