"""What the cells of a patient say together, and when nothing can be said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from classifiers.evaluation.parts import PatientsPart
from classifiers.evaluation.patient_level import FEW, exact, patient_level

LABELS = ("normal", "blast")


def judged(
    y: np.ndarray, p: np.ndarray, patients: np.ndarray, threshold: float = 0.5
) -> PatientsPart:
    proba = np.column_stack([1 - p, p])
    return patient_level(y, proba, np.full(len(y), threshold), patients, LABELS, 0)


def hospital(
    n_patients: int, cells: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels and probabilities of the cells of patients, their names, and the patients' labels."""
    rng = np.random.default_rng(seed)
    sick = np.arange(n_patients) % 2
    of = np.repeat(np.arange(n_patients), cells)
    p = 0.5 + 0.25 * (2 * sick[of] - 1) * rng.random(len(of)) + 0.3 * rng.normal(size=len(of))
    return sick[of], p.clip(0, 1), np.array([f"p{i:02d}" for i in of]), sick  # fmt: skip


def test_patients_are_judged_by_mean_and_majority() -> None:
    y, p, patients, sick = hospital(24, 15, 0)
    found = judged(y, p, patients)
    means = p.reshape(24, 15).mean(axis=1)
    shares = (p > 0.5).reshape(24, 15).mean(axis=1)
    assert (found.n, found.n_labelled, found.unknown, found.note) == (24, 24, 0, "")
    for rule, score in zip(found.rules, (means, shares), strict=True):
        assert rule.accuracy.value == pytest.approx(np.mean((score > 0.5) == sick))
        assert rule.sensitivity.value == pytest.approx(np.mean(score[sick == 1] > 0.5))
        assert rule.specificity.value == pytest.approx(np.mean(score[sick == 0] <= 0.5))
        assert rule.auroc.value == pytest.approx(roc_auc_score(sick, score))
    assert_allclose([row.probability["blast"] for row in found.rows], means)
    assert_allclose([row.positive_share for row in found.rows], shares)
    assert [row.name for row in found.rows] == sorted(set(patients))


def test_the_worst_patients_come_first() -> None:
    y, p, patients, _ = hospital(24, 15, 1)
    p[patients == "p07"] = 0.1  # a blast patient missed altogether
    found = judged(y, p, patients)
    assert (found.worst[0].name, found.worst[0].wrong) == ("p07", 15)
    assert len(found.worst) == 10
    wrong = [row.wrong for row in found.worst]
    assert wrong == sorted(wrong, reverse=True)
    assert sum(row.wrong for row in found.rows) == np.count_nonzero((p > 0.5) != y)


@given(hits=st.integers(0, 30), misses=st.integers(0, 30))
def test_exact_intervals_hold_the_share(hits: int, misses: int) -> None:
    found = exact(np.arange(hits + misses) < hits)
    if hits + misses == 0:
        assert found.value is None
    else:
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_exact_intervals_are_those_of_clopper_and_pearson() -> None:
    found = exact(np.arange(10) < 8)  # tables: 0.4439 to 0.9748
    assert (found.low, found.high) == (
        pytest.approx(0.4439, abs=1e-4),
        pytest.approx(0.9748, abs=1e-4),
    )
    assert exact(np.ones(10)).low == pytest.approx(0.6915, abs=1e-4)


def test_few_patients_or_perfect_separation_give_no_interval_of_the_area() -> None:
    y, p, patients, _ = hospital(FEW - 2, 3, 2)
    few = judged(y, p, patients).rules[0]
    assert few.auroc.value is not None and few.auroc.low is None
    assert few.accuracy.low is not None
    y, p, patients, _ = hospital(FEW + 10, 1, 5)
    [mean, _] = judged(y, p, patients).rules
    assert mean.auroc.low < mean.auroc.value < mean.auroc.high
    perfect = judged(y, y.astype(float), patients).rules[0]
    assert perfect.auroc.value == 1 and perfect.auroc.low is None
    assert perfect.sensitivity.value == 1 and perfect.sensitivity.low < 0.8


def test_the_threshold_of_the_cells_holds_for_their_mean() -> None:
    patients = np.array(["a", "a", "b", "b"])
    y, p = np.array([1, 1, 0, 0]), np.array([0.4, 0.35, 0.25, 0.1])
    low, high = judged(y, p, patients, 0.3), judged(y, p, patients, 0.5)
    assert [row.by_mean for row in low.rows] == ["blast", "normal"]
    assert [row.by_mean for row in high.rows] == ["normal", "normal"]
    assert [row.wrong for row in high.rows] == [2, 0]


def test_a_tied_vote_goes_as_the_mean_does() -> None:
    patients = np.array(["a", "a", "b", "b"])
    found = judged(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1]), patients)
    assert [row.by_majority for row in found.rows] == ["blast", "normal"]


def test_more_than_two_labels() -> None:
    rng = np.random.default_rng(0)
    label = np.arange(30) % 3
    of = np.repeat(np.arange(30), 8)
    proba = rng.dirichlet(np.ones(3), len(of)) + 0.4 * np.eye(3)[label[of]]
    proba /= proba.sum(axis=1, keepdims=True)
    found = patient_level(label[of], proba, None, np.char.mod("%02d", of), ("x", "y", "z"), 0)
    means = proba.reshape(30, 8, 3).mean(axis=1)
    mean, votes = found.rules
    assert mean.accuracy.value == pytest.approx(np.mean(means.argmax(axis=1) == label))
    assert mean.sensitivity is None and found.rows[0].positive_share is None
    areas = [roc_auc_score(label == code, means[:, code]) for code in range(3)]
    assert mean.auroc.value == pytest.approx(np.mean(areas))
    assert votes.accuracy.value > 0.5


def test_patients_with_cells_of_several_labels_have_none() -> None:
    y, p, patients, _ = hospital(6, 4, 0)
    y = y.copy()
    y[0] = 1 - y[0]
    found = judged(y, p, patients)
    assert found.rows[0].label == "" and found.n_labelled == 5
    assert "1 of 6 patients" in found.note and len(found.rules) == 2
    mixed = judged(np.tile([0, 1], 12), p, patients)
    assert mixed.rules == [] and "no patient has a label" in mixed.note
    assert len(mixed.rows) == 6


def test_one_patient_none_or_one_label() -> None:
    y, p, patients, _ = hospital(4, 5, 0)
    none = judged(y, p, np.full(20, ""))
    assert (none.n, none.unknown, none.rules, none.rows) == (0, 20, [], [])
    assert none.note
    alone = judged(y[:5], p[:5], patients[:5])
    assert alone.n == 1 and alone.rules == [] and "of one" in alone.note
    some = judged(y, p, np.where(patients == "p03", "", patients))
    assert (some.n, some.unknown) == (3, 5)
    sick = judged(np.ones(20, dtype=int), p, patients)
    assert sick.rules[0].specificity.value is None and sick.rules[0].auroc.value is None
    assert "all patients judged are blast" in sick.note
    for each in (none, alone, some, sick):
        assert "NaN" not in each.model_dump_json()
