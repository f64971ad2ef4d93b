import csv
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.cards import load_card
from data.found import find_images
from data.manifest import Manifest
from tests.data.folders import FOLDERS, column, put, refusal, scan
from tests.shared import ARIA_NAMES, CNMC_SAMPLES, PBC, needs_shared


def test_a_folder_a_class_is_listed_whole_with_a_fold_each(root: Path) -> None:
    calls: list[tuple[int, int]] = []
    found = scan(FOLDERS, root, progress=lambda done, total: calls.append((done, total)))
    assert found.manifest.classes == ("blast", "normal")
    assert len(found.manifest) == 12
    assert all(path.startswith(f"{label}/") for path, label in column(found, "label").items())
    assert set(column(found, "fold").values()) == set("01234")
    assert set(column(found, "split").values()) == {"train"}
    assert (found.unit, found.identical_files, found.passed_over) == ("image", 0, {})
    assert calls == [(done, 12) for done in range(1, 13)]


def test_scanning_changes_nothing_and_gives_the_same_again(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    first, second = scan(FOLDERS, root), scan(FOLDERS, root)
    assert first.manifest.frame.equals(second.manifest.frame)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_unlabelled_images_have_neither_label_nor_fold(root: Path) -> None:
    put(root, "unlabelled/x.png", "Unlabelled/y.png")
    found = scan(FOLDERS, root)
    for path in ("unlabelled/x.png", "Unlabelled/y.png"):
        assert column(found, "split")[path] == "unlabelled"
        assert column(found, "label")[path] == column(found, "fold")[path] == ""
    assert found.manifest.classes == ("blast", "normal")


def test_identical_files_stand_in_one_fold(root: Path) -> None:
    copies = [f"blast/copy{i}.png" for i in range(4)]
    put(root, *copies, "unlabelled/copy.png", content="same")
    found = scan(FOLDERS, root)
    assert len({column(found, "fold")[path] for path in copies}) == 1
    assert len({column(found, "group")[path] for path in [*copies, "unlabelled/copy.png"]}) == 1
    assert found.identical_files == 5


def test_identical_files_under_two_labels_are_excluded(root: Path) -> None:
    put(root, "blast/a.png", "normal/a.png", content="same")
    split = column(scan(FOLDERS, root), "split")
    assert {path for path in split if split[path] == "excluded"} == {"blast/a.png", "normal/a.png"}


def test_hidden_files_and_other_files_are_passed_over_and_counted(root: Path) -> None:
    put(root, "blast/.DS_Store", "blast/._0.png", ".cache/blast/1.png", "blast/notes.txt", "a.png")
    found = scan(FOLDERS, root)
    assert len(found.manifest) == 12
    assert found.passed_over == {
        "hidden file": 2,
        "hidden or linked folder": 1,
        "not described by the card": 2,
    }


def test_links_are_never_followed(root: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "secret.png", "blast/secret.png")
    (root / "blast/out.png").symlink_to(tmp_path / "elsewhere/secret.png")
    (root / "blast/in.png").symlink_to(root / "blast/0.png")
    (root / "blast/gone.png").symlink_to(root / "nowhere.png")
    (root / "blast/folder").symlink_to(tmp_path / "elsewhere")
    (root / "blast/loop").symlink_to(root)
    os.mkfifo(root / "blast/pipe.png")
    found = scan(FOLDERS, root)
    assert len(found.manifest) == 12
    assert found.passed_over == {"hidden or linked folder": 2, "link or special file": 4}


def test_a_link_in_a_circle_is_passed_over(root: Path) -> None:
    (root / "blast/circle.png").symlink_to(root / "blast/circle.png")
    assert scan(FOLDERS, root).passed_over == {"link or special file": 1}


def test_the_image_folder_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert scan(FOLDERS, tmp_path / "link").manifest.frame.equals(
        scan(FOLDERS, root).manifest.frame
    )


def test_names_with_spaces_accents_and_csv_signs_survive_the_csv(root: Path) -> None:
    odd = [
        "blast/cellule n° 3 – été.PNG",
        'blast/a,"b"\n.png',
        "normal/μ 白血球.tiff",
        "blast/.a.jpg",
    ]
    put(root, *odd)
    found = scan(FOLDERS, root)
    assert set(odd[:3]) < set(column(found, "label"))
    found.manifest.write(root.parent / "manifest.csv")
    again = Manifest.read(root.parent / "manifest.csv", found.manifest.classes)
    assert again.frame.equals(found.manifest.frame)


def test_a_name_that_is_no_text_is_passed_over(root: Path) -> None:
    for name in (b"caf\xe9.png", b"line\rend.png"):
        (root / "blast" / os.fsdecode(name)).write_bytes(name)
    found = scan(FOLDERS, root)
    assert found.passed_over == {"name that is not UTF-8 text": 2}
    found.manifest.write(root.parent / "manifest.csv")


@settings(max_examples=30, deadline=None)
@given(st.sets(st.sampled_from(["a", "a.png", "a.jpg", "b"]), min_size=1), st.data())
def test_ids_are_unique_and_short_where_they_can_be(
    tmp_path_factory: pytest.TempPathFactory, stems: set[str], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("ids")
    suffixes = st.sets(st.sampled_from([".png", ".jpg"]), min_size=1)
    paths = [f"blast/{stem}{suffix}" for stem in stems for suffix in data.draw(suffixes)]
    put(root, *paths, "blast/x.png", "normal/y.png", "normal/z.png")
    ids = column(scan(FOLDERS, root), "image_id")
    assert len(set(ids.values())) == len(ids)
    assert ids["blast/x.png"] == "blast/x"
    assert all(path.startswith(image_id) for path, image_id in ids.items())


def test_two_files_that_differ_in_the_suffix_alone_keep_it(root: Path) -> None:
    put(root, "blast/0.jpg")
    ids = column(scan(FOLDERS, root), "image_id")
    assert ids["blast/0.jpg"] == "blast/0.jpg"
    assert ids["blast/0.png"] == "blast/0.png"
    assert ids["blast/1.png"] == "blast/1"


def test_what_cannot_be_scanned_is_refused_in_one_line(root: Path, tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "found no file at all" in refusal(tmp_path / "empty")
    put(tmp_path / "other", "readme.txt", "deep/picture.gif")
    message = refusal(tmp_path / "other")
    assert "expected paths like 'L1/cell_001.png'" in message
    assert str(tmp_path / "other") in message
    put(tmp_path / "one", "blast/a.png", "blast/b.png")
    assert "found only class 'blast'" in refusal(tmp_path / "one")
    put(tmp_path / "free", "unlabelled/a.png")
    assert "found no labelled image" in refusal(tmp_path / "free")
    put(root, "rare/only.png")
    assert "class 'rare' occurs in one group only" in refusal(root)


def test_an_empty_class_is_refused(root: Path) -> None:
    (root / "L2").mkdir()
    assert "no image of class 'L2'" in refusal(root)
    assert "or remove the folder" in refusal(root)
    every = refusal_of_pbc(root.parent / "pbc")
    assert "class 'basophil', 'eosinophil'" in every  # all that are missing, not the first alone
    assert "no image of class" in every


def test_a_class_that_exclusion_empties_is_refused(root: Path) -> None:
    put(root, "L1/twin.png", "L9/twin.png", content="same")
    assert "class 'L1' has no image left to train on" in refusal(root)


def refusal_of_pbc(root: Path) -> str:
    put(root, "ig/MMY_1.jpg", "ig/MMY_2.jpg", "lymphocyte/LY_1.jpg")
    return refusal(root, "pbc2020")


def test_a_linked_class_folder_is_refused_rather_than_left_out(root: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "1.png", "2.png")
    (root / "L2").symlink_to(tmp_path / "elsewhere")
    assert "no image of class 'L2'" in refusal(root)


def test_images_of_one_patient_stand_together(tmp_path: Path) -> None:
    labels = ("Normal", "Blast", "L1", "L2", "L3")
    put(
        tmp_path, *(f"{label}/P{p:02d}_{i}.png" for label in labels for p in range(6) for i in "12")
    )
    put(tmp_path, "L1/P01_7.png", "L1/P02_7.png", content="shared")
    found = scan(load_card("synthetic"), tmp_path, folds=3)
    frame = found.manifest.frame
    assert found.unit == "patient"
    assert (frame.groupby("patient").fold.nunique() == 1).all()
    assert set(frame.group[frame.patient.isin(["01", "02"])]) == {"01+02"}


@needs_shared
def test_the_eight_cnmc_samples_split_and_with_one_patient_fewer_do_not(tmp_path: Path) -> None:
    """Three leukaemic cells of two patients, three of two healthy subjects: just enough."""
    card = load_card("cnmc2019")
    found = scan(card, CNMC_SAMPLES, folds=5)
    patients = column(found, "patient")
    assert sorted(patients.values()) == ["", "", "1", "1", "3", "H10", "H3", "H3"]
    assert sorted(column(found, "split").values()) == ["train"] * 6 + ["unlabelled"] * 2
    assert (found.manifest.frame.query("patient == 'H3'").fold.nunique()) == 1
    shutil.copytree(CNMC_SAMPLES, tmp_path / "fewer", copy_function=shutil.copyfile)
    next((tmp_path / "fewer").rglob("UID_H10*")).unlink()
    assert "class 'hem' occurs in one group only ('H3')" in refusal(tmp_path / "fewer", "cnmc2019")


@needs_shared
def test_the_eight_cnmc_samples_have_the_right_class_patient_and_fold() -> None:
    said = find_images(load_card("cnmc2019"), CNMC_SAMPLES).names
    found = {
        path.split("/")[-1]: (name.label, name.patient, name.fold) for path, name in said.items()
    }
    assert found == {
        "UID_1_2_2_all.bmp": ("all", "1", "0"),
        "UID_1_3_1_all.bmp": ("all", "1", "0"),
        "UID_3_4_2_all.bmp": ("all", "3", "0"),
        "UID_H10_47_2_hem.bmp": ("hem", "H10", "1"),
        "UID_h3_4_1_hem.bmp": ("hem", "H3", "2"),
        "UID_h3_5_1_hem.bmp": ("hem", "H3", "2"),
        "1105.bmp": ("", "", ""),
        "1843.bmp": ("", "", ""),
    }


@needs_shared
def test_all_kaggle_names_are_read_with_blocks_of_forty_kept_together(tmp_path: Path) -> None:
    with ARIA_NAMES.open(newline="", encoding="utf-8") as stream:
        names = [(row["name"], row["class"]) for row in csv.DictReader(stream)]
    put(tmp_path, *(f"Original/{label}/{name}" for name, label in names))
    put(tmp_path, *(f"Segmented/{label}/{name}" for name, label in names[:50]))
    found = scan(load_card("aria2021"), tmp_path)
    frame = found.manifest.frame
    assert len(frame) == 3256
    assert found.passed_over == {"not described by the card": 50}
    assert column(found, "label") == {f"Original/{label}/{name}": label for name, label in names}
    assert found.unit == "block"
    assert (frame.groupby("group").fold.nunique() == 1).all()
    assert frame.groupby("group").size().max() == 40
    block = {
        (label, (int(path[-7:-4]) - 1) // 40) for path, label in column(found, "label").items()
    }
    assert frame.group.nunique() == len(block)


@needs_shared
def test_real_cells_are_found_where_they_lie() -> None:
    found = scan(load_card("pbc2020"), PBC.parent)
    assert len(found.manifest) == 2918
    assert found.manifest.frame.label.value_counts()["lymphocyte"] == 1214
    assert found.passed_over == {"not described by the card": 2}
