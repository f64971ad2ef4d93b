"""The figure of the frame: what was given is what is drawn, and it can be read without colour."""

import re
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup

from reports.frame_figure import frame

GRID, CHANCE, LEVEL = 8, 0.25, 0.35
TITLE = "The class shows <nowhere> & the figure says so"


def plain() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A skill at chance, a grey picture, cells in the middle."""
    cells = np.zeros((GRID, GRID), bool)
    cells[3:5, 3:5] = True
    return np.full((GRID, GRID), CHANCE), np.full((GRID, GRID, 3), 128, np.uint8), cells


def draw(
    skill: np.ndarray, picture: np.ndarray, cells: np.ndarray, **more: list[tuple[float, ...]]
) -> Markup:
    return frame(skill.tolist(), picture.tolist(), cells.tolist(), CHANCE, LEVEL, TITLE, **more)


def paths(svg: str, style: str) -> list[str]:
    """Outlines of the shapes whose style holds this text."""
    shapes = [each for each in ElementTree.fromstring(svg).iter() if each.tag.endswith("path")]
    return [each.attrib["d"] for each in shapes if style in each.get("style", "")]


def words_in(svg: str) -> str:
    return " ".join(ElementTree.fromstring(svg).itertext())


def test_the_figure_is_valid_and_speaks_to_those_who_do_not_see_it() -> None:
    svg = draw(*plain())
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root[0].text == TITLE
    assert "<nowhere>" not in svg


def test_chance_is_empty_and_the_best_place_darkest() -> None:
    skill, picture, cells = plain()
    legend = len(paths(draw(skill, picture, cells), "fill: var(--stain)"))
    skill[3, 3] = 0.9
    best = draw(skill, picture, cells)
    shaded = paths(best, "fill: var(--stain)")
    assert len(shaded) == legend + 1
    assert "M 382 120 L 414 120 L 414 152" in shaded[0]  # fourth of eight, 32 pixels each
    assert "0.900" in words_in(best)
    assert "0.250 chance" in words_in(best)
    assert "0.350, the least of a finding" in words_in(best)


def test_places_outside_the_cells_that_tell_the_class_bear_dots() -> None:
    skill, picture, cells = plain()
    skill[0, 1] = 0.9  # so that the others are light
    counts = []
    for row, value in ((0, LEVEL - 0.05), (3, LEVEL + 0.05), (0, LEVEL + 0.05)):
        skill[row, 3] = value
        svg = draw(skill, picture, cells)
        counts.append(sum(d.count("M") for d in paths(svg, "fill: var(--ink)")))
    assert counts == [counts[0], counts[0], counts[0] + 1]


def test_dots_on_dark_places_are_light() -> None:
    skill, picture, cells = plain()
    skill[0, 0] = 0.9
    assert len(paths(draw(skill, picture, cells), "fill: var(--on-stain)")) == 1


def test_the_mean_picture_keeps_its_colours_in_either_scheme() -> None:
    skill, picture, cells = plain()
    picture[0, 0], picture[1, 1] = (200, 120, 40), (0, 0, 3)
    svg = draw(skill, picture, cells)
    assert "#c87828" in svg
    assert not re.search(r"#00000[1-9]", svg)


def test_cells_and_labels_are_outlined_in_both_panels() -> None:
    skill, picture, cells = plain()
    without = draw(skill, picture, np.zeros_like(cells))
    assert "cells have no usual place" in words_in(without)
    assert not paths(without, "stroke: var(--ink); stroke-width: 1.5; stroke-linejoin")
    svg = draw(skill, picture, cells, boxes=[(0.75, 0.5, 1.0, 1.0)])
    assert "rectangle: burned-in label" in words_in(svg)
    rectangles = [d for d in paths(svg, "stroke: var(--ink)") if "194" in d or "478" in d]
    assert len(rectangles) >= 2


def test_a_busy_figure_stays_a_small_file() -> None:
    rng = np.random.default_rng(0)
    cells = np.zeros((32, 32), bool)
    cells[8:24, 8:24] = True
    picture = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    assert len(draw(rng.uniform(0.2, 0.9, (32, 32)), picture, cells)) < 300_000


def test_a_mean_picture_of_another_size_fills_the_panel() -> None:
    skill, _, cells = plain()
    svg = draw(skill, np.full((4, 4, 3), 128, np.uint8), cells)
    assert any("258 280" in d for d in paths(svg, "#808080"))
