"""Training: it learns, it can be stopped at any step, and its weights are what a backbone loads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data.errors import BlastlineError
from features.smearnet.batches import Batches
from features.smearnet.network import SmearNet
from features.smearnet.settings import Losses, Settings
from features.smearnet.student import Student, embed, load_embedder, write_weights
from features.smearnet.training import Progress, train
from tests.features.smearnet.made_up import cells

SETTINGS = Settings(steps=12, size=32, batch=12, losses=Losses(1.0, 2.0, 0.3), dims=6, ema=0.9)
ROWS = np.arange(72)


def targets() -> dict[str, np.ndarray]:
    found = np.random.default_rng(0).normal(size=(72, 6)).astype(np.float32)
    return {"teacher-1234": found / np.linalg.norm(found, axis=1, keepdims=True)}


def trained(
    path: Path, stop_at: int = 0, settings: Settings = SETTINGS, **identity: Any
) -> tuple[Student, Progress]:
    """A training of made-up cells, or the next part of it."""
    batches = Batches(cells(), ROWS, targets(), settings)
    student = Student(settings, len(batches.classes), {"teacher-1234": 6})
    steps: list[dict[str, float]] = []
    stop: Callable[[], bool] = lambda: bool(stop_at) and len(steps) >= stop_at  # noqa: E731
    done = train(
        student, batches, settings, path, identity, lambda: 0.5, stop,
        lambda progress, losses: steps.append(losses),
    )  # fmt: skip
    return student, done


def test_stopped_and_gone_on_with_it_ends_where_one_without_a_stop_does(
    tmp_path: Path, keras: Any
) -> None:
    straight, done = trained(tmp_path / "straight.npz")
    _, half = trained(tmp_path / "stopped.npz", stop_at=5)
    assert half.step == 5
    resumed, whole = trained(tmp_path / "stopped.npz")
    assert whole.step == done.step == 12
    assert [point["step"] for point in whole.curve] == [point["step"] for point in done.curve]
    assert [point["step"] for point in done.curve if "validation" in point] == [2, 4, 7, 9]
    for one, other in zip(straight.variables, resumed.variables, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-4, atol=1e-5)
    for one, other in zip(done.curve, whole.curve, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(
    tmp_path: Path, keras: Any
) -> None:
    path = tmp_path / "checkpoint.npz"
    trained(path, stop_at=1, seed=0)
    with pytest.raises(BlastlineError, match=r"another training; .*--fresh"):
        trained(path, stop_at=1, seed=1)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(BlastlineError, match=r"damaged .*--fresh"):
        trained(path, stop_at=1, seed=0)


def test_every_block_begins_as_its_shortcut_and_the_average_is_taken_over(keras: Any) -> None:
    student = Student(SETTINGS, 3, {})
    names = [each for each in student.network.layers if each.name.endswith("_2_bn")]
    assert names
    assert not any(np.asarray(layer.gamma).any() for layer in names)
    batches = Batches(cells(), ROWS, {}, SETTINGS)
    before = [np.asarray(each) for each in student.network.trainable_variables]
    for number in range(3):
        student.learn(*batches.draw(number), 1e-2)
    last = [np.asarray(each) for each in student.network.trainable_variables]
    student.settle(batches.draw(number)[0] for number in range(3, 6))
    averaged = [np.asarray(each) for each in student.network.trainable_variables]
    for a, b, c in zip(before, averaged, last, strict=True):
        assert np.linalg.norm(b - c) < np.linalg.norm(a - c) + 1e-6
        assert not np.array_equal(b, c)


def test_the_file_is_half_as_long_and_gives_the_same_embeddings(tmp_path: Path, keras: Any) -> None:
    student, _ = trained(tmp_path / "checkpoint.npz", stop_at=2)
    path = tmp_path / "smearnet.weights.h5"
    write_weights(student.network, path)
    with h5py.File(path) as file:
        kinds: set[str] = set()
        file.visititems(
            lambda _, item: kinds.add(item.dtype.str) if isinstance(item, h5py.Dataset) else None
        )
    assert kinds == {"<f2"}
    network = SmearNet()
    network.load_weights(str(path))
    assert network.weights[0].dtype == "float32"
    assert path.stat().st_size < 2.2 * network.count_params()
    images = np.asarray(cells().pixels[::9])
    own, loaded = student.embed(images, 64), embed(load_embedder(path), images, 64)
    assert own.shape == loaded.shape == (8, network.output_shape[-1])
    assert np.linalg.norm(own - loaded) < 0.01 * np.linalg.norm(own)
    assert {each.name for each in tmp_path.iterdir()} == {"checkpoint.npz", path.name}


def test_an_embedding_does_not_depend_on_what_else_was_asked_for(keras: Any) -> None:
    student = Student(SETTINGS, 3, {})
    images = np.asarray(cells().pixels)
    assert len(images) > 64  # more than one batch
    together = student.embed(images, 64)
    np.testing.assert_allclose(student.embed(images[70:], 64), together[70:], rtol=1e-4, atol=1e-5)


def test_the_rate_rises_and_falls() -> None:
    settings = Settings(steps=2000)
    rates = [settings.rate_at(step) for step in range(2000)]
    assert rates[0] == pytest.approx(settings.rate / 100, rel=0.01)
    assert 99 <= int(np.argmax(rates)) <= 101
    assert rates[-1] == pytest.approx(1e-3 * settings.rate, rel=0.01)
    assert Settings(steps=20).warm_up == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 0}, "steps is 0"), ({"size": 8}, "size is 8"), ({"batch": 7}, "batch is 7"),
        ({"ema": 1.0}, "ema is 1.0"), ({"fields_share": 1.0}, "fields-share is 1.0"),
        ({"losses": Losses(0, 0, 0)}, "one of them above 0"),
        ({"losses": Losses(-1, 0, 1)}, "labels, distil, contrast"),
        ({"rate": float("nan")}, "rate is nan"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BlastlineError, match=said):
        Settings(**wrong)
