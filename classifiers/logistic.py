"""Multinomial logistic regression."""

from optuna.trial import BaseTrial
from sklearn.linear_model import LogisticRegression

from classifiers.spec import ClassifierSpec, Params


def _build(params: Params, seed: int) -> LogisticRegression:
    return LogisticRegression(**params, max_iter=1000, random_state=seed)


def _suggest(trial: BaseTrial, n_features: int) -> Params:
    return {
        "root": trial.suggest_categorical("root", [True, False]),
        "C": trial.suggest_float("C", 1e-3, 10.0, log=True),
        "class_weight": trial.suggest_categorical("class_weight", [None, "balanced"]),
    }


SPEC = ClassifierSpec(
    name="logistic",
    title="Logistic regression",
    build=_build,
    suggest=_suggest,
    first={"root": True, "C": 0.1, "class_weight": None},
)
