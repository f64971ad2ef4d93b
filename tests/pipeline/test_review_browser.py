"""A browser drives the review page: keys, mouse, undo, lists, sizes."""

import re
from pathlib import Path

import pytest

from data.decisions import read_decisions
from tests.pipeline.review_reader import NAME, Open, api, made_of
from tests.reports.example_review import changed, review

CLASSES = ("blast", "normal", "other")


def test_keys_decide_and_the_csv_says_what_was_decided(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(review()).introduce()
    reader.press("Enter", "3", "1", "x", "s", "2")  # the fifth is skipped
    rows = reader.download(tmp_path)
    known = {cell.image_id for cell in review().cells}
    taken = read_decisions(tmp_path / "decisions-demo.csv", CLASSES, known).values()
    assert [list(each.cells) for each in taken] == [list(row.values()) for row in rows]
    assert made_of(rows) == {
        "cells/0": ("label", "blast"),  # confirmed
        "cells/1": ("label", "other"),
        "cells/2": ("label", "blast"),
        "cells/3": ("exclude", ""),
        "cells/5": ("label", "normal"),
    }
    cell = review().cells[1]
    assert (rows[1]["path"], rows[1]["sha256"]) == (cell.path, cell.sha256)
    assert [row["label"] for row in rows] == ["blast", "normal", "", "blast", ""]
    assert {row["reviewer"] for row in rows} == {NAME}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["time"]) for row in rows)
    assert reader.text("#tally") == (
        "5 of 6 decided: 1 confirmed, 1 changed, 2 labelled, 1 excluded"
    )
    assert reader.place() == 5  # the one that is still open


