"""Trivial classifiers: what a part holds is scored, what it does not hold is left at chance."""

import numpy as np
import pytest

from classifiers.metrics import evaluate
from classifiers.shortcuts import MAJORITY, ShortcutScore, shortcut_scores
from data.audit.properties import PART_TITLES, parts_of
from data.splits import grouped_folds
from tests.data.audit.drawn_cells import cell, label, record

N, CLASSES = 240, 3
Y = np.repeat([0, 1, 2], [140, 60, 40])
ONES = np.arange(N)
FOLDS = grouped_folds(Y, ONES, 5, 0)


def parts(seed: int = 0) -> dict[str, np.ndarray]:
    """A part that tells the class, one that tells class 2 alone, and noise."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(N, 4)).astype(np.float32)
    told, one = noise.copy(), noise.copy()
    told[:, 1] += 4 * Y
    one[:, 2] += 9 * (Y == 2)
    return {"told": told, "one": one, "noise": noise}


def by_name(scores: list[ShortcutScore]) -> dict[str, ShortcutScore]:
    return {each.name: each for each in scores}


def value(score: ShortcutScore) -> float:
    assert score.balanced_accuracy.value is not None
    return score.balanced_accuracy.value


def test_a_part_that_tells_the_class_is_above_chance_and_noise_is_not() -> None:
    scores = shortcut_scores(parts(), Y, ONES, FOLDS, CLASSES, 0)
    assert [each.name for each in scores] == [MAJORITY, "told", "one", "noise"]
    assert [each.above_chance for each in scores] == [False, True, True, False]
    found = by_name(scores)
    assert value(found["told"]) > 0.9
    assert value(found[MAJORITY]) == pytest.approx(1 / CLASSES)


def test_figures_and_intervals_are_those_of_the_report() -> None:
    (score,) = shortcut_scores({}, Y, ONES, FOLDS, CLASSES, 3)
    predicted = np.zeros(N, int)
    proba = np.eye(CLASSES)[predicted]
    report = evaluate(Y, proba, predicted, ONES, ("a", "b", "c"), 3)
    assert score.accuracy == report.accuracy
    assert score.f1_macro == report.f1_macro
    assert score.balanced_accuracy == report.balanced_accuracy


def test_what_tells_the_patient_does_not_tell_the_class() -> None:
    patients = np.arange(N) // 10
    y = patients % 2
    slide = np.random.default_rng(0).normal(size=(24, 3))[patients].astype(np.float32)
    grouped, torn = grouped_folds(y, patients, 4, 0), np.arange(N) % 4
    (_, kept), (_, leaked) = (
        shortcut_scores({"slide": slide}, y, patients, folds, 2, 0) for folds in (grouped, torn)
    )
    assert not kept.above_chance
    assert leaked.above_chance


def test_one_group_has_no_interval_and_is_no_finding() -> None:
    (_, score) = shortcut_scores({"told": parts()["told"]}, Y, np.zeros(N), FOLDS, CLASSES, 0)
    assert score.balanced_accuracy.low is None
    assert not score.above_chance


def test_a_class_missing_from_training_is_only_missed() -> None:
    folds = np.where(Y == 2, 0, FOLDS)
    (_, score) = shortcut_scores({"told": parts()["told"]}, Y, ONES, folds, CLASSES, 0)
    assert 0.5 < value(score) < 0.8


def test_the_same_seed_gives_the_same_whatever_the_threads() -> None:
    noise = {"noise": parts()["noise"]}
    first = shortcut_scores(noise, Y, ONES, FOLDS, CLASSES, 1)
    assert first == shortcut_scores(noise, Y, ONES, FOLDS, CLASSES, 1, workers=2)


def test_progress_counts_the_parts() -> None:
    steps: list[tuple[int, int]] = []
    shortcut_scores(parts(), Y, ONES, FOLDS, CLASSES, 0, on_part=lambda *step: steps.append(step))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_label_in_a_corner_is_read_there_and_at_no_other_corner() -> None:
    rng = np.random.default_rng(0)
    n = 90
    y = np.arange(n) % 3
    images = [cell(rng) for _ in range(n)]
    images = [label(image, "20 um") if y[i] == 1 else image for i, image in enumerate(images)]
    table = np.stack([record(image) for image in images])
    folds = grouped_folds(y, np.arange(n), 5, 0)
    seen = {name: part for name, part in parts_of(table).items() if "_" in name or name == "file"}
    scores = by_name(shortcut_scores(seen, y, np.arange(n), folds, 3, 0))
    corners = {name for name in scores if name.startswith(("top_", "bottom_"))}
    assert {name for name in corners if scores[name].above_chance} == {"bottom_right"}
    assert not scores["file"].above_chance
    assert not scores["border_colour"].above_chance
    assert all(scores[name].title == PART_TITLES[name] for name in seen)
