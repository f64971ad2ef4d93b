"""Official test sets and folds that a card names: kept whole, and refused where they overlap."""

from pathlib import Path
from typing import Any

import pytest

from data.cards import Card, load_card
from data.errors import BlastlineError
from data.manifest import Manifest
from tests.data.folders import column, put, scan

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


# Official cross-validation folds, and what they share

FOLDS = (
    CARD.replace("(?P<source>training|testing)/", "(?:fold_(?P<fold>\\d+)/)?")
    .replace('test_source = "test.*"\n', "")
    .replace('"training/', '"fold_1/')
)


@pytest.fixture
def folded(tmp_path: Path) -> Card:
    (tmp_path / "own.toml").write_text(FOLDS, encoding="utf-8")
    return load_card(str(tmp_path / "own.toml"))


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    folder = tmp_path / "cells"
    for fold, patients in ((2, range(3)), (10, range(3, 6)), (7, range(6, 9))):
        for label in "ab":
            put(folder, *(f"fold_{fold}/{label}/p{who}_{n}.png" for who in patients for n in "12"))
    return folder


def refused(card: Card, root: Path, **settings: Any) -> str:
    with pytest.raises(BlastlineError) as caught:
        scan(card, root, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_official_folds_are_numbered_in_their_order(folded: Card, parts: Path) -> None:
    put(parts, "unlabelled/p0_9.png")
    found = scan(folded, parts, split="official")
    numbers = {"fold_2": "0", "fold_7": "1", "fold_10": "2", "unlabelled": ""}
    assert all(fold == numbers[path.split("/")[0]] for path, fold in column(found, "fold").items())
    assert not found.overlap
    assert found.overlap.sides == {"fold 0": 12, "fold 1": 12, "fold 2": 12}


def test_official_folds_must_be_there_and_complete(folded: Card, card: Card, parts: Path) -> None:
    put(parts, "a/p5_7.png")
    message = refused(folded, parts, split="official")
    assert "'a/p5_7.png' is in no official fold, like 1 labelled images in all" in message
    assert "--split grouped" in message
    put(parts, *(f"training/{label}/p{who}_1.png" for label in "ab" for who in range(4)))
    assert "card 'own': names no official folds" in refused(card, parts, split="official")


def test_a_class_in_one_official_fold_alone_is_refused(folded: Card, parts: Path) -> None:
    for fold in (2, 7):
        for path in (parts / f"fold_{fold}/b").iterdir():
            path.unlink()
    message = refused(folded, parts, split="official")
    assert "class 'b' stands in official fold '10' only" in message


def test_official_folds_that_share_anything_stop_unless_that_is_allowed(
    folded: Card, parts: Path, tmp_path: Path
) -> None:
    put(parts, "fold_2/a/p1_8.png", "fold_7/a/p7_8.png", content="the same")
    put(parts, "fold_10/a/p0_8.png")
    ties = [("fold_2/b/p2_1.png", "fold_7/b/p8_2.png"), ("fold_2/b/p2_1.png", "fold_2/b/p1_1.png")]
    message = refused(folded, parts, split="official", ties=ties)
    assert "1 patient, 2 groups, 1 pair of identical files, 1 pair that shows the same ground" in (
        message
    )
    assert "split by groups (--split grouped), or allow it" in message
    found = scan(folded, parts, split="official", ties=ties, allow_overlap=True)
    assert found.overlap.patients == ["0"]
    assert found.overlap.groups == ["0", "1+2+7+8"]
    assert [pair.why for pair in found.overlap.pairs] == ["identical files", "tied"]
    folds = column(found, "fold")
    assert (folds["fold_2/a/p1_8.png"], folds["fold_7/a/p7_8.png"]) == ("0", "1")
    # Stages meet on disk: what was allowed once is read again, and is still refused otherwise.
    found.manifest.write(tmp_path / "manifest.csv")
    again = Manifest.read(tmp_path / "manifest.csv", "ab", allow_overlap=True)
    assert again.frame.equals(found.manifest.frame)
    with pytest.raises(BlastlineError, match="two sides of the split"):
        Manifest.read(tmp_path / "manifest.csv", "ab")


def test_grouped_folds_keep_ties_together_and_share_nothing(folded: Card, parts: Path) -> None:
    ties = [(f"fold_2/{label}/p0_1.png", "fold_7/a/p8_2.png") for label in "ab"]
    found = scan(folded, parts, folds=3, ties=ties)
    assert not found.overlap
    assert column(found, "group")["fold_2/b/p0_2.png"] == "0+8"
    assert set(column(found, "split").values()) == {"train"}  # tied under two labels: no exclusion
    assert "run the audit again" in refused(folded, parts, ties=[("a.png", "fold_7/a/p8_2.png")])


def test_a_tie_with_the_official_test_set_is_refused(card: Card, root: Path) -> None:
    ties = [("training/a/p0_0.png", "testing/a/p7_0.png")]
    message = refused(card, root, folds=2, ties=ties)
    assert "1 group, 1 pair that shows the same ground" in message
    assert "lists them in ties.csv), or allow it" in message
    assert scan(card, root, folds=2, ties=ties, allow_overlap=True).overlap.tied_pairs == 1
