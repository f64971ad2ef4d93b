"""An official test set that a card names: kept apart whole, and refused where it is not apart."""

from pathlib import Path

import pytest

from data.cards import Card, load_card
from data.errors import BlastlineError
from data.scan import scan
from tests.data.folders import column, put

CARD = """
format = 1
name = "own"
title = "own"
citation = "none"
licence = "own"
where = "here"
classes = ["a", "b"]
pattern = '(?P<source>training|testing)/(?P<label>a|b|unlabelled)/p(?P<patient>\\d+)_\\d+\\.png'
test_source = "test.*"
[examples]
"training/a/p1_1.png" = "a"
"training/b/p1_1.png" = "b"
"""


@pytest.fixture
def card(tmp_path: Path) -> Card:
    (tmp_path / "own.toml").write_text(CARD, encoding="utf-8")
    return load_card(str(tmp_path / "own.toml"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "cells"
    for part, patients in (("training", range(6)), ("testing", range(6, 9))):
        for label in "ab":
            put(folder, *(f"{part}/{label}/p{who}_{n}.png" for who in patients for n in range(2)))
    return folder


def test_its_images_are_the_test_set_and_in_no_fold(card: Card, root: Path) -> None:
    put(root, "testing/unlabelled/p7_9.png")
    found = scan(card, root, folds=2)
    split, fold = column(found, "split"), column(found, "fold")
    for path, where in split.items():
        expected = "unlabelled" if "unlabelled" in path else path.split("/")[0][:-3]
        assert where == expected
        assert bool(fold[path]) == (where == "train")


def test_a_patient_on_both_sides_is_refused(card: Card, root: Path) -> None:
    put(root, "testing/a/p0_7.png")
    with pytest.raises(BlastlineError, match=r"two sides of the split"):
        scan(card, root, folds=2)


def test_a_shared_file_on_both_sides_is_refused(card: Card, root: Path) -> None:
    put(root, "testing/a/p6_8.png", "training/a/p0_8.png", content="the same")
    with pytest.raises(BlastlineError, match=r"two sides of the split"):
        scan(card, root, folds=2)


def test_a_class_in_the_test_set_alone_is_refused(card: Card, root: Path) -> None:
    for path in (root / "training/b").iterdir():
        path.unlink()
    with pytest.raises(BlastlineError, match=r"class 'b' has no image left to train on"):
        scan(card, root, folds=2)


def test_without_a_source_in_the_pattern_the_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(CARD.replace("?P<source>", "?:"), encoding="utf-8")
    with pytest.raises(BlastlineError, match="test_source needs"):
        load_card(str(path))
