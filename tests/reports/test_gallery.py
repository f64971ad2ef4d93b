"""The gallery explains what it shows, shows text as text, and does without what is missing."""

import re
from pathlib import Path

import pytest

from classifiers.cell_parts import Galleries
from classifiers.result import RunResult
from reports.build import render_page
from reports.gallery import trust
from reports.pictures import without_missing
from tests.reports.example_cells import draw_thumbnails, pictures
from tests.reports.examples import EXAMPLES, HOSTILE, build
from tests.reports.pages import Page
from tests.reports.test_sections import read


def gallery_of(result: RunResult, folder: Path) -> str:
    found = re.search(r'<section id="gallery".*?</section>', render_page(result, folder), re.DOTALL)
    assert found is not None
    return found[0]


def changed(result: RunResult, **fields: object) -> RunResult:
    galleries = result.galleries.model_copy(update=fields)
    return result.model_copy(update={"galleries": galleries})


def test_every_picture_has_words_that_stand_for_it(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"])
    draw_thumbnails(result, tmp_path)
    page = Page(gallery_of(result, tmp_path))
    result = without_missing(result, tmp_path)
    shown = [attributes for tag, attributes in page.elements if tag in ("img", "div")
             and (tag == "img" or attributes.get("role") == "img")]  # fmt: skip
    words = [each.get("alt", each.get("aria-label", "")) for each in shown]
    assert len(words) == len(pictures(result))
    assert all(words)
    maps = [each for each in words if each.startswith("Heat map by")]
    explained = [*result.galleries.confident_errors, *result.galleries.least_confident]
    assert len(maps) == sum(bool(cell.heatmap) for cell in explained)
    assert all("what speaks for" in each and "rather than" in each for each in maps)


def test_each_cell_has_its_neighbours_and_descriptors_in_their_units(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"])
    cell = next(
        each for each in result.galleries.confident_errors if each.evidence and each.neighbours
    )
    text = Page(gallery_of(changed(result, confident_errors=[cell], least_confident=[]),
                           tmp_path)).text("gallery")  # fmt: skip
    assert "+18.0 nucleus area: 0.213, usually 0.171 (share of frame)" in text
    assert "−7.0 chromatin contrast 1: 1,234, usually 980 (squared grey levels)" in text
    for near in cell.neighbours:
        assert f"{near.label} {near.likeness:.2f} patient {near.patient}" in text


@pytest.mark.parametrize("method", ["class activation", "occlusion"])
def test_only_the_methods_that_were_used_are_described(tmp_path: Path, method: str) -> None:
    result = build(EXAMPLES["five"])
    explained = [
        each.model_copy(update={"method": method}) for each in result.galleries.least_confident
    ]
    result = changed(result, confident_errors=[], least_confident=explained, note="")
    draw_thumbnails(result, tmp_path, all_of_them=True)
    text = Page(gallery_of(result, tmp_path)).text("gallery")
    sources = {"class activation": "10.1109/CVPR.2016.319", "occlusion": "978-3-319-10590-1_53"}
    for name, source in sources.items():
        assert (source in text) == (name == method)
    assert "missing" not in text


def test_a_run_without_explanations_says_why(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"])
    bare = [
        each.model_copy(update={"picture": "", "heatmap": "", "method": "", "neighbours": [],
                                "evidence": []})
        for each in result.galleries.least_confident
    ]  # fmt: skip
    result = changed(result, confident_errors=[], errors=0, least_confident=bare,
                     descriptors=False, note="weights imagenet: none there")  # fmt: skip
    text = Page(gallery_of(result, tmp_path)).text("gallery")
    assert "Heat maps are missing: weights imagenet: none there." in text
    assert "No cell under test was decided wrongly." in text
    for word in ("Training cells", "Descriptors", "How to read", "pale"):
        assert word not in text


def test_a_run_that_kept_no_cell_at_all_has_a_section(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"])
    empty = Galleries(samples=[], confident_errors=[], least_confident=[])
    text = Page(gallery_of(result.model_copy(update={"galleries": empty}), tmp_path)).text(
        "gallery"
    )
    assert text.count("The run kept no") == 2


def test_names_from_users_show_as_text(tmp_path: Path) -> None:
    result = build(EXAMPLES["hostile"])
    section = gallery_of(result, tmp_path)
    assert HOSTILE[0] not in section
    page = Page(section)
    assert not page.tags("script")
    text = page.text("gallery")
    assert text.count(HOSTILE[0]) > 20
    assert f"missing: cells/P07.png: changed since it was scanned{HOSTILE[0]}." in text


def test_what_is_said_of_trust_is_about_the_surest_error() -> None:
    result = build(EXAMPLES["five"])
    (line,) = trust(result)
    assert line.endswith("the surest of its 31 errors gave the wrong class 0.990.")
    one = changed(result, errors=1, confident_errors=result.galleries.confident_errors[-1:])
    assert trust(one)[0].endswith("its only error gave the wrong class 0.910.")
    assert trust(changed(result, errors=0, confident_errors=[])) == []


def test_views_and_drawn_neighbours_are_said_where_the_run_had_them() -> None:
    result = build(EXAMPLES["five"])
    plain = read("gallery", result).text("main")
    assert "views" not in plain and "drawn at random)" not in plain
    recipes = {digest: {**each, "views": 8} for digest, each in result.recipes.items()}
    text = read("gallery", result.model_copy(update={"recipes": recipes})).text("main")
    assert "by 8 views of it; a map explains the picture itself" in text
    text = read("gallery", changed(result, drawn=True)).text("main")
    assert "whole groups drawn at random" in text
