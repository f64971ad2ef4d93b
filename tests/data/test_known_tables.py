"""Tables of known sets: the labels of C-NMC's preliminary test set, and of white cells."""

import csv
from pathlib import Path

import pytest

from data.cards import load_card
from data.errors import BlastlineError
from tests.data.folders import column, put, scan
from tests.shared import SHARED, needs_shared

ZHENG = SHARED / "data/segmentation-wbc-zheng-2018"
CNMC = load_card("cnmc2019")
PRELIM = "C-NMC_test_prelim_phase_data"
FINAL = "C-NMC_test_final_phase_data"
PRELIM_ROWS = [
    ("UID_57_29_1_all.bmp", "1.bmp", "1"),
    ("UID_57_22_2_all.bmp", "2.bmp", "1"),
    ("UID_H49_35_1_hem.bmp", "3.bmp", "0"),
    ("UID_h49_35_2_hem", "4.bmp", "0"),
]
LAYOUTS = {
    "kaggle": ("C-NMC_Leukemia/training_data", f"C-NMC_Leukemia/validation_data/{PRELIM}",
               f"C-NMC_Leukemia/testing_data/{FINAL}", "C-NMC_Leukemia/validation_data"),
    "archive": ("C-NMC_training_data", f"{PRELIM}/{PRELIM}", f"{FINAL}/{FINAL}", PRELIM),
    "flat": (".", PRELIM, FINAL, "."),
    "inside": ("train", PRELIM, FINAL, PRELIM),
}  # fmt: skip


def cnmc(folder: Path, layout: str, prelim: list[tuple[str, str, str]] = PRELIM_ROWS) -> Path:
    training, preliminary, final, beside = LAYOUTS[layout]
    for fold in range(3):
        for label, who in (("all", ""), ("hem", "H")):
            names = (f"UID_{who}{fold + 1}_1_{cell}_{label}.bmp" for cell in range(2))
            put(folder, *(f"{training}/fold_{fold}/{label}/{name}" for name in names))
    put(folder, *(f"{preliminary}/{n}.bmp" for n in range(1, 5)))
    put(folder, *(f"{final}/{n}.bmp" for n in range(1, 7)))
    path = folder / beside / f"{PRELIM}_labels.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("Patient_ID", "new_names", "labels"), *prelim])
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_preliminary_test_set_is_labelled_and_the_final_one_is_not(
    tmp_path: Path, layout: str
) -> None:
    cnmc(tmp_path, layout)
    found = scan(CNMC, tmp_path, folds=3)
    frame = found.manifest.frame
    assert found.unit == "patient"
    assert found.passed_over == {}
    assert frame.split.value_counts().to_dict() == {"train": 12, "unlabelled": 6, "test": 4}
    test = frame[frame.split == "test"].sort_values("path")
    assert test.label.tolist() == ["all", "all", "hem", "hem"]
    assert test.patient.tolist() == ["57", "57", "H49", "H49"]
    assert test.path.str.contains(PRELIM).all()
    official = scan(CNMC, tmp_path, split="official").manifest.frame
    train = official[official.split == "train"]
    assert (train.fold == train.path.str.extract(r"fold_(\d)")[0]).all()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("UID_57_29_1_all.bmp", "1.bmp", "2"), "line 2: unknown label '2'; expected one of hem"),
        (("UID_57_29_1_all.bmp", "1.bmp", "hem"), "says something else of"),
        (("patient 57", "1.bmp", "1"), "column 'Patient_ID' has 'patient 57', expected the form"),
    ],
)
def test_bad_rows_of_the_preliminary_labels_are_refused(
    tmp_path: Path, row: tuple[str, str, str], expected: str
) -> None:
    path = cnmc(tmp_path, "kaggle", [row, *PRELIM_ROWS])
    with pytest.raises(BlastlineError, match=expected) as caught:
        scan(CNMC, tmp_path, folds=3)
    assert str(path) in str(caught.value)


def test_a_known_set_must_have_every_column_that_its_card_names(tmp_path: Path) -> None:
    """Without the patients the split would part their cells in silence."""
    path = cnmc(tmp_path, "kaggle")
    path.write_text("new_names,labels\n1.bmp,1\n", encoding="utf-8")
    with pytest.raises(BlastlineError, match="column 'Patient_ID' is missing"):
        scan(CNMC, tmp_path, folds=3)


def test_table_and_path_must_not_contradict_each_other(tmp_path: Path) -> None:
    cnmc(tmp_path, "kaggle", [("UID_57_29_1_all.bmp", "UID_57_1_1_hem.bmp", "1")])
    put(tmp_path, f"C-NMC_Leukemia/validation_data/{PRELIM}/UID_57_1_1_hem.bmp")
    with pytest.raises(BlastlineError, match=r"says label 'all' of .* whose path says 'hem'"):
        scan(CNMC, tmp_path, folds=3)


@needs_shared
def test_the_real_white_cells_have_the_classes_of_their_tables() -> None:
    found = scan(load_card("wbc_zheng2018"), ZHENG)
    frame = found.manifest.frame
    counts = frame.groupby("source").label.value_counts()
    assert counts["Dataset 1"].to_dict() == {
        "neutrophil": 176, "lymphocyte": 53, "monocyte": 48, "eosinophil": 22, "basophil": 1,
    }  # fmt: skip
    assert counts["Dataset 2"].to_dict() == {
        "lymphocyte": 37, "neutrophil": 33, "monocyte": 15, "eosinophil": 12, "basophil": 3,
    }  # fmt: skip
    assert not frame.path.str.endswith(".png").any()
    for part, name in ((1, "class label"), (2, "class")):
        with (ZHENG / f"Class Labels of Dataset {part}.csv").open(newline="") as stream:
            for row in csv.DictReader(stream):
                path = f"Dataset {part}/{int(row['image ID']):03d}.bmp"
                expected = load_card("wbc_zheng2018").labels[row[name]]
                assert column(found, "label")[path] == expected
