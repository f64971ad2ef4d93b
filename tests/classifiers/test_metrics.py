"""Every figure is scikit-learn's; intervals are those of a bootstrap over whole groups."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from classifiers.estimate import Estimate
from classifiers.metrics import (
    RESAMPLES,
    evaluate,
    from_confusion,
    paired_gain,
    resample_groups,
    weighted_auroc,
)
from classifiers.objectives import OBJECTIVES
from classifiers.result import ClassMetrics, Metrics

# Few distinct scores, so that ties are the rule.
CASES = {"n": st.integers(1, 40), "k": st.integers(2, 5), "seed": st.integers(0, 2**31)}


def case(n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Codes (often not of every class), tied probabilities, groups, names."""
    rng = np.random.default_rng(seed)
    y = rng.choice(rng.permutation(k)[: rng.integers(1, k + 1)], n)
    proba = rng.integers(0, 4, (n, k)) + 1.0
    proba /= proba.sum(axis=1, keepdims=True)
    groups = rng.choice([f"g{i}" for i in range(rng.integers(1, 12))], n)
    return y, proba, groups, tuple("abcde"[:k])


def figures(metrics: Metrics) -> list[Estimate]:
    names = ("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "auroc")
    classes: list[ClassMetrics] = list(metrics.per_class.values())
    return [getattr(metrics, name) for name in names] + [
        getattr(each, name) for each in classes for name in ("precision", "recall", "f1", "auroc")
    ]


@given(**CASES)
def test_every_figure_is_that_of_scikit_learn(n: int, k: int, seed: int) -> None:
    y, proba, groups, classes = case(n, k, seed)
    predicted = proba.argmax(axis=1)
    ours = evaluate(y, proba, proba.argmax(axis=1), groups, classes, 0)
    present = np.unique(y)
    macro = {"labels": present, "average": "macro", "zero_division": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are predicted but never true
        assert ours.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(y, predicted))
    assert ours.accuracy.value == pytest.approx(accuracy_score(y, predicted))
    assert ours.f1_macro.value == pytest.approx(f1_score(y, predicted, **macro))
    assert ours.f1_weighted.value == pytest.approx(
        f1_score(y, predicted, average="weighted", zero_division=0)
    )
    assert ours.confusion == confusion_matrix(y, predicted, labels=range(k)).tolist()
    precision, recall, f1, support = precision_recall_fscore_support(
        y, predicted, labels=range(k), zero_division=0
    )
    areas = []
    for code, each in enumerate(ours.per_class.values()):
        assert each.support == support[code]
        if not support[code]:  # no cells: not defined, rather than zero
            assert [each.precision.value, each.recall.value, each.f1.value] == [None] * 3
            assert each.auroc.value is None
            continue
        assert each.precision.value == pytest.approx(precision[code])
        assert each.recall.value == pytest.approx(recall[code])
        assert each.f1.value == pytest.approx(f1[code])
        if support[code] < n:
            areas.append(roc_auc_score(y == code, proba[:, code]))
            assert each.auroc.value == pytest.approx(areas[-1])
    if areas:
        assert ours.auroc.value == pytest.approx(np.mean(areas))
    else:
        assert ours.auroc == Estimate(value=None, low=None, high=None)
    assert (ours.n, ours.n_groups) == (n, len(np.unique(groups)))


@given(**CASES)
def test_intervals_are_ordered_and_accuracy_lies_in_its_own(n: int, k: int, seed: int) -> None:
    y, proba, groups, classes = case(n, k, seed)
    metrics = evaluate(y, proba, proba.argmax(axis=1), groups, classes, seed)
    for figure in figures(metrics):
        assert (figure.low is None) == (figure.high is None)
        if figure.low is not None and figure.high is not None:
            assert figure.value is not None
            assert 0 <= figure.low <= figure.high <= 1 + 1e-12
    accuracy = metrics.accuracy
    if metrics.n_groups > 1:
        assert accuracy.low - 1e-12 <= accuracy.value <= accuracy.high + 1e-12
    else:  # one group has no spread to show
        assert all(figure.low is None for figure in figures(metrics))


@pytest.mark.parametrize("n_groups", [5, 40])
def test_every_figure_lies_in_its_interval_on_cells_like_real_ones(n_groups: int) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 3, 200)
        proba = rng.dirichlet([1, 1, 1], 200) + np.eye(3)[y] * 0.8
        metrics = evaluate(
            y, proba, proba.argmax(axis=1), rng.integers(0, n_groups, 200), tuple("abc"), seed
        )
        found = [each for each in figures(metrics) if each.low is not None]
        assert all(each.low <= each.value <= each.high for each in found)


def test_a_perfect_score_says_how_little_few_groups_prove() -> None:
    y = np.arange(24) % 2
    metrics = evaluate(y, np.eye(2)[y], y, np.arange(24) % 6, ("a", "b"), 0)
    # Six groups without an error: the error may still be up to 1 - 0.025 ** (1 / 6).
    assert metrics.accuracy.value == 1
    assert metrics.accuracy.low == pytest.approx(0.025 ** (1 / 6))
    assert metrics.per_class["a"].recall == metrics.per_class["a"].precision
    assert metrics.per_class["a"].recall.low < 0.6  # three groups have cells of this class
    assert metrics.f1_macro.value == metrics.auroc.value == 1
    assert metrics.f1_macro.low is metrics.auroc.low is None


