"""A browser reads the map: by mouse, keys and touch; without a script a still figure stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from classifiers.cell_parts import MapPart
from reports.build import render_page, write_page
from tests.pipeline.review_reader import api
from tests.reports import example_map
from tests.reports.examples import EXAMPLES, HOSTILE, build
from tests.reports.map_reader import MIDDLE, MOVING, Reader

Open = tuple[Reader, MapPart]


def written(folder: Path, name: str = "five", **changes: object) -> tuple[Path, MapPart]:
    """A report with such a map."""
    part = example_map.embedding_map(EXAMPLES[name].classes, HOSTILE[0] * (name == "hostile"))
    part = part.model_copy(update=changes)
    example_map.draw_sprite(part, folder)
    result = build(EXAMPLES[name]).model_copy(update={"embedding_map": part})
    return write_page(render_page(result, folder), folder / "report.html"), part


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MapPart]:
    # Every third cell has no picture.
    places = [-1 if cell % 3 == 0 else cell for cell in range(200)]
    return written(tmp_path_factory.mktemp("map"), picture=places)


@pytest.fixture
def five(chromium: "api.Browser", report: tuple[Path, MapPart]) -> Iterator[Open]:
    file, part = report
    reader = Reader(chromium, file, 1440)
    yield reader, part
    assert (reader.complaints, reader.requests - {"file", "data"}) == ([], set())
    reader.profile.close()


def outermost(part: MapPart) -> int:
    """The cell with a picture that lies furthest right: no other is nearer to its own place."""
    cells = [cell for cell, place in enumerate(part.picture) if place >= 0]
    return max(cells, key=lambda cell: part.x[cell])


def test_the_mouse_finds_the_cell_with_its_own_picture(five: Open) -> None:
    reader, part = five
    cell = outermost(part)
    reader.page.mouse.move(*reader.place(part, cell))
    names = EXAMPLES["five"].classes
    lines = reader.tip.splitlines()
    assert lines[0] == part.image_id[cell]
    assert f"label: {names[part.label[cell]]}" in lines or part.label[cell] < 0
    assert f"prediction: {names[part.predicted[cell]]} ({part.confidence[cell]:.2f})" in lines
    assert f"patient: {part.patient[cell]}" in lines
    pixel = reader.page.evaluate(MIDDLE)
    expected = example_map.colour_of(part.picture[cell])
    assert all(abs(a - b) <= 6 for a, b in zip(pixel, expected, strict=True))
    box = reader.page.locator("#map-stage").bounding_box()
    reader.page.mouse.move(box["x"] - 30, box["y"] + 10)
    assert reader.tip == ""


def test_page_keys_walk_wrong_cells_and_those_without_a_picture_show_words(five: Open) -> None:
    reader, part = five
    reader.page.focus("#map-stage")
    found = []
    for _ in range(6):
        reader.press("PageDown")
        assert "named wrongly" in reader.tip
        found.append(part.image_id.index(reader.tip.splitlines()[0]))
        shown = reader.page.locator(".map-tip canvas").is_visible()
        assert shown == (part.picture[found[-1]] >= 0)
    assert len(set(found)) == 6
    assert {part.picture[cell] >= 0 for cell in found} == {True, False}
    assert part.image_id[found[-2]] in reader.press("PageUp")


def test_arrows_walk_in_their_direction_from_one_tab_stop(five: Open) -> None:
    reader, part = five
    reader.page.focus("#map-way")
    stops = []
    for _ in range(6):
        reader.page.keyboard.press("Tab")
        stops.append(reader.page.evaluate("() => document.activeElement.id"))
    assert stops.count("map-stage") == 1
    reader.page.focus("#map-stage")
    at = part.image_id.index(reader.press("ArrowLeft").split(", ")[0])
    for key, (dx, dy) in {
        "ArrowRight": (1, 0), "ArrowUp": (0, 1), "ArrowLeft": (-1, 0), "ArrowDown": (0, -1),
    }.items():  # fmt: skip
        for _ in range(3):
            said = reader.press(key)
            cell = part.image_id.index(said.split(", ")[0])
            a, b = part.x[cell] - part.x[at], part.y[cell] - part.y[at]
            assert (a * dx + b * dy >= abs(a * dy) + abs(b * dx) - 1e-3) or cell == at
            assert reader.tip.replace("\n", ", ") == said
            at = cell
    assert reader.press("Escape") == "" and reader.tip == ""


def test_zoom_by_keys_buttons_and_wheel_and_back(five: Open) -> None:
    reader, part = five
    cell = outermost(part)
    where = reader.place(part, cell)
    reader.page.mouse.move(*where)
    before = reader.page.evaluate("scrollY")
    reader.page.mouse.wheel(0, -300)
    reader.settle()
    reader.page.evaluate(f"scrollTo(0, {before})")
    assert not reader.page.locator(".map-near").count()  # the page scrolls until the map is clicked
    reader.page.mouse.click(*where)
    for _ in range(3):
        reader.page.mouse.wheel(0, -300)
    api.expect(reader.page.locator(".map-near")).to_have_count(1)
    reader.page.mouse.move(where[0] + 1, where[1])
    assert reader.tip.splitlines()[0] == part.image_id[cell]  # what lies under the pointer stays
    reader.page.get_by_role("button", name="Reset").click()
    assert not reader.page.locator(".map-near").count()
    reader.page.get_by_role("button", name="Zoom in").click()
    assert reader.page.locator(".map-near").count()
    reader.page.get_by_role("button", name="Zoom out").click()
    assert not reader.page.locator(".map-near").count()
    reader.page.focus("#map-stage")
    reader.press("+")
    assert reader.page.locator(".map-near").count()
    reader.press("0")
    assert not reader.page.locator(".map-near").count()


def test_colours_follow_the_choice_and_the_legend_hides_cells(five: Open) -> None:
    reader, _ = five
    reader.settle()
    blue = "rgb(29, 70, 224)"
    assert blue in reader.painted()
    legend = reader.page.locator(".map-side .map-legend button")
    api.expect(legend).to_have_count(6)
    legend.nth(0).focus()
    reader.page.keyboard.press("Space")
    assert legend.nth(0).get_attribute("aria-pressed") == "false"
    reader.settle()
    assert blue not in reader.painted()
    names = EXAMPLES["five"].classes
    reader.page.get_by_role("button", name="Hide all").click()
    reader.settle()
    assert reader.painted() == []
    legend.nth(1).click()
    reader.page.focus("#map-stage")
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight"):
        assert f"label: {names[1]}" in reader.press(key)
    reader.page.get_by_role("button", name="Show all").click()
    for way, entries in {"prediction": 5, "patient": 24, "right or wrong": 3}.items():
        reader.page.select_option("#map-way", label=way)
        api.expect(legend).to_have_count(entries)
    reader.settle()
    assert "rgb(161, 35, 64)" in reader.painted()
    assert not reader.page.locator(".map-ringed").is_visible()


def test_it_follows_the_scheme_and_does_not_move_by_itself(five: Open) -> None:
    reader, _ = five
    reader.settle()
    light = reader.painted()
    reader.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    reader.settle()
    assert not set(light) & set(reader.painted())
    assert reader.page.evaluate(MOVING) is False


def test_print_and_no_script_show_the_still_figure(five: Open, chromium: "api.Browser") -> None:
    reader, _ = five
    assert not reader.page.locator(".map-still").is_visible()
    reader.page.emulate_media(media="print")
    assert reader.page.locator(".map-still svg.map-plot").is_visible()
    assert not reader.page.locator(".map-live").is_visible()
    plain = Reader(chromium, reader.file, 1440, java_script_enabled=False)
    assert plain.page.locator(".map-still svg.map-plot").is_visible()
    assert not plain.page.locator(".map-live").is_visible()
    assert plain.page.locator(".map-still .map-legend li").count() == 7
    plain.profile.close()


def test_a_finger_finds_cells_on_a_phone(
    chromium: "api.Browser", report: tuple[Path, MapPart]
) -> None:
    file, part = report
    reader = Reader(chromium, file, 390, has_touch=True)
    cell = outermost(part)
    reader.page.touchscreen.tap(*reader.place(part, cell))
    assert reader.tip.splitlines()[0] == part.image_id[cell]
    stage, tip = (reader.page.locator(each).bounding_box() for each in (".map-stage", ".map-tip"))
    assert stage["x"] <= tip["x"] and tip["x"] + tip["width"] <= stage["x"] + stage["width"]
    assert reader.page.evaluate("document.documentElement.scrollWidth") == 390
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    fingers = reader.profile.new_cdp_session(reader.page)
    for kind, apart in (("touchStart", 20), ("touchMove", 60), ("touchMove", 110)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    api.expect(reader.page.locator(".map-near")).to_have_count(1)
    assert reader.complaints == []
    reader.profile.close()


def test_hostile_names_are_text(chromium: "api.Browser", tmp_path: Path) -> None:
    file, part = written(tmp_path, "hostile")
    reader = Reader(chromium, file, 1440)
    legend = reader.page.locator(".map-side .map-legend").inner_text()
    assert HOSTILE[0] in legend and HOSTILE[3] in legend
    reader.page.mouse.move(*reader.place(part, outermost(part)))
    assert HOSTILE[0] in reader.tip
    reader.page.select_option("#map-way", label="patient")
    assert reader.page.locator(".map-live img, .map-live script").count() == 0
    assert (reader.complaints, reader.requests - {"file", "data"}) == ([], set())
    reader.profile.close()
