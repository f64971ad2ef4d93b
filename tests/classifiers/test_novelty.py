"""What is unlike the training cells is told, and a patient's own cells make none familiar."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from classifiers.novelty import Novelty, draw_references
from data.errors import BlastlineError


def cells(
    n_groups: int, seed: int, width: int = 32, each: int = 12, effect: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """(n, width) cells of two kinds, those of a group with a shift of their own; groups."""
    rng = np.random.default_rng(seed)
    kinds = np.zeros((2, width))
    kinds[1, :3] = 2.0
    X = kinds[rng.integers(0, 2, (n_groups, each))]
    X += effect * rng.normal(size=(n_groups, 1, width)) + rng.normal(size=X.shape)
    return X.reshape(-1, width).astype(np.float32), np.repeat(np.arange(n_groups), each)


@pytest.mark.parametrize("effect", [0.0, 1.0])
@pytest.mark.parametrize(("n_groups", "width"), [(10, 32), (40, 32), (40, 200)])
def test_about_one_in_twenty_cells_of_new_groups_is_flagged(
    effect: float, n_groups: int, width: int
) -> None:
    rates = [
        np.mean(
            Novelty()
            .fit(*cells(n_groups, seed, width, effect=effect))
            .relative(cells(40, 100 + seed, width, effect=effect)[0])
            > 1
        )
        for seed in range(6)
    ]
    assert 0.015 < np.mean(rates) < 0.1


def test_cells_far_away_are_flagged_and_farther_ones_score_more() -> None:
    X, groups = cells(20, 0)
    novelty = Novelty().fit(X, groups)
    near = cells(20, 1)[0]
    shifts = [np.median(novelty.relative(near + shift)) for shift in (0.0, 1.5, 3.0, 6.0)]
    assert shifts == sorted(shifts)
    assert shifts[0] < 1
    assert (novelty.relative(near + 6) > 1).all()


def test_the_limit_accepts_the_promised_share_of_training_cells() -> None:
    novelty = Novelty().fit(*cells(30, 0))
    assert np.mean(novelty.training_ <= novelty.limit_) == pytest.approx(0.95, abs=0.005)


def test_copies_in_its_own_group_make_no_cell_familiar() -> None:
    X, groups = cells(20, 0)
    strange = X[:1] + 8
    alone = Novelty().fit(np.vstack([X, strange]), np.append(groups, 99))
    copies = np.repeat(strange, 8, axis=0)
    together = Novelty().fit(np.vstack([X, copies]), np.append(groups, [99] * 8))
    assert alone.training_[-1] > 1.5 * alone.limit_
    assert (together.training_[-8:] > 1.5 * together.limit_).all()
    # Spread over other groups, the same copies vouch for each other.
    known = Novelty().fit(np.vstack([X, copies]), np.append(groups, np.arange(8) + 99))
    assert (known.training_[-8:] < known.limit_).all()


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    X, groups = cells(12, 0, width=8)
    order = np.random.default_rng(seed).permutation(len(X))
    # Folds are shuffled by the order of groups' names, which stays.
    first, other = Novelty().fit(X, groups), Novelty().fit(X[order], groups[order])
    new = cells(5, 1, width=8)[0]
    assert_allclose(other.score(new), first.score(new), rtol=1e-3)
    assert_allclose(other.training_, first.training_[order], rtol=1e-3)
    assert other.limit_ == pytest.approx(first.limit_, rel=1e-3)


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    novelty = Novelty().fit(*cells(12, 0))
    new = cells(12, 1)[0]
    whole = novelty.score(new)
    monkeypatch.setattr("classifiers.novelty.ROWS", 7)
    assert_allclose(novelty.score(new), whole, rtol=1e-6)


def test_the_score_is_the_distance_to_the_kth_nearest_training_cell() -> None:
    X, groups = cells(12, 0)
    novelty = Novelty(neighbours=3).fit(X, groups)
    new = cells(2, 1)[0]
    prepared = novelty.preparation_.transform(new)
    distances = np.linalg.norm(prepared[:, None] - novelty.references_[None], axis=2)
    assert_allclose(novelty.score(new), np.sort(distances, axis=1)[:, 2], rtol=1e-4)


def test_views_are_averaged_before_all_else() -> None:
    X, groups = cells(12, 0)
    views = X[:, None] + np.array([-0.25, 0.25], np.float32)[None, :, None]
    assert_allclose(Novelty().fit(views, groups).score(views), Novelty().fit(X, groups).score(X),
                    rtol=1e-3)  # fmt: skip


def test_no_backbone_outweighs_another_by_its_width() -> None:
    # What is strange in two columns of one backbone is not drowned by the other's two hundred.
    narrow, groups = cells(20, 0, width=3)
    wide = cells(20, 7, width=200)[0]
    new = cells(20, 1, width=3)[0] + 8
    far = np.hstack([new, cells(20, 8, width=200)[0]])
    joined = np.hstack([narrow, wide])
    alike = Novelty((3, 200)).fit(joined, groups).relative(far)
    by_width = Novelty().fit(joined, groups).relative(far)
    assert np.median(alike) > 1 > np.median(by_width)


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_tiny_sets_have_a_score(n: int) -> None:
    X = cells(1, 0, each=n)[0]
    novelty = Novelty().fit(X, np.arange(n))
    assert np.isfinite(novelty.relative(X)).all()
    assert 1 <= novelty.neighbours_ <= 5


def test_copies_of_a_single_cell_have_a_score() -> None:
    X = np.ones((12, 6), np.float32)
    novelty = Novelty().fit(X, np.arange(12))
    assert_array_equal(novelty.relative(X), 0)


def test_a_single_group_is_refused() -> None:
    with pytest.raises(BlastlineError, match="one group"):
        Novelty().fit(cells(1, 0)[0], np.zeros(12))


def test_references_are_drawn_by_lot() -> None:
    drawn = draw_references(5000, 0, limit=400)
    assert len(drawn) == len(np.unique(drawn)) == 400
    assert abs(float(drawn.mean()) - 2500) < 250  # of all rows alike
    assert_array_equal(draw_references(5000, 0, limit=400), drawn)
    assert not np.array_equal(draw_references(5000, 1, limit=400), drawn)
    assert_array_equal(draw_references(300, 0, limit=400), np.arange(300))


def test_a_rare_wide_class_does_not_move_the_share_of_new_cells_that_is_flagged() -> None:
    rng = np.random.default_rng(0)

    def drawn(n: int) -> np.ndarray:
        rare = rng.random(n) < 0.05
        spread = np.where(rare, 4.0, 1.0)
        return (rng.normal(size=(n, 6)) * spread[:, None]).astype(np.float32)

    X = drawn(6000)
    rows = draw_references(len(X), 0, limit=1500)
    novelty = Novelty().fit(X[rows], rows)
    assert 0.03 < np.mean(novelty.relative(drawn(3000)) > 1) < 0.07
