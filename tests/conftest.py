"""A browser for all tests that look at pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The Chromium of this machine."""
    from tests.pipeline.review_reader import browsers  # most tests need no browser

    yield from browsers()


@pytest.fixture
def open_page(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a page and gives its reader, as often as asked."""
    from tests.pipeline.review_reader import readers

    yield from readers(chromium, tmp_path)
