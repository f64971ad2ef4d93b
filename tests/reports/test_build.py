"""The whole page: safe, self-contained, repeatable, complete."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

import pytest

from classifiers.cell_parts import Galleries
from classifiers.estimate import Estimate
from classifiers.result import RunResult
from data.errors import BlastlineError
from reports.build import render_page, render_section, template_environment, write_report
from reports.gallery import data_uri
from reports.pictures import without_missing
from reports.sections import SECTIONS, Section
from tests.reports.example_cells import draw_thumbnails, pictures
from tests.reports.examples import EXAMPLES, HOSTILE, Plan, build
from tests.reports.pages import Page

NAMES = list(EXAMPLES)


@cache
def page(name: str) -> str:
    """An example's page without thumbnails."""
    return render_page(build(EXAMPLES[name]), Path("no such folder"))


def drawings(found: Page) -> list[dict[str, str]]:
    """The figures, without the small signs of legends."""
    return [each for each in found.tags("svg") if "aria-hidden" not in each]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.id)
def test_every_section_says_something_about_every_run(section: Section, name: str) -> None:
    markup = render_section(
        section, build(EXAMPLES[name]), template_environment(Path("no such folder"))
    )
    body = Page(f"<main>{markup}</main>")
    assert len(body.text("main")) > 40
    assert all(each["type"] == "application/json" for each in body.tags("script"))
    assert len(body.tags("caption")) == len(body.tags("table"))
    assert all(each.get("scope") in ("row", "col") for each in body.tags("th"))
    assert len(body.tags("figcaption")) == len(drawings(body))


@pytest.mark.parametrize("name", NAMES)
def test_sections_stand_in_order_and_the_contents_lead_to_them(name: str) -> None:
    found = Page(page(name))
    ids = [section.id for section in SECTIONS]
    assert [each["id"] for each in found.tags("section")] == ids
    assert [each["href"] for each in found.tags("a")][1 : 1 + len(ids)] == [
        f"#{id_}" for id_ in ids
    ]


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_every_reference_is_met(name: str) -> None:
    attributes = [found for _, found in Page(page(name)).elements]
    ids = [each["id"] for each in attributes if "id" in each]
    assert len(ids) == len(set(ids))
    for each in attributes:
        assert each.get("aria-labelledby", ids[0]) in ids
        if each.get("href", "#").startswith("#"):
            assert each.get("href", "#")[1:] in ["", *ids]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    text = page(name)
    assert "url(" not in text and "@import" not in text
    found = Page(text)
    assert not found.tags("link")
    for tag, attributes in found.elements:
        assert not any(key.startswith("on") for key in attributes), attributes
        for key in ("src", "srcset", "poster", "action", "xlink:href"):
            assert attributes.get(key, "data:").startswith("data:"), (tag, attributes)
        assert attributes.get("href", "#").startswith(("#", "https://doi.org/10."))


@pytest.mark.parametrize("name", ["five", "hostile"])
def test_no_script_may_run_but_the_pages_own(name: str) -> None:
    text = page(name)
    policy = next(each for each in Page(text).tags("meta") if "http-equiv" in each)["content"]
    assert policy.startswith("default-src 'none'; ")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()) for each in scripts]
    allowed = " ".join(f"'sha256-{each.decode()}'" for each in digests)
    assert len(scripts) == 2 and f"script-src {allowed};" in policy
    data = [each for each in Page(text).tags("script") if each]
    assert all(each["type"] == "application/json" for each in data)


def test_hostile_names_stand_as_text() -> None:
    found = Page(page("hostile"))
    assert not found.tags("img")  # the example has no thumbnails: any img came out of a name
    assert len(found.tags("title")) == 1 + len(drawings(found))
    assert len(found.tags("style")) == 1
    for name in HOSTILE:
        shown = " ".join(name.split())
        assert shown in found.text("per-class"), name
        assert shown[:11] in found.text("svg"), name
    assert found.text("svg").count("$\\frac") == 2  # as row and column, no formula


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"])
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        result.write(folder / "run.json")
        draw_thumbnails(result, folder)
        target = write_report(folder)
        assert target == folder / "report.html"
        written.append(target.read_bytes())
    assert written[0] == written[1]
    assert len(written[0]) > 10_000
    assert not [path for path in (tmp_path / "a").iterdir() if path.suffix == ".tmp"]


def test_thumbnails_are_embedded_and_absent_ones_shown_as_such(tmp_path: Path) -> None:
    result = build(EXAMPLES["five"])
    draw_thumbnails(result, tmp_path)
    present = {data_uri(tmp_path, str(path)) for path in tmp_path.rglob("*.png")}
    named = pictures(without_missing(result, tmp_path))
    absent = [name for name in named if not (tmp_path / name).is_file()]
    found = Page(render_page(result, tmp_path))
    images = found.tags("img")
    assert {each["src"] for each in images} == present and len(present) > 20
    assert all(each["alt"] for each in images)
    assert found.text("gallery").count("no image") == len(absent) > 0


