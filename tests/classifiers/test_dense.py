"""The dense network: true gradients, Keras' optimizer, honest early stopping, no surprises."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from classifiers.dense import SLOPES, SPEC, Dense
from classifiers.dense_training import AdamW, Course, Network, log_probabilities, train
from features.keras_import import import_keras

WIDTHS = [5, 4, 3, 3]


def rows(n: int = 120, width: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping blobs."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centres = np.random.default_rng(5).normal(size=(3, width))
    return (centres[y] + rng.normal(size=(n, width))).astype(np.float32), y


def batch(seed: int = 0, dtype: type = np.float32) -> tuple[np.ndarray, ...]:
    """X (12, 5), codes, weights and row numbers in another order."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(12, 5)).astype(dtype)
    return X, rng.integers(0, 3, 12), rng.uniform(0.2, 2, 12).astype(dtype), rng.permutation(12)[:9]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("widths", [[5, 3], [5, 6, 3], WIDTHS])
def test_gradients_are_those_of_finite_differences(
    widths: list[int], slope: float, dropout: float, batch_norm: bool
) -> None:
    rng = np.random.default_rng(3)
    network = Network(
        widths, rng, slope=slope, batch_norm=batch_norm, dropout=dropout, dtype=np.float64
    )
    network.values[:] = rng.normal(size=network.values.shape)
    data, state = batch(dtype=np.float64), rng.bit_generator.state

    def loss(values: np.ndarray) -> float:
        network.values[:] = values
        rng.bit_generator.state = state  # the same units dropped each time
        return network.learn(*data)

    values = network.values.copy()
    steps = 1e-6 * np.eye(len(values))
    expected = [(loss(values + step) - loss(values - step)) / 2e-6 for step in steps]
    loss(values)
    np.testing.assert_allclose(network.gradients, expected, atol=1e-7)


def test_dropout_keeps_gradients_right_on_average_and_drops_its_share() -> None:
    data = np.ones((1, 20_000)), np.array([0]), np.ones(1), np.array([0])
    networks = [
        Network([20_000, 2], np.random.default_rng(0), dropout=rate, dtype=np.float64)
        for rate in (0.0, 0.4)
    ]
    for network in networks:
        network.values[:] = 0
        network.learn(*data)
    whole, dropped = (network.gradients[: network.n_kernel] for network in networks)
    assert np.mean(dropped == 0) == pytest.approx(0.4, abs=0.02)
    assert np.mean(dropped[::2]) == pytest.approx(np.mean(whole[::2]), rel=0.02)


def test_batch_normalisation_predicts_by_the_statistics_seen_in_training() -> None:
    network = Network([5, 4, 3], np.random.default_rng(1), batch_norm=True, dtype=np.float64)
    network.values[:] = np.random.default_rng(2).normal(size=network.values.shape)
    X, codes, weight, _ = batch(dtype=np.float64)
    everything = np.arange(len(X))
    for _ in range(400):  # the parameters stay as they are, the running statistics settle
        loss = network.learn(X, codes, weight, everything)
    losses = -log_probabilities(network.weights(), 0.0, X)[everything, codes]
    assert np.mean(weight * losses) == pytest.approx(loss, abs=1e-9)


