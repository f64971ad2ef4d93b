"""A browser opens the dashboard and finds the study, its note and its pictures."""

import html
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest

from classifiers.studies import claim, open_studies
from classifiers.study_page import show_study
from tests.pipeline.commands import ROOT

NAME = "synthetic | morphology-1a2b3c4d | svm | fold 0 | 9f8e7d6c"
FACTS = {"data set": "synthetic", "classifier": "Support vector machine", "metric": "f1_macro"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120  # seconds, on a slow and busy machine
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
Page = Callable[[str], str]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with a finished study."""
    work = tmp_path_factory.mktemp("dashboard")
    study = optuna.create_study(
        storage=open_studies(work / "studies/synthetic.log"), study_name=NAME, direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
    )  # fmt: skip
    while trial := claim(study, 6):
        C, gamma = trial.suggest_float("C", 0.1, 10), trial.suggest_float("gamma", 0.1, 10)
        for fold in range(3):
            trial.report(C / 20 + gamma / 100, step=fold)
        study.tell(trial, C / 20 + gamma / 100)
    show_study(
        study, work / "studies/artifacts", facts=FACTS, classes=("blast", "normal"),
        confusion=np.array([[57, 3], [5, 135]]),
    )  # fmt: skip
    return work


@pytest.fixture(scope="module")
def address(work: Path) -> Iterator[str]:
    """Where the command line serves it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["dashboard", "--work", str(work), "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *command], cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(10 * PATIENCE):
            assert server.poll() is None
            try:
                DIRECT.open(f"http://127.0.0.1:{port}/api/meta").close()
                break
            except urllib.error.URLError:
                threading.Event().wait(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def page(address: str, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """What a browser makes of a path, as text."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    profile = tmp_path_factory.mktemp("profile")

    def load(path: str) -> str:
        done = subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--no-proxy-server", f"--user-data-dir={profile}",
                "--virtual-time-budget=20000", "--dump-dom", address + path,
            ],
            capture_output=True, text=True, check=True, timeout=PATIENCE,
        )  # fmt: skip
        return html.unescape(done.stdout)

    return load


def test_the_list_names_the_study(page: Page) -> None:
    assert NAME in page("/")


def test_the_page_of_the_study_shows_metric_facts_and_pictures(page: Page) -> None:
    text = page("/dashboard/studies/0")
    for word in (NAME, "macro F1", "Support vector machine", "Intermediate values",
                 "confusion-matrix.svg", "parameter-importances.svg"):  # fmt: skip
        assert word in text


def test_the_note_says_the_best_and_its_pictures_are_served(page: Page, address: str) -> None:
    text = page("/dashboard/studies/0/note")
    assert "Best: macro F1" in text
    pictures = [part.split('"')[0] for part in text.split('src="')[1:] if "/artifacts/" in part]
    shown = []
    for picture in pictures:
        with DIRECT.open(address + picture) as answer:
            assert answer.headers["Content-Type"] == "image/svg+xml"
            shown.append(answer.read().decode())
    assert len(shown) == 2
    assert ">135</text>" in "".join(shown)
    assert "Parameter importances" in "".join(shown)
