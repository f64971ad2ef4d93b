"""The review page: doubtful cells, one at a time, in one HTML file that needs nothing else."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from markupsafe import Markup

from reports.build import TEMPLATES, allowed_content, template_environment, write_page

STYLES = ("style.css", "review.css")
SCRIPTS = ("review_decisions.js", "review.js", "review_keys.js")


@dataclass(frozen=True)
class Neighbour:
    """A labelled cell that others are compared with; ``picture`` is a data: URI or empty."""

    path: str
    label: str
    patient: str
    picture: str


@dataclass(frozen=True)
class ReviewCell:
    """A cell that is asked for.

    Attributes:
        label: class name, empty where unlabelled.
        group: empty where it says no more than patient or image.
        reason: label error, doubtful or unlabelled.
        suggested: what a likely label error looks like; empty otherwise.
        probabilities: one a class, in the order of classes.
        picture, context: data: URI, empty where there is none.
        width: of the picture, in pixels; it is shown at three times this at most.
        context_title: what the context shows.
        neighbours: positions in ``Review.neighbours``, nearest first.
    """

    image_id: str
    path: str
    sha256: str
    label: str
    patient: str
    group: str
    reason: str
    suggested: str
    probabilities: list[float]
    picture: str
    width: int
    context: str
    context_title: str
    neighbours: list[int]


@dataclass(frozen=True)
class Review:
    """All that the page shows; ``reviewer`` is who is taken to review, empty: the page asks."""

    run: str
    title: str
    classes: list[str]
    reviewer: str
    cells: list[ReviewCell]
    neighbours: list[Neighbour]

    @property
    def key(self) -> str:
        """Under which a browser keeps the decisions: one for all pages of a run.

        Not of the cells: who makes the page again, with others, finds every decision again.
        """
        facts = json.dumps([self.run, self.title, self.classes])
        return f"blastline-review:{self.run}:{hashlib.sha256(facts.encode()).hexdigest()[:16]}"


def write_review(review: Review, path: Path) -> Path:
    """Write the page to ``path`` and return it; the same review gives the same bytes.

    Raises:
        BlastlineError: the page cannot be written.
    """
    return write_page(render_review(review), path)


def render_review(review: Review) -> str:
    """The whole page. Names go in as JSON and are set as text, so that none becomes markup."""
    data = asdict(review) | {"key": review.key}
    for shown, cell in zip(data["cells"], review.cells, strict=True):
        shown["why"] = why(cell, review.classes)
    style, script = _joined(STYLES), _joined(SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    return template_environment(Path()).get_template("review.html.j2").render(
        title=review.title,
        run=review.run,
        policy=(
            f"default-src 'none'; img-src data:; style-src {allowed_content(style)}; "
            f"script-src {allowed_content(script)}; base-uri 'none'; form-action 'none'"
        ),
        style=Markup(style),
        script=Markup(script),
        data=Markup(json.dumps(data).replace("<", "\\u003c")),
    )  # fmt: skip


def why(cell: ReviewCell, classes: list[str]) -> str:
    """Why a cell is asked for, in words."""
    if cell.reason == "label error":
        return f"Its label may be wrong: looks like {cell.suggested}"
    order = sorted(range(len(classes)), key=lambda code: -cell.probabilities[code])[:2]
    likely = ", ".join(f"{classes[code]} {cell.probabilities[code]:.2f}" for code in order)
    return f"{'Doubtful' if cell.reason == 'doubtful' else 'Unlabelled, unsure'}: {likely}"


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names)
