"""Examples of reports as files, for a browser."""

from pathlib import Path

import pytest

from reports.build import render_page, write_page
from tests.reports.example_cells import draw_thumbnails
from tests.reports.examples import EXAMPLES, build


def written_examples(factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Examples as pages with pictures, by name."""
    found = {}
    for name in ("five", "two", "hostile"):
        folder = factory.mktemp(name)
        result = build(EXAMPLES[name])
        draw_thumbnails(result, folder)
        found[name] = write_page(render_page(result, folder), folder / "report.html")
    return found
