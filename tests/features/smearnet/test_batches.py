"""Which cells are drawn how often, and that a batch is made by its number."""

import numpy as np
import pytest

from features.smearnet.batches import Batches, draw_chances
from features.smearnet.settings import Losses, Settings
from tests.features.smearnet.made_up import cells

ONE_VIEW = Settings(steps=9, size=32, batch=8, losses=Losses(contrast=0))


def test_a_class_is_drawn_by_the_root_of_its_frequency() -> None:
    labels = np.array(["A"] * 400 + ["B"] * 100 + [""] * 10)
    chances = draw_chances(labels, np.array([""] * 510), 0.2)
    assert chances.sum() == pytest.approx(1)
    assert chances[:400].sum() / chances[400:500].sum() == pytest.approx(2)
    unknown = chances[500] / chances[0]
    assert unknown == pytest.approx(np.sqrt(400 / 250))  # as a class of average size


def test_cells_of_fields_have_their_share_and_white_ones_most_of_it() -> None:
    some = cells(each=10, reds=20, platelets=10, whites=5)
    chances = draw_chances(some.labels, some.boxes, 0.12)
    assert chances[some.from_fields].sum() == pytest.approx(0.12)
    assert chances[some.boxes == "WBC"].sum() > chances[some.boxes == "RBC"].sum()
    only = draw_chances(some.labels[some.from_fields], some.boxes[some.from_fields], 0.12)
    assert only.sum() == pytest.approx(1)


def test_a_batch_is_made_by_seed_and_number() -> None:
    batches = Batches(cells(), np.arange(72), {}, ONE_VIEW)
    straight = list(batches.drawn(0, 9))
    assert len(straight) == 9
    later = list(batches.drawn(5, 9))
    for (images, said), (again, said_again) in zip(straight[5:], later, strict=True):
        assert (images == again).all()
        assert (said["labels"] == said_again["labels"]).all()
    assert not (straight[0][0] == straight[1][0]).all()


def test_nothing_is_drawn_beyond_the_rows_and_targets_go_with_their_cells() -> None:
    some = cells(each=10, whites=10)
    rows = np.array([1, 2, 3, 11, 12, 30, 31, 32, 33, 34])
    targets = np.arange(30, dtype=np.float32)[:, None].repeat(4, axis=1)  # none for fields
    batches = Batches(some, rows, {"teacher": targets}, ONE_VIEW)
    assert batches.classes == ("BA", "EO")
    for number in range(20):
        images, said = batches.draw(number)
        assert images.shape == (8, 32, 32, 3)
        for label, target in zip(said["labels"], said["teacher"][:, 0], strict=True):
            assert (label, target) in {(0, 1), (0, 2), (0, 3), (1, 11), (1, 12), (-1, 0)}


def test_two_views_of_a_cell_are_alike_in_all_but_the_picture() -> None:
    settings = Settings(steps=9, size=32, batch=8)
    images, said = Batches(cells(), np.arange(72), {}, settings).draw(0)
    assert len(images) == 8
    assert (said["labels"][:4] == said["labels"][4:]).all()
    assert not (images[:4] == images[4:]).all()
