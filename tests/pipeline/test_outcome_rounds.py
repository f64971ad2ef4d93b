"""What a run's result says of rounds, against rounds of known scores."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from classifiers.calibration import Calibrated
from classifiers.cells import FINAL, NO_LABEL, Cells, Split
from classifiers.protocol import FED_BACK, SELECTED, SELF_TRAINED, Evaluation, Part
from classifiers.round_record import Round
from classifiers.rounds import ALL_ROUNDS, WORSE, InRounds
from classifiers.selftraining import SelfTraining
from pipeline.config import RunConfig
from pipeline.outcome_rounds import part_of_rounds

CONFIG = RunConfig(rounds=7, growth=0.25, feedback_rounds=3, metric="f1_macro")
CLASSES = ("a", "b", "c")
Y = np.array([0, 1, 2, 0, 1, 2, NO_LABEL, NO_LABEL, NO_LABEL])
N = 6  # labelled


def fitted(rounds: list[Round], best: int, stopped: str, classes: tuple[int, ...]) -> InRounds:
    model = SelfTraining(Calibrated(LogisticRegression()))
    model.rounds_, model.best_round_, model.stopped_ = rounds, best, stopped
    model.classes_ = np.array(classes)
    return model


def change(score: float, log_loss: float, confidence: float, *added: int) -> Round:
    return Round(score, log_loss, {"added": np.array(added), "confidence": confidence})


@pytest.fixture
def evaluation() -> Evaluation:
    """Two outer folds, one of which knows classes a and c alone, and the final model."""
    first = fitted(
        [Round(0.5, 1.0), change(0.7, 0.8, 0.9, 1, 2, 3), change(0.6, 0.9, np.nan, 0, 0, 1)],
        1, ALL_ROUNDS, (0, 1, 2),
    )  # fmt: skip
    second = fitted([Round(0.9, 0.4), change(0.8, 0.6, 0.7, 10, 20)], 0, WORSE, (0, 2))
    last = fitted([Round(0.5, 1.0)] * 3, 2, ALL_ROUNDS, (0, 1, 2))
    rows = np.arange(N)
    right = Y[:N].copy()
    proba = np.eye(3)[right]
    parts = [
        Part(Split(f"fold {number}", rows[~held], rows[held]), withheld=withheld)
        for number, (held, withheld) in enumerate([(rows < 3, 1), (rows >= 3, 2)])
    ]
    parts.append(Part(Split(FINAL, rows, rows[:0])))
    for part, model in zip(parts, (first, second, last), strict=True):
        part.in_rounds[SELF_TRAINED] = part.in_rounds[FED_BACK] = model
    for part in parts[:2]:
        part.proba[SELF_TRAINED] = part.proba[FED_BACK] = proba[part.split.test]
    decided = {SELECTED: np.array([0, 1, 2, 1, 1, 2]), SELF_TRAINED: right, FED_BACK: 0 * right}
    return Evaluation(parts, rows, dict.fromkeys(decided, proba), decided, proba, None)


@pytest.fixture
def cells() -> Cells:
    nothing = np.zeros((len(Y), 2), dtype=np.float32)
    names = np.array([f"{number}" for number in range(len(Y))])
    test = np.arange(len(Y)) == len(Y) - 1  # an unlabelled cell under test is no pool
    return Cells(nothing, (), nothing, Y, names, names, np.zeros(len(Y), dtype=int), test, CLASSES)


def test_rounds_are_means_over_the_folds_that_made_them(
    evaluation: Evaluation, cells: Cells
) -> None:
    part = part_of_rounds(SELF_TRAINED, CONFIG, cells, evaluation)
    assert part is not None
    assert [(each.number, each.folds) for each in part.rounds] == [(0, 2), (1, 2), (2, 1)]
    assert [each.score for each in part.rounds] == pytest.approx([0.7, 0.75, 0.6])
    assert [each.score_gain for each in part.rounds] == pytest.approx([0.0, 0.05, 0.1])
    assert [each.log_loss for each in part.rounds] == pytest.approx([0.7, 0.7, 0.9])
    assert [each.confidence for each in part.rounds] == [None, pytest.approx(0.8), None]


def test_counts_are_summed_by_name_where_a_fold_lacks_a_class(
    evaluation: Evaluation, cells: Cells
) -> None:
    part = part_of_rounds(SELF_TRAINED, CONFIG, cells, evaluation)
    assert part is not None
    assert [each.counts for each in part.rounds] == [
        {}, {"added": {"a": 11, "b": 2, "c": 23}}, {"added": {"a": 0, "b": 0, "c": 1}},
    ]  # fmt: skip


def test_which_round_counts_is_told_of_each_fold_and_of_the_final_model(
    evaluation: Evaluation, cells: Cells
) -> None:
    part = part_of_rounds(SELF_TRAINED, CONFIG, cells, evaluation)
    assert part is not None
    assert (part.kept, part.kept_final) == ([1, 0], 2)
    assert part.stopped == {ALL_ROUNDS: 1, WORSE: 1}
    assert (part.settings["rounds"], part.settings["growth"]) == (7, 0.25)


def test_the_gain_is_over_the_classifier_fitted_once(evaluation: Evaluation, cells: Cells) -> None:
    better = part_of_rounds(SELF_TRAINED, CONFIG, cells, evaluation)
    worse = part_of_rounds(FED_BACK, CONFIG, cells, evaluation)
    assert better is not None
    assert worse is not None
    plain = np.mean([2 / 3, 4 / 5, 1.0])  # F1 of a, b and c with one cell of a called b
    assert better.f1_macro_gain.value == pytest.approx(1 - plain)
    assert worse.f1_macro_gain.value == pytest.approx(np.mean([0.5, 0, 0]) - plain)


def test_the_pool_is_told_for_self_training_alone(evaluation: Evaluation, cells: Cells) -> None:
    own = part_of_rounds(SELF_TRAINED, CONFIG, cells, evaluation)
    other = part_of_rounds(FED_BACK, CONFIG, cells, evaluation)
    assert own is not None
    assert other is not None
    assert (own.unlabelled, own.withheld) == (2, 2)
    assert (other.unlabelled, other.withheld, other.settings["feedback_rounds"]) == (0, 0, 3)


def test_what_was_not_asked_for_is_none(evaluation: Evaluation, cells: Cells) -> None:
    for part in evaluation.parts:
        part.proba.pop(FED_BACK, None)
    assert part_of_rounds(FED_BACK, CONFIG, cells, evaluation) is None
