"""A made-up map of embeddings."""

import numpy as np

from classifiers.cell_parts import MapPart


def embedding_map(names: list[str], odd: str) -> MapPart:
    """Forty cells of each class around its own middle; no pictures."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(len(names)), 40)
    middle = rng.uniform(0.1, 0.9, (len(names), 2))
    where = np.clip(middle[label] + rng.normal(0, 0.03, (len(label), 2)), 0, 1)
    return MapPart(
        method="t-SNE",
        n=len(label) * 3,
        x=where[:, 0].round(4).tolist(),
        y=where[:, 1].round(4).tolist(),
        label=label.tolist(),
        predicted=np.where(rng.random(len(label)) < 0.9, label, 0).tolist(),
        confidence=rng.uniform(0.5, 1, len(label)).round(3).tolist(),
        patient=[f"P{number % 24:02}{odd}" for number in range(len(label))],
        image_id=[f"cell-{number:04}{odd}" for number in range(len(label))],
        sprite="",
        side=0,
        columns=0,
    )
