"""Assemble the run's result from what the stages found."""

import json
import os
import platform
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from classifiers.baselines import TITLES
from classifiers.cells import Cells
from classifiers.evaluation.in_depth import evaluate_in_depth
from classifiers.evaluation.parts import EvaluationPart
from classifiers.metrics import evaluate
from classifiers.protocol import (
    FED_BACK,
    SELECTED,
    SELF_TRAINED,
    Evaluation,
    Part,
    out_of_fold,
)
from classifiers.registry import CLASSIFIERS, COMMITTEE
from classifiers.result import (
    UNLABELLED,
    ClassifierResult,
    DatasetPart,
    ExtractionPart,
    FlowStep,
    Gate,
    LabelErrorsPart,
    RunResult,
    SplitPart,
    StudyPart,
    TuningPart,
)
from classifiers.searched import searched
from pipeline.audit import audit_of
from pipeline.config import RunConfig, positive_of
from pipeline.examine import Examination
from pipeline.history import decided
from pipeline.inputs import FitInputs
from pipeline.notes import notes
from pipeline.outcome_rounds import part_of_rounds
from pipeline.scan import overlap_warning, read_scan, split_warning
from pipeline.source import commit

OWN = ("folders", "csv")  # cards of no set in particular: the folder is its name
LISTED = 20  # images named in a step of the flow
PACKAGES = ("blastline", "numpy", "scikit-learn", "keras", "tensorflow", "openvino",
            "opencv-python-headless", "scikit-image", "optuna", "h5py")  # fmt: skip