def test_the_mouse_does_the_same(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(review()).introduce()
    for what in ("#confirm", "#classes li:nth-child(3) button", "#next", "#exclude", "#previous",
                 "#previous", "#classes li:nth-child(1) button"):  # fmt: skip
        reader.click(what)
    assert made_of(reader.download(tmp_path)) == {
        "cells/0": ("label", "blast"),
        "cells/1": ("label", "other"),
        "cells/2": ("label", "blast"),
        "cells/3": ("exclude", ""),
    }
    reader.click("#strip li:nth-child(2) button")
    assert reader.place() == 2
    reader.click("#take-back")
    assert reader.text("#tally").startswith("3 of 6 decided")


def test_enter_after_a_click_confirms_the_next_cell_and_repeats_no_click(open_page: Open) -> None:
    reader = open_page(review(9)).introduce()
    reader.click("#classes li:nth-child(3) button")
    reader.press("Enter")
    assert reader.text("#tally") == "2 of 9 decided: 1 confirmed, 1 changed"


def test_keys_decide_again_after_whatever_was_pressed(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(review(9)).introduce()
    reader.page.fill("#reviewer", "b")
    reader.press("1", "Enter")  # the name goes on, then it is done
    assert reader.page.input_value("#reviewer") == "b1"
    reader.press("Enter")
    reader.click("#open-help")
    reader.press("1", "Escape")  # no class while help is open
    api.expect(reader.page.locator("#place")).to_be_focused()
    reader.press("Enter")
    assert len(reader.download(tmp_path)) == 2
    reader.press("Enter")  # of an unlabelled cell, and no second download
    reader.press("Tab", "Enter")  # the first button after it: a class
    assert reader.text("#tally") == "3 of 9 decided: 2 confirmed, 1 labelled"


def test_undo_goes_back_step_by_step_also_after_a_reload(open_page: Open) -> None:
    reader = open_page(review()).introduce()
    reader.press("Enter", "3", "x", "ArrowLeft", "1")  # the third cell twice
    reader.page.reload()
    for left, place in (("3 of 6", 3), ("2 of 6", 3), ("1 of 6", 2), ("0 of 6", 1)):
        reader.press("u")
        assert reader.text("#tally").startswith(left)
        assert reader.place() == place
    assert reader.page.is_disabled("#undo")
    reader.press("u")
    assert reader.text("#live") == "Nothing to undo"


def test_a_reload_goes_on_where_it_was(open_page: Open) -> None:
    reader = open_page(review()).introduce()
    reader.press("Enter", "2", "s")
    before = [reader.text(what) for what in ("#tally", "#place")]
    reader.page.reload()
    assert [reader.text(what) for what in ("#tally", "#place")] == before
    assert reader.page.input_value("#reviewer") == NAME
    assert not reader.page.is_visible("#who")
    reader.click("#strip li:nth-child(1) button")
    assert "Decided: blast" in reader.text("#made")


def test_lists_show_what_they_say(open_page: Open) -> None:
    reader = open_page(review()).introduce()
    reader.press("Enter")
    options = reader.page.locator("#filter option").all_inner_texts()
    assert options == [
        "All (6)", "Open (5)", "Decided (1)", "Label may be wrong (2)", "Doubtful (2)",
        "Unlabelled (2)",
    ]  # fmt: skip
    reader.page.select_option("#filter", "unlabelled")
    assert reader.page.locator("#strip li:visible").count() == 2
    assert reader.place() == 3
    reader.press("s")
    assert reader.place() == 6
    reader.press("s")
    assert reader.place() == 3
    reader.page.select_option("#filter", "decided")
    assert reader.place() == 1


def test_keys_of_many_classes_and_none_beyond(open_page: Open, tmp_path: Path) -> None:
    classes = tuple(f"class {number:02d}" for number in range(60))
    reader = open_page(review(8, classes)).introduce()
    keys = reader.page.locator("#classes kbd").all_inner_texts()
    assert keys[:12] == [*"1234567890", "a", "b"]
    named = [key for key in keys if key]
    assert len(named) == len(set(named)) == 56
    assert not set("xsu") & set(named)
    reader.press("0", "b", "Shift+B", "y", "F2", "'")
    reader.click("#classes li:nth-child(60) button")
    decided = [row["decision"] for row in reader.download(tmp_path)]
    assert decided[:2] == ["class 09", "class 11"]
    assert decided[2:] == [classes[keys.index("⇧B")], classes[keys.index("y")], "class 59"]


def test_nobody_goes_on_without_a_name_unawares(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(review())
    reader.press("Enter", "Escape", "Escape", "Escape")
    assert reader.text("#who-hint") == "Type your name, or go on without one."
    reader.page.evaluate("document.activeElement.blur()")
    reader.press("1", "x")
    assert reader.page.is_visible("#who")
    assert reader.text("#tally") == "0 of 6 decided"
    reader.page.focus("#who-name")
    reader.page.keyboard.type("x1")
    reader.press("Enter")
    api.expect(reader.page.locator("#place")).to_be_focused()
    reader.press("Enter")
    assert [row["reviewer"] for row in reader.download(tmp_path)] == ["x1"]


def test_who_has_no_name_is_told_so(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(review())
    assert not reader.page.is_visible("#unnamed")
    reader.click("#nameless")
    assert reader.page.is_visible("#unnamed")
    reader.press("Enter")
    assert [row["reviewer"] for row in reader.download(tmp_path)] == [""]
    reader.click("#give-name")
    assert not reader.page.is_visible("#who-hint")
    reader.introduce("me")
    assert not reader.page.is_visible("#unnamed")
    reader.page.fill("#reviewer", " ")
    reader.press("Enter")
    assert reader.page.is_visible("#unnamed")


@pytest.mark.parametrize("size", [(1280, 900), (1280, 720), (1366, 768)], ids=str)
def test_nothing_of_a_cell_is_covered(open_page: Open, size: tuple[int, int]) -> None:
    classes = ("basophil", "eosinophil", "erythroblast", "immature granulocyte", "lymphocyte",
               "monocyte", "neutrophil", "platelet")  # fmt: skip
    made = review(40, classes, title="Peripheral blood cells of a hospital (8 classes)")
    reader = open_page(made, viewport={"width": size[0], "height": size[1]}).introduce()

    def box(what: str) -> dict[str, float]:
        return reader.page.locator(what).bounding_box()

    strip, progress = box("#cells")["y"], box(".progress")["x"]
    for what in ("#neighbours", "#about", ".actions", ".frame"):
        assert box(what)["y"] + box(what)["height"] <= strip
    assert box(".kind span")["x"] + box(".kind span")["width"] <= progress


def test_what_does_not_fit_above_the_strip_is_scrolled_to(open_page: Open) -> None:
    reader = open_page(review(40), viewport={"width": 1000, "height": 600}).introduce()
    reader.page.locator("#about").scroll_into_view_if_needed()
    about, strip = (reader.page.locator(what).bounding_box() for what in ("#about", "#cells"))
    assert about["y"] + about["height"] <= strip["y"]
    assert strip["y"] + strip["height"] <= 600


@pytest.mark.parametrize("size", [(360, 640), (390, 844), (1440, 900)], ids=str)
def test_the_page_fits_its_window(open_page: Open, size: tuple[int, int]) -> None:
    made = review(40, ("granulocyte precursor of an uncommonly long name", "b"))
    made = changed(made, 0, path="very/" + 40 * "long" + ".png", patient="P" * 60)
    reader = open_page(made, viewport={"width": size[0], "height": size[1]}).introduce()
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    reader.press("2")
    box = reader.page.locator("#picture").bounding_box()
    assert 24 < box["width"] <= 3 * 24 + 1  # enlarged, and not more than three times


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_cell(open_page: Open, tmp_path: Path, count: int) -> None:
    reader = open_page(review(count))
    if count == 0:
        assert "There is nothing to review" in reader.text("#empty")
        assert not reader.page.is_visible("#whole")
        reader.press("Enter", "1", "s", "u", "x")
        return
    reader.introduce()
    reader.press("2", "s")
    assert made_of(reader.download(tmp_path)) == {"cells/0": ("label", "normal")}


def test_an_unlabelled_cell_has_nothing_to_confirm(open_page: Open) -> None:
    made = review(1)
    reader = open_page(changed(made, 0, label="", reason="unlabelled", patient="")).introduce()
    reader.press("Enter")
    assert reader.text("#tally") == "0 of 1 decided"
    assert reader.page.is_disabled("#confirm")
    assert "Patient" not in reader.text("#about")


def test_two_windows_of_one_page_share_their_decisions(open_page: Open) -> None:
    reader = open_page(review()).introduce()
    other = reader.profile.new_page()
    other.goto(reader.page.url)
    reader.press("Enter", "Enter")
    api.expect(other.locator("#tally")).to_contain_text("2 of 6 decided")
    other.close()
