"""A small dense network with dropout, trained and applied by NumPy alone."""

from collections.abc import Sequence

import numpy as np
from optuna.trial import BaseTrial
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from classifiers.dense_training import Course, Network, forward, log_probabilities, train
from classifiers.spec import ClassifierSpec, Params
from data.errors import BlastlineError
from data.splits import grouped_folds

SLOPES = {"relu": 0.0, "leaky_relu": 0.1}  # of the activation below zero
REASONS = ("diverged", "epochs", "early")  # why networks stop; the first that occurs is told
BLOCK = 4096  # rows predicted together


class Dense(ClassifierMixin, BaseEstimator):
    """Hidden layers with dropout (Srivastava et al. 2014), softmax, early stopping.

    Trained by AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) on cross-entropy; the weights
    with the lowest loss on a part kept aside, of whole groups, are restored. Several networks,
    each with initial weights and a part of its own, can be averaged (deep ensembles,
    Lakshminarayanan et al. 2017, arXiv:1612.01474).

    Args:
        hidden: width of the hidden layer, or of each of several.
        activation: ``relu`` or ``leaky_relu`` (slope 0.1).
        batch_norm: normalise hidden layers over the batch, and by running statistics when
            predicting (Ioffe and Szegedy 2015, arXiv:1502.03167).
        dropout: share of inputs and of hidden units dropped while training, 0 to below 1.
        learning_rate: of Adam.
        weight_decay: of kernels; each step shrinks them by learning_rate x weight_decay.
        batch: rows a step, at most.
        epochs: at most this many passes.
        patience: epochs without a lower validation loss before it stops.
        validation: share of the rows kept aside for early stopping; 0 for none.
        class_weight: None or ``balanced``.
        restarts: networks averaged.
        random_state: seed of initial weights, dropout, order and parts kept aside.

    Attributes:
        classes_: (k,) sorted classes.
        networks_: of each network kernel (d, width), bias, kernel, bias, ...; float32, with batch
            normalisation worked into them.
        n_epochs_: epochs trained, of the network that took most.
        stopped_: why: ``early`` (validation loss rose), ``epochs`` (all done) or ``diverged``
            (a loss was not finite: the best weights until then count, learn more slowly).
        validated_: False where the rows could not be split by group; the last epoch then counts.
    """

    def __init__(
        self, hidden: int | Sequence[int] = (128,), activation: str = "relu",
        batch_norm: bool = True, dropout: float = 0.3, learning_rate: float = 2e-3,
        weight_decay: float = 1.0, batch: int = 128, epochs: int = 100, patience: int = 8,
        validation: float = 0.15, class_weight: str | None = None, restarts: int = 1,
        random_state: int = 0,
    ) -> None:  # fmt: skip
        self.hidden = hidden
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch = batch
        self.epochs = epochs
        self.patience = patience
        self.validation = validation
        self.class_weight = class_weight
        self.restarts = restarts
        self.random_state = random_state

    def fit(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> "Dense":  # fmt: skip
        """Fit on (n, d) features and (n,) classes.

        Args:
            X: features, used as float32.
            y: classes.
            groups: (n,) groups that early stopping keeps whole; None: each row is one.
            sample_weight: (n,) factors of each row's loss; rows of weight 0 are left out.

        Raises:
            ValueError: fewer than two classes, or an unknown activation.
        """
        X, y = validate_data(self, X, y, dtype=np.float32, order="C")
        check_classification_targets(y)
        if self.activation not in SLOPES:
            raise ValueError(f"activation {self.activation!r}; expected one of {list(SLOPES)}")
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"needs at least 2 classes, got {len(self.classes_)} class")
        groups = np.arange(len(X)) if groups is None else np.asarray(groups)
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        if not weight.all():
            X, codes, groups, weight = (rows[weight > 0] for rows in (X, codes, groups, weight))
        weight = weight * compute_sample_weight(self.class_weight, codes)
        weight = (weight / weight.mean()).astype(np.float32)

        hidden = [self.hidden] if isinstance(self.hidden, int) else self.hidden
        widths = [X.shape[1], *hidden, len(self.classes_)]
        course = Course(
            self.learning_rate, self.weight_decay, self.batch, self.epochs, self.patience
        )
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.restarts + 1)
        parts = self._held_out(codes, groups, int(seeds[0]))
        trained = []
        for held, seed in zip(parts, seeds[1:], strict=True):
            rng = np.random.default_rng(seed)
            network = Network(
                widths, rng, slope=SLOPES[self.activation], batch_norm=self.batch_norm,
                dropout=self.dropout,
            )  # fmt: skip
            trained.append(train(network, course, X, codes, weight, held, rng))
        self.networks_ = [weights for weights, _, _ in trained]
        self.n_epochs_ = max(epochs for _, epochs, _ in trained)
        self.stopped_ = min((reason for _, _, reason in trained), key=REASONS.index)
        self.validated_ = bool(parts.any(axis=1).all())
        return self

    def _held_out(self, codes: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
        """(restarts, n) bool: rows that each network keeps aside, whole groups of them."""
        nothing = np.zeros((self.restarts, len(codes)), dtype=bool)
        if not self.validation:
            return nothing
        try:
            n_folds = max(2, round(1 / self.validation))
            folds = grouped_folds(codes, groups, n_folds, seed, strict=False)
        except BlastlineError:
            return nothing
        held = folds == np.arange(self.restarts)[:, None] % (folds.max() + 1)
        for part in held:  # a class must not be kept aside as a whole
            lost = np.setdiff1d(codes[part], codes[~part])
            part &= ~np.isin(groups, groups[np.isin(codes, lost)])
        return held

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 probabilities, rows summing to 1: the mean over the networks."""
        X = self._checked(X)
        slope = SLOPES[self.activation]
        proba = np.zeros((len(X), len(self.classes_)))
        for start in range(0, len(X), BLOCK):
            # In float64: a float32 product depends on how many rows are asked for together.
            rows = slice(start, start + BLOCK)
            block = X[rows].astype(np.float64)
            for weights in self.networks_:
                proba[rows] += np.exp(log_probabilities(weights, slope, block))
        return proba / len(self.networks_)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) most probable class."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def hidden_features(self, X: np.ndarray) -> np.ndarray:
        """(n, width) float32 activations of the last hidden layer, side by side over networks."""
        X = self._checked(X)
        slope = SLOPES[self.activation]
        return np.hstack([forward(weights, slope, X) for weights in self.networks_])

    def _checked(self, X: np.ndarray) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float32, reset=False)


RESTARTS = 3  # of a model; they gain more than anything that tuning finds


def _build(params: Params, seed: int) -> Dense:
    chosen: Params = {"restarts": RESTARTS, **params}
    return Dense(**chosen, random_state=seed)


def _suggest(trial: BaseTrial, n_features: int) -> Params:
    # As text: Optuna's choices cannot be tuples. Batch normalisation was never worse on real cells.
    hidden = trial.suggest_categorical("hidden", ["64", "128", "256", "128-64"])
    return {
        "hidden": tuple(int(width) for width in hidden.split("-")),
        "activation": trial.suggest_categorical("activation", list(SLOPES)),
        "dropout": trial.suggest_float("dropout", 0.1, 0.5),
        "learning_rate": trial.suggest_float("learning_rate", 5e-4, 5e-3, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 0.05, 5, log=True),
    }


SPEC = ClassifierSpec(
    name="dense",
    title="Dense network with dropout",
    build=_build,
    suggest=_suggest,
    first={
        "hidden": "128", "activation": "relu", "dropout": 0.3, "learning_rate": 2e-3,
        "weight_decay": 1.0,
    },
    grid={
        "hidden": ["128", "128-64"],
        "activation": ["relu"],
        "dropout": [0.1, 0.3, 0.5],
        "learning_rate": [1e-3, 3e-3],
        "weight_decay": [0.1, 1.0],
    },
    while_tuning={"restarts": 1},
)  # fmt: skip
