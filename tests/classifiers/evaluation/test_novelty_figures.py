"""Shares and areas of the novelty score are those of their definitions."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from classifiers.estimate import Estimate
from classifiers.evaluation.novelty_figures import (
    POINTS,
    Scored,
    errors_by_novelty,
    quantiles,
    told_apart,
)

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(20), 10)
TESTED = Scored("cells under test", "tested", RNG.gamma(9, 0.07, 200), GROUPS)


def value(estimate: Estimate | None) -> float:
    assert estimate is not None
    assert estimate.value is not None
    return estimate.value


def test_each_set_is_told_from_the_cells_under_test() -> None:
    far = Scored("far", "unlabelled", RNG.gamma(9, 0.12, 80), np.repeat(np.arange(100, 108), 10))
    first, second = told_apart(TESTED, [far], 0)
    assert (first.name, first.n, first.auroc) == ("cells under test", 200, None)
    assert value(first.flagged) == pytest.approx(np.mean(TESTED.scores > 1))
    both = np.concatenate([TESTED.scores, far.scores])
    assert value(second.auroc) == pytest.approx(roc_auc_score(np.arange(280) >= 200, both))
    assert value(second.flagged) == pytest.approx(np.mean(far.scores > 1))


def test_disturbed_cells_stand_beside_themselves() -> None:
    some = np.arange(0, 200, 4)
    disturbed = Scored(
        "blur", "disturbed", TESTED.scores[some] + 0.2, GROUPS[some], 3, "3 px", TESTED.of(some)
    )
    found = told_apart(TESTED, [disturbed], 0)[1]
    assert (found.name, found.strength, found.setting) == ("blur", 3, "3 px")
    both = np.concatenate([TESTED.scores[some], disturbed.scores])
    assert value(found.auroc) == pytest.approx(roc_auc_score(np.arange(100) >= 50, both))


def test_errors_among_familiar_and_flagged_cells() -> None:
    y = RNG.integers(0, 2, 200)
    wrong = RNG.random(200) < np.where(TESTED.scores > 1, 0.6, 0.1)
    found = errors_by_novelty(TESTED, y, np.where(wrong, 1 - y, y), ("a", "b", "never"), 0)
    flagged = TESTED.scores > 1
    assert value(found.flagged.share) == pytest.approx(wrong[flagged].mean())
    assert value(found.familiar.share) == pytest.approx(wrong[~flagged].mean())
    assert (found.flagged.n, found.flagged.wrong) == (flagged.sum(), (wrong & flagged).sum())
    assert (found.familiar.n, found.familiar.wrong) == ((~flagged).sum(), (wrong & ~flagged).sum())
    assert value(found.auroc) == pytest.approx(roc_auc_score(wrong, TESTED.scores))
    assert value(found.by_class["b"]) == pytest.approx(flagged[y == 1].mean())
    assert found.by_class["never"].value is None


def test_nothing_wrong_and_nothing_flagged_is_no_failure() -> None:
    y = np.zeros(200, dtype=int)
    calm = Scored("cells under test", "tested", np.full(200, 0.5), GROUPS)
    found = errors_by_novelty(calm, y, y, ("a", "b"), 0)
    assert (found.flagged.n, found.flagged.share.value) == (0, None)
    assert found.auroc.value is None
    assert found.familiar.share.value == 0
    assert found.familiar.share.high is not None
    assert found.familiar.share.high > 0


def test_quantiles_run_from_the_lowest_to_the_highest() -> None:
    found = quantiles(TESTED.scores)
    assert len(found) == POINTS
    assert found == sorted(found)
    assert (found[0], found[-1]) == (TESTED.scores.min(), TESTED.scores.max())
