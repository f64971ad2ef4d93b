import re
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.cards import UNLABELLED, card_names, load_card
from data.errors import BlastlineError
from tests.data.folders import put, scan

GOOD = """
format = 1
name = "mine"
title = "t"
citation = "c"
licence = "l"
where = "w"
classes = ["A", "B"]
pattern = '(?P<label>A|B|unlabelled)/(?P<patient>p\\d+)_(?P<number>\\d+)\\.png'
[examples]
"A/p1_1.png" = "A"
"B/p1_2.png" = "B"
"""
COMPONENT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=8
).filter(lambda text: text not in (".", ".."))


def card_file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> str:
    path = card_file(folder, text)
    with pytest.raises(BlastlineError) as caught:
        load_card(str(path))
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", card_names())
def test_every_card_loads_under_its_own_name_and_its_examples_hold(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    shown = {*card.examples.values(), *(card.labels.values() if card.table else ())}
    assert card.annotations or set(card.classes) <= shown
    for path, expected in card.examples.items():
        said = card.read(PurePosixPath(path))
        assert said is not None
        assert (said.label or UNLABELLED) == expected


@pytest.mark.parametrize("name", card_names())
def test_every_card_says_what_a_user_must_know(name: str) -> None:
    card = load_card(name)
    assert card.title and card.citation and card.licence and card.where and card.caveats
    assert not card.doi or re.fullmatch(r"10\.\d{4,}/\S+", card.doi)
    assert bool(card.positive) == (len(card.classes) == 2)
    assert set(card.colours) == set(card.classes)
    assert len(set(card.colours.values())) == len(card.classes)


@pytest.mark.parametrize("name", card_names())
def test_a_path_is_read_alike_from_any_folder_above_the_images(name: str) -> None:
    card = load_card(name)
    for path in card.examples:
        deep = PurePosixPath("one", "two three", path)
        assert card.read(deep) == card.read(PurePosixPath(path))


@pytest.mark.parametrize("name", card_names())
@pytest.mark.parametrize("path", ["notes.txt", "Thumbs.db", "truth.csv", "a/b/readme.md"])
def test_no_card_takes_files_that_are_no_images(name: str, path: str) -> None:
    assert load_card(name).read(PurePosixPath(path)) is None


@given(parts=st.lists(COMPONENT, min_size=1, max_size=4))
def test_no_card_fails_on_any_path(parts: list[str]) -> None:
    for name in card_names():
        card = load_card(name)
        said = card.read(PurePosixPath(*parts))
        assert said is None or not card.classes or said.label in ("", *card.classes)


def test_a_card_of_ones_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    card = load_card(str(card_file(tmp_path, GOOD)))
    said = card.read(PurePosixPath("deep/a/P7_12.PNG"))
    assert said is not None
    assert (said.label, said.patient, said.number) == ("A", "P7", 12)
    assert card.has_patients


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("format = 1", "format = 1\nklasses = 3", "unknown key 'klasses'"),
        ('title = "t"', "", "'title'"),
        ("format = 1", "format = 2", "'format'"),
        ('name = "mine"', 'name = "My Set"', "'name'"),
        ('classes = ["A", "B"]', 'classes = ["A", "B", "C"]', "no example yields class 'C'"),
        ("(?P<label>A|B|unlabelled)", "(?P<label>A|B", "not a regular expression"),
        ("(?P<patient>", "(?P<donor>", "it has label, donor, number"),
        ("(?P<label>", "(?P<patient2>", "needs the named group 'label'"),
        ("(?P<label>A|B|unlabelled)", "(A|B)", "needs the named group 'label'"),
        ('"A/p1_1.png" = "A"', '"A/p1_1.png" = "B"', "'A/p1_1.png' yields A, expected B"),
        ('"A/p1_1.png" = "A"', '"A/x.png" = "A"', "'A/x.png' yields None, expected A"),
        ("[examples]", "exclude = '('\n[examples]", "not a regular expression"),
        ("[examples]", "block = -1\n[examples]", "'block'"),
        ('["A", "B"]', '["A", "B", "B"]', "the same class twice"),
        ("[examples]", "positive = 'C'\n[examples]", "positive 'C' is none of the classes"),
        ("[examples]", "[labels]\nx = 'C'\n[examples]", "labels name 'C'"),
        ("[examples]", "[colours]\nA = '#000000'\n[examples]", "colours: 'B' differs"),
        ("[examples]", "colours = {A='#000', B='red'}\n[examples]", "not of the form #rrggbb"),
        ("[examples]", "annotations = 'coco'\n[examples]", "'annotations'"),
        ("[examples]", "[table]\npath = 'p'\nlabel = 'l'\n[examples]", "'table.0.file'"),
        ("[examples]", "table = {file=['('], path='p', label='l'}\n[examples]", "table.0"),
        (
            "[examples]",
            "table = {file=['a'], path='p', label='l', image='{0}/{path}'}\n[examples]",
            "image needs {path} once",
        ),
        (
            "[examples]",
            "table = {file=['a'], path='p', label='l', patient_pattern='a'}\n[examples]",
            "patient_pattern needs one group",
        ),
        ("format = 1", "format = = 1", "not valid TOML"),
    ],
)
def test_a_bad_card_is_refused_in_one_line_that_says_what(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert GOOD.count(old) == 1
    assert expected in refusal(tmp_path, GOOD.replace(old, new))


def test_a_card_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(GOOD.replace("t", "\xe4").encode("latin-1"))
    with pytest.raises(BlastlineError, match=r"mine\.toml.*not valid TOML"):
        load_card(str(path))


@pytest.mark.parametrize("name", ["nowhere", "missing/card.toml"])
def test_an_unknown_name_lists_the_cards_that_there_are(name: str) -> None:
    with pytest.raises(BlastlineError) as caught:
        load_card(name)
    assert all(each in str(caught.value) for each in (name, *card_names()))


def test_labels_may_be_called_otherwise_in_paths(tmp_path: Path) -> None:
    text = GOOD.replace("<label>A|B", "<label>alpha|B").replace('"A/p1', '"alpha/p1')
    text = text.replace("[examples]", "[labels]\nalpha = 'A'\n[examples]")
    said = load_card(str(card_file(tmp_path, text))).read(PurePosixPath("alpha/p3_1.png"))
    assert said is not None
    assert said.label == "A"


def test_the_folder_card_takes_any_class_name_but_leaves_unlabelled_empty() -> None:
    card = load_card("folders")
    for folder, label in (("L1", "L1"), ("lymphoblasts type é", "lymphoblasts type é")):
        said = card.read(PurePosixPath(folder, "a b.TIFF"))
        assert said is not None
        assert said.label == label
    for folder in (UNLABELLED, "Unlabelled"):
        said = card.read(PurePosixPath(folder, "a.png"))
        assert said is not None
        assert said.label == ""


def test_segmented_images_of_the_kaggle_set_are_a_set_of_their_own() -> None:
    path = "Leukemia/{}/Pro/WBC-Malignant-Pro-007.jpg"
    for name, own, other in (
        ("aria2021", "Original", "Segmented"),
        ("aria2021_segmented", "Segmented", "Original"),
    ):
        card = load_card(name)
        assert card.read(PurePosixPath(path.format(other))) is None
        said = card.read(PurePosixPath(path.format(own)))
        assert said is not None
        assert (said.label, said.number) == ("Pro", 7)


def test_segmented_copies_of_the_kaggle_set_are_no_images_of_it() -> None:
    card = load_card("aria2021")
    for folder in ("Segmented", "x/segmented"):
        assert card.read(PurePosixPath(folder, "Benign/WBC-Benign-001.jpg")) is None
    said = card.read(PurePosixPath("Original/Pre/WBC-Malignant-Pre-041.jpg"))
    assert said is not None
    assert (said.label, said.number) == ("Pre", 41)


@pytest.mark.parametrize(
    ("path", "label", "patient", "fold", "test"),
    [
        ("fold_0/all/UID_57_29_1_all.bmp", "all", "57", "0", False),
        ("fold_2/hem/UID_h3_4_1_hem.bmp", "hem", "H3", "2", False),
        ("C-NMC_training_data/fold_1/hem/UID_H10_47_2_hem.bmp", "hem", "H10", "1", False),
        ("C-NMC_test_prelim_phase_data/UID_53_4_8_all.bmp", "all", "53", "", True),
        ("C-NMC_test_prelim_phase_data/7.bmp", "", "", "", True),
        ("C-NMC_test_final_phase_data/1.bmp", "", "", "", False),
    ],
)
def test_cnmc_names_give_class_patient_fold_and_part(
    path: str, label: str, patient: str, fold: str, test: bool
) -> None:
    card = load_card("cnmc2019")
    said = card.read(PurePosixPath(path))
    assert said is not None
    assert (said.label, said.patient, said.fold) == (label, patient, fold)
    assert card.is_test(said.source) == test


@pytest.mark.parametrize(
    ("card", "path", "label"),
    [
        ("all_idb1", "ALL_IDB1/im/Im033_1.jpg", "blast"),
        ("all_idb1", "Im034_0.jpg", "healthy"),
        ("all_idb2", "img/Im130_1.tif", "blast"),
        ("all_idb2", "img/Im131_0.tif", "healthy"),
        ("fab", "l2/a.PNG", "L2"),
        ("fab", "blast/a.PNG", "Blast"),
        ("normal_vs_all", "normal/a.jpg", "Normal"),
        ("normal_vs_all", "Leukaemia/a.jpg", "ALL"),
        ("normal_vs_all", "Blasts/a.jpg", "ALL"),
    ],
)
def test_names_of_other_sets_give_the_class(card: str, path: str, label: str) -> None:
    said = load_card(card).read(PurePosixPath(path))
    assert said is not None
    assert said.label == label


@pytest.mark.parametrize("name", [name for name in card_names() if load_card(name).annotations])
def test_fields_are_to_be_cropped_before_they_are_scanned(name: str, tmp_path: Path) -> None:
    for path in load_card(name).examples:
        put(tmp_path, path)
    with pytest.raises(BlastlineError, match=r"whole smear fields.*blastline crop.*--dataset csv"):
        scan(load_card(name), tmp_path)
