"""Simple classifiers that every report prints beside the model."""

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier

from classifiers.scores import class_probabilities

TRIVIAL, CONTROL = ("majority", "mean_colour"), "random_weights"
TITLES = {
    "majority": "Always the commonest class",
    "mean_colour": "Mean colour of the image",
    CONTROL: "Same network, random weights",
}


def baseline_probabilities(
    name: str, colour: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray,
    n_classes: int, seed: int,
) -> np.ndarray:  # fmt: skip
    """(n_test, n_classes) probabilities of a trivial baseline fitted on the train rows.

    ``majority`` always answers with the commonest class. ``mean_colour`` is a random forest
    (Breiman 2001, doi:10.1023/A:1010933404324) on the mean red, green and blue of the image: what
    it reaches needs no cell at all.

    Args:
        name: of ``TRIVIAL``.
        colour: (n, 3) float32. y: (n,) class codes. train, test: row numbers.
    """
    estimator = (
        DummyClassifier(strategy="most_frequent")
        if name == "majority"
        else RandomForestClassifier(200, min_samples_leaf=2, random_state=seed)
    )
    estimator.fit(colour[train], y[train])
    return class_probabilities(estimator, colour[test], n_classes)
