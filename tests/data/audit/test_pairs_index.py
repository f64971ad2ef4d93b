import numpy as np

from data.audit.pairs_index import Whitening, neighbours

Met = set[tuple[int, int]]


def meet(descriptors: np.ndarray, *, bits: int = 16, stop: int | None = None) -> Met:
    whitening = Whitening(descriptors, descriptors.shape[1])
    more = {} if stop is None else {"stop": stop}
    return {
        (min(pair), max(pair))
        for a, b in neighbours(descriptors, whitening, bits, 8, **more)
        for pair in zip(a.tolist(), b.tolist(), strict=True)
    }


def clustered(rng: np.random.Generator, count: int) -> np.ndarray:
    """Descriptors whose components are as unequal and correlated as those of patches."""
    mixing = rng.normal(size=(24, 24)) * np.geomspace(100, 1, 24)
    return (rng.normal(size=(count, 24)) @ mixing).astype(np.float32)


def test_near_descriptors_meet_and_few_others_do() -> None:
    rng = np.random.default_rng(0)
    descriptors = clustered(rng, 3000)
    near = descriptors[:200] + 0.03 * clustered(rng, 200)
    met = meet(np.concatenate([descriptors, near]))
    true = {(each, 3000 + each) for each in range(200)}
    assert len(true & met) >= 190
    assert len(met) < 3000


def test_work_stays_linear_where_thousands_look_alike_and_they_hang_together() -> None:
    rng = np.random.default_rng(1)
    descriptors = np.concatenate([clustered(rng, 500), np.ones((2000, 24), np.float32)])
    met = meet(descriptors)
    assert {(each, each + 1) for each in range(500, 2499)} <= met
    assert len(met) < 50 * len(descriptors)


def test_a_stop_word_says_nothing() -> None:
    rng = np.random.default_rng(2)
    descriptors = np.concatenate([clustered(rng, 500), np.ones((100, 24), np.float32)])
    assert not {pair for pair in meet(descriptors, stop=40) if min(pair) >= 500}
    assert {pair for pair in meet(descriptors, stop=200) if min(pair) >= 500}


def test_equal_descriptors_need_no_spread() -> None:
    assert meet(np.zeros((5, 8), np.int8)) >= {(each, each + 1) for each in range(4)}
