"""A finished run becomes one HTML file that needs nothing else."""

import base64
import hashlib
from collections import Counter
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from classifiers.result import RunResult
from data.errors import BlastlineError
from data.files import write_text
from reports import words
from reports.gallery import data_uri
from reports.pictures import without_missing
from reports.sections import SECTIONS, Section

TEMPLATES = Path(__file__).parent / "templates"
STYLES = ("style.css", "parts.css", "cells.css", "map.css")
SCRIPTS = ("sortable.js", "map.js")


def write_report(run_folder: Path) -> Path:
    """Write ``run_folder``/report.html from ``run_folder``/run.json and return its path.

    The same run.json and thumbnails give the same bytes.

    Raises:
        BlastlineError: no readable result there, or the report cannot be written.
    """
    result = RunResult.read(run_folder / "run.json")
    return write_page(render_page(result, run_folder), run_folder / "report.html")


def write_page(page: str, path: Path) -> Path:
    """Write a page, whole or not at all, and return its path.

    Raises:
        BlastlineError: it cannot be written.
    """
    try:
        write_text(path, page)
    except OSError as error:
        raise BlastlineError(f"{path}: cannot be written ({error}); check the folder") from None
    return path


def render_page(result: RunResult, run_folder: Path) -> str:
    """The whole page; thumbnails come from ``run_folder``."""
    result = without_missing(result, run_folder)
    environment = template_environment(run_folder)
    sections = [(each, render_section(each, result, environment)) for each in SECTIONS]
    theme, script = joined("theme.js"), joined(*SCRIPTS)
    return environment.get_template("report.html.j2").render(
        result=result,
        sections=sections,
        policy=policy(theme, script),
        style=Markup(joined(*STYLES)),
        theme=Markup(theme),
        script=Markup(script),
    )  # fmt: skip


def render_section(section: Section, result: RunResult, environment: Environment) -> Markup:
    """One section's markup, without its heading."""
    template = environment.get_template(f"{section.id}.html.j2")
    # The template escapes all that it prints, so its output is markup and not text.
    return Markup(template.render(result=result, **section.content(result)))


def template_environment(run_folder: Path) -> Environment:
    """Templates that escape everything and refuse unknown names."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["roles"] = words.ROLES
    environment.globals["titles"] = {section.id: section.title for section in SECTIONS}
    environment.globals["numbered"] = partial(_numbered, Counter())
    environment.globals["group_name"] = words.group_name
    for function in (words.number, words.interval, words.figure, words.count, words.moment):
        environment.filters[function.__name__] = function
    environment.filters["duration"] = words.duration
    environment.filters["plural"] = words.plural
    environment.filters["sentence"] = words.sentence
    environment.filters["listing"] = words.listing
    environment.filters["data_uri"] = partial(data_uri, run_folder)
    return environment


def _numbered(counts: Counter[str], kind: str) -> Markup:
    """The next label of a table or a figure: the same on screen, on paper and without styles."""
    counts[kind] += 1
    return Markup('<b id="{}-{}">{} {}.</b>').format(kind.lower(), counts[kind], kind, counts[kind])


def joined(*names: str) -> str:
    """Scripts or styles that a page bears in itself; each script keeps its names to itself."""
    texts = [(TEMPLATES / name).read_text(encoding="utf-8") for name in names]
    return "\n".join(
        f'(() => {{\n"use strict";\n{text}}})();\n' if name.endswith(".js") else text
        for name, text in zip(names, texts, strict=True)
    )


def policy(*scripts: str) -> str:
    """The Content-Security-Policy of a page that asks for nothing and runs these scripts alone."""
    return (
        # Figures carry their colours in style attributes, which no digest lets in.
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {' '.join(map(allowed_content, scripts))}; "
        "base-uri 'none'; form-action 'none'"
    )


def allowed_content(text: str) -> str:
    """How a page's Content-Security-Policy names the one script or style that it may use."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
