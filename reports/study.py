"""Sections on how the study was made: data, flow, split, recipe, tuning; and on its limits."""

import shlex

from classifiers.result import DatasetPart, RunResult, SearchedPart, TuningPart
from reports import words

# What a card may say of the set, as it is printed; its purpose stands under the intended use.
ORIGIN_NAMES = {
    "labelled_by": "Labelled by",
    "centre": "Centre",
    "dates": "Dates",
    "stain": "Stain",
    "microscope": "Microscope",
}
# Parameters of the preparation; those of a classifier bear the field's names.
PREPARATION = {
    "pca": "principal components kept",
    "root": "whether the signed square root of the embeddings is taken first",
    "weight": "of the columns that this backbone made",
}
STAGES = ("extract", "fit", "report")
FEW_CELLS, FEW_GROUPS = 30, 5  # below these a class is named among the limits

RECIPE_NAMES = {
    "backbone": "Backbone",
    "layer": "Layer",
    "pooling": "Pooling",
    "width": "Embedding width",
    "weights": "Weights",
    "weights_digest": "Weights digest",
    "alpha": "Width multiplier",
    "steps": "Preprocessing, in order",
    "size": "Input side, pixels",
    "resize": "Resizing",
    "views": "Views of each image",
    "augment": "Views vary in",
    "engine": "Engine",
    "precision": "Precision of computing",
    "dtype": "Precision of storing",
    "format": "Recipe format",
}


def use(result: RunResult) -> dict[str, object]:
    """What the classifier is for, and what it is not for."""
    return {
        "classes": result.dataset.classes,
        "task": words.task(result),
        "purpose": result.dataset.origin.purpose,
    }


def origin(part: DatasetPart) -> list[tuple[str, str, str]]:
    """What the card may say of the set: title, what it says (or nothing), key of the card."""
    return [(title, getattr(part.origin, key), key) for key, title in ORIGIN_NAMES.items()]


def dataset(result: RunResult) -> dict[str, object]:
    """Images and groups of every class; citation, licence and caveats come from the result."""
    part = result.dataset
    total = sum(part.images_per_class.values())
    rows = [
        (
            name,
            part.images_per_class.get(name, 0),
            words.percent(part.images_per_class.get(name, 0), total),
            part.groups_per_class.get(name, 0),
        )
        for name in part.classes
    ]
    return {
        "rows": rows,
        "total": total,
        "origin": origin(part),
        "reviewed": _reviewed(part),
        "doubted": sum(result.label_errors.suspected.values()),
    }


def flow(result: RunResult) -> dict[str, object]:
    """Steps with the reasons as phrases, and the steps that list images."""
    rows = [
        (step, ", ".join(f"{why} ({words.count(n)})" for why, n in step.reasons.items()))
        for step in result.flow
    ]
    return {"rows": rows, "listed": [step for step in result.flow if step.images]}


def split(result: RunResult) -> dict[str, object]:
    """Cells and groups of every fold, and whether nothing crosses."""
    part = result.split
    sides = zip(part.cells_per_fold, part.groups_per_fold, strict=True)
    fixed = part.protocol == "fixed test set"
    return {
        "rows": [
            (("training", "test")[number] if fixed else f"fold {number}", *side)
            for number, side in enumerate(sides)
        ],
        "clean": not part.shared_groups and not part.shared_files,
        "across": "on both sides" if fixed else "in more than one fold",
        "side": "Part" if fixed else "Fold",
    }


def recipe(result: RunResult) -> dict[str, object]:
    """Everything that changes an embedding, known fields first and by their names."""
    recipes = []
    for digest, fields in result.recipes.items():
        known = [key for key in RECIPE_NAMES if key in fields]
        others = [key for key in fields if key not in RECIPE_NAMES]
        rows = [(RECIPE_NAMES.get(k, k), _setting(k, fields[k])) for k in [*known, *others]]
        rows.append(("Recipe digest", [digest]))
        recipes.append(rows)
    codes = [RECIPE_NAMES["weights_digest"], "Recipe digest"]
    return {
        "recipes": recipes,
        "codes": codes,
        "what": words.features(result),
        "known": words.knew_the_set(result),
        "pretraining": words.pretraining(result),
    }


def _setting(key: str, value: str | int | float | list[str]) -> list[str]:
    """A recipe's setting as lines; the values that stand for a default are spelled out."""
    if key == "layer" and value == "":
        return ["the last one"]
    if key == "size" and value == 0:
        return ["the image's own"]
    if isinstance(value, list):
        return value or ["none"]
    return [words.parameter(value)]


