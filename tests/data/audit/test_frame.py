"""The map of the frame shows what was planted where it was planted, and nothing elsewhere."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score

from data.audit.association_strength import FEW, few_of_each
from data.audit.frame import (
    UNKNOWN,
    best_by_luck,
    cell_region,
    cell_share,
    frame_map,
    look_at_frame,
)
from data.errors import BlastlineError

N, SIDE, CLASSES = 300, 16, 3


def pictures(seed: int = 0, n: int = N, side: int = SIDE) -> np.ndarray:
    """Noise, with a violet cell in the middle."""
    rng = np.random.default_rng(seed)
    found = rng.normal(205, 8, (n, side, side, 3))
    y, x = np.ogrid[:side, :side]
    inside = (y - side / 2 + 0.5) ** 2 + (x - side / 2 + 0.5) ** 2 < (side / 5) ** 2
    found[:, inside] += (-100, -150, -70)
    return np.clip(found, 0, 255).astype(np.uint8)


def labels(n: int = N) -> np.ndarray:
    return np.arange(n) % CLASSES


def folds(n: int = N) -> np.ndarray:
    return np.arange(n) // CLASSES % 5


def test_the_class_shows_where_it_was_planted_and_nowhere_else() -> None:
    frames, y = pictures(), labels()
    frames[y == 1, 12:14, 3:5] -= 40
    skill = frame_map(frames, y, folds(), CLASSES)
    planted = np.zeros((SIDE, SIDE), bool)
    planted[12:14, 3:5] = True
    assert skill[planted].min() > 0.6  # one class of three can be told, the others guessed
    assert abs(skill[~planted].mean() - 1 / CLASSES) < 0.03
    assert skill[~planted].max() < 0.5


def test_a_class_may_show_in_the_spread_of_its_colours_alone() -> None:
    rng = np.random.default_rng(1)
    frames, y = pictures(), labels()
    frames[y == 0, 0, 0] = rng.integers(0, 255, ((y == 0).sum(), 3))
    assert frame_map(frames, y, folds(), CLASSES)[0, 0] > 0.55


def test_the_map_is_that_of_scikit_learn_with_much_data() -> None:
    frames, y = pictures(n=1500), labels(1500)
    frames[y == 1, 0, 0, 0] -= 12
    frames[y == 2, 0, 0, 2] -= 9
    predicted = np.empty(len(y), int)
    for fold in range(5):
        train = folds(1500) != fold
        model = QuadraticDiscriminantAnalysis(priors=np.full(CLASSES, 1 / CLASSES))
        colours = frames[:, 0, 0].astype(float)
        predicted[~train] = model.fit(colours[train], y[train]).predict(colours[~train])
    ours = frame_map(frames, y, folds(1500), CLASSES)[0, 0]
    assert ours == pytest.approx(balanced_accuracy_score(y, predicted), abs=0.01)


def test_colours_of_patients_are_not_learned_across_folds() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(30), 10)
    frames = pictures()
    frames[:, 0, 0] = rng.integers(60, 255, (30, 3))[patients]
    y = patients % CLASSES
    kept, torn = patients % 5, rng.permutation(N) % 5
    assert frame_map(frames, y, kept, CLASSES)[0, 0] < 0.55
    assert frame_map(frames, y, torn, CLASSES)[0, 0] > frame_map(frames, y, kept, CLASSES)[0, 0]


def test_the_order_of_images_and_the_size_of_classes_do_not_matter() -> None:
    frames, y = pictures(), labels()
    frames[y == 1, 2, 2] -= 40
    order = np.random.default_rng(0).permutation(N)
    same = frame_map(frames[order], y[order], folds()[order], CLASSES)
    assert np.abs(same - frame_map(frames, y, folds(), CLASSES)).max() < 0.01
    rare = (y != 1) | (np.arange(N) % 4 == 0)
    assert frame_map(frames[rare], y[rare], folds()[rare], CLASSES)[2, 2] > 0.6


def test_a_class_missing_from_a_fold_or_from_the_set_is_no_hindrance() -> None:
    frames, y, fold = pictures(), labels(), folds()
    fold[y == 2] = 0  # never seen when fold 0 is tested
    skill = frame_map(frames, y, fold, CLASSES + 1)
    assert np.isfinite(skill).all()
    assert skill.max() < 0.55


def test_black_and_white_frames_are_at_chance() -> None:
    y, fold = labels(), folds()
    for level in (0, 255):
        frames = np.full((N, 4, 4, 3), level, np.uint8)
        assert frame_map(frames, y, fold, CLASSES) == pytest.approx(np.full((4, 4), 1 / CLASSES))


def test_one_fold_or_one_class_is_refused_in_one_line() -> None:
    frames, y = pictures(n=10), labels(10)
    for codes, fold in ((y, np.zeros(10, int)), (np.zeros(10, int), folds(10))):
        with pytest.raises(BlastlineError, match="expected two of each at least"):
            frame_map(frames, codes, fold, CLASSES)


def test_luck_lies_above_chance_and_planted_places_above_luck() -> None:
    frames, y = pictures(), labels()
    luck = best_by_luck(frames, y, np.arange(N), folds(), CLASSES, 0)
    assert 1 / CLASSES < luck < 0.5
    frames[y == 1, 2:4, 2:4] -= 40
    assert best_by_luck(frames, y, np.arange(N), folds(), CLASSES, 0) < 0.5


def test_where_nothing_is_to_be_seen_places_seldom_tell_the_class() -> None:
    telling = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y, fold = rng.permutation(60) % 2, rng.permutation(60) % 5
        telling += look_at_frame(pictures(seed, 60), y, np.arange(60), fold, 2, seed).telling > 0
    assert telling <= 4  # one in twenty is to be expected


@pytest.mark.parametrize("seed", range(10))
def test_a_rare_class_is_never_lost_in_the_permutations(seed: int) -> None:
    """Two rare cells, whose groups hold a common one each."""
    frames, y, groups = pictures(n=40, side=4), np.zeros(40, int), np.arange(40) // 2
    y[[0, 2]] = 1
    luck = best_by_luck(frames, y, groups, groups % 5, 2, seed)
    assert 0.5 < luck <= 1


def test_where_no_permutation_keeps_the_rare_classes_luck_is_not_known() -> None:
    """Three rare cells in one large group, and images by themselves."""
    y = np.arange(140) % 2
    y[:3] = (2, 3, 4)
    groups = np.maximum(np.arange(140), 60)
    frames = pictures(n=140, side=4)
    found = look_at_frame(frames, y, groups, groups % 5, 5, 0)
    assert (found.level, found.telling) == (UNKNOWN, 0)
    assert "what luck reaches is not known" in found.text


def test_luck_is_sought_at_every_place() -> None:
    """The colours of six patients, at one place, tell the class by luck or not at all."""
    patients = np.repeat(np.arange(6), 30)
    frames = pictures(n=180)
    frames[:, 1, 1] = np.array([60, 160, 90, 190, 75, 175], np.uint8)[patients, None]
    y = patients % 2
    found = look_at_frame(frames, y, patients, patients // 2, 2, 0)
    assert found.skill[1, 1] > 0.9
    assert found.telling == 0


def test_many_images_are_permuted_in_part_and_every_class_of_them() -> None:
    n = FEW + 1000
    y = np.where(np.arange(n) % 500, np.arange(n) % 2, 2)
    few = few_of_each(y, 0)
    assert np.bincount(y[few]).tolist() == [FEW // 3, FEW // 3, 6]
    assert (np.diff(few) > 0).all()
    assert (few_of_each(y[:FEW], 0) == np.arange(FEW)).all()
    frames = pictures(n=n, side=8)
    frames[y == 1, 0, 0] -= 40
    assert look_at_frame(frames, y, np.arange(n), np.arange(n) // 2 % 5, 3, 0).telling == 1


def test_cells_lie_where_they_were_drawn() -> None:
    frames = pictures()
    share = cell_share(frames)
    assert share[7:9, 7:9].min() > 0.95
    assert share[0].max() < 0.1
    region = cell_region(share)
    assert region[4:12, 7:9].all()
    assert not region[[0, -1]].any()
    assert not region[:, [0, -1]].any()


def test_cells_all_over_have_no_usual_place() -> None:
    assert not cell_region(cell_share(np.random.default_rng(0).integers(
        0, 255, (200, 16, 16, 3), dtype=np.uint8))).any()  # fmt: skip


def test_a_corner_that_tells_the_class_is_told_in_words() -> None:
    frames, y = pictures(), labels()
    clean = look_at_frame(frames, y, np.arange(N), folds(), CLASSES, 0)
    assert clean.telling <= 0.02 * (~clean.cells).sum()
    frames[y == 1, :2, :2] -= 40
    found = look_at_frame(frames, y, np.arange(N), folds(), CLASSES, 0)
    assert found.telling >= 4
    assert (
        f"; {found.telling} of {(~found.cells).sum()} places pass {found.level:.3f}" in found.text
    )
    assert (found.picture == frames.mean(axis=0).round()).all()
    frames[y == 2, 7:9, 7:9] += 60  # the cells themselves
    assert look_at_frame(frames, y, np.arange(N), folds(), CLASSES, 0).telling == found.telling
