"""Pictures that are gone: counted in one line, and spoken of nowhere."""

import shutil
from pathlib import Path

import pytest

from reports.build import render_page
from reports.pictures import missing, without_missing
from tests.reports.example_cells import draw_thumbnails
from tests.reports.examples import EXAMPLES, build
from tests.reports.pages import Page


@pytest.fixture
def run(tmp_path: Path) -> Path:
    result = build(EXAMPLES["five"])
    draw_thumbnails(result, tmp_path, all_of_them=True)
    result.write(tmp_path / "run.json")
    return tmp_path


def test_heat_maps_that_were_deleted_are_neither_shown_nor_claimed(run: Path) -> None:
    result = build(EXAMPLES["five"])
    whole = Page(render_page(result, run))
    assert "Beside an error or a doubtful cell stands its heat map" in whole.text("gallery")
    maps = sum(bool(each.heatmap) for each in (*result.galleries.confident_errors,
                                               *result.galleries.least_confident))  # fmt: skip
    shutil.rmtree(run / "heatmaps")
    page = Page(render_page(result, run))
    assert "stands its heat map" not in page.text("gallery")
    assert f"{maps} maps can no longer be found in the run folder" in page.text("gallery")
    assert "heat maps: cells/P07.png" in page.text("checklist")
    assert len(page.tags("img")) < len(whole.tags("img"))


def test_what_is_there_is_left_as_it_is(run: Path) -> None:
    galleries = build(EXAMPLES["five"]).galleries
    assert without_missing(build(EXAMPLES["five"]), run).galleries == galleries


def test_pictures_that_are_gone_are_counted_in_one_line(run: Path) -> None:
    before = missing(run)
    shutil.rmtree(run / "heatmaps")
    after = missing(run)
    assert "\n" not in after and str(run) in after and "fit again" in after
    assert int(after.split()[0]) > (int(before.split()[0]) if before else 0)


def test_a_map_without_its_pictures_is_said_to_have_none(run: Path) -> None:
    result = build(EXAMPLES["five"])
    assert result.embedding_map is not None and result.embedding_map.sprite
    page = Page(render_page(result, run))
    assert "The pictures of the cells were not there" in page.text("map")
