"""The stage scan: what it says of the split, and what the next stages read of it."""

import json
from pathlib import Path

import pytest

from data.errors import BlastlineError
from pipeline.config import RunConfig
from pipeline.scan import overlap_warning, read_scan, run_scan, write_scan
from tests.data.folders import put

CARD = """
format = 1
name = "own"
title = "own"
citation = "none"
licence = "own"
where = "here"
classes = ["a", "b"]
pattern = 'fold_(?P<fold>\\d)/(?P<label>a|b)/p(?P<patient>\\d+)_\\d+\\.png'
[examples]
"fold_0/a/p1_1.png" = "a"
"fold_0/b/p1_1.png" = "b"
"""


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    (tmp_path / "own.toml").write_text(CARD, encoding="utf-8")
    for fold in range(2):
        for label in "ab":
            put(tmp_path, *(f"cells/fold_{fold}/{label}/p{fold}{who}_1.png" for who in range(3)))
    put(tmp_path, "cells/fold_0/a/p00_2.png", "cells/fold_1/a/p10_2.png", content="the same")
    put(tmp_path, "cells/notes.txt")
    return RunConfig(
        dataset=str(tmp_path / "own.toml"),
        images=str(tmp_path / "cells"),
        work=str(tmp_path / "runs"),
        split="official",
        folds=2,
        audit=False,
    )


def test_official_folds_that_leak_stop_the_run_and_write_nothing(config: RunConfig) -> None:
    with pytest.raises(BlastlineError, match="1 pair of identical files"):
        run_scan(config)
    assert not config.run_folder.exists()


def test_an_allowed_overlap_is_said_and_survives_the_disk(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = config.model_copy(update={"allow_overlap": True})
    scanned = run_scan(allowed)
    out = capsys.readouterr().out
    assert "WARNING: The split leaks: 1 group, 1 pair of identical files" in out
    assert "folds: the official ones of the data set" in out
    assert "passed over: 1 files (not described by the card): notes.txt" in out
    write_scan(allowed, scanned)
    again, read = read_scan(allowed)
    assert again.frame.equals(scanned.manifest.frame)
    assert read == scanned.record
    assert (read.overlap.identical_pairs, read.overlap.groups) == (1, ["00+10"])
    assert overlap_warning(read.overlap)


def test_a_grouped_split_of_the_same_images_has_nothing_to_say(config: RunConfig) -> None:
    grouped = config.model_copy(update={"split": "grouped"})
    scanned = run_scan(grouped)
    write_scan(grouped, scanned)
    read = read_scan(grouped)[1]
    assert not read.overlap
    assert overlap_warning(read.overlap) == ""
    assert sum(read.overlap.sides.values()) == len(scanned.manifest) == 14


def test_what_an_earlier_version_wrote_is_read(config: RunConfig) -> None:
    grouped = config.model_copy(update={"split": "grouped"})
    write_scan(grouped, run_scan(grouped))
    path = grouped.run_folder / "scan.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in ("split", "overlap", "examples"):
        del content[key]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert read_scan(grouped)[1].split == "grouped"