def test_training_steps_are_those_of_keras() -> None:
    keras = import_keras()
    network = Network(WIDTHS, np.random.default_rng(0))
    model = keras.Sequential(
        [keras.Input((5,))] + [keras.layers.Dense(w, activation="relu") for w in WIDTHS[1:-1]]
        + [keras.layers.Dense(3), keras.layers.Softmax()]
    )  # fmt: skip
    model.set_weights(network.weights())
    optimizer = keras.optimizers.AdamW(learning_rate=0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
    adam = AdamW(network.values, network.n_kernel, 0.01, 0.5)
    for step in range(5):
        X, codes, weight, chosen = batch(step)
        network.learn(X, codes, weight, chosen)
        adam.step(network.gradients)
        model.train_on_batch(X[chosen], codes[chosen], sample_weight=weight[chosen])
    for ours, theirs in zip(network.weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_weights_of_the_lowest_validation_loss_are_restored() -> None:
    X, y = rows(60)
    held = np.arange(60) % 4 == 0
    wrong = np.arange(60) % 8 == 4  # half of the rows kept aside, of hardly any weight
    y, weight = np.where(wrong, (y + 1) % 3, y), np.where(wrong, 1e-3, 1).astype(np.float32)

    def outcome(epochs: int, patience: int) -> tuple[float, int, str]:
        rng = np.random.default_rng(0)
        network = Network([10, 16, 3], rng)
        course = Course(0.03, 0.0, 16, epochs, patience)
        weights, trained, why = train(network, course, X, y, weight, held, rng)
        losses = log_probabilities(weights, 0.0, X[held])[np.arange(held.sum()), y[held]]
        return -np.average(losses, weights=weight[held]), trained, why

    outcomes = [outcome(epochs, patience=50) for epochs in range(1, 30)]
    losses = [loss for loss, _, _ in outcomes]
    assert losses == sorted(losses, reverse=True) and losses[-1] == losses[-2] < losses[0]
    lowest = 1 + losses.index(losses[-1])
    assert [(epochs, why) for _, epochs, why in outcomes] == [(n, "epochs") for n in range(1, 30)]
    assert outcome(60, patience=9) == (losses[-1], lowest + 9, "early")


@pytest.mark.parametrize("validation", [0.0, 0.15])
def test_a_learning_rate_far_too_high_is_told_and_gives_probabilities(validation: float) -> None:
    X, y = rows()
    model = Dense(learning_rate=1e25, batch_norm=False, validation=validation).fit(X, y)
    assert model.stopped_ == "diverged" and model.n_epochs_ < model.epochs
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_learns_what_no_linear_model_can() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    model = Dense(hidden=(32, 16), dropout=0.0, learning_rate=0.01).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.9


@pytest.mark.parametrize("hidden", [8, (8,), (8, 6)])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_hidden_features_are_what_the_last_layer_sees(
    hidden: int | tuple[int, ...], batch_norm: bool
) -> None:
    X, y = rows()
    model = Dense(hidden, "leaky_relu", batch_norm, epochs=3, restarts=2).fit(X, y)
    features = model.hidden_features(X)
    width = hidden if isinstance(hidden, int) else hidden[-1]
    assert features.shape == (len(X), 2 * width) and features.dtype == np.float32
    assert (features < 0).any()
    scores = [
        part @ weights[-2] + weights[-1]
        for part, weights in zip(np.hsplit(features, 2), model.networks_, strict=True)
    ]
    proba = np.mean([np.exp(s) / np.exp(s).sum(axis=1, keepdims=True) for s in scores], axis=0)
    np.testing.assert_allclose(model.predict_proba(X), proba, atol=1e-5)


def test_relu_passes_nothing_below_zero_and_its_leaky_kin_does() -> None:
    X, y = rows()
    relu, leaky = (Dense(8, activation, epochs=2).fit(X, y) for activation in SLOPES)
    assert relu.hidden_features(X).min() == 0
    assert not np.array_equal(relu.networks_[0][0], leaky.networks_[0][0])  # nor while training


def test_the_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    X, y = rows()
    one, again, other = (
        Dense(epochs=3, random_state=seed).fit(X, y).predict_proba(X) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


def test_networks_trained_in_threads_are_those_trained_alone() -> None:
    X, y = rows()

    def fit(seed: int) -> np.ndarray:
        return Dense(epochs=5, random_state=seed).fit(X, y).predict_proba(X)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit, range(8)))
    np.testing.assert_array_equal(together, [fit(seed) for seed in range(8)])


def test_each_restart_is_another_network_that_keeps_other_rows_aside() -> None:
    X, y = rows()
    single = Dense(epochs=3).fit(X, y)
    several = Dense(epochs=3, restarts=3).fit(X, y)
    for a, b in zip(single.networks_[0], several.networks_[0], strict=True):
        np.testing.assert_array_equal(a, b)
    kernels = [network[0] for network in several.networks_]
    assert not np.allclose(kernels[0], kernels[1]) and not np.allclose(kernels[1], kernels[2])


@given(
    cells=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=4, max_size=40),
    restarts=st.integers(1, 9),
    seed=st.integers(0, 5),
)
def test_whole_groups_are_kept_aside_and_no_class_is(
    cells: list[tuple[int, int]], restarts: int, seed: int
) -> None:
    codes = np.unique([code for code, _ in cells], return_inverse=True)[1]
    groups = np.array([f"p{group}" for _, group in cells])
    parts = Dense(restarts=restarts)._held_out(codes, groups, seed)
    assert parts.shape == (restarts, len(codes))
    for held in parts:
        assert not set(groups[held]) & set(groups[~held])
        assert set(codes[~held]) == set(codes)


