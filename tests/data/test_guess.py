"""A first card, guessed from paths: it must load, read what it says it reads, and say the rest."""

import csv
import tomllib
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.cards import Card, CellName
from data.guess import Guess, guess_card
from tests.data.folders import column, put, scan
from tests.shared import ARIA_NAMES, BCCD, CNMC, SHARED, needs_shared

PARTS = st.lists(
    st.sampled_from(
        ["ALL", "Normal", "fold_1", "fold_2", "train", "test", "images", "masks", "L1", "L2",
         "patient 3", "P04", "unlabelled", "it's", "a\nb", "x.y", "[", "0", "1", "é", "\x7f"]
    ),
    max_size=4,
)  # fmt: skip
NAMES = st.text(st.sampled_from("aB01_- .'\"\\\n[é"), min_size=1, max_size=6)
SUFFIXES = st.sampled_from([".png", ".JPG", ".tif", ".csv", ".xml", ".xyc", ""])


def guessed(*paths: str, tables: dict[str, list[list[str]]] | None = None) -> Guess:
    """The guess; whatever it is, its text is the card that it came with."""
    guess = guess_card("My cells", paths, tables or {})
    assert Card.model_validate(tomllib.loads(guess.text)) == guess.card
    return guess


def read(guess: Guess, path: str) -> CellName:
    said = guess.card.read(PurePosixPath(path))
    assert said is not None
    return said


def series(form: str, **values: object) -> list[str]:
    return [form.format(n=n, **values) for n in range(4)]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(PARTS, NAMES, SUFFIXES), min_size=1, max_size=12))
def test_whatever_the_paths_the_card_is_valid(paths: list[tuple[list[str], str, str]]) -> None:
    joined = ["/".join([*parts, name.replace("/", "") + suffix]) for parts, name, suffix in paths]
    try:
        guess = guessed(*joined)
    except ValueError as error:
        assert str(error) == "no image among the paths"
        return
    assert 0 <= guess.matched <= guess.images


def test_a_folder_a_class_with_patients_in_the_names(tmp_path: Path) -> None:
    paths = [
        path
        for label in ("ALL", "Normal")
        for who in range(5)
        for path in series("{label}/patient{who:02d}_{n}.png", label=label, who=who)
    ]
    guess = guessed(*paths, "unlabelled/patient09_1.png", "readme.txt")
    assert guess.card.classes == ("Normal", "ALL")
    assert guess.card.positive == "ALL"
    assert set(guess.card.colours) == {"Normal", "ALL"}
    assert (read(guess, "ALL/patient03_7.png").label, guess.matched) == ("ALL", 41)
    put(tmp_path, *paths)
    found = scan(guess.card, tmp_path)
    assert found.unit == "patient"
    assert column(found, "patient")["Normal/patient04_0.png"] == "04"


def test_patients_in_folders_below_the_class() -> None:
    paths = [
        path
        for label, people in (("benign", "1 2 3"), ("blast", "4 5 6"))
        for who in people.split()
        for path in series("data/{label}/case {who}/img{n}.jpg", label=label, who=who)
    ]
    guess = guessed(*paths)
    assert guess.card.classes == ("benign", "blast")
    said = read(guess, "blast/case 5/img0.jpg")
    assert (said.label, said.patient) == ("blast", "case 5")


def test_class_folders_called_like_patients_are_classes_where_all_have_them() -> None:
    paths = [
        path
        for site in ("hospital", "clinic")
        for label in ("L1", "L2", "L3")
        for path in series("{site}/{label}/{n}.png", site=site, label=label)
    ]
    guess = guessed(*paths)
    assert guess.card.classes == ("L1", "L2", "L3")
    assert not guess.card.has_patients


def test_parts_and_folds() -> None:
    paths = [
        path
        for part in ("train/fold_1", "train/fold_2", "test")
        for label in ("hem", "all")
        for path in series("{part}/{label}/{n}.bmp", part=part, label=label)
    ]
    guess = guessed(*paths)
    said = read(guess, "train/fold_2/hem/0.bmp")
    assert (said.source, said.fold, said.label) == ("train", "2", "hem")
    assert guess.card.is_test(read(guess, "test/all/1.bmp").source)
    assert not guess.card.is_test(said.source)
    assert guess.matched == len(paths)


