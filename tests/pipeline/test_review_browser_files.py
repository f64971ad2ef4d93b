"""What leaves the review page and comes back: downloads, loaded files, what the browser keeps."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config import resolve_config
from pipeline.relabel import run_relabel
from pipeline.review import run_review
from pipeline.scan import read_scan
from reports.review import write_review
from tests.pipeline.commands import Run
from tests.pipeline.review_reader import Open, api, browsers, made_of, readers
from tests.reports.example_review import changed, review
from tests.reports.examples import HOSTILE


@pytest.fixture(scope="module")
def chromium() -> Iterator["api.Browser"]:
    yield from browsers()


@pytest.fixture
def open_page(chromium: "api.Browser", tmp_path: Path) -> Iterator[Open]:
    yield from readers(chromium, tmp_path)


def test_a_file_of_decisions_is_loaded_in_another_browser(open_page: Open, tmp_path: Path) -> None:
    first = open_page(review()).introduce()
    first.press("Enter", "3", "x")
    rows = first.download(tmp_path)
    second = open_page(tmp_path / "review.html").introduce("someone else")
    second.load(tmp_path / "decisions-demo.csv")
    assert second.text("#tally") == first.text("#tally")
    assert second.download(tmp_path) == rows
    second.press("u")  # one step
    assert second.text("#tally") == "0 of 6 decided"


def test_of_two_decisions_about_a_cell_the_later_stands(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(review()).introduce()
    reader.press("Enter", "1")
    reader.download(tmp_path)
    file = tmp_path / "decisions-demo.csv"
    text = file.read_text(encoding="utf-8").replace("label,blast", "exclude,")
    first, second = re.findall(r"\d{4}-\S+Z", text)
    text = text.replace(first, "2000-01-01T00:00:00Z", 1).replace(second, "2999-01-01T00:00:00Z")
    file.write_text(text, encoding="utf-8")
    reader.load(file)
    assert made_of(reader.download(tmp_path)) == {
        "cells/0": ("label", "blast"),
        "cells/1": ("exclude", ""),
    }


def test_a_wrong_file_is_refused_in_one_line(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(review()).introduce()
    reader.press("Enter", "3")
    reader.download(tmp_path)
    file = tmp_path / "decisions-demo.csv"
    text = file.read_bytes().decode()
    other = open_page(tmp_path / "review.html").introduce()
    for old, new, complaint in (
        ("cells/1,", "cells/77,", "row 3: image id 'cells/77' is not among the cells of this page"),
        ("label,other", "label,tumour", "row 3: unknown class 'tumour'; expected blast, normal"),
        ("label,other", "guess,other", "row 3: unknown action 'guess'; expected label or exclude"),
        ("label,other", "exclude,other", "row 3: excluded, and yet of class 'other'"),
        ("label,other", "label,other,", "row 3: 9 columns, expected 8"),
        ("image_id,", "id,", "column 'image_id' is missing"),
        (f"{1:064x}", f"{9:064x}", "row 3: 'cells/1' was another picture"),
        ("Z\r\ncells/1", "\r\ncells/1", "row 2: time '2"),
    ):
        assert old in text
        file.write_bytes(text.replace(old, new).encode())
        other.load(file)
        assert complaint in other.text("#problem") and "\n" not in other.text("#problem")
        assert other.text("#tally").startswith("0 of 6")
    file.write_bytes(
        b"\xef\xbb\xbf" + text.replace("\r\n", "\n").encode()
    )  # saved by a spreadsheet
    other.load(file)
    assert not other.page.is_visible("#problem")
    assert other.text("#tally").startswith("2 of 6")


def test_hostile_names_are_shown_as_text(open_page: Open, tmp_path: Path) -> None:
    made = review(len(HOSTILE), tuple(HOSTILE), title=HOSTILE[0], run=HOSTILE[3])
    for number, name in enumerate(HOSTILE):
        made = changed(made, number, image_id=name, path=name, patient=name, group=name + "g")
    reader = open_page(made).introduce()
    assert reader.page.evaluate("document.querySelectorAll('img[src=x], b').length") == 0
    for number, name in enumerate(HOSTILE, 1):
        shown = reader.page.text_content(f"#classes li:nth-child({number}) .class")
        assert shown == name
        assert reader.page.text_content("#path") == name
        assert name in reader.page.text_content("#about")
        reader.press(str(number))
    rows = reader.download(tmp_path)
    assert [row["decision"] for row in rows] == HOSTILE
    assert [row["path"] for row in rows] == HOSTILE


def test_without_storage_the_page_says_so_and_works(open_page: Open, tmp_path: Path) -> None:
    file = write_review(review(), tmp_path / "review.html")
    reader = open_page(file)
    assert not reader.page.is_visible("#unkept")
    reader.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied') }})"
    )
    reader.page.reload()
    reader.introduce()
    assert reader.page.is_visible("#unkept")
    reader.press("Enter", "2")
    assert len(reader.download(tmp_path)) == 2
    reader.page.reload()
    assert reader.text("#tally") == "0 of 6 decided"


def test_leaving_with_decisions_that_were_not_downloaded_asks_first(
    open_page: Open, tmp_path: Path
) -> None:
    reader = open_page(review()).introduce()
    asked: list[str] = []
    reader.page.on("dialog", lambda dialog: asked.append(dialog.type))
    reader.press("Enter")
    reader.page.reload()
    assert asked == ["beforeunload"]
    reader.click("#place")
    reader.download(tmp_path)
    reader.page.reload()
    assert asked == ["beforeunload"]


def test_decisions_about_a_run_go_through_relabel(
    run: Run, open_page: Open, tmp_path: Path
) -> None:
    config = resolve_config(None, {"work": str(run.work), "run": run.name})
    reader = open_page(run_review(config, cells=6)).introduce()
    reader.press("x", "1", "2", "Enter")
    rows = reader.download(tmp_path)
    run_relabel(config, tmp_path / f"decisions-{run.name}.csv")
    manifest = read_scan(config)[0].frame.set_index("image_id")
    for row in rows:
        now = manifest.loc[row["image_id"]]
        assert (
            now.split == "excluded" if row["action"] == "exclude" else now.label == row["decision"]
        )
    again = open_page(run_review(config, cells=1000))
    shown = again.page.evaluate("JSON.parse(document.getElementById('data').textContent).cells")
    assert len(shown) == len(manifest) - len(rows)
    assert not {cell["image_id"] for cell in shown} & {row["image_id"] for row in rows}
