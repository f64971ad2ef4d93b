"""What leaves the review page and comes back: downloads, loaded files, what the browser keeps."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import resolve_config
from pipeline.relabel import run_relabel
from pipeline.review import run_review
from pipeline.scan import read_scan
from reports.review import write_review
from tests.pipeline.commands import Run
from tests.pipeline.review_reader import Open, made_of
from tests.reports.example_review import changed, review
from tests.reports.examples import HOSTILE

FULL = "void (Storage.prototype.setItem = () => { throw new Error('full') })"


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
        ("cells/1,", ",", "row 3: the image id is empty"),
        ("label,other", "label,tumour", "row 3: unknown class 'tumour'; expected blast, normal"),
        ("label,other", "guess,other", "row 3: unknown action 'guess'; expected label or exclude"),
        ("label,other", "exclude,other", "row 3: excluded, and yet of class 'other'"),
        ("label,other", "label,other,", "row 3: 9 columns, expected 8"),
        ("image_id,", "id,", "column 'image_id' is missing"),
        (f"{1:064x}", "abc", "row 3: sha256 'abc'; expected 64 hexadecimal digits"),
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


def test_leaving_asks_first_only_where_decisions_would_be_lost(
    open_page: Open, tmp_path: Path
) -> None:
    reader = open_page(review()).introduce()
    asked: list[str] = []
    reader.page.on("dialog", lambda dialog: asked.append(dialog.type))
    reader.press("Enter")
    reader.page.reload()
    assert asked == []
    reader.page.evaluate(FULL)
    reader.press("Enter")
    assert reader.page.is_visible("#unkept")
    reader.page.reload()
    assert asked == ["beforeunload"]
    reader.page.evaluate(FULL)
    reader.press("Enter")
    reader.download(tmp_path)
    reader.page.reload()
    assert asked == ["beforeunload"]


def test_a_page_made_again_with_other_cells_keeps_every_decision(
    open_page: Open, tmp_path: Path
) -> None:
    made = review(6)
    reader = open_page(made).introduce()
    reader.press("Enter", "3", "1", "x", "2")
    rows = reader.download(tmp_path)
    write_review(replace(made, cells=made.cells[4:]), tmp_path / "review.html")
    reader.page.reload()
    assert reader.text("#tally") == (
        "1 of 2 decided: 1 confirmed; and 4 about cells of an earlier page"
    )
    reader.press("u")
    assert reader.text("#tally").startswith("0 of 2 decided; and 4")
    assert reader.page.is_disabled("#undo")  # of what is not seen nothing is taken back
    reader.press("2", "3")
    assert len(reader.download(tmp_path)) == 6
    write_review(replace(made, cells=[]), tmp_path / "review.html")
    reader.page.reload()
    assert reader.text("#tally") == "0 of 0 decided; and 6 about cells of an earlier page"
    assert len(reader.download(tmp_path)) == 6
    write_review(made, tmp_path / "review.html")
    reader.page.reload()
    assert reader.text("#tally").startswith("6 of 6 decided")
    assert made_of(reader.download(tmp_path)[:5]) == made_of(rows)


def test_decisions_of_an_earlier_page_are_forgotten_when_asked_to(open_page: Open) -> None:
    made = review(6)
    reader = open_page(made).introduce()
    reader.press("Enter", "3", "1")
    write_review(replace(made, cells=made.cells[2:]), reader.file)
    reader.page.reload()
    reader.click("#forget")
    assert reader.text("#tally") == "1 of 4 decided: 1 labelled"
    assert "2 decisions" in reader.text("#note")
    reader.press("u")
    assert reader.text("#tally").endswith("and 2 about cells of an earlier page")


def test_another_picture_takes_no_decision_and_another_label_is_told(
    open_page: Open, tmp_path: Path
) -> None:
    made = review()
    reader = open_page(made).introduce()
    reader.press("2", "3")
    rows = reader.download(tmp_path)
    again = changed(changed(made, 0, sha256="f" * 64), 1, label="other")
    write_review(again, tmp_path / "review.html")
    reader.page.reload()
    assert reader.text("#tally") == "1 of 6 decided: 1 confirmed"
    assert reader.download(tmp_path) == rows[1:]  # with the label as it was shown
    reader.click("#strip li:nth-child(2) button")
    assert "when it was normal" in reader.text("#made")
    reader.click("#strip li:nth-child(1) button")
    assert "Not decided yet" in reader.text("#made")


def test_rows_about_cells_of_another_page_are_loaded_and_counted(
    open_page: Open, tmp_path: Path
) -> None:
    made = review()
    first = open_page(made).introduce()
    first.press("Enter", "3", "1", "x")
    rows = first.download(tmp_path)
    page = changed(replace(made, cells=made.cells[2:]), 1, sha256="f" * 64)
    second = open_page(page).introduce()
    second.load(tmp_path / "decisions-demo.csv")
    assert second.text("#note") == (
        "decisions-demo.csv: 3 of 4 decisions loaded, 2 of them about cells that are not on this "
        "page, 1 left out: about pictures that have been replaced since."
    )
    assert second.text("#tally") == (
        "1 of 4 decided: 1 labelled; and 2 about cells of an earlier page"
    )
    got = {row["image_id"]: row for row in second.download(tmp_path)}
    assert got == {row["image_id"]: row for row in rows[:3]}


DAMAGED = {
    "cut": lambda state: json.dumps(state)[:-9],
    "number": lambda _: '{"decided":5}',
    "column": lambda state: json.dumps(state | {"decided": [state["decided"][0] | {"time": 5}]}),
    "step": lambda state: json.dumps(state | {"past": [{"at": "cells/0"}]}),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_kept_and_damaged_is_told_and_begun_anew(open_page: Open, damage: str) -> None:
    reader = open_page(review()).introduce()
    reader.press("Enter", "3")
    state = json.loads(reader.page.evaluate(f"localStorage.getItem({json.dumps(review().key)})"))
    text = DAMAGED[damage](state)
    reader.page.evaluate(f"localStorage.setItem({json.dumps(review().key)}, {json.dumps(text)})")
    reader.page.reload()
    assert reader.page.is_visible("#damaged")
    assert reader.text("#tally") == "0 of 6 decided"
    reader.press("Enter", "3")
    assert reader.text("#tally").startswith("2 of 6")
    reader.page.reload()
    assert not reader.page.is_visible("#damaged")
    assert reader.text("#tally").startswith("2 of 6")


def test_a_list_that_the_page_does_not_have_is_left(open_page: Open) -> None:
    made = review()
    reader = open_page(made).introduce()
    reader.page.select_option("#filter", "unlabelled")
    write_review(replace(made, cells=made.cells[:2]), reader.file)
    reader.page.reload()
    assert reader.page.locator("#strip li:visible").count() == 2


def test_decisions_about_a_run_go_through_relabel(
    run: Run, open_page: Open, tmp_path: Path, capsys: pytest.CaptureFixture[str]
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
    run_review(config, cells=1000)
    reader.page.reload()
    shown = reader.page.evaluate("JSON.parse(document.getElementById('data').textContent).cells")
    assert len(shown) == len(manifest) - len(rows)
    assert not {cell["image_id"] for cell in shown} & {row["image_id"] for row in rows}
    assert reader.text("#tally") == (
        f"0 of {len(shown)} decided; and {len(rows)} about cells of an earlier page"
    )
    reader.press("1")
    assert reader.download(tmp_path)[1:] == rows
    capsys.readouterr()
    run_relabel(config, tmp_path / f"decisions-{run.name}.csv")
    assert re.search(rf"1 decisions .* {len(rows)} were applied before", capsys.readouterr().out)
