"""What a prediction rests on is said of linear heads only, and adds up."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from classifiers.calibration import Calibrated
from classifiers.committee import Committee
from classifiers.dense import SPEC as DENSE
from classifiers.evidence import Contrast, descriptor_evidence, linear_head
from classifiers.knn import SPEC as KNN
from classifiers.logistic import SPEC as LOGISTIC
from classifiers.preparation import Preparation, make_pipeline
from classifiers.svm import SPEC as SVM

PREPARATIONS = [
    Preparation(False),
    Preparation(True),
    Preparation(True, ((5, 1.0), (7, 0.5)), pca=6),
]
LINEAR = [
    (LOGISTIC, {"C": 0.3, "class_weight": None, "l1_ratio": 0.0}),
    (SVM, {"C": 0.1, "kernel": "linear", "gamma": None, "class_weight": "balanced"}),
]
OTHERS = [
    (SVM, {"C": 1.0, "kernel": "rbf", "gamma": 0.05, "class_weight": None}),
    (KNN, {"n_neighbors": 5, "weights": "distance", "metric": "cosine"}),
    (DENSE, {"hidden": (16,), "activation": "relu", "dropout": 0.1, "learning_rate": 2e-3,
             "weight_decay": 1.0}),
]  # fmt: skip


def blobs(k: int = 3, n: int = 90, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(k)
    y = np.arange(n) % k
    X = rng.gamma(2.0, size=(n, d)) + 2.0 * rng.random((k, d))[y]
    return X.astype(np.float32), y


def fitted(spec: object, params: object, preparation: Preparation, k: int) -> Calibrated:
    X, y = blobs(k)
    pipeline: BaseEstimator = make_pipeline(spec, preparation, params, 0)  # type: ignore[arg-type]
    return Calibrated(pipeline).fit(X, y)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("preparation", PREPARATIONS)
@pytest.mark.parametrize(("spec", "params"), LINEAR)
def test_what_the_columns_of_a_linear_head_add_is_its_score(
    spec: object, params: object, preparation: Preparation, k: int
) -> None:
    model = fitted(spec, params, preparation, k)
    X, _ = blobs(k)
    head = linear_head(model, X[:3])
    assert head is not None
    for cell in X[:5]:
        contrast = Contrast.of(model, cell, int(model.predict(cell[None])[0]))
        score, nothing = contrast.score(np.stack([cell, np.zeros_like(cell)]))
        added = head.rates(cell, contrast) @ cell
        assert added == pytest.approx(score - nothing, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(("spec", "params"), OTHERS)
def test_other_heads_are_not_taken_for_linear(spec: object, params: object) -> None:
    model = fitted(spec, params, Preparation(False), 3)
    assert linear_head(model, blobs()[0][:3]) is None


class Ridge(ClassifierMixin, BaseEstimator):
    """Scores that double with the cell, and yet are no sum over its columns."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Ridge":
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return np.column_stack([X.max(axis=1), X.min(axis=1), X.sum(axis=1)])

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.full((len(X), 3), 1 / 3)


def test_scores_that_double_with_the_cell_need_not_be_linear() -> None:
    X, y = blobs()
    model = Calibrated(Pipeline([("ridge", Ridge())]), method="none").fit(X, y)
    assert linear_head(model, X[:3]) is None


def test_a_head_is_asked_whether_it_holds_for_further_cells() -> None:
    class Bent(LogisticRegression):
        def decision_function(self, X: np.ndarray) -> np.ndarray:
            return super().decision_function(np.minimum(X, 50))

    X, y = blobs()
    model = Calibrated(Pipeline([("bent", Bent(max_iter=9999))]), method="none").fit(X, y)
    head = linear_head(model, X[:3])
    assert head is not None
    assert head.holds(X)
    assert not head.holds(np.vstack([X, X[:1] + 100]))


def test_a_committee_of_linear_members_is_not_linear() -> None:
    members = [(str(n), fitted(*LINEAR[0], PREPARATIONS[n], 3)) for n in range(2)]  # type: ignore[misc]
    assert linear_head(Committee.of(members), blobs()[0][:3]) is None


@pytest.mark.parametrize("k", [2, 3])
def test_a_contrast_is_between_the_named_class_and_the_likeliest_other(k: int) -> None:
    model = fitted(*LINEAR[0], Preparation(True), k)  # type: ignore[misc]
    X, _ = blobs(k)
    for cell in X[:6]:
        proba = model.predict_proba(cell[None])[0]
        order = np.argsort(-proba)
        first, second = (Contrast.of(model, cell, int(code)) for code in order[:2])
        assert (first.named, first.rival) == (order[0], order[1])
        assert (second.named, second.rival) == (order[1], order[0])
        assert first.score(cell[None])[0] == pytest.approx(-second.score(cell[None])[0])
        assert first.score(cell[None])[0] > 0


def planted(views: int = 0) -> tuple[Calibrated, np.ndarray]:
    """The first column makes the second class, the next one the first; four mean nothing."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 6)).astype(np.float32)
    y = (2 * X[:, 0] - 2 * X[:, 1] > 0).astype(int)
    if views:
        X = np.repeat(X[:, None], views, axis=1)
    pipeline = make_pipeline(LOGISTIC, Preparation(False), LINEAR[0][1], 0)  # type: ignore[arg-type]
    return Calibrated(pipeline).fit(X, y), X


@pytest.mark.parametrize("views", [0, 3])
def test_descriptors_speak_as_they_were_planted(views: int) -> None:
    model, X = planted(views)
    cell = X[0].copy()
    cell[..., :2] = 0.6  # the first speaks for, the second as much against
    contrast = Contrast.of(model, cell, 1)
    named = [(f"column {n}", "units") for n in range(6)]
    found = descriptor_evidence(contrast, cell, range(6), named, np.zeros(6))
    gains = {each.descriptor: each.gain for each in found}
    assert set(list(gains)[:2]) == {"column 0", "column 1"}
    assert gains["column 0"] > 0.1
    assert gains["column 1"] < -0.1
    assert list(map(abs, gains.values())) == sorted(map(abs, gains.values()), reverse=True)
    without = cell.copy()
    without[..., 0] = 0
    proba = model.predict_proba(np.stack([cell, without]))[:, 1]
    assert gains["column 0"] == pytest.approx(proba[0] - proba[1], abs=1e-5)
    first = next(each for each in found if each.descriptor == "column 0")
    assert (first.value, first.usual, first.unit) == (pytest.approx(0.6), 0.0, "units")


def test_of_a_usual_cell_no_descriptor_speaks() -> None:
    model, X = planted()
    contrast = Contrast.of(model, X[3], 0)
    assert descriptor_evidence(contrast, X[3], range(6), [("", "")] * 6, X[3]) == []


def test_only_named_columns_speak() -> None:
    model, X = planted()
    cell = np.array([0.1, 0, 0, 0, 0, 0], np.float32)
    found = descriptor_evidence(
        Contrast.of(model, cell, 1), cell, [1, 2], [("b", "px"), ("c", "px")], np.array([1.0, 0.0])
    )
    assert [each.descriptor for each in found] == ["b"]
    assert X.shape == (200, 6)
