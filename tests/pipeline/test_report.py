"""``blastline report``: it writes what a reader takes away, and touches nothing else."""

import hashlib
from pathlib import Path

import pytest

from tests.reports.example_cells import draw_thumbnails
from tests.reports.examples import EXAMPLES, build

typer = pytest.importorskip("typer.testing")
WRITTEN = {"report.html", "results.csv", "patients.csv", "model-card.md"}


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["five", "no_patients"])
def test_a_report_changes_nothing_but_itself(tmp_path: Path, name: str) -> None:
    from pipeline.cli import app

    folder = tmp_path / "demo"
    folder.mkdir()
    result = build(EXAMPLES[name])
    result.write(folder / "run.json")
    draw_thumbnails(result, folder)
    before = digests(tmp_path)
    command = ["report", "--work", str(tmp_path), "--run", "demo"]
    done = typer.CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    first = digests(tmp_path)
    new = WRITTEN - (set() if result.dataset.patients else {"patients.csv"})
    assert {Path(each).name for each in first.keys() - before.keys()} == new
    assert before.items() <= first.items()
    assert typer.CliRunner().invoke(app, command).exit_code == 0
    assert digests(tmp_path) == first
