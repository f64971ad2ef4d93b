"""What crop refuses before it writes anything."""

from pathlib import Path

import pytest

from data.synthetic_fields import generate_fields
from tests.pipeline.commands import Guarded, refused

MARKS = """<annotation><object><name>WBC</name><bndbox><xmin>20</xmin><ymin>20</ymin>
<xmax>90</xmax><ymax>90</ymax></bndbox></object></annotation>"""


@pytest.fixture
def fields(tmp_path: Path) -> Path:
    """A drawn field with a box around one place."""
    generate_fields(tmp_path / "smears", fields=1, cells=1, touching=0, width=300, height=260)
    folder = tmp_path / "smears/fields"
    (image,) = folder.glob("*.png")
    image.with_suffix(".xml").write_text(MARKS, encoding="utf-8")
    return folder


def test_a_class_that_no_field_marks_is_named_beside_those_that_are(
    fields: Path, tmp_path: Path, guarded: Guarded
) -> None:
    out = tmp_path / "cells"
    done = guarded("crop", fields, "--out", out, "--annotations", "--classes", "wbc")
    refused(done, "'wbc'", "WBC")
    assert not out.exists()
    done = guarded("crop", fields, "--out", out, "--annotations", "--classes", "WBC")
    assert (done.code, done.err) == (0, "")


def test_crops_do_not_go_into_the_folder_of_the_fields(fields: Path, guarded: Guarded) -> None:
    before = sorted(fields.iterdir())
    refused(guarded("crop", fields, "--out", fields), "the folder of fields itself")
    assert sorted(fields.iterdir()) == before