@given(**CASES)
def test_the_seed_fixes_the_bootstrap_and_nothing_else(n: int, k: int, seed: int) -> None:
    y, proba, groups, classes = case(n, k, seed)
    once = evaluate(y, proba, proba.argmax(axis=1), groups, classes, 1)
    assert evaluate(y, proba, proba.argmax(axis=1), groups, classes, 1) == once
    other = evaluate(y, proba, proba.argmax(axis=1), groups, classes, 2)
    assert [each.value for each in figures(other)] == [each.value for each in figures(once)]


@given(**CASES)
def test_neither_order_of_rows_nor_names_of_groups_matter(n: int, k: int, seed: int) -> None:
    y, proba, groups, classes = case(n, k, seed)
    once = evaluate(y, proba, proba.argmax(axis=1), groups, classes, 0)
    order = np.random.default_rng(seed).permutation(n)
    renamed = np.array([f"patient {name}" for name in groups])
    assert (
        evaluate(y[order], proba[order], proba[order].argmax(axis=1), renamed[order], classes, 0)
        == once
    )


@given(n_groups=st.integers(1, 30), seed=st.integers(0, 2**31))
def test_a_resample_draws_as_many_groups_as_there_are(n_groups: int, seed: int) -> None:
    counts = resample_groups(np.repeat(np.arange(n_groups), 2), seed)
    assert counts.shape == (RESAMPLES, n_groups)
    assert (counts.sum(axis=1) == n_groups).all()


@given(n=st.integers(1, 30), seed=st.integers(0, 2**31))
def test_a_weight_counts_like_so_many_copies_of_the_cell(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, score = rng.random(n) < 0.5, rng.integers(0, 5, n).astype(float)
    weight = rng.integers(0, 4, n)
    area = weighted_auroc(positive, score, weight[None])[0]
    copies = np.repeat(positive, weight), np.repeat(score, weight)
    if copies[0].all() or not copies[0].any():
        assert np.isnan(area)
    else:
        assert area == pytest.approx(roc_auc_score(*copies))


def test_bootstrap_figures_come_from_resampled_cells() -> None:
    y, proba, groups, classes = case(40, 3, 5)
    drawn = []
    for counts in resample_groups(groups, 9):
        names = np.unique(groups)
        rows = np.concatenate([np.repeat(np.flatnonzero(groups == g), c)
                               for g, c in zip(names, counts, strict=True)])  # fmt: skip
        drawn.append(accuracy_score(y[rows], proba[rows].argmax(axis=1)))
    accuracy = evaluate(y, proba, proba.argmax(axis=1), groups, classes, 9).accuracy
    assert [accuracy.low, accuracy.high] == pytest.approx(np.percentile(drawn, [2.5, 97.5]))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    # Cells of one patient succeed or fail together; a bootstrap over cells would cover far less.
    truth, covered, by_cell = 0.8, 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        right = rng.random(240) < np.repeat(rng.beta(8, 2, 30), 8)
        y = rng.integers(0, 2, 240)
        proba = np.eye(2)[np.where(right, y, 1 - y)]
        interval = evaluate(
            y, proba, proba.argmax(axis=1), np.repeat(np.arange(30), 8), ("a", "b"), seed
        ).accuracy
        covered += interval.low <= truth <= interval.high
        if seed < 50:
            interval = evaluate(
                y, proba, proba.argmax(axis=1), np.arange(240), ("a", "b"), seed
            ).accuracy
            by_cell += interval.low <= truth <= interval.high
    assert 0.88 <= covered / 200 <= 0.99
    assert by_cell / 50 < 0.88


@given(**CASES)
def test_a_model_gains_nothing_over_itself(n: int, k: int, seed: int) -> None:
    y, proba, groups, _ = case(n, k, seed)
    gain = paired_gain(y, proba.argmax(1), proba.argmax(1), groups, k, seed)
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)


@given(**CASES)
def test_a_gain_is_the_difference_and_turns_with_the_pair(n: int, k: int, seed: int) -> None:
    y, proba, groups, classes = case(n, k, seed)
    other = proba[:, ::-1]
    gain, loss = (
        paired_gain(y, *(each.argmax(1) for each in pair), groups, k, 0)
        for pair in ((proba, other), (other, proba))
    )
    f1 = [
        evaluate(y, each, each.argmax(axis=1), groups, classes, 0).f1_macro.value
        for each in (proba, other)
    ]
    assert gain.value == pytest.approx(f1[1] - f1[0])
    assert (gain.value, gain.low, gain.high) == pytest.approx((-loss.value, -loss.high, -loss.low))


@given(**CASES)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_are_best_where_every_cell_is_scored_right(
    name: str, n: int, k: int, seed: int
) -> None:
    y, proba, _, _ = case(n, k, seed)
    perfect = OBJECTIVES[name](y, 20.0 * np.eye(k)[y])
    assert OBJECTIVES[name](y, np.log(proba + 1e-6)) <= perfect + 1e-9
    if name == "log_loss":
        assert perfect == pytest.approx(0, abs=1e-6)
    elif name != "auroc" or len(np.unique(y)) > 1:
        assert perfect == 1


def test_the_log_loss_of_tuning_does_not_depend_on_the_scale_of_the_scores() -> None:
    y, proba, _, _ = case(40, 3, 0)
    scores = np.log(proba + 1e-6)
    once, again = (OBJECTIVES["log_loss"](y, scale * scores) for scale in (1.0, 7.0))
    assert once == pytest.approx(again, rel=1e-4)


def test_confusions_are_stacked_as_they_come() -> None:
    confusion = np.random.default_rng(0).integers(0, 9, (4, 5, 3, 3)) + 1
    stacked = from_confusion(confusion)
    assert stacked["accuracy"].shape == (4, 5)
    for name, values in stacked.items():
        np.testing.assert_array_equal(values[2, 3], from_confusion(confusion[2, 3])[name])
