"""Training of dense networks in NumPy: nothing heavy to import, safe in threads, repeatable."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

MOMENTUM = 0.9  # of the running statistics of batch normalisation
EPSILON = 1e-3  # added to variances in batch normalisation, as in Keras
LEAST_GAIN = 1e-4  # a validation loss must fall by more to count as lower
BETA_1, BETA_2, ADAM_EPSILON = 0.9, 0.999, 1e-7  # as in Keras


class Network:
    """Dense layers with their gradients: batch normalisation, (leaky) ReLU, dropout, softmax.

    All parameters are one vector and so are their gradients: an optimizer needs few calls.
    Initial kernels are Glorot-uniform (Glorot and Bengio 2010), biases 0.

    Args:
        widths: of inputs, hidden layers and classes.
        rng: draws initial kernels and, later, what is dropped.
        slope: of the activation below zero; 0 is ReLU.
        batch_norm: normalise hidden layers before their activation.
        dropout: share of inputs and hidden units dropped, in steps of 1/256.
        dtype: float64 to check gradients.

    Attributes:
        values: (p,) all parameters, kernels first.
        gradients: (p,) of the last batch.
        n_kernel: how many parameters belong to kernels.
    """

    def __init__(
        self, widths: Sequence[int], rng: np.random.Generator, *, slope: float = 0.0,
        batch_norm: bool = False, dropout: float = 0.0, dtype: type[np.floating] = np.float32,
    ) -> None:  # fmt: skip
        self.slope, self._rng, self._dtype = slope, rng, dtype
        self._dropped = min(round(256 * dropout), 255)
        self._scale = dtype(256 / (256 - self._dropped))
        shapes: list[tuple[int, ...]] = list(pairwise(widths))
        n_layers = len(shapes)
        self.n_kernel = sum(rows * columns for rows, columns in shapes)
        shapes += [(width,) for width in widths[1:]]
        shapes += [(width,) for width in widths[1:-1] if batch_norm]

        def views(vector: np.ndarray) -> tuple[list[np.ndarray], ...]:
            parts = np.split(vector, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
            parts = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
            return parts[:n_layers], parts[n_layers : 2 * n_layers], parts[2 * n_layers :]

        self.values = np.zeros(sum(int(np.prod(shape)) for shape in shapes), dtype)
        self.gradients = np.zeros_like(self.values)
        self._kernels, self._biases, self._gains = views(self.values)
        self._d_kernels, self._d_biases, self._d_gains = views(self.gradients)
        for kernel in self._kernels:
            limit = np.sqrt(6 / sum(kernel.shape))
            kernel[:] = rng.uniform(-limit, limit, kernel.shape)
        for gain in self._gains:
            gain[:] = 1
        self._running = [(np.zeros_like(gain), np.ones_like(gain)) for gain in self._gains]
        self._inputs = np.empty((0, widths[0]), dtype)

    def learn(
        self, X: np.ndarray, codes: np.ndarray, weight: np.ndarray, rows: np.ndarray
    ) -> float:
        """Weighted mean cross-entropy of the given rows of X (n, d); sets ``gradients`` to its own.

        ``codes`` (n,) are class numbers, ``weight`` (n,) factors of each row's loss.
        """
        n = len(rows)
        if n > len(self._inputs):
            self._inputs = np.empty((n, X.shape[1]), self._dtype)
        # "clip" spares the copy by which NumPy guards ``out`` against bad indices.
        unit = np.take(X, rows, axis=0, out=self._inputs[:n], mode="clip")
        units, kept, slopes, normals = [], [], [], []
        last = len(self._kernels) - 1
        for number, kernel in enumerate(self._kernels):
            kept.append(self._drop(unit))
            units.append(unit)
            scores = unit @ kernel
            scores *= self._scale  # here, where it is narrower than the inputs
            if number < len(self._gains):
                normals.append(self._normalise(scores, number))
            scores += self._biases[number]
            if number < last:
                slopes.append(np.where(scores > 0, self._dtype(1), self._dtype(self.slope)))
                unit = scores * slopes[number]
        share = weight[rows] / self._dtype(n)
        line = np.arange(n), codes[rows]
        log_proba = _log_softmax(scores)
        delta = np.exp(log_proba)
        delta[line] -= 1
        delta *= share[:, None]
        for number in range(last, -1, -1):
            np.sum(delta, axis=0, out=self._d_biases[number])
            if number < len(normals):
                delta = self._normalise_back(delta, number, *normals[number])
            delta *= self._scale
            np.matmul(units[number].T, delta, out=self._d_kernels[number])
            if number:
                delta = delta @ self._kernels[number].T
                delta *= kept[number]
                delta *= slopes[number - 1]
        return -float(share @ log_proba[line])

    def _drop(self, unit: np.ndarray) -> np.ndarray:
        """Set a share of (n, d) units to 0 in place; True where they are kept."""
        if not self._dropped:
            return np.ones((), dtype=bool)
        # A byte a unit, eight a draw: five times as fast as a uniform number a unit.
        n_draws = -(-unit.size // 8)
        draws = self._rng.integers(2**64 - 1, size=n_draws, dtype=np.uint64, endpoint=True)
        keep = draws.view(np.uint8)[: unit.size].reshape(unit.shape) >= self._dropped
        unit *= keep
        return keep

    def _normalise(self, scores: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Normalise (n, width) scores in place; what the way back needs."""
        mean, variance = scores.mean(axis=0), scores.var(axis=0)
        for running, value in zip(self._running[number], (mean, variance), strict=True):
            running += (1 - MOMENTUM) * (value - running)
        inverse = 1 / np.sqrt(variance + EPSILON)
        normal = (scores - mean) * inverse
        np.multiply(normal, self._gains[number], out=scores)
        return normal, inverse

    def _normalise_back(
        self, delta: np.ndarray, number: int, normal: np.ndarray, inverse: np.ndarray
    ) -> np.ndarray:
        d_gain = np.sum(delta * normal, axis=0, out=self._d_gains[number])
        delta = delta - (self._d_biases[number] + normal * d_gain) / self._dtype(len(delta))
        return delta * (self._gains[number] * inverse)

    def weights(self) -> list[np.ndarray]:
        """Kernel, bias, kernel, bias, ... for ``forward``: copies, with the running statistics of
        batch normalisation worked into them."""
        weights = []
        for number, (kernel, bias) in enumerate(zip(self._kernels, self._biases, strict=True)):
            if number < len(self._gains):
                mean, variance = self._running[number]
                factor = self._gains[number] / np.sqrt(variance + EPSILON)
                weights += [kernel * factor, bias - mean * factor]
            else:
                weights += [kernel.copy(), bias.copy()]
        return weights


