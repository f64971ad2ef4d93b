"""A folder of bad and odd files through the command line: one outcome each, and it goes on."""

import csv
import os
import shutil
from pathlib import Path

from tests.data.odd_images import ODD_IMAGES
from tests.pipeline.commands import Folders, partly


def outcomes(folders: Folders) -> dict[str, tuple[str, str]]:
    """Path -> outcome and detail, as the run lists them."""
    with (folders.work / "r/outcomes.csv").open(encoding="utf-8", newline="") as stream:
        return {row["path"]: (row["outcome"], row["detail"]) for row in csv.DictReader(stream)}


def test_every_odd_file_has_its_outcome_and_none_stops_the_stage(folders: Folders) -> None:
    expected = {}
    for odd in ODD_IMAGES:
        path = Path("red") / f"odd-{odd.name}{odd.suffix}"
        (folders.images / path).write_bytes(odd.make())
        expected[str(path)] = odd.outcome
    done = folders("extract")
    failing = sum(outcome != "embedded" for outcome in expected.values())
    partly(done, f"{failing} image(s) could not be read, all others are embedded")
    found = outcomes(folders)
    assert len(found) == 16 + len(ODD_IMAGES)
    twins = {path for path, (name, _) in found.items() if name == "duplicate"}
    for path, outcome in expected.items():
        if path in twins:  # the corpus has kinds whose bytes are the same
            assert expected[found[path][1]] == outcome == "embedded"
        else:
            assert found[path][0] == outcome, path
    for name in ("embedded", "unreadable", "too large", "not an image"):
        count = sum(outcome == name for outcome, _ in found.values())
        assert any(line.split() == [*name.split(), str(count)] for line in done.out.splitlines())


def test_mended_files_are_picked_up_and_the_rest_is_not_done_again(folders: Folders) -> None:
    whole = (folders.images / "red/0.png").read_bytes()
    (folders.images / "red/0.png").write_bytes(whole[:-5])
    partly(folders("extract"), "1 image(s)")
    assert outcomes(folders)["red/0.png"][0] == "unreadable"
    (folders.images / "red/0.png").write_bytes(whole)
    done = folders("extract")
    assert (done.code, done.err) == (0, "")
    assert "1 embedded now, 15 dealt with before" in done.out
    assert set(outcomes(folders).values()) == {("embedded", "")}


def test_a_copy_is_told_as_one_and_serves(folders: Folders) -> None:
    shutil.copy(folders.images / "red/3.png", folders.images / "red/copy of 3.png")
    done = folders("extract")
    assert (done.code, done.err) == (0, "")
    assert outcomes(folders)["red/copy of 3.png"] == ("duplicate", "red/3.png")
    assert folders("fit").code == 0


def test_links_and_pipes_lead_nowhere(folders: Folders, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    shutil.copy(folders.images / "red/0.png", secret)
    (folders.images / "red/link.png").symlink_to(secret)
    (folders.images / "red/more").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folders.images / "red/pipe.png")
    assert folders("extract").code == 0
    assert len(outcomes(folders)) == 16
