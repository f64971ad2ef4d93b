"""A learner scores as the plain pipeline does, whatever it shares between rounds."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from classifiers import learner as module
from classifiers.knn import KNN
from classifiers.learner import Learner, Prepared, takes_weights
from classifiers.registry import CLASSIFIERS
from classifiers.scores import as_rows, class_scores, over_views, per_view
from classifiers.svm import SVM
from tests.classifiers.examples import unfitted
from tests.classifiers.patients import sample, with_views

PLENTY = 1 << 30
CANDIDATES = 100


def pipeline(last: BaseEstimator, components: int = 0) -> Pipeline:
    fewer = [("pca", PCA(components))] if components else []
    return Pipeline([("scale", StandardScaler()), *fewer, ("last", last)])


def cells(views: bool = False) -> dict[str, Any]:
    """Candidates, two in three labelled, and cells held out."""
    X, _, groups = sample(16, 10, k=3)
    X = with_views(X) if views else X
    labelled = np.arange(CANDIDATES) % 3 > 0
    return {
        "X": X[:CANDIDATES], "held": X[CANDIDATES:], "labelled": labelled,
        "groups": groups[:CANDIDATES], "k": 3,
    }  # fmt: skip


def learner_of(estimator: BaseEstimator, given: dict[str, Any], memory: int = PLENTY) -> Learner:
    part = Prepared(given["X"], given["held"], given["labelled"])
    return Learner(estimator, part, given["groups"], given["k"], memory)


def rounds(n: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    """Codes and weights that differ from round to round, some of the cells left out."""
    rng = np.random.default_rng(3)
    y = sample(16, 10, k=3)[1][:CANDIDATES]
    return [
        (np.where(weights > 0, y, -1), weights)
        for weights in rng.choice([0.0, 0.5, 1.0, 2.0], (n, CANDIDATES))
    ]


@pytest.fixture
def grams(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of the kernel matrices that learners make."""
    made: list[tuple[int, ...]] = []

    def noted(squared: np.ndarray, gamma: float | None) -> np.ndarray:
        made.append(squared.shape)
        return original(squared, gamma)

    original = module.to_kernel
    monkeypatch.setattr(module, "to_kernel", noted)
    return made


@pytest.mark.parametrize("views", [False, True])
@pytest.mark.parametrize("components", [0, 3])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_one_gram_matrix_scores_as_a_new_one_each_round(
    kernel: str, components: int, views: bool, grams: list[tuple[int, ...]]
) -> None:
    machine = pipeline(SVM(C=3.0, kernel=kernel, class_weight="balanced"), components)
    shared = learner_of(machine, cells(views), memory=PLENTY)
    each = 3 if views else 1
    assert grams == [(each * CANDIDATES, each * CANDIDATES), (each * 60, each * CANDIDATES)]
    alone = learner_of(machine, cells(views), memory=0)
    for codes, weights in rounds():
        found, expected = (it.scores(codes, weights) for it in (shared, alone))
        for ours, plain in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, plain, atol=1e-9)
    assert len(grams) == 2  # none without memory, none for later rounds


def test_weights_that_are_all_alike_still_count() -> None:
    machine = pipeline(SVM(C=0.05))
    codes = sample(16, 10, k=3)[1][:CANDIDATES]
    found, expected, unweighted = (
        learner_of(machine, cells(), memory=memory).scores(codes, np.full(CANDIDATES, weight))[1]
        for memory, weight in ((PLENTY, 0.3), (0, 0.3), (0, 1.0))
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert np.abs(found - unweighted).max() > 0.01


@pytest.mark.parametrize("views", [False, True])
def test_preparation_is_fitted_on_labelled_cells_and_the_classifier_on_those_with_weight(
    views: bool,
) -> None:
    given, (codes, weights) = cells(views), rounds()[0]
    learner = learner_of(pipeline(LogisticRegression()), given)
    X, some = given["X"], weights > 0
    scale = StandardScaler().fit(as_rows(X[given["labelled"]]))
    last = LogisticRegression().fit(
        scale.transform(as_rows(X[some])), per_view(codes[some], X),
        per_view(weights[some], X),
    )  # fmt: skip
    found, held, known = learner.scores(codes, weights)
    for scores, of in ((found, X), (held, given["held"])):
        plain = over_views(class_scores(last, scale.transform(as_rows(of))), of)
        np.testing.assert_allclose(scores, plain)
    np.testing.assert_array_equal(known, [0, 1, 2])
    whole = learner.fitted(codes, weights)
    np.testing.assert_allclose(
        over_views(class_scores(whole, as_rows(given["held"])), given["held"]), held
    )


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_the_whole_model_holds_nothing_out(kernel: str) -> None:
    given = cells()
    given["held"] = given["held"][:0]
    learner = learner_of(pipeline(SVM(kernel=kernel), 3), given)
    found, held, _ = learner.scores(*rounds()[0])
    assert (found.shape, held.shape) == ((CANDIDATES, 3), (0, 3))
    fitted = learner.fitted(*rounds()[0])  # fitted on features, not on the matrix
    np.testing.assert_allclose(class_scores(fitted, given["X"]), found, atol=1e-9)


def test_a_class_that_was_not_fitted_lies_far_below() -> None:
    codes, weights = rounds()[0]
    weights = np.where(codes == 1, 0.0, weights)
    for last in (SVM(), LogisticRegression()):
        learner = learner_of(pipeline(last), cells())
        found, held, known = learner.scores(codes, weights)
        np.testing.assert_array_equal(known, [0, 2])
        for scores in (found, held):
            assert (scores[:, 1] < scores[:, [0, 2]].min(axis=1) - 20).all()


def test_one_class_alone_is_far_ahead() -> None:
    codes, weights = rounds()[0]
    learner = learner_of(pipeline(LogisticRegression()), cells())
    found, held, known = learner.scores(codes, np.where(codes == 2, weights, 0.0))
    assert known.tolist() == [2]
    assert (len(found), len(held)) == (CANDIDATES, 60)
    for scores in (found, held):
        assert (scores[:, 2] > scores[:, :2].max(axis=1) + 20).all()


def test_a_classifier_without_weights_takes_cells_alike() -> None:
    codes, weights = rounds()[0]
    learner = learner_of(pipeline(KNN(5)), cells())
    found, plain = (learner.scores(codes, each)[1] for each in (weights, (weights > 0) * 1.0))
    np.testing.assert_array_equal(found, plain)


def test_which_classifiers_know_weights() -> None:
    knowing = {
        name for name, spec in CLASSIFIERS.items() if takes_weights(unfitted(spec, 6).estimator)
    }
    assert knowing == {"logistic", "svm", "dense"}


def test_pipelines_that_prepare_alike_share_what_is_prepared() -> None:
    given = cells()
    part = Prepared(given["X"], given["held"], given["labelled"])
    scale, other = [("scale", StandardScaler())], [("scale", StandardScaler(with_mean=False))]
    assert part.by(scale)[1] is part.by([("another name", StandardScaler())])[1]
    assert part.by(other)[1] is not part.by(scale)[1]
    assert np.abs(part.by(other)[1] - part.by(scale)[1]).max() > 0.01
