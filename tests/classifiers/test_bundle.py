"""A bundle says what it is, and nothing foreign or half-made is ever loaded."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from classifiers.bundle import ESTIMATOR, FORMAT, HEADER, Bundle, read_bundle, write_bundle
from classifiers.calibration import Calibrated
from classifiers.novelty import Novelty
from classifiers.preparation import PreparedClassifier
from data.errors import BlastlineError
from data.files import sha256_file
from features.recipe import Recipe
from tests.classifiers.examples import blobs

RECIPE = Recipe("densenet169", "file", "ab" * 32, ("mask:0.5,0.5,1,1",), size=224, layer="conv5")
CLASSES = tuple("abcde")


class Stranger(BaseEstimator):
    """A class that no trusted list names."""


def fitted(*before: tuple[str, BaseEstimator]) -> Calibrated:
    sample = blobs()
    steps = [*before, ("scale", StandardScaler()), ("classifier", LogisticRegression())]
    return Calibrated(PreparedClassifier(steps)).fit(sample.X, sample.y, sample.groups)


MODEL = fitted()
NOVELTY = Novelty().fit(blobs().X, blobs().groups)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(Bundle(MODEL, CLASSES, (RECIPE,), "run", "imagenet", NOVELTY), tmp_path)
    return tmp_path


def header(folder: Path) -> dict[str, object]:
    return json.loads((folder / HEADER).read_text())


def refused(folder: Path) -> str:
    with pytest.raises(BlastlineError) as caught:
        read_bundle(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert str(folder) in line
    return line


def test_recipe_classes_and_origin_are_kept(folder: Path) -> None:
    bundle = read_bundle(folder)
    assert bundle.recipes == (RECIPE,)
    assert bundle.recipes[0].digest == RECIPE.digest
    assert (bundle.classes, bundle.run, bundle.weights) == (CLASSES, "run", "imagenet")
    assert {"python", "scikit-learn"} <= set(header(folder)["versions"])


def test_writing_again_replaces_the_bundle_whole(folder: Path) -> None:
    write_bundle(Bundle(MODEL, tuple("vwxyz"), (RECIPE,), "later", "random", NOVELTY), folder)
    assert read_bundle(folder).classes == tuple("vwxyz")
    assert {path.name for path in folder.iterdir()} == {HEADER, ESTIMATOR}


def test_the_novelty_score_is_kept_to_the_last_bit(folder: Path) -> None:
    new = blobs(seed=1, noise=3.0).X
    back = read_bundle(folder).novelty
    assert np.array_equal(back.relative(new), NOVELTY.relative(new))
    assert (back.limit_, back.neighbours_) == (NOVELTY.limit_, NOVELTY.neighbours_)


@pytest.mark.parametrize(
    "content",
    [MODEL, {"classifier": MODEL}, {"classifier": MODEL, "novelty": StandardScaler()}, [1, 2]],
)
def test_other_content_of_trusted_types_is_refused(folder: Path, content: object) -> None:
    put(folder, content)
    assert "not a classifier with its novelty score" in refused(folder)


def test_half_a_bundle_has_no_header(folder: Path) -> None:
    # Writing breaks off at the estimator: what lies there afterwards must not pass for a bundle.
    unwritable = (number for number in range(3))
    with pytest.raises(TypeError):
        write_bundle(Bundle(unwritable, CLASSES, (RECIPE,), "run", "", NOVELTY), folder)  # type: ignore[arg-type]
    assert "no bundle.json" in refused(folder)


def test_an_empty_or_missing_folder(tmp_path: Path) -> None:
    assert "no bundle.json" in refused(tmp_path)
    assert "no bundle.json" in refused(tmp_path / "nowhere")


def test_another_format_is_refused_before_anything_is_loaded(folder: Path) -> None:
    (folder / ESTIMATOR).unlink()
    (folder / HEADER).write_text(json.dumps({"format": 99}))
    assert f"format 99, expected {FORMAT}" in refused(folder)


def test_a_changed_estimator_is_refused(folder: Path) -> None:
    content = bytearray((folder / ESTIMATOR).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / ESTIMATOR).write_bytes(content)
    assert "changed" in refused(folder)
    (folder / ESTIMATOR).unlink()
    assert "missing" in refused(folder)


def put(folder: Path, estimator: object) -> None:
    """Put another estimator into the bundle, with a header that vouches for it."""
    skops.io.dump(estimator, folder / ESTIMATOR)
    changed = header(folder) | {"estimator_sha256": sha256_file(folder / ESTIMATOR)}
    (folder / HEADER).write_text(json.dumps(changed))


@pytest.mark.parametrize(
    ("step", "named"),
    [
        (FunctionTransformer(os.getenv), "getenv"),
        (FunctionTransformer(exec), "exec"),
        (Stranger(), "Stranger"),
    ],
)
def test_foreign_types_are_named_and_never_built(
    folder: Path, step: BaseEstimator, named: str
) -> None:
    put(folder, PreparedClassifier([("foreign", step), ("classifier", LogisticRegression())]))
    line = refused(folder)
    assert "not trusted" in line
    assert named in line


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_an_estimator_that_is_no_skops_file(folder: Path, content: bytes) -> None:
    (folder / ESTIMATOR).write_bytes(content)
    changed = header(folder) | {"estimator_sha256": sha256_file(folder / ESTIMATOR)}
    (folder / HEADER).write_text(json.dumps(changed))
    assert "not readable" in refused(folder)


@pytest.mark.parametrize("key", ["format", "classes", "recipes", "run", "weights",
                                 "estimator_sha256"])  # fmt: skip
def test_a_header_without_one_of_its_keys(folder: Path, key: str) -> None:
    changed = header(folder)
    del changed[key]
    (folder / HEADER).write_text(json.dumps(changed))
    refused(folder)


def test_a_recipe_of_another_version(folder: Path) -> None:
    changed = header(folder)
    changed["recipes"] = [changed["recipes"][0] | {"format": 99}]  # type: ignore[operator]
    (folder / HEADER).write_text(json.dumps(changed))
    refused(folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=40) | st.sampled_from([b"null", b"[]", b"{}", b"7", b'"a"']))
def test_a_header_of_anything_is_one_line(folder: Path, content: bytes) -> None:
    (folder / HEADER).write_bytes(content)
    refused(folder)


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(["format", "classes", "recipes", "estimator_sha256"]), value=JSON)
def test_a_header_with_values_of_any_type(folder: Path, key: str, value: object) -> None:
    whole = header(folder)
    (folder / HEADER).write_text(json.dumps(whole | {key: value}))
    try:
        bundle = read_bundle(folder)
    except BlastlineError:
        pass
    else:  # what is accepted must be of use
        new = blobs(seed=1).X
        assert bundle.predict(new)[1].shape == (len(new), len(bundle.classes))
        assert np.allclose(bundle.predict(new)[1].sum(axis=1), 1)
    finally:
        (folder / HEADER).write_text(json.dumps(whole))
