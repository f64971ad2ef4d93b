"""What tuning can maximise: metrics by name, from class codes and scores."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score, roc_auc_score

from classifiers.scores import softmax

Objective = Callable[[np.ndarray, np.ndarray], float]


def _on_labels(score: Objective) -> Objective:
    return lambda y, scores: float(score(y, scores.argmax(axis=1)))


def _auroc(y: np.ndarray, scores: np.ndarray) -> float:
    """Mean over the classes that occur, each against the rest; 0.5 where only one occurs."""
    proba = softmax(scores)
    present = np.unique(y)
    if len(present) < 2:
        return 0.5
    return float(np.mean([roc_auc_score(y == code, proba[:, code]) for code in present]))


def _log_loss(y: np.ndarray, scores: np.ndarray) -> float:
    """Minus the log loss at the temperature that suits the cells scored best.

    Tuning compares uncalibrated scores, margins among them, whose scale means nothing; one
    temperature takes it out.
    """
    codes = np.arange(scores.shape[1])

    def loss(log_temperature: float) -> float:
        return float(log_loss(y, softmax(scores / np.exp(log_temperature)), labels=codes))

    return -float(minimize_scalar(loss, bounds=(-5, 5), method="bounded").fun)


# Averages are over the classes that occur, as in the report.
OBJECTIVES: dict[str, Objective] = {
    "f1_macro": _on_labels(
        lambda y, p: f1_score(y, p, labels=np.unique(y), average="macro", zero_division=0)
    ),
    "f1_weighted": _on_labels(lambda y, p: f1_score(y, p, average="weighted", zero_division=0)),
    "accuracy": _on_labels(accuracy_score),
    "balanced_accuracy": _on_labels(
        lambda y, p: recall_score(y, p, labels=np.unique(y), average="macro", zero_division=0)
    ),
    "auroc": _auroc,
    "log_loss": _log_loss,
}
TITLES = {
    "f1_macro": "macro F1", "f1_weighted": "weighted F1", "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy", "auroc": "AUROC", "log_loss": "minus log loss",
}  # fmt: skip
