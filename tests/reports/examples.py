"""Finished runs as the report meets them, made up but consistent in themselves."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from classifiers.result import (
    ClassifierResult,
    DatasetPart,
    ExtractionPart,
    FlowStep,
    Gate,
    RunResult,
    SearchedPart,
    SplitPart,
    StudyPart,
    TuningPart,
)
from data.origin import ORIGIN, Origin
from tests.reports.example_audit import audit
from tests.reports.example_cells import galleries
from tests.reports.example_evaluation import evaluation
from tests.reports.example_map import embedding_map
from tests.reports.example_metrics import matrix, metrics
from tests.reports.example_novelty import novelty, premium
from tests.reports.example_robustness import robustness
from tests.reports.example_rounds import feedback, label_errors, self_training
from tests.reports.example_subgroups import subgroups

Role = Literal["classifier", "selected", "self_training", "feedback", "baseline"]

HOSTILE = [
    "<script>alert(1)</script>",
    "$\\frac",
    "a_b$^2$",
    "\"'><img src=x onerror=alert(2)>",
    "two\nlines & </title></style>",
    "血球 \x07 {{ 7*7 }}",
]


@dataclass
class Plan:
    """What an example differs in; the rest is the same for all."""

    title: str
    classes: list[str]
    supports: list[int]
    accuracy: float = 0.93
    baseline: float = 0.55
    patients: int | None = 24
    self_training: bool = True
    decided: int = 0
    hostile: bool = False
    thumbnails: bool = True
    findings: bool = False
    positive: list[str] = field(default_factory=list)


def build(plan: Plan) -> RunResult:
    """The result of such a run."""
    names, patients = plan.classes, plan.patients
    groups = patients or sum(plan.supports)
    unit: Literal["patient", "image"] = "patient" if patients else "image"
    odd = HOSTILE[0] if plan.hostile else ""

    def item(title: str, role: Role, accuracy: float, seed: int) -> ClassifierResult:
        on_test = metrics(matrix(plan.supports, accuracy, seed), names, groups)
        better = metrics(
            matrix(plan.supports, min(0.99, accuracy + 0.03), seed + 1), names, groups, 0.01
        )
        return ClassifierResult(
            title=title + odd,
            role=role,
            validation=None if role in ("self_training", "feedback") else better,
            test=on_test,
            seconds=3.2,
            threshold=0.437 if len(names) == 2 and role != "baseline" else None,
            notes=["not calibrated: too few groups" + odd] if title.startswith("Dense") else [],
        )

    classifiers = {
        "logistic": item("Logistic regression", "classifier", plan.accuracy - 0.03, 1),
        "svm": item("Support vector machine", "classifier", plan.accuracy - 0.01, 3),
        "dense": item("Dense network with dropout", "classifier", plan.accuracy - 0.05, 5),
        "selected": item("Selected", "selected", plan.accuracy, 7),
        "majority": item("Most frequent class", "baseline", 1 / len(names), 9),
        "colour": item("Mean colour", "baseline", plan.baseline, 11),
    }
    if plan.self_training:
        classifiers["self_training"] = item("With pseudo-labels", "self_training", 0.94, 13)
        classifiers["feedback"] = item("With feedback", "feedback", 0.93, 15)
    return RunResult(
        run="2025-11-20-1432-synthetic" + odd,
        created="2025-11-20T14:32:10Z",
        seconds={"scan": 0.8, "extract": 41.2, "tune": 184.0, "fit": 6.1, "evaluate": 12.4},
        versions={"blastline": "0.1.0", "scikit-learn": "1.9.1", "tensorflow": "2.21.0"},
        commit="0123abc",
        machine="Linux, 16 cores, no accelerator" + odd,
        dataset=DatasetPart(
            name="example",
            title=plan.title,
            citation="drawn after the FAB classification (Bennett et al. 1976)" + odd,
            doi="10.1111/j.1365-2141.1976.tb03563.x",
            licence="MIT",
            caveats=["These cells are drawn: figures on them say nothing about patients." + odd],
            classes=names,
            images_per_class=dict(zip(names, plan.supports, strict=True)),
            groups_per_class={
                name: groups // 2 if patients else n
                for name, n in zip(names, plan.supports, strict=True)
            },
            patients=patients,
            decided=plan.decided,
            changed=min(plan.decided, 3),
            reviewers=[f"Dr Bennett{odd}"] if plan.decided else [],
            origin=Origin(**{name: f"the {name} {odd}" for name in ORIGIN if patients}),
        ),
        flow=_flow(plan, odd),
        split=SplitPart(
            protocol="cross-validation",
            unit=unit,
            folds=5,
            inner_folds=4,
            seed=0,
            n_groups=groups,
            cells_per_fold=[len(part) for part in np.array_split(range(sum(plan.supports)), 5)],
            groups_per_fold=[len(part) for part in np.array_split(range(groups), 5)],
            shared_groups=0,
            shared_files=0,
            official=False,
            overlap="",
            warning=""
            if patients
            else f"No patients are known: the split is by image and figures are optimistic. {odd}",
        ),
        recipes={
            "03ab" * 16: {
                "backbone": "mobilenet_v2",
                "layer": "",
                "size": 224,
                "steps": ["mask:0.60,0.85,1,1" + odd, "crop:cell"],
                "weights_digest": "9f2c" * 16,
                "alpha": 1.0,
                "extra" + odd: "own setting",
            }
        },
        extraction=ExtractionPart(
            engines={"mobilenet_v2": "openvino, bf16, 2 streams of 8 images" + odd},
            gates={"mobilenet_v2": Gate(images=64, cosine=0.9991, lowest=0.9876, neighbours=0.97)},
        ),
        tuning=_tuning(),
        classifiers=classifiers,
        self_training=self_training(names, odd) if plan.self_training else None,
        feedback=feedback(names, odd) if plan.self_training else None,
        label_errors=label_errors(names, plan.supports, odd),
        evaluation=evaluation(classifiers["selected"].test, names, plan.positive, patients, odd),
        premium=premium(unit, groups, odd),
        robustness=robustness(odd),
        novelty=novelty(names, odd),
        subgroups=subgroups(odd),
        embedding_map=embedding_map(names, odd),
        galleries=galleries(names, odd, patients=patients is not None, thumbnails=plan.thumbnails),
        audit=audit(sum(plan.supports), groups, odd, found=plan.findings),
    )


def _flow(plan: Plan, odd: str) -> list[FlowStep]:
    used = sum(plan.supports)
    return [
        FlowStep(name="found", count=used + 15),
        FlowStep(
            name="unreadable",
            count=3,
            images=[f"L1/P0{n}_truncated{odd}.png" for n in range(3)],
            reasons={"truncated JPEG" + odd: 2, "not an image": 1},
        ),
        FlowStep(
            name="excluded",
            count=12,
            images=[f"segmented/cell_{n:03}.png" for n in range(12)],
            reasons={"path matches the card's exclude pattern": 12},
        ),
        FlowStep(name="used", count=used),
    ]


def _tuning() -> TuningPart:
    studies = [
        StudyPart(
            classifier=name,
            part=part,
            study=f"example-{name}-{part}",
            trials=40,
            pruned=11,
            best_value=0.951 + 0.001 * number,
            best_params={"C": 0.1234567 * (number + 1), "kernel": "rbf", "shrinking": True},
            fold_scores=[0.95, 0.96, 0.94, 0.955],
            seconds=11.0,
        )
        for name in ("logistic", "svm", "dense")
        for number, part in enumerate([*(f"fold {n}" for n in range(5)), "final"])
    ]
    return TuningPart(
        metric="f1_macro",
        trials=40,
        sampler="tpe",
        calibration="temperature",
        decision="learned",
        workers=1,
        studies=studies,
        selected_per_fold=["svm", "svm", "logistic", "svm", "svm"],
        selected_final="svm",
        spaces={
            name: [
                SearchedPart(name="root", choices=[True, False]),
                SearchedPart(name="C", low=0.003, high=300 + number, log=True),
                SearchedPart(name="gamma", low=0.1, high=0.5, only={"shape": ["round"]}),
            ]
            for number, name in enumerate(("logistic", "svm", "dense"))
        },
    )


FAB = ["Normal", "Blast", "L1", "L2", "L3"]
PBC = [
    "basophil",
    "eosinophil",
    "erythroblast",
    "ig",
    "lymphocyte",
    "monocyte",
    "neutrophil",
    "platelet",
]
MANY = [f"class with a long name, number {n:03}" for n in range(100)]

EXAMPLES = {
    "five": Plan("Synthetic stained cells", FAB, [168, 92, 110, 104, 102], positive=FAB[1:]),
    "no_patients": Plan(
        "Peripheral blood cells, Barcelona (Acevedo 2020)",
        PBC,
        [1218, 3117, 1551, 2895, 1214, 1420, 3329, 2348],
        patients=None,
        self_training=False,
    ),
    "two": Plan(
        "Two classes, ALL-IDB",
        ["healthy", "blast"],
        [130, 130],
        0.93,
        0.95,
        patients=40,
        positive=["blast"],
    ),
    "hostile": Plan(
        HOSTILE[0],
        HOSTILE,
        [50, 40, 0, 44, 60, 20],
        hostile=True,
        patients=12,
        thumbnails=False,
        findings=True,
        decided=7,
        positive=HOSTILE[:2],
    ),
    "hundred": Plan("A hundred classes", MANY, [40] * 100, 0.8, patients=50, self_training=False),
}
