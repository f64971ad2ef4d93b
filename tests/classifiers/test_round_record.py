"""When a round is believed: it gains in score and in log loss, and by more than luck."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from classifiers.calibration import Calibrated
from classifiers.cells import NO_LABEL
from classifiers.feedback import ConfidenceFeedback
from classifiers.round_record import Validation
from classifiers.rounds import InRounds
from classifiers.selftraining import SelfTraining
from tests.classifiers.patients import sample

N_GROUPS, CELLS_EACH = 20, 10
GROUPS = np.repeat(np.arange(N_GROUPS), CELLS_EACH)


def plain(share_wrong: float = 0.3) -> Validation:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, len(GROUPS))
    wrong = rng.random(len(y)) < share_wrong
    decided = np.where(wrong, (y + 1) % 3, y)
    return Validation(y, GROUPS, decided, np.where(wrong, 2.0, 0.3), float((~wrong).mean()))


def mended(of: Validation, cells: np.ndarray, less: float = 0.5) -> Validation:
    """The same with these cells decided rightly, and lower losses of them."""
    return replace(of, decided=np.where(cells, of.y, of.decided), losses=of.losses - less * cells)


@pytest.mark.parametrize("metric", ["f1_macro", "accuracy", "auroc", "log_loss"])
def test_a_gain_in_every_group_is_believed_and_its_contrary_is_not(metric: str) -> None:
    before = plain()
    after = mended(before, GROUPS % 20 < 18)
    assert after.beats(before, metric)
    assert not before.beats(after, metric)
    assert not before.beats(before, metric)


def test_score_and_log_loss_must_both_gain() -> None:
    before = plain()
    better = mended(before, np.full(len(GROUPS), True))
    assert not replace(better, losses=before.losses + 0.1).beats(before, "f1_macro")
    assert not replace(better, decided=before.decided).beats(before, "f1_macro")


def test_names_of_groups_do_not_matter() -> None:
    before, cells = plain(), GROUPS < 8
    named = np.array([f"patient {number}" for number in GROUPS])
    after = mended(before, cells)
    assert after.beats(before, "f1_macro") == replace(after, groups=named).beats(
        replace(before, groups=named), "f1_macro"
    )


@pytest.mark.parametrize("kind", [SelfTraining, ConfidenceFeedback])
def test_on_labels_at_random_the_plain_classifier_mostly_stays(kind: type[InRounds]) -> None:
    kept, by_score = 0, 0
    for seed in range(12):
        X, _, groups = sample(40, 4, seed=seed)
        y = np.random.default_rng(100 + seed).integers(0, 2, 40)[groups]
        y[groups % 2 == 0] = NO_LABEL
        model = kind(Calibrated(LogisticRegression()), rounds=6, patience=6).fit(X, y, groups)
        kept += model.best_round_ == 0
        scores = [each.score for each in model.rounds_]
        by_score += int(np.argmax(scores)) == 0
    assert kept >= 9
    assert by_score < kept  # the best score of many rounds is luck


@pytest.mark.parametrize(
    ("mended", "broken", "believed"),
    [(4, 0, True), (12, 3, True), (4, 3, False), (3, 3, False)],
)
def test_score_and_loss_must_gain_two_standard_errors_together(
    mended: int, broken: int, believed: bool
) -> None:
    n = 200
    y, groups = np.arange(n) % 2, np.arange(n)
    plain = y.copy()
    plain[:40] = 1 - y[:40]
    new = plain.copy()
    new[:mended] = y[:mended]
    new[100 : 100 + broken] = 1 - y[100 : 100 + broken]

    def validation(decided: np.ndarray) -> Validation:
        score = float((decided == y).mean())
        return Validation(y, groups, decided, np.where(decided == y, 0.1, 1.5), score)

    assert validation(new).beats(validation(plain), "accuracy") is believed
    assert not validation(plain).beats(validation(new), "accuracy")


def test_without_a_decision_the_loss_alone_must_gain() -> None:
    y, groups = np.arange(100) % 2, np.arange(100)
    noise = np.random.default_rng(0).normal(0, 0.05, 100)
    plain = Validation(y, groups, y, np.full(100, 0.5), -0.5)
    better = Validation(y, groups, y, 0.45 + noise, -0.45)
    hardly = Validation(y, groups, y, 0.5 + noise - noise.mean() - 0.002, -0.498)
    assert better.beats(plain, "log_loss")
    assert not hardly.beats(plain, "log_loss")
    assert not better.beats(plain, "f1_macro")  # no decision has changed
