"""A browser reads the report: sorting, light and dark, print, hostile names, no script at all."""

from pathlib import Path

import pytest

from reports.build import render_page, write_page
from reports.sections import SECTIONS
from tests.pipeline.review_reader import Open, Reader, api
from tests.reports.examples import EXAMPLES, HOSTILE, build
from tests.reports.written import written_examples

BLOCKED = """Object.defineProperty(
    window, "localStorage", {get() { throw new Error("blocked"); }})"""
CLASSES = "#per-class table"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return written_examples(tmp_path_factory)


def ground(reader: Reader) -> str:
    return str(reader.page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def paper(reader: Reader, scheme: str) -> bool:
    """Whether the page's ground is as light or dark as the scheme wants."""
    shades = [int(each) for each in ground(reader)[4:-1].split(",")]
    return min(shades) > 200 if scheme == "light" else max(shades) < 60


@pytest.mark.parametrize("name", ["five", "two", "hostile"])
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_hangs_over_the_edge_and_nothing_is_complained_of(
    open_page: Open, written: dict[str, Path], name: str, width: int
) -> None:
    reader = open_page(written[name], viewport={"width": width, "height": 800})
    assert reader.page.evaluate("document.documentElement.scrollWidth") == width
    assert reader.requests <= {"file", "data"}


def first_cells(reader: Reader, table: str) -> list[str]:
    return [text.strip() for text in reader.page.locator(f"{table} tbody th").all_inner_texts()]


def test_headers_sort_by_click_and_by_keyboard(open_page: Open, written: dict[str, Path]) -> None:
    reader = open_page(written["five"])
    per_class = build(EXAMPLES["five"]).classifiers["selected"].test.per_class
    by_recall = sorted(per_class, key=lambda name: per_class[name].recall.value or 0.0)
    button = reader.page.locator(f"{CLASSES} button", has_text="Recall")
    button.click()
    assert first_cells(reader, CLASSES) == by_recall
    button.press("Enter")
    assert first_cells(reader, CLASSES) == by_recall[::-1]
    assert button.evaluate("button => button.parentElement.ariaSort") == "descending"
    reader.page.locator(f"{CLASSES} button", has_text="Support").press("Space")
    by_support = sorted(per_class, key=lambda name: per_class[name].support)
    assert first_cells(reader, CLASSES) == by_support


def test_counts_with_thousands_sort_by_value_and_the_total_stays_last(
    open_page: Open, tmp_path: Path
) -> None:
    result = build(EXAMPLES["no_patients"])  # its counts have a comma, or not
    counts = {**result.dataset.images_per_class, "rare": 9}
    changed = result.dataset.model_copy(
        update={"classes": [*result.dataset.classes, "rare"], "images_per_class": counts}
    )
    page = render_page(result.model_copy(update={"dataset": changed}), tmp_path)
    reader = open_page(write_page(page, tmp_path / "rare.html"))
    reader.page.locator("#data button", has_text="Cells").click()
    assert first_cells(reader, "#data table") == [*sorted(counts, key=lambda n: counts[n]),
                                                  "All classes"]  # fmt: skip


def test_the_reader_chooses_light_or_dark_and_the_choice_is_kept(
    open_page: Open, written: dict[str, Path]
) -> None:
    reader = open_page(written["five"], color_scheme="dark")
    choice = reader.page.get_by_role("group", name="Colours")
    assert paper(reader, "dark")
    assert choice.get_by_role("radio", name="system").is_checked()
    choice.get_by_role("radio", name="system").press("ArrowRight")
    assert choice.get_by_role("radio", name="light").is_checked() and paper(reader, "light")
    reader.page.reload()
    assert choice.get_by_role("radio", name="light").is_checked() and paper(reader, "light")
    reader.page.emulate_media(color_scheme="light")
    choice.get_by_text("dark").click()
    assert paper(reader, "dark")
    stroke = "getComputedStyle(document.querySelector('#results svg text')).fill"
    dark = reader.page.evaluate(stroke)
    choice.get_by_text("system").click()
    assert paper(reader, "light") and reader.page.evaluate(stroke) != dark
    reader.page.emulate_media(color_scheme="dark")
    assert paper(reader, "dark")


def test_where_nothing_can_be_remembered_the_choice_holds_for_the_page(
    chromium: "api.Browser", written: dict[str, Path]
) -> None:
    reader = Reader(chromium, written["two"])
    reader.page.add_init_script(BLOCKED)
    reader.page.reload()
    reader.page.get_by_text("dark", exact=True).click()
    assert paper(reader, "dark") and reader.complaints == []
    reader.profile.close()


def test_print_is_light_whole_and_without_controls(
    open_page: Open, written: dict[str, Path]
) -> None:
    reader = open_page(written["five"], color_scheme="dark")
    reader.page.get_by_text("dark", exact=True).click()
    closed = reader.page.locator("details table").first
    assert not closed.is_visible()
    reader.page.emulate_media(media="print")
    assert paper(reader, "light")
    assert closed.is_visible()
    for control in ("nav", ".skip", ".themes"):
        assert not reader.page.locator(control).first.is_visible()
    arrow = "getComputedStyle(document.querySelector('thead button'), '::after').content"
    assert reader.page.evaluate(arrow) == "none"


def test_hostile_names_are_text(open_page: Open, written: dict[str, Path]) -> None:
    reader = open_page(written["hostile"])
    reader.page.on("dialog", lambda dialog: reader.complaints.append(dialog.message))
    assert reader.page.locator('img:not([src^="data:image/"])').count() == 0
    rows = " ".join(first_cells(reader, CLASSES))
    for name in HOSTILE:
        assert " ".join(name.split())[:12] in rows
    reader.page.locator(f"{CLASSES} button").first.click()
    assert reader.page.locator("body *:is(script)").count() == len(
        reader.page.locator("script[type], body > script").all()
    )


def test_without_script_the_report_is_whole(
    chromium: "api.Browser", written: dict[str, Path]
) -> None:
    plain = Reader(chromium, written["five"], java_script_enabled=False)
    assert plain.page.locator(".themes, thead button").count() == 0
    for section in SECTIONS:
        assert len(plain.text(f"#{section.id}")) > 40
    plain.profile.close()
