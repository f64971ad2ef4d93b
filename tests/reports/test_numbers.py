"""Every number that a reader of the report sees is one of run.json, or follows from it."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from classifiers.result import RunResult
from reports.build import render_section, template_environment
from reports.sections import SECTIONS, Section
from tests.reports.examples import EXAMPLES, build
from tests.reports.pages import Page

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)")
DOI = re.compile(r"10\.\d{4,}/\S+")
YEARS = {"2014", "2016", "2020", "2022", "2024"}  # of papers that the text names


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def printed(value: float) -> set[str]:
    """All ways in which the report may print a number: plain, rounded, or as a percentage."""
    size = abs(value)
    rounded = {f"{size:.{digits}f}" for digits in range(5)}
    percent = {f"{100 * size:.{digits}f}" for digits in range(3)}
    return rounded | percent | {f"{size:,}", f"{size:,.0f}", f"{size:g}", f"{100 * size:g}",
                                f"{size:.4g}"}  # fmt: skip


@cache
def example(name: str) -> tuple[RunResult, set[str]]:
    """An example, and all numbers that its report may print."""
    result = build(EXAMPLES[name])
    found = set(YEARS)
    for leaf in leaves(json.loads(result.model_dump_json())):
        if isinstance(leaf, str):
            found |= {*NUMBER.findall(leaf), *re.findall(r"\d+", leaf)}
        elif leaf is not None:
            found |= printed(float(leaf)) if isinstance(leaf, float) else printed(leaf)
    for value in derived(result):
        found |= printed(value)
    return result, found


def derived(result: RunResult) -> Iterator[float]:
    """Sums and shares that the report works out from the result."""
    data, part = result.dataset, result.evaluation
    total = sum(data.images_per_class.values())
    yield total
    yield from (n / total for n in data.images_per_class.values())
    confusion = result.classifiers["selected"].test.confusion
    yield from (n / max(1, sum(row)) for row in confusion for n in row)
    n = sum(map(sum, confusion))
    yield 1 - sum(row[code] for code, row in enumerate(confusion)) / max(1, n)
    yield sum(result.label_errors.suspected.values())
    yield sum(result.label_errors.suspected.values()) / max(1, result.label_errors.checked)
    for name, suspected in result.label_errors.suspected.items():
        yield suspected / max(1, result.classifiers["selected"].test.per_class[name].support)
    for point in part.operating:
        yield from (
            point.true_positives + point.false_positives,
            point.false_negatives + point.true_negatives,
            point.n_positive / part.n,
        )
        yield from (1 - each for each in (point.sensitivity.value, point.specificity.value) if each)
    for row in part.patients.worst:
        yield (row.wrong or 0) / row.cells
    if result.embedding_map:
        yield result.embedding_map.neighbours / (len(result.embedding_map.x) - 1)
    for rounds in filter(None, (result.self_training, result.feedback)):
        for each in rounds.rounds:
            yield from (sum(by_class.values()) for by_class in each.counts.values())


@pytest.mark.parametrize("name", ["five", "two", "no_patients", "hostile"])
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.id)
def test_every_number_follows_from_the_result(section: Section, name: str) -> None:
    result, known = example(name)
    environment = template_environment(Path("no such folder"))
    page = Page(f"<main>{render_section(section, result, environment)}</main>")
    # Axes of figures have numbers of their own; what they show stands in the tables.
    text = " ".join(
        text for path, text in page.texts if not {"svg", "script", "map-data"} & set(path)
    )
    shown = {each.rstrip(",") for each in NUMBER.findall(DOI.sub("", " ".join(text.split())))}
    assert shown - known == set()
