"""The validation: cells kept apart, four laboratories, and a score that tells good from bad."""

import numpy as np
import pytest

from data.errors import BlastlineError
from features.smearnet.validation import (
    Validation,
    hold_out,
    make_validation,
    shown_by,
    unknown_classes,
)
from tests.features.smearnet.made_up import cells, disc


def test_a_quarter_of_each_class_is_kept_apart_by_the_seed_and_never_fields() -> None:
    some = cells(each=60, reds=50)
    rows = hold_out(some, 0)
    assert [int((some.labels[rows] == name).sum()) for name in ("BA", "EO", "MO")] == [15, 15, 15]
    assert not some.from_fields[rows].any()
    assert (hold_out(some, 0) == rows).all()
    assert not (hold_out(some, 1) == rows).all()


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(BlastlineError, match="--no-validation"):
        hold_out(cells(each=8), 0)


def test_each_laboratory_shows_another_picture_and_the_same_one_again() -> None:
    image = disc("EO", 0)
    shown = [shown_by(number, image, 5) for number in range(4)]
    assert (shown[0] == image).all()
    for number, one in enumerate(shown):
        assert (one == shown_by(number, image, 5)).all()
        assert (one.shape, one.dtype) == (image.shape, np.uint8)
        for other in shown[:number]:
            assert np.abs(one.astype(int) - other).mean() > 2


def test_the_score_tells_classes_from_laboratories() -> None:
    rng = np.random.default_rng(0)
    classes = np.array(["a", "b", "c"] * 80)
    laboratories = rng.integers(4, size=240)
    images = np.zeros((240, 1, 1, 3), np.uint8)
    validation = Validation(np.arange(240), images, classes, laboratories)
    of_class = (classes[:, None] == np.array(["a", "b", "c"])) + 0.1 * rng.random((240, 3))
    of_laboratory = (laboratories[:, None] == np.arange(4)) + 0.1 * rng.random((240, 4))
    good = validation.score(of_class.astype(np.float32))
    assert good["macro"] > 0.99
    assert set(good) == {"macro", "a", "b", "c"}
    assert validation.score(of_laboratory.astype(np.float32))["macro"] < 0.5
    assert len(validation.quick().rows) == 180


def test_what_only_holds_inside_a_laboratory_earns_nothing() -> None:
    """A classifier that had seen the laboratory would be right in every case."""
    classes = np.array(["a", "b", "c"] * 80)
    laboratories = np.repeat(np.arange(4), 60)
    places = laboratories * 3 + np.unique(classes, return_inverse=True)[1]
    images = np.zeros((240, 1, 1, 3), np.uint8)
    validation = Validation(np.arange(240), images, classes, laboratories)
    assert validation.score(np.eye(12, dtype=np.float32)[places])["macro"] < 0.5


def test_validation_shows_the_held_out_cells() -> None:
    some = cells(each=60)
    rows = hold_out(some, 3)
    made = make_validation(some, rows, 3)
    assert (made.classes == some.labels[rows]).all()
    own = made.laboratories == 0
    assert (made.images[own] == some.pixels[rows[own]]).all()
    assert 0 < own.sum() < len(rows)


def test_a_class_to_leave_out_must_be_there() -> None:
    unknown_classes(cells(), ["BA"])
    with pytest.raises(BlastlineError, match=r"'XX'.*BA, EO, MO"):
        unknown_classes(cells(), ["BA", "XX"])
