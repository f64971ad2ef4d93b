"""The section with the map: what it says, what it draws, and what its script is given."""

import json
import re
from pathlib import Path

import pytest

from classifiers.cell_parts import MapPart
from classifiers.estimate import Estimate
from classifiers.result import RunResult
from reports.build import render_section, template_environment
from reports.embedding_map import embedding_map, trust
from reports.map_figure import SHAPES, aspect_of, classes, mark_of, radius_of, still_map
from reports.sections import SECTIONS
from tests.reports import example_map
from tests.reports.examples import EXAMPLES, HOSTILE, build
from tests.reports.pages import Page

SECTION = next(section for section in SECTIONS if section.id == "map")


def result_with(part: MapPart | None, name: str = "five") -> RunResult:
    return build(EXAMPLES[name]).model_copy(update={"embedding_map": part})


def example(name: str = "five", **changes: object) -> RunResult:
    names = EXAMPLES[name].classes
    odd = HOSTILE[0] if name == "hostile" else ""
    part = example_map.embedding_map(names, odd, patients="patient" not in changes)
    return result_with(part.model_copy(update=changes), name)


def markup(result: RunResult, folder: str = "no such folder") -> str:
    environment = template_environment(Path(folder))
    return f"<main>{render_section(SECTION, result, environment)}</main>"


def data_of(text: str) -> dict[str, object]:
    inside = re.findall(r'<script type="application/json" id="map-data">(.*?)</script>', text, re.S)
    assert len(inside) == 1
    return json.loads(inside[0])  # type: ignore[no-any-return]


def marks(svg: str, style: str) -> int:
    found = re.search(rf'<path class="{re.escape(style)}" d="([^"]*)"', svg)
    return found[1].count("M") if found else 0


def test_figure_legend_and_script_agree_on_the_cells_of_each_class() -> None:
    result = example()
    part, text = result.embedding_map, markup(result)
    assert part is not None
    svg = re.findall(r"<svg.*?</svg>", text, re.S)
    still = max(svg, key=len)
    data = data_of(text)
    way = data["ways"][0]  # type: ignore[index]
    for number, name in enumerate([*result.dataset.classes, "unlabelled"]):
        count = part.label.count(number if name != "unlabelled" else -1)
        entry = way["entries"][number]
        assert (entry["name"], entry["count"]) == (name, count)
        assert way["of"].count(number) == count
        if name != "unlabelled":
            assert marks(still, classes(mark_of(number))) == count
        assert re.search(rf"{name} {count}\b", Page(text).text("main"))
    wrong = [a >= 0 and a != b for a, b in zip(part.label, part.predicted, strict=True)]
    assert marks(still, "map-ring") == sum(wrong)
    assert [bool(each) for each in data["wrong"]] == wrong  # type: ignore[attr-defined]
    assert f"{sum(wrong)} are named wrongly" in Page(text).text("main")


def test_every_way_to_colour_puts_each_cell_into_one_entry() -> None:
    found = {way["title"]: way for way in data_of(markup(example()))["ways"]}  # type: ignore[attr-defined]
    assert list(found) == ["label", "prediction", "patient", "right or wrong", "confidence"]
    for way in found.values():
        assert sum(entry["count"] for entry in way["entries"]) == len(way["of"]) == 200
        assert [way["of"].count(n) for n in range(len(way["entries"]))] == [
            entry["count"] for entry in way["entries"]
        ]
    assert len(found["patient"]["entries"]) == 24
    nobody = example(patient=[""] * 200)
    titles = [way["title"] for way in data_of(markup(nobody))["ways"]]  # type: ignore[attr-defined]
    assert "patient" not in titles
    assert "No patients are known" in Page(markup(nobody)).text("main")


def test_confidence_falls_into_the_level_that_it_reaches() -> None:
    sure = [0.2, 0.5, 0.69, 0.7, 0.9, 0.989, 0.99, 1.0, None] + [0.6] * 191
    way = data_of(markup(example(confidence=sure)))["ways"][-1]  # type: ignore[index]
    names = [way["entries"][number]["name"] for number in way["of"][:9]]
    assert names == [
        "0 to 0.5", "0.5 to 0.7", "0.5 to 0.7", "0.7 to 0.9", "0.9 to 0.99", "0.9 to 0.99",
        "0.99 to 1", "0.99 to 1", "no prediction",
    ]  # fmt: skip


def test_cells_that_no_unseen_model_named_are_neither_right_nor_wrong() -> None:
    result = example(predicted=[-1] * 200, confidence=[None] * 200)
    text = markup(result)
    assert "0 shown cells with a label and a prediction" in Page(text).text("main")
    assert not any(data_of(text)["wrong"])  # type: ignore[call-overload]
    assert "map-ring" not in max(re.findall(r"<svg.*?</svg>", text, re.S), key=len)