def test_restarts_keep_every_row_aside_in_turn_about_as_often() -> None:
    codes = np.arange(140) % 2
    parts = Dense(restarts=7)._held_out(codes, np.arange(140), 0)
    np.testing.assert_array_equal(parts.sum(axis=0), 1)
    np.testing.assert_array_equal(parts.sum(axis=1), 20)


def test_rows_of_one_group_train_without_validation() -> None:
    X, y = rows()
    model = Dense(epochs=4, patience=1).fit(X, y, groups=np.zeros(len(y)))
    assert (model.validated_, model.stopped_, model.n_epochs_) == (False, "epochs", 4)
    assert Dense(epochs=4).fit(X, y).validated_


def test_rows_of_no_weight_are_as_if_absent() -> None:
    X, y = rows()
    groups = np.arange(len(y)) // 4
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    used = weight > 0
    whole = Dense(epochs=3, class_weight="balanced").fit(X, y, groups, weight)
    part = Dense(epochs=3, class_weight="balanced")
    part.fit(X[used], y[used], groups[used], weight[used])
    np.testing.assert_array_equal(whole.predict_proba(X), part.predict_proba(X))


def test_balanced_classes_are_weights_of_rows_and_only_ratios_of_weights_count() -> None:
    X, y = rows(150)
    X, y = X[(y > 0) | (np.arange(150) < 30)], y[(y > 0) | (np.arange(150) < 30)]
    weight = (len(y) / 3 / np.bincount(y))[y]
    fits: list[Callable[[], Dense]] = [
        lambda: Dense(epochs=4, class_weight="balanced").fit(X, y),
        lambda: Dense(epochs=4).fit(X, y, sample_weight=weight),
        lambda: Dense(epochs=4).fit(X, y, sample_weight=1e-6 * weight),
    ]
    expected, *others = [fit().predict_proba(X) for fit in fits]
    for proba in others:
        np.testing.assert_allclose(proba, expected, atol=1e-4)
    plain = Dense(epochs=4).fit(X, y).predict_proba(X)
    assert plain[:, 0].mean() < expected[:, 0].mean() - 0.02


def test_an_unknown_activation_is_refused() -> None:
    X, y = rows()
    with pytest.raises(ValueError, match="relu"):
        Dense(activation="tanh").fit(X, y)


def test_fitted_networks_survive_a_bundle() -> None:
    X, y = rows()
    model = Dense((8, 6), epochs=2, restarts=2).fit(X, y)
    kept = skops.io.loads(skops.io.dumps(model), trusted=["classifiers.dense.Dense"])
    np.testing.assert_array_equal(kept.predict_proba(X), model.predict_proba(X))


def test_neither_keras_nor_tensorflow_is_imported() -> None:
    code = (
        "import sys, numpy as np; from classifiers.dense import Dense; "
        "Dense(epochs=1).fit(np.eye(8), [0, 1] * 4).predict(np.eye(8)); "
        "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_choice_of_the_search_fits() -> None:
    X, y = rows(45)
    for name, values in SPEC.grid.items():
        for value in values:
            params = SPEC.suggest(FixedTrial(SPEC.first | {name: value}), 10)
            SPEC.build(params | {"epochs": 1}, 0).fit(X, y)
