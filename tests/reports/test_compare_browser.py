"""A browser reads the page that compares runs: tables sort by keyboard, and need no script."""

from pathlib import Path

from reports.compare import write_comparison
from tests.pipeline.review_reader import api
from tests.reports.test_compare import comparison


def test_headers_sort_their_table_by_keyboard_and_values_that_are_not_there_stay_last(
    chromium: "api.Browser", tmp_path: Path
) -> None:
    made = comparison("morph", "vgg", "resnet")
    path = write_comparison(made, tmp_path / "compare.html")
    page, complaints, requests = chromium.new_page(), [], set()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.add(request.url.partition(":")[0]))
    page.goto(path.as_uri())
    table = page.locator("table.runs")

    def names() -> list[str]:
        return [text.split()[0] for text in table.locator("tbody th").all_inner_texts()]

    def press(header: str) -> str:
        button = table.get_by_role("button", name=header, exact=True)
        button.focus()
        page.keyboard.press("Enter")
        return str(button.evaluate("button => button.parentElement.ariaSort"))

    assert names() == ["morph", "vgg", "resnet"]
    assert press("Size") == "ascending"
    assert names() == ["morph", "resnet", "vgg"]
    assert press("Size") == "descending"
    assert names() == ["resnet", "morph", "vgg"]
    assert press("Run") == "ascending"
    assert names() == ["morph", "resnet", "vgg"]
    assert table.locator('[aria-sort="ascending"], [aria-sort="descending"]').count() == 1
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert (complaints, requests) == ([], {"file"})
    page.close()


def test_without_script_the_page_is_whole(chromium: "api.Browser", tmp_path: Path) -> None:
    path = write_comparison(comparison("a", "b"), tmp_path / "compare.html")
    profile = chromium.new_context(java_script_enabled=False)
    page = profile.new_page()
    page.goto(path.as_uri())
    assert page.locator("thead button").count() == 0
    assert "better in accuracy" in page.inner_text("#differences")
    profile.close()
