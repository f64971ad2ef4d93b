"""The checklist: what a report must carry, and where this one does, in part or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass

from classifiers.result import RunResult
from data.guess import NOT_KNOWN
from reports import rounds, study, words

# Baselines that a reader asks for: names in the result's classifiers or the audit -> in words.
BASELINES = {
    ("majority",): "the commonest class",
    ("mean_colour",): "mean colour",
    ("file",): "image size and bytes",
    ("border", "border_colour"): "border",
    ("top_left", "top_right", "bottom_left", "bottom_right"): "corners",
}


@dataclass(frozen=True)
class Item:
    """One thing to report.

    Attributes:
        title: in words. sections: ids of the sections that report it, most important first.
        missing: what of it is not there. absent: why nothing of it is there; empty otherwise.
    """

    title: str
    sections: tuple[str, ...]
    missing: tuple[str, ...] = ()
    absent: str = ""

    @property
    def state(self) -> str:
        """Whether it is reported, in part or not at all."""
        return "not reported" if self.absent else "in part" if self.missing else "reported"


def checklist(result: RunResult) -> dict[str, object]:
    """All items in order, and how many of them are in which state."""
    items = list(checked(result))
    states = [item.state for item in items]
    return {
        "items": items,
        "counts": [states.count(name) for name in ("reported", "in part", "not reported")],
    }


def checked(result: RunResult) -> Iterator[Item]:
    """The items, each with its state in this very result."""
    origin = result.dataset.origin
    yield Item(
        "Intended use, users and uses out of scope",
        ("use", "summary"),
        () if origin.purpose else ("what classifiers of this set are meant for: not stated",),
    )
    yield Item("Data: source, licence, images and patients of each class", ("data",), _data(result))
    yield _flow(result)
    yield Item(
        "Reference standard: who labelled the cells, and how",
        ("data", "label-errors"),
        () if origin.labelled_by else ("who labelled, and how: not stated",),
    )
    yield Item(
        "Split: method, seed, groups, proof that nothing crosses", ("split", "audit"),
        _split(result),
    )  # fmt: skip
    yield Item(
        "Recipe: preprocessing, network, weights, versions, machine, source",
        ("recipe", "reproduce"),
        _recipe(result),
    )
    yield _tuning(result)
    yield Item(
        "Results with intervals, of classes, cells and patients",
        ("results", "per-class", "operating", "patients"),
        _results(result),
    )
    yield Item(
        "Confusion matrix, calibration, coverage against risk",
        ("confusion", "calibration", "coverage", "conformal"),
        _calibration(result),
    )
    yield _baselines(result)
    yield _premium(result)
    yield _subgroups(result)
    yield _failures(result)
    yield _rounds(result)
    yield _robustness(result)
    unlike = f"cells unlike those of the training: {_why(result.novelty.note)}"
    yield Item(
        "Limits, cells unlike those of the training, and this checklist",
        ("limits", "novelty", "checklist"),
        () if result.novelty.sets else (unlike,),
    )


def _why(note: str) -> str:
    return note.strip().rstrip(".") or "not measured"


def _data(result: RunResult) -> tuple[str, ...]:
    part = result.dataset
    given = ((part.citation, "citation"), (part.licence, "licence"))
    missing = [
        f"{name}: none given on the card" for value, name in given if value in ("", NOT_KNOWN)
    ]
    if part.patients is None:
        missing.append("patients: the set names none")
    empty = [name for name in part.classes if not part.images_per_class.get(name)]
    if empty:
        missing.append(f"images: none of {words.listing(empty)}")
    unsaid = [
        title.lower()
        for title, said, key in study.origin(part)
        if not said and key != "labelled_by"
    ]
    if unsaid:
        missing.append(f"not stated: {words.listing(unsaid)}")
    return tuple(missing)


def _flow(result: RunResult) -> Item:
    missing = []
    if result.audit is None:
        missing.append("copies among the images: they were not audited")
    return Item(
        "Flow from the files found to the cells used, with what dropped out",
        ("flow", "audit"),
        tuple(missing),
        "" if result.flow else "no step was recorded",
    )


def _split(result: RunResult) -> tuple[str, ...]:
    part = result.split
    missing = []
    if part.unit != "patient":
        missing.append(f"patients are not known: split by {words.group_name(result)}")
    if part.shared_groups or part.shared_files or part.overlap:
        missing.append("the proof fails: the split leaks")
    if result.audit is None:
        missing.append("near duplicates across the split: the images were not audited")
    return tuple(missing)


def _recipe(result: RunResult) -> tuple[str, ...]:
    missing = []
    if not result.recipes:
        missing.append("the recipe: none was recorded")
    for each in result.recipes.values():
        if each.get("weights") != "none" and not each.get("weights_digest"):
            missing.append(f"digest of the weights of {each.get('backbone', 'a network')}")
    missing += [
        f"{name}: not recorded"
        for name, given in (("versions", result.versions), ("machine", result.machine))
        if not given
    ]
    if not result.commit:
        missing.append("commit of the source: it did not run from a checkout")
    if result.commit.endswith("-dirty"):
        missing.append("the source was changed after its commit")
    return tuple(missing)


def _tuning(result: RunResult) -> Item:
    part = result.tuning
    unsearched = study.unsearched(part)
    missing = []
    if unsearched:
        missing.append(f"search space of {words.listing(unsearched)}: not recorded")
    if not part.selected_per_fold:
        missing.append("nesting: no part has cells under test")
    return Item(
        "Tuning: search space, trials, nesting, metric, time",
        ("tuning", "split"),
        tuple(missing),
        "" if part.studies else "no study was recorded",
    )


def _results(result: RunResult) -> tuple[str, ...]:
    part = result.evaluation
    missing = []
    if not words.selected(result).test.per_class:
        missing.append("figures of the classes")
    if words.selected(result).test.accuracy.low is None:
        missing.append("intervals: not defined, too few groups")
    if not words.disease(result):
        missing.append("a threshold for disease: no class is named as disease")
    if not part.patients.rules:
        missing.append(f"patient level: {_why(part.patients.note)}")
    return tuple(missing)


def _calibration(result: RunResult) -> tuple[str, ...]:
    part = result.evaluation
    missing = []
    if not words.selected(result).test.confusion:
        missing.append("the confusion matrix")
    if part.calibration.method == "none":
        missing.append("before and after calibration: nothing was calibrated")
    elif part.calibration.before is None:
        missing.append("before calibration: not recorded")
    if not part.coverage.wishes:
        missing.append(f"wished errors: {_why(part.coverage.note)}")
    if not part.conformal.sets:
        missing.append(f"sets of classes: {_why(part.conformal.note)}")
    return tuple(missing)


def _baselines(result: RunResult) -> Item:
    names = {name for name, each in result.classifiers.items() if each.role == "baseline"}
    names |= {each.name for each in result.audit.trivial} if result.audit else set()
    missing = [said for wanted, said in BASELINES.items() if not names & set(wanted)]
    backbones = {str(each.get("backbone")) for each in result.recipes.values()}
    weights = {str(each.get("weights")) for each in result.recipes.values()}
    if backbones != {"morphology"}:
        missing.append("hand-made descriptors: a run with the backbone morphology alone has them")
    if words.CONTROL not in names and weights - {"none", "random"}:
        missing.append("the same network with random weights")
    absent = "" if names else "no baseline was run, and the images were not audited"
    return Item("Baselines beside the model", ("results", "audit", "summary"), tuple(missing),
                absent)  # fmt: skip


def _premium(result: RunResult) -> Item:
    part = result.premium
    return Item(
        "Leakage premium: a random split beside the grouped one",
        ("premium",),
        absent="" if part.premium else _why(part.note),
    )


def _subgroups(result: RunResult) -> Item:
    part, subsets = result.evaluation.patients, result.subgroups.subsets
    missing = []
    if not part.n:
        missing.append("the worst patients: no patients are known")
    if not subsets:
        missing.append(f"kinds of images: {_why(result.subgroups.note)}")
    return Item(
        "Subgroups: patients, sources, quality of the images",
        ("subgroups", "patients"),
        tuple(missing),
        "; ".join(missing) if len(missing) == 2 else "",
    )


def _failures(result: RunResult) -> Item:
    part = result.galleries
    missing = []
    if part.errors and not part.confident_errors:
        missing.append("confident errors: the run kept none")
    if not part.least_confident:
        missing.append("doubtful cells: the run kept none")
    if not any(each.heatmap for each in (*part.confident_errors, *part.least_confident)):
        missing.append(f"heat maps: {_why(part.note)}")
    if result.embedding_map is None:
        missing.append("the map of the cells: no cell could be shown")
    return Item(
        "Failures: confident errors and doubtful cells, with heat maps",
        ("gallery", "map", "label-errors"),
        tuple(missing),
        "" if part.confident_errors or part.least_confident else "; ".join(missing),
    )


def _rounds(result: RunResult) -> Item:
    part = result.self_training
    title, sections = "Self-training beside labels alone", ("rounds",)
    if part is None:
        return Item(title, sections, absent=rounds.why_absent(result, "self_training"))
    missing = []
    if not part.rounds:
        missing.append("its rounds: none was recorded")
    if part.f1_macro_gain.low is None:
        missing.append("the gain's interval: not defined")
    return Item(title, sections, tuple(missing))


def _robustness(result: RunResult) -> Item:
    part = result.robustness
    return Item(
        "Robustness to stain, blur, compression and the like",
        ("robustness",),
        absent="" if part.perturbed else _why(part.note),
    )