def test_classes_in_the_names_and_a_number_after_them() -> None:
    paths = [*series("WBC-Benign-00{n}.jpg"), *series("WBC-Malignant-Pre-00{n}.jpg")]
    guess = guessed(*paths)
    assert guess.card.classes == ("Benign", "Pre")
    assert read(guess, "deep/WBC-Malignant-Pre-001.jpg").label == "Pre"


@pytest.mark.parametrize(
    "masks",
    [
        [*series("a/{n}.png"), *series("b/{n}.png")],  # beside 0.bmp its mask 0.png
        [*series("a/{n}_mask.bmp"), *series("b/{n}-seg.bmp")],
        [*series("masks/a/{n}.bmp"), *series("Segmented/b/{n}.bmp")],
    ],
)
def test_masks_are_left_out(masks: list[str]) -> None:
    images = [*series("a/{n}.bmp"), *series("b/{n}.bmp")]
    guess = guessed(*images, *masks)
    assert (guess.matched, guess.images) == (8, 16)
    assert all(guess.card.read(PurePosixPath(path)) is None for path in masks)
    assert all(guess.card.read(PurePosixPath(path)) for path in images)


def test_a_table_with_labels(tmp_path: Path) -> None:
    rows = [["Image_ID", "Class label", "Patient ID", "age"]]
    rows += [[str(n), "AB"[n % 2], str(n % 5), "7"] for n in range(20)]
    guess = guessed("truth.csv", *(f"{n}.png" for n in range(20)), tables={"truth.csv": rows})
    assert guess.card.table[0].columns == {
        "path": "Image_ID", "label": "Class label", "patient": "Patient ID",
    }  # fmt: skip
    put(tmp_path, *(f"{n}.png" for n in range(20)))
    with (tmp_path / "truth.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    found = scan(guess.card, tmp_path, folds=2)
    assert (found.manifest.classes, found.unit) == (("A", "B"), "patient")


def test_what_could_not_be_guessed_is_said_in_the_card() -> None:
    guess = guessed("one.png", "two.png", "odd.csv", tables={"odd.csv": [["a", "b"], ["1", "2"]]})
    for unknown in ("the classes", "the patient", "what odd.csv says"):
        assert f"# Not known: {unknown}" in guess.text
    for key in ("citation", "licence", "where"):
        assert f'{key} = "not known"' in guess.text


@needs_shared
def test_real_sets_are_described_whole() -> None:
    with (CNMC / "cnmc2019_files.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["part"] == "train"]
    guess = guessed(*(row["path"] for row in rows))
    assert guess.matched == 10661
    assert (guess.card.classes, guess.card.positive) == (("hem", "all"), "all")
    for row in rows[::37]:
        said = read(guess, row["path"])
        assert (said.label, said.patient, said.fold) == (
            row["label"], row["patient"], row["fold"][-1],
        )  # fmt: skip

    with ARIA_NAMES.open(newline="", encoding="utf-8") as stream:
        names = [(row["name"], row["class"]) for row in csv.DictReader(stream)]
    guess = guessed(*(f"{top}/{label}/{name}" for name, label in names
                      for top in ("Original", "Segmented")))  # fmt: skip
    assert (guess.matched, guess.images) == (3256, 6512)
    assert guess.card.classes == ("Benign", "Early", "Pre", "Pro")

    guess = guessed(*(path.relative_to(BCCD).as_posix() for path in BCCD.rglob("*.*")))
    assert (guess.card.annotations, guess.matched) == ("voc", 364)

    white = SHARED / "data/segmentation-wbc-zheng-2018"
    tables = {}
    for path in white.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as stream:
            tables[path.name] = list(csv.reader(stream))
    guess = guessed(
        *(path.relative_to(white).as_posix() for path in white.rglob("*.*")), tables=tables
    )
    assert (guess.matched, guess.images) == (400, 800)  # half of them are masks
    assert not guess.card.classes
