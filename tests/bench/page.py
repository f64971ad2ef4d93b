"""The report as a file and in a browser: bytes, and how long it takes to open."""

import shutil
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, sync_playwright

from classifiers.result import RunResult
from reports.build import write_report
from tests.bench.measure import ROUNDS, table
from tests.reports.example_cells import draw_thumbnails
from tests.reports.example_map import embedding_map
from tests.reports.examples import MANY, PBC, Plan, build

SHOWN = 3_000  # cells of a map, at most
SIZES = {
    "3,000 cells, 8 classes, 24 patients": Plan("Small", PBC, [375] * 8),
    "15,000 cells, 8 classes, 200 patients": Plan("Large", PBC, [1875] * 8, patients=200),
    "15,000 cells, 100 classes, 200 patients": Plan("Wide", MANY, [150] * 100, patients=200),
}
OPENED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def page(folder: Path) -> list[str]:
    """Write reports of several sizes and open each in a browser of its own."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        return ["Not measured: needs Chromium."]
    rows = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, plan in SIZES.items():
            run = folder / name
            _finish(plan, run)
            started = time.perf_counter()
            report = write_report(run)
            wrote = time.perf_counter() - started
            size = report.stat().st_size / 1e6
            opened = [_open(browser, report) for _ in range(ROUNDS)]
            shown, loaded = (statistics.median(each) / 1000 for each in zip(*opened, strict=True))
            rows.append(f"| {name} | {wrote:.1f} | {size:.1f} | {shown:.2f} | **{loaded:.2f}** |")
            print(rows[-1], flush=True)
        browser.close()
    return [
        f"Made-up runs with pictures, a map of {SHOWN:,} cells among them; medians of {ROUNDS}",
        "fresh profiles of headless Chromium. Goals: under 15 MB, opened in under 2 s.",
        "",
        *table("run | written, s | MB | first shown, s | all there, s", rows),
    ]  # fmt: skip


def _finish(plan: Plan, folder: Path) -> RunResult:
    """A run folder with a result and all pictures, as large as real ones."""
    folder.mkdir()
    result = build(plan)
    shown = embedding_map(plan.classes, "", each=SHOWN // len(plan.classes))
    result = result.model_copy(update={"embedding_map": shown})
    draw_thumbnails(result, folder)
    rows = -(-len(shown.x) // shown.columns)
    noise = np.random.default_rng(0).integers(
        0, 256, (rows * shown.side, shown.columns * shown.side, 3), dtype=np.uint8
    )
    (folder / shown.sprite).parent.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / shown.sprite), cv2.GaussianBlur(noise, (0, 0), 1.0))
    result.write(folder / "run.json")
    return result


def _open(browser: Browser, report: Path) -> tuple[float, float]:
    """Milliseconds until something is shown, and until all is there."""
    profile = browser.new_context()
    tab = profile.new_page()
    tab.goto(report.as_uri())
    times = tab.evaluate(PAINTED), tab.evaluate(OPENED)
    profile.close()
    return times
