"""The review page as a file: safe, self-contained, repeatable; what it asks and why."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import BlastlineError
from reports.review import Review, render_review, why, write_review
from tests.reports.example_review import changed, review
from tests.reports.examples import HOSTILE
from tests.reports.pages import Page


def island(page: str) -> dict:
    """The data that the page carries."""
    return json.loads(re.search(r'type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def hostile() -> Review:
    made = review(len(HOSTILE), tuple(HOSTILE), title=HOSTILE[0], run=HOSTILE[3])
    for number, name in enumerate(HOSTILE):
        made = changed(made, number, image_id=name, path=name, patient=name, group=name)
    return made


@pytest.mark.parametrize(
    "made", [review(), review(0), hostile()], ids=["usual", "empty", "hostile"]
)
def test_nothing_is_loaded_from_elsewhere_or_runs_that_is_not_ours(made: Review) -> None:
    text = render_review(made)
    page = Page(text)
    assert "url(" not in text and "@import" not in text
    assert [each.get("type", "") for each in page.tags("script")] == ["application/json", ""]
    for _, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes), attributes
        assert not any(key in attributes for key in ("src", "srcset", "action"))
        assert attributes.get("href", "#").startswith("#")


def test_the_policy_of_the_page_allows_its_own_script_and_style_alone() -> None:
    text = render_review(review())
    policy = next(each["content"] for each in Page(text).tags("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag in ("script", "style"):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_hostile_names_are_data_and_no_markup() -> None:
    made = hostile()
    text = render_review(made)
    data = island(text)
    assert data["classes"] == HOSTILE
    assert [cell["path"] for cell in data["cells"]] == HOSTILE
    assert data["run"] == HOSTILE[3]
    assert text.count("<script") == 2
    assert "<img src=x" not in text and "49" not in data["classes"][5]
    assert HOSTILE[0] in Page(text).text("h1")


def test_a_page_says_why_a_cell_is_asked_for() -> None:
    classes = ["blast", "normal", "other"]
    error, doubtful, unlabelled = review(3).cells
    assert why(error, classes) == "Its label may be wrong: looks like normal"
    shares = [0.38, 0.21, 0.41]
    assert why(replace(doubtful, probabilities=shares), classes) == (
        "Doubtful: other 0.41, blast 0.38"
    )
    assert why(replace(unlabelled, probabilities=shares), classes) == (
        "Unlabelled, unsure: other 0.41, blast 0.38"
    )


def test_decisions_are_kept_under_the_run_whatever_is_asked() -> None:
    made = review()
    assert made.key.startswith("blastline-review:demo:")
    for page in (review(5), changed(made, 2, label="blast"), review(reviewer="me")):
        assert page.key == made.key
    others = [
        review(run="second"),
        review(title="other cells"),
        review(classes=("blast", "normal", "third")),
    ]
    assert len({each.key for each in (made, *others)}) == 1 + len(others)


def test_the_same_review_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = [write_review(review(), tmp_path / name) for name in ("a.html", "b.html")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_page_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BlastlineError, match="cannot be written"):
        write_review(review(), tmp_path / "file/review.html")


def test_names_of_controls_stand_once_and_every_reference_is_met() -> None:
    text = render_review(review())
    page = Page(text)
    ids = [each["id"] for _, each in page.elements if "id" in each]
    assert len(ids) == len(set(ids))
    named = [each["aria-labelledby"] for _, each in page.elements if "aria-labelledby" in each]
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    assert set(named) | set(re.findall(r'\$\("([\w-]+)"\)', script)) <= set(ids)
