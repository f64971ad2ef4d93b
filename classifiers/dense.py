"""A small dense network with dropout: trained by Keras, kept and applied as plain arrays."""

from functools import lru_cache

import numpy as np
from optuna.trial import BaseTrial
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.spec import ClassifierSpec, Params
from data.errors import BlastlineError
from data.splits import grouped_folds
from features.keras_import import import_keras


class Dense(ClassifierMixin, BaseEstimator):
    """Dropout, dense layer, ReLU, dropout, softmax; early stopping on a grouped part.

    Keras trains it (Adam with decoupled weight decay, Loshchilov and Hutter 2019,
    arXiv:1711.05101; dropout, Srivastava et al. 2014). The fitted network is two matrices, so
    predicting and loading need neither Keras nor TensorFlow.

    Args:
        hidden: width of the hidden layer.
        dropout: share of inputs and of hidden units dropped while training, 0 to below 1.
        learning_rate: of Adam.
        weight_decay: of AdamW.
        batch: rows a step.
        epochs: at most this many passes.
        patience: epochs without a lower validation loss before it stops.
        validation: share of the rows, whole groups, kept aside for early stopping.
        class_weight: None or ``balanced``.
        random_state: seed of initial weights, dropout, order and validation part.

    Attributes:
        classes_: (k,) sorted classes.
        weights_: kernel (d, hidden), bias, kernel (hidden, k), bias; float32.
        n_epochs_: epochs trained.
        stopped_: why: ``early`` (validation loss rose), ``epochs`` (all done).
        validated_: False where the rows could not be split by group; the last epoch then counts.
    """

    def __init__(
        self,
        hidden: int = 128,
        dropout: float = 0.3,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-3,
        batch: int = 64,
        epochs: int = 60,
        patience: int = 6,
        validation: float = 0.15,
        class_weight: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch = batch
        self.epochs = epochs
        self.patience = patience
        self.validation = validation
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> "Dense":
        """Fit on (n, d) features, (n,) classes and, for early stopping, (n,) groups.

        Raises:
            ValueError: fewer than two classes.
        """
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"needs at least 2 classes, got {len(self.classes_)} class")
        held = self._held_out(codes, groups)
        self.validated_ = bool(held.any())
        n_features, n_classes = X.shape[1], len(self.classes_)
        network = _network(n_features, self.hidden, n_classes, self.dropout, self.weight_decay)
        self._train(network, X, codes, held)
        return self

    def _held_out(self, codes: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        """(n,) bool: rows kept aside for early stopping, whole groups of them."""
        try:
            groups = np.arange(len(codes)) if groups is None else groups
            n_folds = max(2, round(1 / self.validation))
            return grouped_folds(codes, groups, n_folds, self.random_state) == 0
        except BlastlineError:
            return np.zeros(len(codes), dtype=bool)

    def _train(
        self, network: "_Network", X: np.ndarray, codes: np.ndarray, held: np.ndarray
    ) -> None:
        rng = np.random.default_rng(self.random_state)
        network.reset(rng, self.learning_rate)
        weight = compute_sample_weight(self.class_weight, codes).astype(np.float32)
        rows = np.flatnonzero(~held)
        best_loss, best, since = np.inf, None, 0
        self.stopped_ = "epochs"
        for epoch in range(self.epochs):
            order = rng.permutation(rows)
            for start in range(0, len(order), self.batch):
                step = order[start : start + self.batch]
                network.step(X[step], codes[step], weight[step])
            self.n_epochs_ = epoch + 1
            if not self.validated_:
                continue
            self.weights_ = network.weights()
            proba = self._forward(X[held])
            loss = -np.average(
                np.log(proba[np.arange(len(proba)), codes[held]] + 1e-12), weights=weight[held]
            )
            if loss < best_loss - 1e-4:
                best_loss, best, since = loss, self.weights_, 0
            else:
                since += 1
                if since >= self.patience:
                    self.stopped_ = "early"
                    break
        self.weights_ = best or network.weights()

    def _forward(self, X: np.ndarray) -> np.ndarray:
        kernel, bias, kernel_out, bias_out = self.weights_
        # In float64, so that rows sum to 1 as closely as those of the other classifiers.
        scores = (np.maximum(X @ kernel + bias, 0.0) @ kernel_out + bias_out).astype(np.float64)
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, k) float64 probabilities, rows summing to 1."""
        check_is_fitted(self)
        return self._forward(validate_data(self, X, dtype=np.float32, reset=False))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) most probable class."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


class _Network:
    """A compiled Keras network that is trained again and again from new initial weights.

    Compiling costs more than training on a few hundred cells, and tuning trains hundreds of times.
    """

    def __init__(
        self, n_features: int, hidden: int, n_classes: int, dropout: float, weight_decay: float
    ) -> None:
        keras = import_keras()
        layers = keras.layers
        self._dense = [layers.Dense(hidden, activation="relu"), layers.Dense(n_classes)]
        self._dropout = [layers.Dropout(dropout), layers.Dropout(dropout)]
        self._model = keras.Sequential(
            [
                keras.Input((n_features,)),
                self._dropout[0],
                self._dense[0],
                self._dropout[1],
                self._dense[1],
                layers.Softmax(),
            ]
        )
        self._model.compile(
            optimizer=keras.optimizers.AdamW(weight_decay=weight_decay),
            loss="sparse_categorical_crossentropy",
            jit_compile=False,  # 2.8 times slower with it at this size
        )
        self._model.optimizer.build(self._model.trainable_variables)

    def reset(self, rng: np.random.Generator, learning_rate: float) -> None:
        """Draw new weights (Glorot and Bengio 2010) and forget everything learned."""
        for layer in self._dense:
            kernel, bias = layer.get_weights()
            limit = np.sqrt(6.0 / sum(kernel.shape))
            layer.set_weights([rng.uniform(-limit, limit, kernel.shape), np.zeros_like(bias)])
        for layer in self._dropout:
            if layer.rate > 0:
                layer.seed_generator.state.assign(rng.integers(0, 2**31, size=2, dtype=np.uint32))
        for variable in self._model.optimizer.variables:
            variable.assign(np.zeros(variable.shape))
        self._model.optimizer.learning_rate.assign(learning_rate)

    def step(self, X: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> None:
        """One optimizer step on a batch."""
        self._model.train_on_batch(X, codes, sample_weight=weight)

    def weights(self) -> list[np.ndarray]:
        """Kernel, bias, kernel, bias."""
        return [array for layer in self._dense for array in layer.get_weights()]


@lru_cache(maxsize=16)
def _network(
    n_features: int, hidden: int, n_classes: int, dropout: float, weight_decay: float
) -> _Network:
    return _Network(n_features, hidden, n_classes, dropout, weight_decay)


def _build(params: Params, seed: int) -> Dense:
    return Dense(**params, random_state=seed)


def _suggest(trial: BaseTrial, n_features: int) -> Params:
    return {
        "root": trial.suggest_categorical("root", [True, False]),
        "hidden": trial.suggest_categorical("hidden", [128, 256]),
        "dropout": trial.suggest_categorical("dropout", [0.3, 0.5]),
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-3, log=True),
    }


SPEC = ClassifierSpec(
    name="dense",
    title="Dense network with dropout",
    build=_build,
    suggest=_suggest,
    first={"root": True, "hidden": 128, "dropout": 0.3, "learning_rate": 1e-3},
    uses_groups=True,
)
