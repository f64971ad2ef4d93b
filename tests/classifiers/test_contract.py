"""What every entry of the registry promises, whatever it is inside."""

import itertools
from pathlib import Path

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.metrics import accuracy_score

from classifiers.bundle import Bundle, read_bundle, write_bundle
from classifiers.calibration import Calibrated
from classifiers.novelty import Novelty
from classifiers.preparation import Preparation, make_pipeline
from classifiers.registry import CLASSIFIERS, COMMITTEE, find_classifiers
from classifiers.scores import class_probabilities, class_scores
from classifiers.spec import ClassifierSpec
from classifiers.trials import fit_quietly
from data.errors import BlastlineError
from features.recipe import Recipe
from tests.classifiers.examples import (
    ROOT,
    Sample,
    blobs,
    first_params,
    training_part,
    unfitted,
)

N_CLASSES = 5

every_classifier = pytest.mark.parametrize("spec", CLASSIFIERS.values(), ids=list(CLASSIFIERS))


def fitted(spec: ClassifierSpec, sample: Sample, seed: int = 0):
    model = unfitted(spec, sample.X.shape[-1], seed)
    return model.fit(sample.X, sample.y, sample.groups)


@every_classifier
def test_first_parameters_are_a_point_of_the_search_space(spec: ClassifierSpec) -> None:
    asked = optuna.create_study()
    asked.enqueue_trial(spec.first)
    trial = asked.ask()
    params = spec.suggest(trial, 100)
    assert trial.params == spec.first  # no name too many, none missing, none out of range
    assert params == first_params(spec, 100)


@every_classifier
def test_build_takes_what_suggest_gives_and_keeps_the_seed(spec: ClassifierSpec) -> None:
    for number in range(8):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=number))
        built = spec.build(spec.suggest(study.ask(), 16), 7)
        assert built.get_params().get("random_state", 7) == 7


@every_classifier
def test_a_grid_is_made_of_points_of_the_search_space(spec: ClassifierSpec) -> None:
    points = list(itertools.product(*spec.grid.values()))
    assert 1 < len(points) <= 50
    for values in points:
        asked = optuna.create_study()
        asked.enqueue_trial(spec.first | dict(zip(spec.grid, values, strict=True)))
        trial = asked.ask()
        spec.build(spec.suggest(trial, 100), 0)
        assert all(trial.params[key] == value for key, value in zip(spec.grid, values, strict=True))


@every_classifier
@settings(max_examples=6)
@given(seed=st.integers(0, 10_000))
def test_shared_work_changes_no_score(spec: ClassifierSpec, seed: int) -> None:
    part = training_part(blobs(60, noise=4.0))
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()
    params = spec.suggest(trial, part.width)
    fold = part.fold(0, ROOT)
    plain = spec.build(params, 0)
    fit_quietly(plain, fold.train, fold.y, fold.groups)
    expected = class_scores(plain, fold.held)
    if spec.share is None:
        return
    for _ in range(2):  # the second time what is shared is at hand
        estimator, train, held = spec.share(fold, params, 0)
        fit_quietly(estimator, train, fold.y, fold.groups)
        np.testing.assert_allclose(class_scores(estimator, held), expected, atol=5e-3, rtol=1e-3)
        assert_array_equal(class_scores(estimator, held).argmax(1), expected.argmax(1))


@every_classifier
def test_probabilities_classes_and_predictions_agree(spec: ClassifierSpec) -> None:
    sample, new = blobs(), blobs(seed=1, noise=3.0)
    model = fitted(spec, sample)
    estimator = model.estimator_[-1]
    proba = model.predict_proba(new.X)
    assert_array_equal(estimator.classes_, [0, 2, 4])
    assert estimator.n_features_in_ == model.n_features_in_ == sample.X.shape[1]
    assert proba.shape == (len(new.X), 3)
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert_array_equal(model.predict(new.X), estimator.classes_[proba.argmax(axis=1)])


@every_classifier
def test_it_learns_and_does_not_read_the_order_of_rows(spec: ClassifierSpec) -> None:
    new = blobs(seed=1)
    pipeline = fitted(spec, blobs())
    predicted = pipeline.predict(new.X)
    assert accuracy_score(new.y, predicted) > 0.9
    assert_array_equal(pipeline.predict(new.X[::-1]), predicted[::-1])


@every_classifier
def test_the_same_seed_gives_the_same_numbers(spec: ClassifierSpec) -> None:
    new = blobs(seed=1, noise=3.0).X
    once, again = (fitted(spec, blobs(), seed=3).predict_proba(new) for _ in range(2))
    # Where an array happens to lie in memory decides how the search for a temperature rounds.
    np.testing.assert_allclose(once, again, atol=1e-6)
    assert_array_equal(once.argmax(axis=1), again.argmax(axis=1))


@every_classifier
def test_classes_that_never_occur_get_probability_zero(spec: ClassifierSpec) -> None:
    proba = class_probabilities(fitted(spec, blobs()), blobs(seed=1).X, N_CLASSES)
    assert proba.shape[1] == N_CLASSES
    assert (proba[:, [1, 3]] == 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)


@every_classifier
def test_two_classes(spec: ClassifierSpec) -> None:
    sample, new = blobs(), blobs(seed=1, noise=3.0)
    two = Sample(sample.X, np.where(sample.y == 2, 1, 0), sample.groups)
    pipeline = fitted(spec, two)
    proba = pipeline.predict_proba(new.X)
    assert proba.shape[1] == 2
    assert_array_equal(pipeline.classes_, [0, 1])
    assert_array_equal(pipeline.predict(new.X), proba[:, 1] >= pipeline.threshold_)


@every_classifier
@pytest.mark.parametrize("pca", [0, 3])
def test_a_bundle_predicts_the_very_same_probabilities(
    spec: ClassifierSpec, pca: int, tmp_path: Path
) -> None:
    sample = blobs()
    weighed = Preparation(True, ((3, 1.0), (5, 0.5)), pca)
    pipeline = Calibrated(make_pipeline(spec, weighed, first_params(spec, 8), 0))
    pipeline.fit(sample.X, sample.y, sample.groups)
    classes = tuple("abcde")
    recipe = Recipe("morphology", "none", "revision 1", steps=("mask:0.5,0.5,1,1",))
    novelty = Novelty().fit(sample.X, sample.groups)
    write_bundle(Bundle(pipeline, classes, (recipe,), "a run", "weights/", novelty), tmp_path)
    back = read_bundle(tmp_path)
    new = blobs(seed=1, noise=3.0).X
    names, proba = back.predict(new)
    assert_array_equal(proba, class_probabilities(pipeline, new, len(classes)))
    assert names == [classes[code] for code in pipeline.predict(new)]
    assert (back.classes, back.recipes, back.run) == (classes, (recipe,), "a run")
    assert back.weights == "weights/"


def test_names_are_looked_up_in_order_and_once() -> None:
    names = [*CLASSIFIERS, *CLASSIFIERS]
    specs, committee = find_classifiers(names)
    assert [spec.name for spec in specs] == list(CLASSIFIERS)
    assert not committee
    assert find_classifiers([*CLASSIFIERS, COMMITTEE]) == (specs, True)
    assert all(spec.name == name and spec.title for name, spec in CLASSIFIERS.items())


@pytest.mark.parametrize("names", [["svm", "no such"], [], ["svm", "committee"]])
def test_an_unknown_name_lists_the_known_ones(names: list[str]) -> None:
    with pytest.raises(BlastlineError, match="svm"):
        find_classifiers(names)
