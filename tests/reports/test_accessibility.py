"""axe-core finds nothing serious on the pages, however they are looked at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.build import render_page, write_page
from reports.compare import write_comparison
from reports.review import write_review
from tests.pipeline.review_reader import Open, api, browsers, readers
from tests.reports.example_cells import draw_thumbnails
from tests.reports.example_review import review
from tests.reports.examples import EXAMPLES, build
from tests.reports.test_compare import comparison

axe = pytest.importorskip("axe_playwright_python", reason="no axe-core: make install")
SCRIPT = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
READERS: dict[str, dict[str, object]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 800}},
}
RUN = """(contrast) => axe.run(document, {
    resultTypes: ["violations"], rules: {"color-contrast": {enabled: contrast}},
}).then((found) => found.violations.map(
    (each) => `${each.impact} ${each.id}: ${each.nodes[0].html}`))"""


@pytest.fixture(scope="module")
def chromium() -> Iterator["api.Browser"]:
    yield from browsers()


@pytest.fixture
def open_page(chromium: "api.Browser", tmp_path: Path) -> Iterator[Open]:
    yield from readers(chromium, tmp_path)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for name in ("five", "two", "hostile"):
        folder = tmp_path_factory.mktemp(name)
        result = build(EXAMPLES[name])
        draw_thumbnails(result, folder)
        found[name] = write_page(render_page(result, folder), folder / "report.html")
    folder = tmp_path_factory.mktemp("others")
    found["compare"] = write_comparison(comparison("a", "b", "c"), folder / "compare.html")
    found["review"] = write_review(review(), folder / "review.html")
    return found


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("five", "light"),
        ("five", "dark"),
        ("five", "phone"),
        ("two", "light"),
        ("hostile", "phone"),
        ("compare", "light"),
        ("compare", "dark"),
        ("review", "light"),
    ],
)
def test_axe_finds_nothing(open_page: Open, pages: dict[str, Path], name: str, how: str) -> None:
    page = open_page(pages[name], **READERS[how]).page
    page.evaluate(SCRIPT)
    # Contrast takes most of the time, and is the same at every width.
    assert page.evaluate(RUN, how != "phone") == []
