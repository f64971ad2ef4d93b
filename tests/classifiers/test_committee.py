"""A committee averages its members, and learns its threshold as each of them does."""

from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers.calibration import Calibrated
from classifiers.committee import Committee
from classifiers.threshold import learn_threshold
from tests.classifiers.patients import Recorder, planted, sample, with_views

BAYES = GaussianNB()
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
PLAIN = Committee([("bayes", BAYES), ("tree", TREE)])
CALIBRATED = Committee([("bayes", Calibrated(BAYES)), ("tree", Calibrated(TREE, "sigmoid"))])


@parametrize_with_checks([PLAIN, CALIBRATED], legacy=True)
def test_conformance(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


def test_probabilities_are_means_of_the_members() -> None:
    X, y, groups = sample(15, 6, k=3)
    model = clone(CALIBRATED).fit(X, y, groups)
    assert [name for name, _ in model.members_] == ["bayes", "tree"]
    alone = [clone(member).fit(X, y, groups) for _, member in CALIBRATED.members]
    mean = np.mean([each.predict_proba(X) for each in alone], axis=0)
    np.testing.assert_allclose(model.predict_proba(X), mean)
    np.testing.assert_array_equal(model.predict(X), mean.argmax(axis=1))
    out_of_fold = np.mean([each.out_of_fold_ for each in alone], axis=0)
    np.testing.assert_allclose(model.out_of_fold_, out_of_fold)


def test_one_member_is_a_committee_that_agrees_with_it() -> None:
    X, y, groups = sample(60, 8, 0.88)
    member = Calibrated(BAYES).fit(X, y, groups)
    model = Committee([("bayes", Calibrated(BAYES))]).fit(X, y, groups)
    assert model.threshold_ == member.threshold_ != 0.5
    np.testing.assert_array_equal(model.predict(X), member.predict(X))


def test_fitted_members_are_taken_as_they_are() -> None:
    X, y, groups = sample(40, 8, 0.88)
    fitted = clone(CALIBRATED).fit(X, y, groups)
    model = Committee.of(fitted.members_)
    assert [member for _, member in model.members_] == [member for _, member in fitted.members_]
    assert model.threshold_ == fitted.threshold_
    assert model.n_features_in_ == 6
    np.testing.assert_array_equal(model.predict_proba(X), fitted.predict_proba(X))
    with pytest.raises(ValueError, match="X has 5 features"):
        model.predict(X[:, :5])


def test_the_threshold_is_learned_from_mean_out_of_fold_probabilities() -> None:
    X, y, groups = sample(60, 8, 0.88)
    names = np.array(["common", "rare"])
    model = clone(CALIBRATED).fit(X, names[y], groups)
    assert model.threshold_ == learn_threshold(y, model.out_of_fold_, groups, "f1_macro") != 0.5
    proba = model.predict_proba(X)
    above = (proba[:, 1] > model.threshold_).astype(int)
    assert (above != proba.argmax(axis=1)).any()
    np.testing.assert_array_equal(model.decide(proba), above)
    np.testing.assert_array_equal(model.predict(X), names[above])
    assert Committee.of(model.members_, decision="argmax").threshold_ == 0.5
    assert Committee.of(model.members_, metric="log_loss").threshold_ == 0.5


def test_classes_are_those_of_any_member() -> None:
    X, y, groups = sample(30, 6, 0.34, k=3)
    few = y != 1
    members = [
        ("all", Calibrated(BAYES).fit(X, y, groups)),
        ("few", Calibrated(BAYES).fit(X[few], y[few], groups[few])),
    ]
    model = Committee.of(members)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    expected = members[0][1].predict_proba(X) / 2
    expected[:, [0, 2]] += members[1][1].predict_proba(X) / 2
    np.testing.assert_allclose(model.predict_proba(X), expected)
    # Members that were fitted on other cells have no out-of-fold probabilities in common.
    assert model.out_of_fold_ is None
    assert model.threshold_ == 0.5


def test_members_without_out_of_fold_probabilities_leave_them_to_the_others() -> None:
    X, y, groups = sample(40, 8, 0.88)
    mixed = Committee([("bayes", Calibrated(BAYES)), ("tree", TREE)]).fit(X, y, groups)
    np.testing.assert_array_equal(mixed.out_of_fold_, mixed.members_[0][1].out_of_fold_)
    assert mixed.threshold_ == mixed.members_[0][1].threshold_
    plain = clone(PLAIN).fit(X, y)
    assert plain.out_of_fold_ is None
    assert plain.threshold_ == 0.5


def test_cells_that_taught_a_member_nothing_do_not_move_the_threshold() -> None:
    X, y, groups = sample(60, 8, 0.88)
    fitted = clone(CALIBRATED).fit(X, y, groups)
    assert fitted.threshold_ != 0.5
    for _, member in fitted.members_:
        member.informed_ = y == 0
    model = Committee.of(fitted.members_)
    np.testing.assert_array_equal(model.informed_, y == 0)
    assert model.threshold_ == 0.5


def test_members_fitted_on_other_cells_have_no_out_of_fold_probabilities_in_common() -> None:
    first, second = (Calibrated(BAYES).fit(*sample(60, 8, 0.88, seed)) for seed in (0, 0))
    assert Committee.of([("one", first), ("other", second)]).threshold_ != 0.5
    second.groups_ = second.groups_[::-1]  # as many cells, in another order
    model = Committee.of([("one", first), ("other", second)])
    assert (model.out_of_fold_, model.threshold_) == (None, 0.5)


def test_committees_may_sit_on_committees() -> None:
    X, y, groups = sample(40, 8, 0.88)
    inner = clone(CALIBRATED).fit(X, y, groups)
    outer = Committee.of([("once", inner), ("twice", inner)])
    np.testing.assert_allclose(outer.predict_proba(X), inner.predict_proba(X))
    assert outer.threshold_ == inner.threshold_


def test_members_get_groups_if_they_want_them_and_views_as_they_are() -> None:
    X, y, groups = sample(20, 4)
    X[:, 0] = groups  # what the recorder asserts on
    Recorder.pages.clear()
    members = [("one", Calibrated(Recorder())), ("other", Calibrated(BAYES))]
    views = with_views(X, noise=0)
    model = Committee(members).fit(views, y, groups)
    assert len(Recorder.pages) == 3
    assert not any(seen & asked for seen, asked in Recorder.pages)
    Committee([("one", Recorder()), ("other", BAYES)]).fit(X, y, groups)
    turned = views[:, ::-1]
    assert model.n_features_in_ == 6
    np.testing.assert_allclose(model.predict_proba(turned), model.predict_proba(views))
    assert model.out_of_fold_.shape == (len(y), 2)


def test_a_planted_identity_leaves_the_committee_at_chance() -> None:
    X, y, groups = planted()
    members = [("linear", Calibrated(LogisticRegression())), ("tree", Calibrated(TREE))]
    honest = Committee(members).fit(X, y, groups)
    leaking = Committee(members).fit(X, y, np.arange(len(y)))
    assert (honest.out_of_fold_.argmax(axis=1) == y).mean() < 0.65
    assert honest.predict_proba(X).max(axis=1).mean() < 0.7
    assert leaking.predict_proba(X).max(axis=1).mean() > 0.75


@pytest.mark.parametrize("wrong", [{"decision": "lower"}, {"metric": "kappa"}, {"members": []}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    X, y, _ = sample(6, 4)
    settings = {"members": [("bayes", GaussianNB().fit(X, y))], **wrong}
    with pytest.raises(ValueError, match="expected"):
        Committee(**settings).fit(X, y)
    with pytest.raises(ValueError, match="expected"):
        Committee.of(**settings)


def test_a_dumped_committee_gives_the_very_same_probabilities() -> None:
    X, y, groups = sample(30, 6)
    members = [("one", Calibrated(BAYES)), ("other", Calibrated(LogisticRegression(), "sigmoid"))]
    model = Committee(members).fit(X, y, groups)
    dumped = skops.io.dumps(model)
    ours = ["classifiers.calibration.Calibrated", "classifiers.committee.Committee"]
    assert set(skops.io.get_untrusted_types(data=dumped)) == set(ours)
    loaded = skops.io.loads(dumped, trusted=ours)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
