"""axe-core finds nothing serious on the pages, however they are looked at."""

from pathlib import Path

import pytest

from reports.compare import write_comparison
from reports.review import write_review
from tests.pipeline.review_reader import Open
from tests.reports.example_review import review
from tests.reports.test_compare import comparison
from tests.reports.written import written_examples

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
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = written_examples(tmp_path_factory)
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