@pytest.mark.parametrize("thumbnail", ["../secret.png", "/etc/hostname", "a\0b", "", ".", "x.svg"])
def test_only_pictures_inside_the_run_folder_are_embedded(tmp_path: Path, thumbnail: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (run / "x.svg").write_text("<svg onload='alert(1)'/>", encoding="utf-8")
    assert data_uri(run, thumbnail) == ""


def test_a_missing_result_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BlastlineError, match=r"run\.json: no result there"):
        write_report(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"format": 2}'])
def test_an_unreadable_result_is_told_and_leaves_the_old_report(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "run.json").write_bytes(content)
    (tmp_path / "report.html").write_text("old", encoding="utf-8")
    with pytest.raises(BlastlineError, match=r"run\.json: not a result"):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "old"


def test_a_result_without_a_selected_classifier_is_told(tmp_path: Path) -> None:
    result = build(EXAMPLES["two"])
    others = {key: value for key, value in result.classifiers.items() if key != "selected"}
    result.model_copy(update={"classifiers": others}).write(tmp_path / "run.json")
    with pytest.raises(BlastlineError, match="no 'selected' classifier"):
        write_report(tmp_path)


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    build(EXAMPLES["two"]).write(tmp_path / "run.json")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(BlastlineError, match=r"report\.html: cannot be written"):
        write_report(tmp_path)


def test_a_hundred_classes_stay_a_file_that_can_be_sent() -> None:
    assert len(page("hundred")) < 3_000_000


NOTHING = Estimate(value=None, low=None, high=None)


def bare(result: RunResult) -> RunResult:
    """The same run with nothing examined, nothing learned in rounds and nothing to show."""
    patients = result.evaluation.patients.model_copy(
        update={"rules": [], "rows": [], "worst": [], "note": "patients are gone"}
    )
    return result.model_copy(
        update={
            "audit": None,
            "self_training": None,
            "feedback": None,
            "embedding_map": None,
            "evaluation": result.evaluation.model_copy(update={"patients": patients}),
            "premium": result.premium.model_copy(
                update={"n": 0, "grouped": {}, "random": {}, "premium": {}, "note": "no premium"}
            ),
            "robustness": result.robustness.model_copy(
                update={"n": 0, "accuracy": NOTHING, "f1_macro": NOTHING, "perturbed": [],
                        "note": "no disturbance"}
            ),
            "novelty": result.novelty.model_copy(
                update={"sets": [], "training": [], "by_class": {}, "error_familiar": NOTHING,
                        "error_flagged": NOTHING, "auroc_errors": NOTHING, "note": "no novelty"}
            ),
            "subgroups": result.subgroups.model_copy(update={"subsets": [], "note": "no subset"}),
            "galleries": Galleries(
                samples=[], confident_errors=[], least_confident=[], note="no picture"
            ),
        }
    )  # fmt: skip


@pytest.mark.parametrize("name", ["five", "two", "no_patients"])
def test_what_a_run_does_not_have_is_said_where_it_would_stand(name: str) -> None:
    found = Page(render_page(bare(build(EXAMPLES[name])), Path("no such folder")))
    for section, said in (
        ("premium", "no premium"),
        ("robustness", "no disturbance"),
        ("novelty", "no novelty"),
        ("subgroups", "no subset"),
        ("patients", "patients are gone"),
        ("map", "no map"),
        ("audit", "switched off"),
        ("gallery", "kept no"),
    ):
        assert said in found.text(section).lower(), section
    assert found.text("checklist").count("○") >= 4
    assert "nan" not in found.text("main").split()


@pytest.mark.parametrize("patients", [1, 2])
def test_a_run_of_one_or_two_patients_has_a_report(patients: int) -> None:
    plan = Plan("Few patients", ["healthy", "blast"], [12, 8], patients=patients)
    found = Page(render_page(build(plan), Path("no such folder")))
    assert f"{patients} patient" in found.text("summary")
    assert "Few examples" in found.text("limits")


def test_tables_and_figures_are_numbered_in_the_page_itself() -> None:
    text = page("five")
    for kind, tag in (("Table", "caption"), ("Figure", "figcaption")):
        numbers = re.findall(rf'<b id="{kind.lower()}-(\d+)">{kind} (\d+)\.</b>', text)
        assert [int(each) for pair in numbers for each in pair] == [
            number for each in range(1, text.count(f"<{tag}>") + 1) for number in (each, each)
        ]
        assert len(numbers) > 8
    assert "counter(table)" not in text and "counter(figure)" not in text
