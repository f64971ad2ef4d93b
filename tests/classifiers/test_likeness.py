"""Likeness is the cosine of prepared embeddings, whatever group the neighbour is of."""

import numpy as np

from classifiers.likeness import nearest_labelled


def test_likeness_is_the_cosine_of_rooted_and_standardised_embeddings() -> None:
    rng = np.random.default_rng(0)
    X = (rng.gamma(1.0, size=(60, 9)) * rng.choice([-1, 1], (60, 9))).astype(np.float32)
    y = np.where(rng.random(60) < 0.3, -1, 0)
    groups = np.array([f"g{number % 4}" for number in range(60)])
    rows = np.array([3, 40, 41])
    names, likeness = nearest_labelled(X, y, groups, rows, 60)
    ready = np.sign(X) * np.sqrt(np.abs(X))
    ready = (ready - ready[y >= 0].mean(axis=0)) / ready[y >= 0].std(axis=0)
    ready /= np.linalg.norm(ready, axis=1, keepdims=True)
    for row, near, alike in zip(rows, names, likeness, strict=True):
        some = near >= 0
        np.testing.assert_allclose(alike[some], ready[near[some]] @ ready[row], atol=1e-5)
        assert np.isneginf(alike[~some]).all()
        own = groups[near[some]] == groups[row]
        assert own.any()
        assert (np.diff(own.astype(int)) >= 0).all()  # its own group comes last
        assert (np.diff(alike[some][~own]) <= 1e-6).all()