def assemble(
    config: RunConfig,
    inputs: FitInputs,
    evaluation: Evaluation,
    examined: Examination,
    label_errors: LabelErrorsPart,
    seconds: float,
) -> RunResult:
    """All that the report prints, from the stages' own findings."""
    return RunResult(
        run=config.run_name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds={"scan": inputs.scan.seconds, "extract": inputs.extract.seconds, "fit": seconds},
        versions={"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        commit=commit(),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        dataset=_dataset(config, inputs),
        flow=_flow(config, inputs),
        split=_split(config, inputs, evaluation),
        recipes={each.digest: json.loads(each.to_json()) for each in inputs.recipes},
        extraction=ExtractionPart(
            engines=inputs.extract.engines,
            gates={name: Gate(**asdict(gate)) for name, gate in inputs.extract.gates.items()},
        ),
        tuning=_tuning(config, inputs.cells, evaluation),
        classifiers=_classifiers(config, inputs.cells, evaluation),
        self_training=part_of_rounds(SELF_TRAINED, config, inputs.cells, evaluation),
        feedback=part_of_rounds(FED_BACK, config, inputs.cells, evaluation),
        label_errors=label_errors,
        evaluation=_evaluation(config, inputs, evaluation),
        premium=examined.premium,
        robustness=examined.robustness,
        novelty=examined.novelty,
        subgroups=examined.subgroups,
        galleries=examined.galleries,
        embedding_map=examined.embedding_map,
        audit=audit_of(config, read_scan(config)[0]),
    )


def _evaluation(config: RunConfig, inputs: FitInputs, found: Evaluation) -> EvaluationPart:
    """The selected classifier in depth, on the cells under test."""
    cells, rows, disease = inputs.cells, found.rows, positive_of(config)
    part = evaluate_in_depth(
        cells.y[rows], found.test[SELECTED], cells.groups[rows],
        inputs.manifest.frame.patient.to_numpy(str)[rows], cells.classes, disease,
        found.thresholds, config.seed, found.uncalibrated, config.calibration, config.prevalences,
    )  # fmt: skip
    return part.model_copy(update={"named": bool(disease)})


def _dataset(config: RunConfig, inputs: FitInputs) -> DatasetPart:
    card, frame = config.card(), inputs.manifest.frame
    labelled = frame[frame.split.isin(("train", "test"))]
    patients = labelled.patient[labelled.patient != ""].nunique()
    return DatasetPart(
        name=card.name,
        title=f"{Path(inputs.scan.images).name} ({card.title[0].lower()}{card.title[1:]})"
        if card.name in OWN
        else card.title,
        citation=card.citation,
        doi=card.doi,
        licence=card.licence,
        caveats=list(card.caveats),
        classes=list(inputs.cells.classes),
        images_per_class={
            name: int((labelled.label == name).sum()) for name in inputs.cells.classes
        },
        groups_per_class={
            name: int(labelled.group[labelled.label == name].nunique())
            for name in inputs.cells.classes
        },
        patients=int(patients) or None,
        origin=card.origin,
        **decided(config.run_folder),
    )


def _flow(config: RunConfig, inputs: FitInputs) -> list[FlowStep]:
    whole = read_scan(config)[0].frame
    excluded = whole.image_id[whole.split == "excluded"]
    failed = inputs.extract.failed
    frame = inputs.manifest.frame
    counts = frame.split.value_counts()
    steps = [
        FlowStep(
            name="files passed over",
            count=sum(inputs.scan.passed_over.values()),
            reasons=inputs.scan.passed_over,
        ),
        FlowStep(name="images found", count=len(whole)),
        FlowStep(
            name="unreadable",
            count=len(failed),
            images=sorted(failed)[:LISTED],
            reasons=dict(Counter(failed.values())),
        ),
        FlowStep(
            name="byte-identical copies (kept, in one group)", count=inputs.scan.identical_files
        ),
        FlowStep(
            name="excluded: one picture under different labels, or by a reviewer",
            count=len(excluded),
            images=sorted(excluded)[:LISTED],
        ),
        FlowStep(name="labelled, used", count=int(counts.get("train", 0))),
        FlowStep(name=UNLABELLED, count=int(counts.get("unlabelled", 0))),
    ]
    if counts.get("test", 0):
        steps.append(FlowStep(name="labelled, fixed test set", count=int(counts["test"])))
    return steps


def _split(config: RunConfig, inputs: FitInputs, evaluation: Evaluation) -> SplitPart:
    cells = inputs.cells
    sides = [part.split.test for part in evaluation.parts if len(part.split.test)]
    fixed = bool(cells.test.any())
    if fixed:
        sides = [evaluation.final.split.train, evaluation.final.split.test]

    def shared(keys: np.ndarray) -> int:
        count = Counter(key for side in sides for key in np.unique(keys[side]))
        return sum(number > 1 for number in count.values())

    return SplitPart(
        protocol="fixed test set" if fixed else "cross-validation",
        unit=inputs.scan.unit,  # type: ignore[arg-type]  # checked by pydantic
        folds=1 if fixed else len(sides),
        inner_folds=config.inner_folds,
        seed=config.seed,
        n_groups=len(np.unique(cells.groups[np.concatenate(sides)])),
        cells_per_fold=[len(side) for side in sides],
        groups_per_fold=[len(np.unique(cells.groups[side])) for side in sides],
        shared_groups=shared(cells.groups),
        shared_files=shared(cells.sha256),
        official=inputs.scan.split == "official",
        warning=split_warning(inputs.scan.unit),
        overlap=overlap_warning(inputs.scan.overlap),
    )


def _tuning(config: RunConfig, cells: Cells, evaluation: Evaluation) -> TuningPart:
    studies = [
        StudyPart(
            classifier=name,
            part=part.name,
            study=tuned.study,
            trials=tuned.trials,
            pruned=tuned.pruned,
            best_value=tuned.value,
            best_params=tuned.shown,
            fold_scores=tuned.fold_scores,
            seconds=tuned.seconds,
        )
        for part in evaluation.parts
        for name, tuned in part.tuned.items()
    ]
    return TuningPart(
        metric=config.metric,
        trials=config.trials,
        sampler=config.sampler,
        calibration=config.calibration,
        decision=config.decision,
        workers=config.workers,
        studies=studies,
        selected_per_fold=[part.selected for part in evaluation.parts if len(part.split.test)],
        selected_final=evaluation.final.selected,
        spaces={
            name: searched(
                CLASSIFIERS[name], cells.blocks, cells.X.shape[-1], config.pca,
                grid=config.sampler == "grid",
            )
            for name in evaluation.final.tuned
        },
    )  # fmt: skip


def _classifiers(
    config: RunConfig, cells: Cells, evaluation: Evaluation
) -> dict[str, ClassifierResult]:
    titles = {name: spec.title for name, spec in CLASSIFIERS.items()} | TITLES
    titles |= {SELECTED: "Selected on validation", SELF_TRAINED: "Selected, self-trained"}
    titles[FED_BACK] = "Selected, with confidence feedback"
    titles[COMMITTEE] = "Committee: mean of the others"
    final, rows, k = evaluation.final, evaluation.rows, len(cells.classes)
    train = final.split.train
    models = final.models | {SELECTED: evaluation.model}
    found = {}
    for name, proba in evaluation.test.items():
        model = models.get(name)
        validation = None
        inner = None if model is None else out_of_fold(model, len(train), k)
        if model is not None and inner is not None:
            decided = model.decide(inner[:, np.asarray(model.classes_, dtype=int)])
            decided = np.asarray(model.classes_, dtype=int)[decided]
            validation = evaluate(
                cells.y[train], inner, decided, cells.groups[train], cells.classes, config.seed
            )
        found[name] = ClassifierResult(
            title=titles[name],
            role=_role(name),  # type: ignore[arg-type]  # checked by pydantic
            validation=validation,
            test=evaluate(
                cells.y[rows], proba, evaluation.decided[name], cells.groups[rows], cells.classes,
                config.seed,
            ),
            seconds=_seconds(name, evaluation.parts),
            threshold=model.threshold_ if model is not None and k == 2 else None,
            notes=[] if name == SELECTED else notes(model, cells.on_disk),
        )  # fmt: skip
    # Headline first, then what it was chosen from, then what it must beat.
    order = {"selected": 0, "self_training": 1, "feedback": 1, "classifier": 2, "baseline": 3}
    return dict(sorted(found.items(), key=lambda item: order[item[1].role]))


def _role(name: str) -> str:
    if name in (SELECTED, SELF_TRAINED, FED_BACK):
        return name
    return "baseline" if name in TITLES else "classifier"


def _seconds(name: str, parts: list[Part]) -> float:
    """Tuning, fitting and testing over all parts; for the selected one, of all classifiers."""
    tuning = sum(
        tuned.seconds
        for part in parts
        for each, tuned in part.tuned.items()
        if name in (each, SELECTED)
    )
    fitting = sum(
        spent
        for part in parts
        for each, spent in part.seconds.items()
        if name == each or (name == SELECTED and each not in (SELF_TRAINED, FED_BACK))
    )
    return tuning + fitting
