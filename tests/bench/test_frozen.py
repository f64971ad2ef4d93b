"""What the benchmark of smearnet rests on: no cell decides itself, and the statistics are right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.metrics import paired_gain
from data.synthetic import generate
from pipeline.config import RunConfig
from tests.bench import frozen
from tests.bench.fields import ZHENG
from tests.bench.frozen import (
    CHANGES,
    Known,
    decisions,
    embeddings,
    gained,
    known_cells,
    macro_f1,
    scored,
    zoom,
)


def made_up(n: int = 120, k: int = 3, repeats: int = 1) -> Known:
    names = np.array([f"{number:064x}" for number in range(n)])
    return Known(
        "made up", "", Path(), names, names, np.arange(n) % k, names, tuple("abcd"[:k]),
        repeats, np.ones(n, dtype=bool), "",
    )  # fmt: skip


def noisy(known: Known, share: float, seed: int) -> np.ndarray:
    """(repeats, n) codes, about ``share`` of them wrong."""
    rng, k = np.random.default_rng(seed), len(known.classes)
    wrong = rng.random((known.repeats, len(known.y))) < share
    return (known.y + wrong * rng.integers(1, k, wrong.shape)) % k


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 99), k=st.integers(2, 4))
def test_the_gain_of_one_draw_of_folds_is_the_gain_in_the_report(seed: int, k: int) -> None:
    known = made_up(60, k)
    first, second = noisy(known, 0.3, seed), noisy(known, 0.1, seed + 1)
    expected = paired_gain(known.y, first[0], second[0], known.groups, k, frozen.SEED)
    found = gained(known, first, second)
    for name in ("value", "low", "high"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-12)


def test_repeats_are_averaged_and_draw_the_same_cells() -> None:
    known = made_up(repeats=4)
    decided = noisy(known, 0.2, 0)
    value, drawn = macro_f1(known.y, decided, known.groups, 3)
    each = [macro_f1(known.y, one[None], known.groups, 3) for one in decided]
    assert value == pytest.approx(np.mean([one for one, _ in each]))
    assert np.allclose(drawn, np.mean([others for _, others in each], axis=0))
    same = gained(known, decided, decided[::-1])
    assert same.low is not None and same.high is not None
    assert np.allclose([same.value, same.low, same.high], 0, rtol=0, atol=1e-12)


def test_a_planted_gain_lies_in_its_interval_and_is_told_from_none() -> None:
    known = made_up(600, repeats=3)
    found = gained(known, noisy(known, 0.2, 1), noisy(known, 0.05, 2))
    assert found.low is not None and found.high is not None
    assert 0 < found.low < 0.15 < found.high
    perfect = np.tile(known.y, (3, 1))
    assert scored(known, perfect).value == 1


def test_no_cell_is_decided_by_what_learned_from_it_nor_are_its_changed_copies() -> None:
    """Of labels that nothing tells, a cell that was learned would be right every time."""
    known = made_up(150, repeats=2)
    y = np.random.default_rng(0).permutation(known.y)
    known = replace(known, y=y, sample=np.arange(150) % 3 > 0)
    X = np.random.default_rng(1).normal(size=(150, 400)).astype(np.float32)
    decided, (copies, noise) = decisions(known, X, [X[known.sample], -X[known.sample]])
    assert decided.shape == (2, 150)
    assert np.array_equal(copies, decided[:, known.sample])
    assert not np.array_equal(noise, copies)
    assert (decided == y).mean() < 0.6
    assert not np.array_equal(decided[0], decided[1])  # other folds


def test_cells_that_are_tied_are_tested_together() -> None:
    """Twins of opposite labels: a twin in the training part would make every answer wrong."""
    known = made_up(120, 2)
    known = replace(known, groups=np.array([f"{row // 2}" for row in range(120)]))
    X = np.repeat(np.random.default_rng(2).normal(size=(60, 300)), 2, axis=0).astype(np.float32)
    (decided,), _ = decisions(known, X)
    assert np.array_equal(decided[::2], decided[1::2])


def test_what_is_plain_to_see_is_decided_right_in_views_too() -> None:
    known = made_up()
    views = np.eye(3, dtype=np.float32)[known.y][:, None].repeat(4, axis=1)
    views += np.random.default_rng(0).normal(0, 0.2, views.shape).astype(np.float32)
    assert scored(known, decisions(known, views)[0]).value == 1
    assert scored(known, decisions(known, views[:, 0])[0]).value == 1


@pytest.mark.parametrize("shape", [(80, 80), (81, 63), (7, 120)])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_zoomed_cell_is_of_that_size_in_the_same_frame(
    shape: tuple[int, int], factor: float
) -> None:
    height, width = shape
    y, x = np.mgrid[:height, :width]
    far = np.hypot((y - height / 2) / height, (x - width / 2) / width)
    image = np.where(far < 0.2, 40, 200).astype(np.uint8)[..., None].repeat(3, axis=2)
    before = image.copy()
    found = zoom(factor)(image)
    assert found.shape == image.shape and found.dtype == np.uint8
    assert np.array_equal(image, before)
    if min(shape) > 20:
        shares = [float((each[..., 0] < 120).mean()) for each in (image, found)]
        assert shares[1] / shares[0] == pytest.approx(factor**2, rel=0.15)


def test_black_around_a_cell_that_was_cut_out_stays_black() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[20:44, 20:44] = 180
    found = zoom(0.5)(image)
    assert (found[:16] == 0).all() and found[32, 32].min() > 150


def test_changed_cells_are_embedded_changed_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path / "cells", patients=8, cells=4, unlabelled=0)
    config = RunConfig(
        dataset="synthetic", images=str(tmp_path / "cells"), backbone="mean_colour",
        work=str(tmp_path / "work"),
    )  # fmt: skip
    known = known_cells(config, "drawn", disturbed=12)
    n = len(known.y)
    assert n > known.sample.sum() == 12
    X, changed = embeddings(known, config, list(CHANGES))
    assert X.shape == (n, 3)
    for name, one in zip(CHANGES, changed, strict=True):
        assert one.shape == (12, 3)
        assert np.isfinite(one).all() and not np.array_equal(one, X[known.sample]), name
    monkeypatch.setattr(frozen, "_changed", None)  # nothing is embedded again
    again, others = embeddings(known, config, list(CHANGES))
    assert np.array_equal(again, X)
    assert all(np.array_equal(a, b) for a, b in zip(others, changed, strict=True))


@pytest.mark.skipif(not ZHENG.is_dir(), reason="needs the real images in ../shared")
def test_the_two_sources_of_a_real_set_stand_apart_and_rare_classes_are_said(
    tmp_path: Path,
) -> None:
    config = RunConfig(dataset="wbc_zheng2018", images=str(ZHENG), work=str(tmp_path))
    small = known_cells(config, "Dataset 2", "Dataset 2")
    assert (len(small.y), small.left_out) == (97, "3 basophil")
    assert list(np.bincount(small.y)) == [33, 37, 15, 12]
    assert all(path.startswith("Dataset 2/") for path in small.paths)
    large = known_cells(config, "Dataset 1", "Dataset 1")
    assert (len(large.y), large.left_out) == (298, "1 basophil")
    assert len(set(large.groups)) < len(large.y)  # near copies and shared ground
