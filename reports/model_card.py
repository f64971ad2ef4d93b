"""The model card: what a fitted model is, how good and for what, as Markdown beside the report.

Mitchell et al. 2019, Model Cards for Model Reporting, doi:10.1145/3287560.3287596.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from classifiers.estimate import Estimate
from classifiers.result import RunResult
from reports import novelty, study, words
from reports.build import TEMPLATES, write_page
from reports.summary import baselines, summary

WORST_PATIENTS = 5
# Underscores within words are no markup, so names of networks stay readable in the source, too.
_MARKUP = re.compile(r"([\\`*\[\]<>#|~&$]|(?<![^\W_])_|_(?![^\W_]))")


def write_model_card(run_folder: Path) -> Path:
    """Write ``run_folder``/model-card.md from ``run_folder``/run.json and return its path.

    Raises:
        BlastlineError: no readable result there, or the card cannot be written.
    """
    result = RunResult.read(run_folder / "run.json")
    return write_page(model_card(result), run_folder / "model-card.md")


def model_card(result: RunResult) -> str:
    """The card as Markdown; whatever it prints of the result is text and never markup."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        # Not HTML: every printed value is escaped for Markdown instead.
        autoescape=False,
        finalize=as_text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["share"] = lambda part: words.percent(part, 1)
    for function in (words.figure, words.count, words.plural, words.listing, words.number,
                     words.moment, words.signed_figure, words.disturbance):  # fmt: skip
        environment.filters[function.__name__] = function
    facts = summary(result)
    return environment.get_template("model-card.md.j2").render(
        result=result,
        loud=facts["loud"],
        what=facts["what"],
        good=facts["good"],
        trust=facts["trust"],
        limits=study.limits(result)["lines"],
        source=study.source(result.commit),
        task=words.task(result),
        purpose=result.dataset.origin.purpose,
        origin=study.origin(result.dataset),
        features=words.features(result),
        pretraining=words.pretraining(result),
        wins=words.wins(result),
        named=words.METRICS,
        metrics=list(_metrics(result)),
        selected=words.selected(result).test,
        baselines=baselines(result),
        novelty=_novelty(result),
        worst=[each for each in result.evaluation.patients.worst if each.wrong][:WORST_PATIENTS],
        worse=[each for each in result.subgroups.subsets if each.worse],
        bundle=Code(f".venv/bin/blastline predict {_quoted(result.run)} IMAGES"),
    )


def _novelty(result: RunResult) -> list[str]:
    """The first lines of the section on novelty; nothing where it was not measured."""
    found = novelty.novelty(result)
    lead, lines = found.get("lead"), found["lines"]
    said = [lead, *lines[:2]] if isinstance(lines, list) else [lead]
    return [str(each) for each in said if each]


class Code(str):
    """What stands in a block of code, as it is."""


def as_text(value: object) -> str:
    """A value as Markdown that shows it, on one line; control characters are left out."""
    if isinstance(value, Code):
        return value
    text = " ".join(str(value).split())
    return _MARKUP.sub(r"\\\1", "".join(each for each in text if each.isprintable()))


def _quoted(run: str) -> Code:
    """The run's bundle for a shell; a name that would end the block of code is not shown."""
    name = run if run.isprintable() and "`" not in run and "\n" not in run else "RUN"
    return Code(shlex.quote(f"runs/{name}/bundle"))


def _metrics(result: RunResult) -> Iterator[tuple[str, Estimate]]:
    test, part = words.selected(result).test, result.evaluation
    yield "Accuracy", test.accuracy
    yield "Balanced accuracy", test.balanced_accuracy
    yield "Macro F1", test.f1_macro
    yield "Weighted F1", test.f1_weighted
    yield "AUROC (mean over classes)", test.auroc
    yield "Average precision (mean over classes)", part.average_precision_macro
    if part.positive:
        yield f"Sensitivity for {part.operating[0].name}", part.operating[0].sensitivity
        yield f"Specificity for {part.operating[0].name}", part.operating[0].specificity
    yield "Brier score (0 to 2, lower is better)", part.calibration.after.brier
    yield "Calibration error (lower is better)", part.calibration.after.ece
    for rule in part.patients.rules[:1]:
        yield f"Accuracy over patients, by the {rule.rule}", rule.accuracy