def tuning(result: RunResult) -> dict[str, object]:
    """Studies with their parameters as phrases, and who won how often."""
    part = result.tuning
    rows = [
        (
            study,
            ", ".join(f"{key} = {words.parameter(v)}" for key, v in study.best_params.items()),
        )
        for study in part.studies
    ]
    tried = {study.trials for study in part.studies}
    chosen = words.selected(result).threshold
    if len(result.dataset.classes) > 2 or chosen is None:
        decision = "the most probable class"
    elif part.decision == "argmax":
        decision = "the more probable class"
    else:
        decision = (
            f"{result.dataset.classes[1]} from a probability of {words.number(chosen)} (final "
            "model), learned on the inner folds"
        )
    return {
        "rows": rows,
        "wins": words.wins(result),
        "metric": words.METRICS.get(part.metric, part.metric),
        "tried": words.plural(tried.pop(), "trial") if len(tried) == 1 else "all trials",
        "search": words.SAMPLERS[part.sampler]
        + (f"; {part.workers} workers, so not repeatable" if part.workers > 1 else ""),
        "calibration": words.CALIBRATIONS[part.calibration],
        "decision": decision,
        "spaces": _spaces(part),
        "meanings": _meanings(part),
        "unsearched": unsearched(part),
    }


def unsearched(part: TuningPart) -> list[str]:
    """Tuned classifiers whose search space the result does not hold."""
    names = dict.fromkeys(study.classifier for study in part.studies)
    return [name for name in names if not part.spaces.get(name)]


def _spaces(part: TuningPart) -> list[tuple[str, str, str]]:
    """Classifier, parameter and where it was sought; what all classifiers share stands first."""
    shared: list[SearchedPart] = []
    if len(part.spaces) > 1:
        first, *others = part.spaces.values()
        shared = [each for each in first if all(each in other for other in others)]
    rows = [("all", each) for each in shared]
    rows += [
        (name, each) for name, space in part.spaces.items() for each in space if each not in shared
    ]
    return [(name, each.name, _sought(each)) for name, each in rows]


def _meanings(part: TuningPart) -> list[tuple[str, str]]:
    names = {each.name.split(" ")[0] for space in part.spaces.values() for each in space}
    return [(name, meaning) for name, meaning in PREPARATION.items() if name in names]


def _sought(searched: SearchedPart) -> str:
    """Values and condition: ``0.01 to 1, on a logarithmic scale, only with kernel = rbf``."""
    if searched.low is not None and searched.high is not None:
        said = f"{words.parameter(searched.low)} to {words.parameter(searched.high)}"
        said += ", on a logarithmic scale" if searched.log else ""
    else:
        said = ", ".join(map(words.parameter, searched.choices))
        said += " (fixed)" if len(searched.choices) == 1 else ""
    for name, choices in searched.only.items():
        said += f", only with {name} = {' or '.join(map(words.parameter, choices))}"
    return said


def limits(result: RunResult) -> dict[str, object]:
    """What the figures do not show: caveats of the data, of the split and of the intervals."""
    part, unit = result.dataset, result.split.unit
    test = words.selected(result).test
    lines = list(part.caveats)
    if unit != "patient":
        lines.append(
            "No patients are known, so cells of one patient can stand on both sides of the split: "
            "all figures are optimistic."
        )
        lines.append(
            "For the same reason intervals are too narrow: cells of one patient are not "
            f"independent, and here each {unit} counts as if it were."
        )
    lines.append(
        f"Intervals are 95\u00a0% intervals of a bootstrap over {unit}s "
        f"({words.count(test.n_groups)}). They hold the fitted classifiers fixed: the chance in "
        "tuning and fitting is not in them."
    )
    few = [
        f"{name} ({words.plural(cells, 'cell')}, {words.plural(groups, unit)})"
        for name in part.classes
        for cells in [part.images_per_class.get(name, 0)]
        for groups in [part.groups_per_class.get(name, 0)]
        if cells < FEW_CELLS or groups < FEW_GROUPS
    ]
    if few:
        lines.append(f"Few examples stand behind some classes: {words.listing(few)}.")
    lines.append(
        f"All cells come from one data set, {part.title}: nothing here shows how the classifier "
        "does on images of another laboratory, stain or microscope."
    )
    return {"lines": [*lines, _labels(part)]}


def _labels(part: DatasetPart) -> str:
    """Who stands for the labels."""
    if not part.decided:
        return "Labels are those of the data set; no one has read the cells again for this run."
    return (
        f"Labels are those of the data set, but for {_reviewed(part)}. Cells were chosen for it by "
        "a classifier's doubts, so the corrected labels favour classifiers like it."
    )


def _reviewed(part: DatasetPart) -> str:
    """How many cells reviewers read again, who, and what came of it; empty where nobody did."""
    if not part.decided:
        return ""
    names = f" by {words.listing(part.reviewers)}" if part.reviewers else ""
    return (
        f"{words.plural(part.decided, 'cell')} read again{names}: {words.count(part.changed)} of "
        "these labels changed, given or taken away"
    )


def reproduce(result: RunResult) -> dict[str, object]:
    """The commands that repeat the run, and what it ran with."""
    settings = shlex.quote(f"runs/{result.run}/config.toml")
    return {
        "commands": [f".venv/bin/blastline {stage} --config {settings}" for stage in STAGES],
        "source": source(result.commit),
        "total": sum(result.seconds.values()),
    }


def source(commit: str) -> str:
    """Which source ran, in words."""
    if not commit:
        return "not from a checkout, so its commit is not known"
    if commit.endswith("-dirty"):
        return f"commit {commit.removesuffix('-dirty')}, changed afterwards"
    return f"commit {commit}"
