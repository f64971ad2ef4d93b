"""smearnet beside ImageNet networks: frozen on real cells, under disturbances, and how fast.

``SMEARNET_WEIGHTS=file.weights.h5 make bench ONLY=smearnet`` measures other weights of it.
"""

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifiers.estimate import Estimate
from features.backbones import find_backbone
from features.networks import build_network
from pipeline.config import RunConfig
from pipeline.recipes import Plan, make_plan
from tests.bench.extraction import computing
from tests.bench.fields import ZHENG
from tests.bench.frozen import (
    CHANGES,
    Known,
    decisions,
    embeddings,
    gained,
    known_cells,
    macro_f1,
    scored,
)
from tests.bench.measure import in_turns, ratio, table
from tests.shared import PBC, WEIGHTS

OURS, THEIRS, LARGE = "smearnet", "mobilenet_v2", "densenet169"
MANY = 8  # views
REPEATS = 10  # of the five folds on the two small sets
DISTURBED = 600  # cells of the large set
IMAGES = 384
CHOSEN = os.environ.get("SMEARNET_WEIGHTS", str(WEIGHTS))  # the folder has none: those shipped


@dataclass(frozen=True)
class Side:
    """What embeds the cells; ``disturbed``: the disturbed ones too."""

    title: str
    backbone: str
    weights: str = CHOSEN
    views: int = 1
    disturbed: bool = False


SIDES = (  # MobileNetV2 first, since the others are compared with it
    Side("mobilenet_v2 1.0, ImageNet", THEIRS, str(WEIGHTS), disturbed=True),
    Side("mobilenet_v2 1.0, ImageNet", THEIRS, str(WEIGHTS), MANY),
    Side("smearnet", OURS, disturbed=True),
    Side("smearnet", OURS, views=MANY),
    Side("smearnet with morphology", f"{OURS},morphology"),
    Side("smearnet, random weights", OURS, "random"),
    Side("densenet169, ImageNet", LARGE, str(WEIGHTS), disturbed=True),
)


def smearnet(folder: Path) -> list[str]:
    """Macro F1 on three real sets, also of disturbed cells, and images/s."""
    if not (ZHENG.is_dir() and PBC.is_dir() and WEIGHTS.is_dir()):
        return ["Not measured: needs the real pictures and weights in `../shared`."]
    sets = [
        *(
            known_cells(_config(folder, "wbc_zheng2018", ZHENG), source, source, REPEATS)
            for source in ("Dataset 1", "Dataset 2")
        ),
        known_cells(_config(folder, "pbc2020", PBC), "PBC subset", disturbed=DISTURBED),
    ]
    plain: list[str] = []
    moved: list[str] = []
    for known in sets:
        _compare(known, folder, plain, moved)
    head = "cells | backbone | views | macro F1 | beyond MobileNetV2, as many views"
    told = " | ".join(["undisturbed", *CHANGES])
    plan = _plan(folder, OURS)
    return [
        "Frozen embeddings, logistic regression prepared as in every run, its penalty chosen on",
        "three inner folds of each of five outer folds, the same ones for all backbones; whole",
        "groups of the audit. With 8 views (flips and quarter turns) views train as rows and their",
        f"scores are averaged. Zheng's sets are small, so {REPEATS} draws of the folds are",
        "averaged. Intervals: 2,000 resamples of cells, the same ones on both sides of a",
        "difference. Zheng's cells are of other sources than the training of smearnet; those of",
        "the PBC subset are of the same one, and two or three of them also stand in its training",
        f"under another name. Weights of smearnet: {plan.weights.digest[:12]}.",
        "",
        *(f"- {known.told}" for known in sets),
        "",
        *table(head, plain),
        "",
        "Learned from undisturbed cells, tested on disturbed ones, macro F1. Stain, blur and JPEG",
        "are Blastline's disturbances of strength 2 (each stain 25 % weaker or stronger; Gaussian,",
        "sigma 0.7 % of the longer side; quality 30). Half size: the picture shrunk to half in a",
        "frame of the old size, its outermost eighth mirrored around it; double size: its middle",
        f"enlarged to twice the size. Of the PBC subset {DISTURBED} cells are tested.",
        "",
        *table(f"cells | backbone | {told}", moved),
        "",
        *_speed(folder),
    ]


def _config(folder: Path, dataset: str, images: Path, side: Side | None = None) -> RunConfig:
    said = {"backbone": side.backbone, "weights": side.weights, "views": side.views} if side else {}
    return RunConfig(dataset=dataset, images=str(images), work=str(folder / "work"), **said)


def _compare(known: Known, folder: Path, plain: list[str], moved: list[str]) -> None:
    """Add the rows of one set to the two tables."""
    theirs: dict[int, np.ndarray] = {}
    for side in SIDES:
        config = _config(folder, known.dataset, known.root, side)
        X, changed = embeddings(known, config, list(CHANGES) if side.disturbed else ())
        decided, of_changed = decisions(known, X, changed)
        reference = theirs.setdefault(side.views, decided)
        gain = "" if reference is decided else _signed(gained(known, reference, decided))
        found = scored(known, decided)
        plain.append(
            f"| {known.name} | {side.title} | {side.views} | {found.value:.3f} "
            f"({found.low:.3f} to {found.high:.3f}) | {gain} |"
        )
        print(plain[-1], flush=True)
        if side.disturbed:
            some, k = known.sample, len(known.classes)
            each = [
                f"{macro_f1(known.y[some], one, known.groups[some], k)[0]:.3f}"
                for one in (decided[:, some], *of_changed)
            ]
            moved.append(f"| {known.name} | {side.title} | {' | '.join(each)} |")
            print(moved[-1], flush=True)


def _signed(found: Estimate) -> str:
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def _plan(folder: Path, backbone: str) -> Plan:
    side = next(each for each in SIDES if each.backbone == backbone)
    config = _config(folder, "pbc2020", PBC, side)
    return make_plan(config, config.card(), backbone, "")


def _speed(folder: Path) -> list[str]:
    """Images/s of the engines in float32, taking turns, and the size of the networks."""
    images = sorted(PBC.rglob("*.jpg"))[:IMAGES]
    names = (OURS, THEIRS)
    plans = [_plan(folder, name) for name in names]
    sides: list[Callable[[], float]] = [computing(images, plan.make_engine()) for plan in plans]
    found = in_turns(*sides)
    rows = []
    for name, plan, rates in zip(names, plans, found, strict=True):
        network = build_network(find_backbone(name), plan.recipe, plan.weights, 0)
        size = plan.weights.path.stat().st_size / 1e6 if plan.weights.path else 0
        rows.append(
            f"| {name} | {plan.recipe.size} | {network.count_params() / 1e6:.2f} | {size:.1f} | "
            f"{statistics.median(rates):.0f} | **{ratio(rates, found[1]):.2f}** |"
        )
        print(rows[-1], flush=True)
    head = "backbone | side, pixels | parameters, millions | file, MB | images/s | ratio"
    return ["The engine alone, float32, at each network's own size.", "", *table(head, rows)]
