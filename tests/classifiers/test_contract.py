"""What every entry of the registry promises, whatever it is inside."""

from pathlib import Path

import numpy as np
import optuna
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import accuracy_score

from classifiers.bundle import Bundle, read_bundle, write_bundle
from classifiers.preparation import class_probabilities, fit_pipeline, make_pipeline
from classifiers.registry import CLASSIFIERS, find_classifiers
from classifiers.spec import ClassifierSpec
from data.errors import BlastlineError
from features.recipe import Recipe
from tests.classifiers.examples import Sample, blobs

N_CLASSES = 5

every_classifier = pytest.mark.parametrize("spec", CLASSIFIERS.values(), ids=list(CLASSIFIERS))


def first_params(spec: ClassifierSpec, width: int) -> dict[str, object]:
    return spec.suggest(optuna.trial.FixedTrial(spec.first), width)


def fitted(spec: ClassifierSpec, sample: Sample, seed: int = 0, pca: int = 0):
    params = first_params(spec, sample.X.shape[1])
    pipeline = make_pipeline(spec, params, pca=pca, seed=seed)
    return fit_pipeline(pipeline, spec, sample.X, sample.y, sample.groups)


@every_classifier
def test_first_parameters_are_a_point_of_the_search_space(spec: ClassifierSpec) -> None:
    asked = optuna.create_study()
    asked.enqueue_trial(spec.first)
    trial = asked.ask()
    params = spec.suggest(trial, 100)
    assert trial.params == spec.first  # no name too many, none missing, none out of range
    assert "root" in params
    assert params == first_params(spec, 100)


@every_classifier
def test_build_takes_what_suggest_gives_and_keeps_the_seed(spec: ClassifierSpec) -> None:
    for number in range(5):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=number))
        params = spec.suggest(study.ask(), 16)
        own = {key: value for key, value in params.items() if key != "root"}
        built = spec.build(own | spec.while_tuning, 7)
        assert built.get_params()["random_state"] == 7
        assert all(built.get_params()[key] == value for key, value in own.items())


@every_classifier
def test_probabilities_classes_and_predictions_agree(spec: ClassifierSpec) -> None:
    sample, new = blobs(), blobs(seed=1, noise=3.0)
    pipeline = fitted(spec, sample)
    estimator = pipeline[-1]
    proba = pipeline.predict_proba(new.X)
    assert_array_equal(estimator.classes_, [0, 2, 4])
    assert estimator.n_features_in_ == sample.X.shape[1]
    assert proba.shape == (len(new.X), 3)
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert_array_equal(pipeline.predict(new.X), estimator.classes_[proba.argmax(axis=1)])


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
    assert_array_equal(pipeline.predict(new.X), proba.argmax(axis=1))


@every_classifier
@pytest.mark.parametrize("pca", [0, 3])
def test_a_bundle_predicts_the_very_same_probabilities(
    spec: ClassifierSpec, pca: int, tmp_path: Path
) -> None:
    pipeline = fitted(spec, blobs(), pca=pca)
    classes = tuple("abcde")
    recipe = Recipe("morphology", "none", "revision 1", steps=("mask:0.5,0.5,1,1",))
    write_bundle(Bundle(pipeline, classes, (recipe,), "a run", "weights/"), tmp_path)
    back = read_bundle(tmp_path)
    new = blobs(seed=1, noise=3.0).X
    assert_array_equal(back.predict_proba(new), class_probabilities(pipeline, new, len(classes)))
    assert (back.classes, back.recipes, back.run) == (classes, (recipe,), "a run")
    assert back.weights == "weights/"


@every_classifier
def test_settings_of_tuning_change_no_predicted_class(spec: ClassifierSpec) -> None:
    sample, new = blobs(noise=2.0), blobs(seed=1, noise=3.0)
    params = first_params(spec, sample.X.shape[1])
    quick = make_pipeline(spec, params | spec.while_tuning, pca=0, seed=0)
    fit_pipeline(quick, spec, sample.X, sample.y, sample.groups)
    assert_array_equal(quick.predict(new.X), fitted(spec, sample).predict(new.X))


def test_names_are_looked_up_in_order_and_once() -> None:
    names = [*CLASSIFIERS, *CLASSIFIERS]
    assert [spec.name for spec in find_classifiers(names)] == list(CLASSIFIERS)
    assert all(spec.name == name and spec.title for name, spec in CLASSIFIERS.items())


@pytest.mark.parametrize("names", [["svm", "no such"], []])
def test_an_unknown_name_lists_the_known_ones(names: list[str]) -> None:
    with pytest.raises(BlastlineError, match="svm"):
        find_classifiers(names)