class AdamW:
    """Adam with decoupled weight decay of the first ``n_decayed`` values, all changed in place.

    Kingma and Ba 2015, arXiv:1412.6980; Loshchilov and Hutter 2019, arXiv:1711.05101. As in Keras,
    a step first shrinks values by learning_rate x weight_decay of them.
    """

    def __init__(
        self, values: np.ndarray, n_decayed: int, learning_rate: float, weight_decay: float
    ) -> None:
        self._values, self._decayed = values, values[:n_decayed]
        self._learning_rate, self._shrink = learning_rate, 1 - learning_rate * weight_decay
        # Moments without their factors 1 - beta, which the step makes up for: two passes fewer.
        self._first, self._second = np.zeros_like(values), np.zeros_like(values)
        self._work = np.empty_like(values)
        self._steps = 0

    def step(self, gradients: np.ndarray) -> None:
        """Move the values against their gradients (p,)."""
        first, second, work = self._first, self._second, self._work
        self._steps += 1
        first *= BETA_1
        first += gradients
        np.multiply(gradients, gradients, out=work)
        second *= BETA_2
        second += work
        np.sqrt(second, out=work)
        root = (1 - BETA_2) ** 0.5
        work += ADAM_EPSILON / root
        np.divide(first, work, out=work)
        unbias = (1 - BETA_2**self._steps) ** 0.5 / (1 - BETA_1**self._steps)
        work *= self._learning_rate * unbias * (1 - BETA_1) / root
        self._decayed *= self._shrink
        self._values -= work


@dataclass(frozen=True)
class Course:
    """How a network learns; the meanings are those of ``Dense``."""

    learning_rate: float
    weight_decay: float
    batch: int
    epochs: int
    patience: int


def train(
    network: Network, course: Course, X: np.ndarray, codes: np.ndarray, weight: np.ndarray,
    held: np.ndarray, rng: np.random.Generator,
) -> tuple[list[np.ndarray], int, str]:  # fmt: skip
    """Train on (n, d) float32 rows, their (n,) class numbers and weights, in an order from ``rng``.

    Returns:
        The weights with the lowest loss on the ``held`` rows, (n,) bool, or where there are none,
        those of the last epoch; the epochs trained; why it stopped: ``early``, ``epochs``, or
        ``diverged`` where a loss or a weight was not finite.
    """
    adam = AdamW(network.values, network.n_kernel, course.learning_rate, course.weight_decay)
    rows, X_held, line = np.flatnonzero(~held), X[held], (np.arange(held.sum()), codes[held])
    best, best_loss, best_epoch = network.weights(), np.inf, 0
    for epoch in range(1, course.epochs + 1):
        with np.errstate(all="ignore"):  # overflows are told below
            # Even batches: none of a few rows at the end.
            for batch in np.array_split(rng.permutation(rows), -(-len(rows) // course.batch)):
                loss = network.learn(X, codes, weight, batch)
                adam.step(network.gradients)
            weights = network.weights()
            if len(X_held):
                log_proba = log_probabilities(weights, network.slope, X_held)[line]
                loss = -float(np.average(log_proba, weights=weight[held]))
        if not (np.isfinite(loss) and all(np.isfinite(array).all() for array in weights)):
            return best, epoch, "diverged"
        if not len(X_held) or loss < best_loss - LEAST_GAIN:
            best, best_loss, best_epoch = weights, loss, epoch
        elif epoch - best_epoch >= course.patience:
            return best, epoch, "early"
    return best, course.epochs, "epochs"


def forward(weights: Sequence[np.ndarray], slope: float, X: np.ndarray) -> np.ndarray:
    """(n, width) activations of the last hidden layer; X itself if there is none."""
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        X = X @ kernel
        X += bias
        X = np.maximum(X, slope * X)
    return X


def log_probabilities(weights: Sequence[np.ndarray], slope: float, X: np.ndarray) -> np.ndarray:
    """(n, k) float64 logarithms of the probabilities of the classes."""
    scores = forward(weights, slope, X) @ weights[-2] + weights[-1]
    # In float64, so that rows sum to 1 as closely as those of the other classifiers.
    return _log_softmax(scores.astype(np.float64))


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    # scipy's takes longer than a whole step at the size of a batch.
    scores = scores - scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
