"""Relabelled cells in scan, audit, extract and fit."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from data.audit.labels import BurnedIn
from pipeline.audit import audit_of, read_audit
from pipeline.config import RunConfig
from pipeline.extract import run_extract
from pipeline.fit import run_fit
from pipeline.reuse import unchanged
from pipeline.scan import read_scan, run_audit
from tests.pipeline.relabelled import content, copy_run, make_run, relabel, table


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    return make_run(tmp_path_factory.mktemp("relabel"), audit=True)


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifiers.shortcuts.TREES", 2)


@pytest.fixture
def config(made: RunConfig, tmp_path: Path) -> RunConfig:
    return copy_run(made, tmp_path)


def test_a_fit_uses_the_new_labels_without_extracting(config: RunConfig) -> None:
    store = {path: path.stat().st_mtime_ns for path in Path(config.work).rglob("*.h5")}
    assert unchanged(config)
    relabel(config, a_p0_0="b", u_p7_0="b")
    assert not unchanged(config)
    run_fit(config)
    assert unchanged(config)
    predictions = table(config.run_folder / "predictions.csv")
    of_selected = predictions[predictions.classifier == "selected"]
    assert of_selected.label["a/p0_0.png"] == "b"
    assert of_selected.split["unlabelled/p7_0.png"] == "train"
    assert json.loads((config.run_folder / "run.json").read_text(encoding="utf-8"))["audit"]
    assert store == {path: path.stat().st_mtime_ns for path in Path(config.work).rglob("*.h5")}


def test_extracting_again_keeps_decisions_fit_and_embeddings(
    config: RunConfig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    relabel(config, a_p0_0="b", u_p7_0="b", b_p1_1="")
    run_fit(config)
    before = content(config.run_folder)
    capsys.readouterr()
    monkeypatch.setattr("pipeline.audit._shortcuts", None)  # findings are given again
    run_extract(config)
    assert "decisions: 3 of 3 earlier ones applied" in capsys.readouterr().out
    after = content(config.run_folder)
    kept = ["manifest-relabelled.csv", "relabelled.csv", "audit.json", "ties.csv", "manifest.csv"]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert unchanged(config)


def test_a_new_scan_finds_decisions_by_content(
    config: RunConfig, capfd: pytest.CaptureFixture[str]
) -> None:
    relabel(config, a_p1_0="b", b_p2_0="a", u_p7_0="b")
    cells = Path(config.images)
    (cells / "a/p1_0.png").rename(cells / "a/p1_77.png")
    (cells / "b/p2_0.png").unlink()
    run_extract(config)
    told = capfd.readouterr()
    assert "decisions: 2 of 3 earlier ones applied" in told.out
    assert "1 images that were decided on are gone or replaced (b/p2_0)" in told.err
    manifest, _ = read_scan(config)
    label = dict(zip(manifest.frame.path, manifest.frame.label, strict=True))
    assert label["a/p1_77.png"] == label["unlabelled/p7_0.png"] == "b"
    assert audit_of(config, manifest) is not None
    assert len(table(config.run_folder / "relabelled.csv")) == 3
    run_fit(config)


def test_the_audit_is_judged_under_the_new_labels_but_masks_stay(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = read_audit(config)
    scanned, seen = read_scan(config)[0], []

    def burned_in(pictures: object, edges: object, y: object, *rest: object) -> list[BurnedIn]:
        seen.append(y)
        return []

    monkeypatch.setattr("pipeline.audit.burned_in", burned_in)
    relabel(config, a_p0_0="b", u_p7_0="b")
    judged = audit_of(config, read_scan(config)[0])
    assert judged is not None
    assert earlier is not None
    assert judged.fingerprint != earlier.fingerprint
    (y,) = seen
    assert y.tolist() == scanned.codes()[scanned.rows("train")].tolist()


def test_findings_are_left_out_where_images_have_gone(
    config: RunConfig, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(Path(config.work) / "audit")
    record = config.run_folder / "scan.json"
    scan = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps(scan | {"images": str(config.images) + "-gone"}), encoding="utf-8")
    relabel(config, a_p0_0="b")
    assert "cannot be looked at as before" in capfd.readouterr().err
    manifest, _ = read_scan(config)
    assert dict(zip(manifest.frame.path, manifest.frame.label, strict=True))["a/p0_0.png"] == "b"
    assert audit_of(config, manifest) is None


def test_an_audit_alone_judges_what_fit_will_read(config: RunConfig) -> None:
    relabel(config, a_p0_0="", u_p7_0="b")
    run_audit(config)
    exact = pd.read_csv(config.run_folder / "ties.csv", keep_default_na=False).iloc[0]
    assert exact[["first", "first_side"]].tolist() == ["a/p0_0.png", ""]
    assert audit_of(config, read_scan(config)[0]) is not None
