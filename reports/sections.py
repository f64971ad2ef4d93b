"""The report's sections in order: one line for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from classifiers.result import RunResult
from reports import (
    audit,
    checklist,
    embedding_map,
    evaluation,
    evaluation_patients,
    gallery,
    novelty,
    premium,
    results,
    robustness,
    rounds,
    study,
    subgroups,
    summary,
)


@dataclass(frozen=True)
class Section:
    """A section: its function gathers what templates/<id>.html.j2 prints beside ``result``."""

    id: str
    title: str
    content: Callable[[RunResult], Mapping[str, object]]


SECTIONS = (
    Section("summary", "Summary", summary.summary),
    Section("use", "Intended use", study.use),
    Section("data", "Data", study.dataset),
    Section("flow", "From files to cells", study.flow),
    Section("audit", "Audit of the images", audit.audit),
    Section("split", "Split", study.split),
    Section("recipe", "Recipe", study.recipe),
    Section("tuning", "Tuning", study.tuning),
    Section("results", "Results", results.results),
    Section("premium", "What the split is worth", premium.premium),
    Section("per-class", "Results by class", results.per_class),
    Section("confusion", "Confusions", results.confusion),
    Section("operating", "Operating point", evaluation.operating),
    Section("calibration", "Can the probabilities be trusted?", evaluation.calibration),
    Section("coverage", "How good on the cells it is sure of", evaluation.coverage),
    Section("conformal", "Sets of classes", evaluation.conformal),
    Section("patients", "Patients", evaluation_patients.patients),
    Section("subgroups", "Kinds of images", subgroups.subgroups),
    Section("robustness", "On disturbed images", robustness.robustness),
    Section("novelty", "Cells unlike those it was trained on", novelty.novelty),
    Section("rounds", "Self-training and feedback", rounds.rounds),
    Section("label-errors", "Likely label errors", gallery.label_errors),
    Section("map", "Map of the cells", embedding_map.embedding_map),
    Section("gallery", "Cells to look at", gallery.gallery),
    Section("limits", "Limits", study.limits),
    Section("reproduce", "Repeat this run", study.reproduce),
    Section("checklist", "Checklist", checklist.checklist),
)
