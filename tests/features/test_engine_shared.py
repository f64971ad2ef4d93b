import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from data.errors import BlastlineError
from features.engine import DescriptorEngine, Engine, NetworkEngine
from features.engine_shared import SharedEngine
from features.recipe import Recipe
from tests.data.images import MEAN_COLOUR
from tests.features.cells import cell, slide
from tests.features.engines import digest

STEPS = ("mask:0,0,0.5,0.5", "disturb:noise,3")
SMALL = Recipe("mobilenet_v2", "random", "", size=8, views=3)


class Corners(NetworkEngine):
    """In place of a network; remembers how many calls ran side by side."""

    network_batch, images_a_call, streams = 4, 4, 2
    description = "corners"

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.running, self.most = 0, 0
        self._lock, self._met = threading.Lock(), threading.Event()

    def _run(self, images: np.ndarray) -> np.ndarray:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
            if self.running > self.streams:
                self._met.set()
        self._met.wait(0.02)  # time for one call too many to come in
        with self._lock:
            self.running -= 1
        return images[:, 0, 0].astype(np.float32)


def embedded(engine: Engine, images: Sequence[np.ndarray]) -> np.ndarray:
    return engine.embed([engine.prepare(image, digest(image)) for image in images])


@pytest.mark.parametrize(("make", "recipe"), [(DescriptorEngine, MEAN_COLOUR), (Corners, SMALL)])
@pytest.mark.parametrize("steps", [(), STEPS])
def test_a_lent_engine_embeds_as_one_of_its_own(
    make: type[DescriptorEngine] | type[Corners], recipe: Recipe, steps: tuple[str, ...]
) -> None:
    images = [cell(slide(seed), seed, size=40) for seed in range(5)]
    shared = SharedEngine(lambda: make(replace(recipe, steps=())))
    lent, own = shared.lend(steps), make(replace(recipe, steps=steps))
    assert np.array_equal(embedded(lent, images), embedded(own, images))
    assert (lent.batch, lent.description) == (own.batch, own.description)


def test_it_is_built_once_and_only_when_it_is_needed() -> None:
    built = []

    def make() -> Engine:
        built.append(1)
        return DescriptorEngine(MEAN_COLOUR)

    shared = SharedEngine(make)
    assert not built
    for _ in range(3):
        shared.lend(STEPS)
    assert len(built) == 1


def test_all_lanes_together_call_it_no_more_often_than_it_has_streams() -> None:
    engine = Corners(SMALL)
    shared = SharedEngine(lambda: engine)
    lanes = [shared.lend(()) for _ in range(6)]
    image = cell(slide(), size=16)
    threads = [threading.Thread(target=embedded, args=(lane, [image])) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.most <= engine.streams


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(BlastlineError, match="unknown"):
        SharedEngine(lambda: DescriptorEngine(MEAN_COLOUR)).lend(("fog",))
