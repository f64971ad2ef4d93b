"""A person before the review page: a browser in a profile of its own."""

import csv
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reports.review import Review, write_review

api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COLUMNS = ["image_id", "path", "sha256", "label", "action", "decision", "reviewer", "time"]
NAME = 'Dr. "Q", <b>Müller</b>'


def browsers() -> Iterator["api.Browser"]:
    """The Chromium of this machine; without one the test is skipped."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


class Reader:
    """A person before the page, in a profile of their own; complaints and requests are noted."""

    def __init__(self, browser: "api.Browser", file: Path, **profile: object) -> None:
        self.file = file
        self.profile = browser.new_context(**profile)
        self.page = self.profile.new_page()
        self.complaints: list[str] = []
        self.requests: set[str] = set()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.page.on("request", lambda request: self.requests.add(request.url.partition(":")[0]))
        self.page.goto(file.as_uri())

    def introduce(self, name: str = NAME) -> "Reader":
        self.page.fill("#who-name", name)
        self.page.press("#who-name", "Enter")
        api.expect(self.page.locator("#place")).to_be_focused()
        return self

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def click(self, what: str) -> None:
        self.page.click(what)

    def text(self, what: str) -> str:
        return self.page.inner_text(what)

    def place(self) -> int:
        return int(re.match(r"Cell (\d+) of", self.text("#place"))[1])

    def download(self, folder: Path) -> list[dict[str, str]]:
        with self.page.expect_download() as waiting:
            self.click("#download")
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        with path.open(encoding="utf-8", newline="") as stream:
            read = csv.DictReader(stream, strict=True)
            rows = list(read)
        assert read.fieldnames == COLUMNS
        return rows

    def load(self, file: Path) -> None:
        self.page.set_input_files("#file", file)
        api.expect(self.page.locator("#file")).to_have_value("")


Open = Callable[..., Reader]


def readers(browser: "api.Browser", folder: Path) -> Iterator[Open]:
    """What writes a page into ``folder`` and opens it, as often as it is called.

    At the end no reader has seen a complaint or asked a network.
    """
    opened: list[Reader] = []

    def open_(made: Review | Path, **profile: object) -> Reader:
        file = made if isinstance(made, Path) else write_review(made, folder / "review.html")
        opened.append(Reader(browser, file, **profile))
        return opened[-1]

    yield open_
    for reader in opened:
        assert reader.complaints == []
        assert reader.requests <= {"file", "data", "blob"}
        reader.profile.close()


def made_of(rows: list[dict[str, str]]) -> dict[str, tuple[str, str]]:
    return {row["image_id"]: (row["action"], row["decision"]) for row in rows}
