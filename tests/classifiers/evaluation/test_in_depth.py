"""The evaluation in depth is whole, plain JSON, repeatable, and holds for any set of cells."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from classifiers.evaluation.in_depth import disease_codes, disease_probability, evaluate_in_depth
from classifiers.evaluation.parts import EvaluationPart
from classifiers.metrics import evaluate
from data.errors import BlastlineError

NAMES = ("benign", "early", "pre", "pro")


def cells(n: int, k: int, n_patients: int, seed: int, skill: float = 1.5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, n_patients, n)
    y = (patients + rng.integers(0, 2, n)) % k
    scores = rng.normal(size=(n, k))
    scores[np.arange(n), y] += skill
    proba = np.exp(scores)
    names = np.array([f"p{each}" for each in patients])
    return {
        "y": y,
        "proba": proba / proba.sum(axis=1, keepdims=True),
        "groups": names,
        "patients": names,
    }


def in_depth(
    found: dict[str, np.ndarray], positive: tuple[str, ...] = (), seed: int = 0
) -> EvaluationPart:
    k = int(found["proba"].shape[1])
    limits = np.full(len(found["y"]), 0.4)
    return evaluate_in_depth(
        **found, classes=NAMES[:k], positive=positive, thresholds=limits, seed=seed
    )


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 40), k=st.integers(2, 4), n_patients=st.integers(1, 6),
    seed=st.integers(0, 2**31), named=st.booleans(), skill=st.sampled_from([0.0, 2.0, 50.0, -50.0]),
)  # fmt: skip
def test_any_cells_give_plain_json(
    n: int, k: int, n_patients: int, seed: int, named: bool, skill: float
) -> None:
    found = in_depth(cells(n, k, n_patients, seed, skill), NAMES[1:2] if named else ())
    text = found.model_dump_json()
    assert "NaN" not in text and "Infinity" not in text
    json.loads(text)
    assert EvaluationPart.model_validate_json(text) == found


def test_figures_agree_with_those_of_the_run() -> None:
    found = cells(400, 4, 30, 0)
    deep = in_depth(found)
    plain = evaluate(
        found["y"], found["proba"], found["proba"].argmax(1), found["groups"], NAMES, 0
    )
    assert (deep.n, deep.n_groups) == (plain.n, plain.n_groups)
    assert deep.coverage.error.value == pytest.approx(1 - plain.accuracy.value)
    assert deep.coverage.error.low == pytest.approx(1 - plain.accuracy.high)
    for point, (name, of_class) in zip(deep.operating, plain.per_class.items(), strict=True):
        assert point.name == name and point.rule == "most probable class"
        assert point.sensitivity.value == pytest.approx(of_class.recall.value)
        assert point.sensitivity.high == pytest.approx(of_class.recall.high)
        assert point.ppv.low == pytest.approx(of_class.precision.low)
        assert point.auroc.low == pytest.approx(of_class.auroc.low)
    each = [
        average_precision_score(found["y"] == code, found["proba"][:, code]) for code in range(4)
    ]
    assert [ap.value for ap in deep.average_precision.values()] == pytest.approx(each)
    assert deep.average_precision_macro.value == pytest.approx(np.mean(each))


def test_several_classes_can_mean_disease() -> None:
    found = cells(300, 4, 20, 1)
    deep = in_depth(found, ("early", "pro"))
    [point] = deep.operating
    assert (point.name, point.rule, deep.positive) == (
        "early or pro",
        "threshold",
        ["early", "pro"],
    )
    sick = np.isin(found["y"], [1, 3])
    p = found["proba"][:, [1, 3]].sum(axis=1)
    called = p > 0.4
    assert point.auroc.value == pytest.approx(roc_auc_score(sick, p))
    assert point.average_precision.value == pytest.approx(average_precision_score(sick, p))
    assert point.sensitivity.value == pytest.approx(called[sick].mean())
    assert point.specificity.value == pytest.approx((~called[~sick]).mean())
    assert deep.patients.labels == ["benign or pre", "early or pro"]


def test_of_two_classes_the_second_means_disease() -> None:
    deep = in_depth(cells(60, 2, 10, 2))
    assert deep.positive == ["early"] and [each.name for each in deep.operating] == ["early"]
    turned = in_depth(cells(60, 2, 10, 2), ("benign",))
    assert turned.operating[0].name == "benign"
    assert turned.operating[0].auroc.value == pytest.approx(deep.operating[0].auroc.value)


def test_the_same_seed_gives_the_same_and_order_does_not_matter() -> None:
    found = cells(200, 3, 12, 3)
    assert in_depth(found) == in_depth(found)
    order = np.random.default_rng(0).permutation(200)
    moved = in_depth({name: each[order] for name, each in found.items()})
    whole = in_depth(found)
    rows = [(row.name, row.wrong, row.by_majority) for row in whole.patients.rows]
    assert [(row.name, row.wrong, row.by_majority) for row in moved.patients.rows] == rows
    assert moved.operating[1].sensitivity.low == pytest.approx(whole.operating[1].sensitivity.low)
    assert moved.coverage.aurc.high == pytest.approx(whole.coverage.aurc.high)
    assert moved.conformal.sets[0].size.value == pytest.approx(whole.conformal.sets[0].size.value)


def test_probabilities_before_calibration_stand_beside() -> None:
    found = cells(300, 3, 20, 4)
    flat = found["proba"] ** 0.2
    flat /= flat.sum(axis=1, keepdims=True)
    deep = evaluate_in_depth(
        **found, classes=NAMES[:3], positive=(), thresholds=None, seed=0, uncalibrated=flat,
        calibration="temperature", prevalences=(0.3,),
    )  # fmt: skip
    assert deep.calibration.method == "temperature" and deep.calibration.before is not None
    assert deep.calibration.before.ece.value > deep.calibration.after.ece.value
    assert [each.prevalence for each in deep.operating[0].at_prevalence] == [0.3]


def test_what_cannot_be_positive_is_refused() -> None:
    found = cells(20, 3, 4, 0)
    with pytest.raises(BlastlineError, match="'blast' is none of the classes; choose from benign"):
        in_depth(found, ("blast",))
    with pytest.raises(BlastlineError, match="all 3 classes"):
        in_depth(found, NAMES[:3])
    for prevalence in (0.0, 1.0, 5.0):
        with pytest.raises(BlastlineError, match="prevalence"):
            evaluate_in_depth(
                **found, classes=NAMES[:3], positive=(), thresholds=None, seed=0,
                prevalences=(prevalence,),
            )  # fmt: skip


def test_what_does_not_fit_is_refused() -> None:
    found = cells(20, 3, 4, 0)
    for name, array, said in (
        ("proba", found["proba"][:5], r"\(5, 3\)"),
        ("groups", found["groups"][:3], r"\(3,\)"),
        ("y", found["y"] + 1, "1 to 3"),
        ("proba", np.full((20, 3), np.nan), "finite"),
    ):
        with pytest.raises(ValueError, match=said):
            in_depth({**found, name: array})


def test_probability_of_disease_is_that_of_its_classes() -> None:
    codes = disease_codes(NAMES, ("pro", "early"))
    assert codes.tolist() == [1, 3]
    assert disease_codes(NAMES, ()).tolist() == []
    assert disease_codes(NAMES[:2], ()).tolist() == [1]
    proba = np.array([[0.1, 0.2, 0.3, 0.4]])
    assert disease_probability(proba, codes) == pytest.approx([0.6])
