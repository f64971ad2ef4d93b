"""Several runs side by side and their paired differences: one HTML file that needs nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from classifiers.estimate import Estimate
from classifiers.evaluation.parts import ComparisonPart
from classifiers.result import RunResult
from reports import forest_figure, words
from reports.build import joined, policy, template_environment, write_page

SURE = 0.05  # a p-value from which chance is not ruled out
# Figures of a comparison, how sentences call them, and which direction is better.
FIGURES = (
    ("accuracy", "accuracy", 1),
    ("f1_macro", "macro F1", 1),
    ("auroc", "AUROC", 1),
    ("brier", "Brier score", -1),
)


@dataclass(frozen=True)
class ComparedRun:
    """A run under the name that tells it from the others.

    Attributes:
        stored: bytes of its embedding files; None where one of them is not there.
    """

    name: str
    result: RunResult
    stored: int | None


@dataclass(frozen=True)
class Pair:
    """A run beside the reference on the cells that both tested.

    Attributes:
        part: the run minus the reference.
        relabelled: shared cells that are left out, because the two runs label them differently.
        only_reference, only_run: cells that one of them tested alone.
        fitted_otherwise: whether the shared cells lie in other folds, or the models that tested
            them were fitted on other training cells or labels.
    """

    name: str
    part: ComparisonPart
    relabelled: int
    only_reference: int
    only_run: int
    fitted_otherwise: bool


@dataclass(frozen=True)
class Comparison:
    """All that the page shows; ``pairs`` hold every run but the reference."""

    runs: list[ComparedRun]
    reference: str
    pairs: list[Pair]
    matched_by: Literal["content", "image id"]

    @property
    def reference_result(self) -> RunResult:
        """The result that all others are compared with."""
        return next(each.result for each in self.runs if each.name == self.reference)


@dataclass(frozen=True)
class Difference:
    """A difference as tables print it; ``interval`` is empty where it is not defined."""

    value: str
    interval: str
    verdict: str
    sort: float | None


def write_comparison(comparison: Comparison, path: Path) -> Path:
    """Write the page to ``path`` and return it; the same comparison gives the same bytes.

    Raises:
        BlastlineError: the page cannot be written.
    """
    return write_page(render_comparison(comparison), path)


def render_comparison(comparison: Comparison) -> str:
    """The whole page. It escapes all names, and runs no script but its own."""
    environment = template_environment(Path())
    theme, script = joined("theme.js"), joined("sortable.js")
    reference = comparison.reference_result
    columns = _classifiers(comparison)
    return environment.get_template("compare.html.j2").render(
        policy=policy(theme, script),
        theme=Markup(theme),
        script=Markup(script),
        title=reference.dataset.title,
        comparison=comparison,
        group=words.group_name(reference),
        two_classes=len(reference.dataset.classes) == 2,
        cautions=cautions(comparison),
        labels=[label[:1].upper() + label[1:] for _, label, _ in FIGURES],
        pairs=[(each, differences(each.part), chance(each.part)) for each in comparison.pairs],
        sentences=[in_words(each) for each in comparison.pairs],
        runs=[
            (each, _facts(each.result), words.selected(each.result).test, _size(each.stored))
            for each in comparison.runs
        ],
        classifiers=list(columns.values()),
        grid=[
            (each, [each.result.classifiers.get(key) for key in columns])
            for each in comparison.runs
        ],
        forest=forest_figure.forest(
            [
                (
                    each.name,
                    "selected" if each.name == comparison.reference else "classifier",
                    words.selected(each.result).test.f1_macro,
                )
                for each in comparison.runs
            ],
            "Macro F1 of the selected classifier of all runs, each on its own test cells",
        ),
    )  # fmt: skip


def verdict(found: Estimate, better: int, p: float | None = None) -> str:
    """A difference in words; where there is a p-value, chance must be ruled out by it, too.

    Args:
        better: 1 where a positive difference is better, -1 where a negative one is.
    """
    if found.low is None or found.high is None:
        return "too few groups to tell"
    if found.low <= 0 <= found.high or (p is not None and p >= SURE):
        return "not told apart"
    return "better" if found.low * better > 0 else "worse"


def differences(part: ComparisonPart) -> list[Difference]:
    """The figures of a comparison, in the order of ``FIGURES``."""
    found = []
    for name, _, better in FIGURES:
        each: Estimate = getattr(part, name)
        interval = ""
        if each.low is not None and each.high is not None:
            interval = f"{words.signed(each.low)} to {words.signed(each.high)}"
        # The permutation test is of accuracy.
        said = verdict(each, better, part.p if name == "accuracy" else None)
        found.append(Difference(words.signed(each.value), interval, said, each.value))
    return found


def chance(part: ComparisonPart) -> str:
    """The p-value as tables print it; it is never said to be 0."""
    if part.p is None:
        return words.NOT_DEFINED
    return "<0.001" if part.p < 0.001 else f"{part.p:.3f}"


def in_words(pair: Pair) -> tuple[str, str]:
    """A run's name and what the comparison says of it in one phrase."""
    told: dict[str, list[str]] = {}
    for (_, label, _), each in zip(FIGURES, differences(pair.part), strict=True):
        told.setdefault(each.verdict, []).append(f"{label} ({each.value})")
    return pair.name, "; ".join(f"{said} in {words.listing(of)}" for said, of in told.items())