def test_names_stay_names_in_script_and_legend() -> None:
    text = markup(example("hostile"))
    page = Page(text)  # complains about tags that do not nest
    assert not [each for each in page.tags("img") if "onerror" in each]
    names = {each["name"] for each in data_of(text)["ways"][0]["entries"]}  # type: ignore[index]
    assert set(HOSTILE) <= names
    assert "<script>alert" not in text


def test_it_says_how_cells_were_drawn_and_how_much_the_plane_keeps() -> None:
    drawn = Page(markup(example())).text("main")
    assert "Shown are 200 of 600 cells, drawn by lot within each class" in drawn
    assert "keeps 51.2" in drawn and "5.0 % by lot" in drawn.replace("\N{NO-BREAK SPACE}", " ")
    assert "87.6" in drawn and "12.3" in drawn and "34.5" in drawn and "4.1" in drawn
    whole = Page(markup(example(n=200, kept=None))).text("main")
    assert "All 200 cells are shown" in whole and "say little" in whole


def test_what_is_missing_is_said() -> None:
    assert "There is no map" in Page(markup(result_with(None))).text("main")
    assert "12 cells without a picture" in Page(markup(example())).text("main")
    without = example(picture=[-1] * 200, sprite="")
    assert "pictures of the cells were not there" in Page(markup(without)).text("main")
    assert not Page(markup(without)).tags("img")


@pytest.mark.parametrize(
    ("same", "chance", "told"),
    [(0.6, 0.1, True), (0.21, 0.1, True), (0.15, 0.1, False), (0.19, 0.1, False),
     (0.9, 0.5, False), (0.06, 0.02, False), (None, None, False)],
)  # fmt: skip
def test_the_summary_hears_of_patients_that_lie_together(
    same: float | None, chance: float | None, told: bool
) -> None:
    lines = trust(example(same_patient=same, patient_chance=chance))
    assert len(lines) == told
    assert trust(result_with(None)) == []


@pytest.mark.parametrize(
    ("low", "said"),
    [(0.01, "flatters this classifier by it"), (-0.01, "would not flatter this classifier"),
     (None, "was not measured")],
)  # fmt: skip
def test_what_such_patients_mean_is_said_by_the_premium_alone(low: float | None, said: str) -> None:
    # Neighbours of one patient do no harm where the classifier looks past what they share.
    result = example(same_patient=0.999, patient_chance=0.1)
    measured = {"f1_macro": Estimate(value=0.02, low=low, high=0.03)}
    premium = result.premium.model_copy(update={"premium": measured})
    assert said in trust(result.model_copy(update={"premium": premium}))[0]


def test_marks_repeat_late_and_shrink_among_many() -> None:
    assert len({mark_of(number) for number in range(128)}) == 128
    assert mark_of(128) == mark_of(0)
    assert len({(mark_of(n).colour, mark_of(n).shape) for n in range(64)}) == 64
    assert len(set(SHAPES)) == 8
    assert radius_of(20) == radius_of(100) > radius_of(1000) > radius_of(3000) > 2


@pytest.mark.parametrize("reach", [0.0, 0.1, 0.3, 0.5])
def test_no_mark_leaves_the_still_figure(reach: float) -> None:
    x, y = [0.0, 1.0, 0.5, 0.5], [0.5, 0.5, 0.5 - reach, 0.5 + reach / 2]
    drawn = still_map(x, y, [0] * 4, [mark_of(0)], [True] * 4, "a & b")
    assert '<title id="map-still-title">a &amp; b</title>' in drawn
    left, top, width, height = map(float, re.findall(r'viewBox="([^"]*)"', drawn)[0].split())
    places = [
        [float(each) for each in place.split()] for place in re.findall(r"M([\d. ]+)m", drawn)
    ]
    assert len(places) == 8
    for across, down in places:
        assert left + 2 < across < left + width - 2
        assert top + 2 < down < top + height - 2
    assert 1 <= width / height <= 2
    assert width / height == pytest.approx(aspect_of(y), rel=0.01)


def test_a_single_cell_and_two_classes_are_drawn() -> None:
    part = example_map.embedding_map(["a", "b"], "", each=1)
    values = part.model_dump()
    one = {key: each[:1] if isinstance(each, list) else each for key, each in values.items()}
    result = result_with(MapPart(**one), "two")
    assert embedding_map(result)["shown"] == 1
    assert "1 cell" in Page(markup(result)).text("main")
