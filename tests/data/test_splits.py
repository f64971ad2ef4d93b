import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from data.errors import BlastlineError
from data.splits import grouped_folds


@st.composite
def cells(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups in which every class stands in at least two groups."""
    n_classes = draw(st.integers(2, 4))
    pairs = [(f"c{label}", f"g{label}{side}") for label in range(n_classes) for side in "ab"]
    group = st.integers(0, 8).map(lambda number: f"g{number}")
    label = st.integers(0, n_classes - 1).map(lambda number: f"c{number}")
    pairs += draw(st.lists(st.tuples(label, group), max_size=60))
    pairs = draw(st.permutations(pairs))
    return np.array([each[0] for each in pairs]), np.array([each[1] for each in pairs])


def one_fold_each(folds: np.ndarray, groups: np.ndarray) -> bool:
    return all(len(np.unique(folds[groups == group])) == 1 for group in np.unique(groups))


@settings(max_examples=60, deadline=None)
@given(cells(), st.integers(2, 7), st.integers(0, 3))
def test_groups_stay_whole_and_every_class_is_on_both_sides(
    cells: tuple[np.ndarray, np.ndarray], n_folds: int, seed: int
) -> None:
    labels, groups = cells
    try:
        folds = grouped_folds(labels, groups, n_folds, seed)
    except BlastlineError as error:
        assert "lower the number of folds" in str(error)
        return
    assert folds.shape == labels.shape
    assert one_fold_each(folds, groups)
    numbers = np.unique(folds)
    assert list(numbers) == list(range(len(numbers)))
    assert 2 <= len(numbers) <= n_folds
    for label in np.unique(labels):
        for fold in numbers:
            assert (labels[folds != fold] == label).any()
    assert np.array_equal(folds, grouped_folds(labels, groups, n_folds, seed))


@pytest.mark.filterwarnings("ignore:The least populated class")
@settings(max_examples=60, deadline=None)
@given(cells(), st.booleans(), st.integers(2, 12), st.integers(0, 3))
def test_folds_are_those_of_scikit_learn(
    cells: tuple[np.ndarray, np.ndarray], single: bool, n_folds: int, seed: int
) -> None:
    labels, groups = cells
    if single:
        groups = np.arange(len(labels))
    counts = np.unique(labels, return_counts=True)[1]
    n_groups = len(np.unique(groups))
    n_folds = min(n_folds, counts.max(), n_groups)
    plain = n_groups == len(labels) and counts.min() >= n_folds
    splitter = StratifiedKFold if plain else StratifiedGroupKFold
    theirs = np.empty(len(labels), dtype=np.int64)
    for fold, (_, rows) in enumerate(
        splitter(n_folds, shuffle=True, random_state=seed).split(
            labels, labels, None if plain else groups
        )
    ):
        theirs[rows] = fold
    if any(len(np.unique(theirs[labels == label])) < 2 for label in labels):
        return  # grouped_folds tries another shuffle
    theirs = np.unique(theirs, return_inverse=True)[1]
    assert np.array_equal(grouped_folds(labels, groups, n_folds, seed), theirs)


def test_folds_once_published_stay() -> None:
    labels = np.array(list("aabbabababbaabab"))
    single = grouped_folds(labels, np.arange(16), 3, 0)
    paired = grouped_folds(labels, np.arange(16) // 2, 3, 0)
    assert "".join(map(str, single)) == "2002012210101012"
    assert "".join(map(str, paired)) == "1100001122002222"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=6, max_size=60), st.integers(2, 5))
def test_inner_folds_are_given_for_whatever_classes_there_are(labels: str, n_folds: int) -> None:
    groups = np.arange(len(labels)) // 2
    folds = grouped_folds(np.array(list(labels)), groups, n_folds, 0, strict=False)
    assert one_fold_each(folds, groups)
    assert len(np.unique(folds)) >= 2


def test_single_images_are_stratified_evenly() -> None:
    labels = np.repeat(["a", "b"], [100, 20])
    folds = grouped_folds(labels, np.arange(120), 5, 0)
    for fold in range(5):
        assert (labels[folds == fold] == "a").sum() == 20
        assert (labels[folds == fold] == "b").sum() == 4


def test_the_seed_changes_the_folds() -> None:
    labels, groups = np.tile(["a", "b"], 60), np.arange(120) // 4
    first, second = (grouped_folds(labels, groups, 5, seed) for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_fewer_groups_than_folds_give_one_fold_a_group() -> None:
    labels, groups = np.tile(["a", "b"], 15), np.repeat(["p", "q", "r"], 10)
    assert len(np.unique(grouped_folds(labels, groups, 10, 0))) == 3


def test_folds_count_without_a_gap_where_the_splitter_leaves_one_empty() -> None:
    groups = np.array(list("1040220401511510544513143333100403115303010"))
    labels = groups.astype(int) % 3
    folds = grouped_folds(labels, groups, 7, 0)
    assert set(folds) == set(range(folds.max() + 1))


@pytest.mark.parametrize(
    ("labels", "groups", "expected"),
    [
        (["a", "b", "a"], ["p", "p", "p"], "all 3 labelled images belong to one group"),
        (["a", "a", "b", "b"], ["p", "q", "p", "p"], r"class 'b' occurs in one group only \('p'\)"),
        ([], [], "all 0 labelled images"),
    ],
)
def test_what_cannot_be_split_is_refused(
    labels: list[str], groups: list[str], expected: str
) -> None:
    with pytest.raises(BlastlineError, match=rf"^split: .*{expected}"):
        grouped_folds(np.array(labels, dtype=str), np.array(groups, dtype=str), 5, 0)


def test_inner_folds_of_single_images_are_refused() -> None:
    with pytest.raises(BlastlineError, match="single image"):
        grouped_folds(np.array(["a", "b"]), np.array(["p", "q"]), 3, 0, strict=False)
