"""The summary: the whole report in plain words, with what speaks against it first."""

from classifiers.estimate import Estimate
from classifiers.result import ClassifierResult, RunResult
from reports import (
    embedding_map,
    evaluation,
    evaluation_patients,
    gallery,
    novelty,
    premium,
    robustness,
    subgroups,
    words,
)
from reports.audit import findings
from reports.rounds import meaning as meaning_of_rounds


def summary(result: RunResult) -> dict[str, object]:
    """Loud lines, what was done, the headline figures, and what they mean."""
    chosen = words.selected(result)
    return {
        "loud": [
            *_overlap(result),
            *_known(result),
            *_rivals(result, chosen),
            *_leaks(result),
            *_shortcuts(result),
        ],
        "what": _what(result, chosen),
        "headline": [
            ("Accuracy", chosen.test.accuracy, "share of cells named rightly"),
            ("Macro F1", chosen.test.f1_macro, "mean F1, every class alike"),
        ],
        "wins": words.wins(result),
        "good": _how_good(result, chosen),
        "trust": _how_far_to_trust(result, chosen),
    }


def baselines(result: RunResult) -> list[tuple[str, Estimate, Estimate]]:
    """Title, macro F1 and accuracy of all baselines, on the cells of the real classifier."""
    found = [
        (each.title, each.test.f1_macro, each.test.accuracy)
        for each in words.with_role(result, "baseline")
    ]
    if result.audit and result.split.protocol == "cross-validation":
        known = {title for title, _, _ in found}
        found += [
            (f"{each.title} (of the images as they lie on disk)", each.f1_macro, each.accuracy)
            for each in result.audit.trivial
            if each.title not in known
        ]
    return found


def _rivals(result: RunResult, chosen: ClassifierResult) -> list[str]:
    """Lines where a baseline comes within the chosen classifier's interval, or above it."""
    control = result.classifiers.get(words.CONTROL)
    trivial, network = [], []
    for title, f1_macro, accuracy in baselines(result):
        near = [
            f"{name} {words.figure(theirs)} against {words.figure(ours)}"
            for name, ours, theirs in (
                ("macro F1", chosen.test.f1_macro, f1_macro),
                ("accuracy", chosen.test.accuracy, accuracy),
            )
            if _reaches(theirs, ours)
        ]
        if near and control and title == control.title:
            network.append(words.listing(near))
        elif near:
            trivial.append(f"{title}: {words.listing(near)}")
    as_well = "does as well as the classifier, within its 95\u00a0% interval or above it"
    lines = [
        f"A trivial baseline {as_well}. {'; '.join(trivial)}. Such figures do not show that the "
        "classifier looks at the form of the cells."
    ]
    return (lines if trivial else []) + [
        f"The same network with random weights {as_well}: {near}. What the network learned on "
        "other pictures is not shown to be worth anything here."
        for near in network
    ]


def _reaches(theirs: Estimate, ours: Estimate) -> bool:
    """Whether a baseline's figure is not below our interval, or our figure where it has none."""
    floor = ours.value if ours.low is None else ours.low
    return theirs.value is not None and floor is not None and theirs.value >= floor


def _overlap(result: RunResult) -> list[str]:
    """First of all: a split that the user knows to leak."""
    return [result.split.overlap] if result.split.overlap else []


def _known(result: RunResult) -> list[str]:
    """A network that learned from this set before the run made its split."""
    names = words.knew_the_set(result)
    if not names:
        return []
    return [
        f"The weights of {words.listing(names)} were learned from this data set before the run "
        "made its split - from these images, or from others of the same patients: all figures "
        "are optimistic. Compare with a network that has never seen the set."
    ]


def _shortcuts(result: RunResult) -> list[str]:
    """What the audit found that gives the class away without a cell."""
    if result.audit is None:
        return ["The images were not audited: copies and shortcuts among them are not known."]
    return findings(result, result.audit)


def _leaks(result: RunResult) -> list[str]:
    """Lines for a split that cannot be trusted."""
    split = result.split
    lines = [split.warning] if split.warning else []
    if (split.shared_groups or split.shared_files) and not split.overlap:
        lines.append(
            f"The split leaks: {words.plural(split.shared_groups, split.unit)} and "
            f"{words.plural(split.shared_files, 'file')} occur in more than one fold, so the "
            "figures are too high."
        )
    return lines


def _what(result: RunResult, chosen: ClassifierResult) -> str:
    data, split = result.dataset, result.split
    cells = words.plural(sum(data.images_per_class.values()), "cell")
    whose = "patients unknown" if data.patients is None else words.plural(data.patients, "patient")
    protocol = (
        f"{split.folds}-fold cross-validation"
        if split.protocol == "cross-validation"
        else "a fixed test set"
    )
    return (
        f"{cells} of {words.plural(len(data.classes), 'class')} ({whose}) from {data.title} were "
        f"classified by a small classifier on {words.features(result)}. It was "
        f"tested by {protocol} on {words.plural(chosen.test.n, 'cell')} that neither tuning "
        f"nor fitting saw, split by {split.unit}."
    )


def _how_far_to_trust(result: RunResult, chosen: ClassifierResult) -> list[str]:
    return [
        *evaluation.trust(result),
        *gallery.trust(result),
        *_baselines(result, chosen),
        *premium.trust(result),
        *robustness.trust(result),
        *subgroups.trust(result),
        *novelty.trust(result),
        *embedding_map.trust(result),
        *meaning_of_rounds(result),
        "An interval says how far a figure moves when the study is repeated on other "
        f"{result.split.unit}s of the same kind; {words.count(chosen.test.n_groups)} of them stand "
        "behind these. It says nothing about other laboratories, stains or microscopes.",
    ]


def _how_good(result: RunResult, chosen: ClassifierResult) -> list[str]:
    test = chosen.test
    lines = []
    if test.accuracy.value is not None:
        source = {
            "patient": "from other patients of this kind",
            "block": "from other blocks of this set",
            "group": "from other groups of this set",
            "image": "from this very set",
        }[result.split.unit]
        right, wrong = (words.of_hundred(each) for each in (test.accuracy.value,
                                                            1 - test.accuracy.value))  # fmt: skip
        lines.append(
            f"All {words.plural(test.n, 'cell')} under test are named rightly"
            f"{words.at_least(test.accuracy, f'to be expected of cells {source}')}."
            if test.accuracy.value == 1
            else f"Of 100 cells {source}, about {right} are named rightly and {wrong} not."
        )
    recalls = {
        name: metrics.recall.value
        for name, metrics in test.per_class.items()
        if metrics.recall.value is not None
    }
    if recalls:
        worst = min(recalls, key=lambda name: recalls[name])
        lines.append(
            f"The class that it finds least often is {worst}: recall "
            f"{words.figure(test.per_class[worst].recall)}."
        )
    return lines + evaluation_patients.trust(result)


def _baselines(result: RunResult, chosen: ClassifierResult) -> list[str]:
    """What the baselines say where they do not come near: their best, or that there is none."""
    found = baselines(result)
    if not found:
        return [
            "No baseline was run, so nothing here says whether a trivial shortcut does as well."
        ]
    if chosen.test.f1_macro.value is None:
        return [
            "The classifier's macro F1 is not defined, so baselines cannot be compared with it."
        ]
    title, best, _ = max(found, key=lambda each: each[1].value or 0.0)
    if _rivals(result, chosen) or best.value is None:
        return []
    return [
        f"The best baseline, {title[0].lower()}{title[1:]}, reaches macro F1 "
        f"{words.figure(best)}: below the classifier's interval."
    ]