def cautions(comparison: Comparison) -> list[str]:
    """What forbids to take the figures side by side; the most serious first."""
    return list(chain(_of_pairs(comparison), _of_splits(comparison), _of_overlaps(comparison)))


def _of_pairs(comparison: Comparison) -> Iterator[str]:
    for each in comparison.pairs:
        if each.only_reference or each.only_run:
            yield (
                f"{each.name} and {comparison.reference} tested different cells: "
                f"{words.plural(each.part.n + each.relabelled, 'cell')} shared, "
                f"{words.count(each.only_reference)} only in {comparison.reference}, "
                f"{words.count(each.only_run)} only in {each.name}. Their figures cannot be "
                "compared as they stand; the differences are of the shared cells only."
            )
        if each.relabelled:
            yield (
                f"{each.name} and {comparison.reference} label "
                f"{words.plural(each.relabelled, 'shared cell')} differently: left out of the "
                "differences."
            )
        if each.fitted_otherwise:
            yield (
                f"{each.name} and {comparison.reference} differ in their folds or training cells: "
                "the models that tested a cell learned from other cells or labels, so a difference "
                "is not of features and classifiers alone."
            )


def _of_splits(comparison: Comparison) -> Iterator[str]:
    reference = comparison.reference_result
    for each in comparison.runs:
        split = each.result.split
        other = [
            f"{what} {mine!s} instead of {theirs!s}"
            for what, mine, theirs in (
                ("data set", each.result.dataset.name, reference.dataset.name),
                ("protocol", split.protocol, reference.split.protocol),
                ("unit of the split", split.unit, reference.split.unit),
                ("folds", split.folds, reference.split.folds),
                ("inner folds", split.inner_folds, reference.split.inner_folds),
                ("seed", split.seed, reference.split.seed),
            )
            if mine != theirs
        ]
        if other:
            yield f"{each.name} differs from {comparison.reference} in {words.listing(other)}."


def _of_overlaps(comparison: Comparison) -> Iterator[str]:
    """What is wrong with a split is said once, of all runs that it is wrong with."""
    told: dict[str, list[str]] = {}
    for each in comparison.runs:
        for said in filter(None, (each.result.split.overlap, each.result.split.warning)):
            told.setdefault(said, []).append(each.name)
    for said, names in told.items():
        of = "All runs" if len(names) == len(comparison.runs) else words.listing(names)
        yield f"{of}: {said}"


def _facts(result: RunResult) -> dict[str, str]:
    backbones = [
        "@".join(filter(None, (str(each.get("backbone", "?")), str(each.get("layer", "")))))
        for each in result.recipes.values()
    ]
    split = result.split
    kind = split.protocol if split.folds == 1 else f"{split.folds} folds"
    chosen = set(result.tuning.selected_per_fold)
    return {
        "features": " + ".join(backbones),
        "chosen": chosen.pop() if len(chosen) == 1 else words.wins(result),
        "split": f"{kind}, by {words.group_name(result)}, seed\u00a0{split.seed}",
    }


def _size(stored: int | None) -> str:
    return "not there" if stored is None else f"{stored / 1e6:,.1f}\u00a0MB"


def _classifiers(comparison: Comparison) -> dict[str, str]:
    """Names of all classifiers of all runs with their titles: the headline first."""
    found = {
        key: (list(words.ROLES).index(item.role), item.title)
        for each in comparison.runs
        for key, item in each.result.classifiers.items()
    }
    return {key: title for key, (_, title) in sorted(found.items(), key=lambda item: item[1][0])}
