"""What an engine is: it prepares images in many threads and embeds them in a few."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from features.augment import parse_augmentation
from features.backbones import find_backbone
from features.preprocess import parse_steps, resize
from features.recipe import Recipe
from features.views import make_views


class Engine(Protocol):
    """What extraction and prediction need of an engine.

    Attributes:
        streams: calls of ``embed`` that may run side by side.
        description: what runs, for people.
    """

    streams: int
    description: str

    @property
    def batch(self) -> int:
        """Images that a call of ``embed`` takes at best."""
        ...

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        """Work on one (h, w, 3) RGB uint8 image that many threads may do at once."""
        ...

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        """(n, *shape) float32 embeddings of n prepared images."""
        ...


class DescriptorEngine:
    """Runs a backbone without weights; all its work is in ``prepare``."""

    batch, streams = 16, 1
    description = "descriptors"

    def __init__(self, recipe: Recipe) -> None:
        describe = find_backbone(recipe.backbone).describe
        if describe is None:
            raise ValueError(f"{recipe.backbone} is a network")
        self._describe = describe
        self._steps = parse_steps(recipe.steps)

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        """Describe one (h, w, 3) RGB uint8 image: (width,) float32."""
        for step in self._steps:
            image = step(image)
        return self._describe(image)

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        """Stack (width,) descriptions to (n, width) float32."""
        return np.stack(prepared).astype(np.float32)


class NetworkEngine(ABC):
    """What the engines that run a network share: preprocessing, views, batches of one size.

    The network always gets full batches, the last one filled up with zeros: it is compiled once,
    and an embedding does not depend on how many images were asked for.
    """

    network_batch: int
    images_a_call: int  # views counted; some batches a call save the way in and out
    streams: int
    description: str

    def __init__(self, recipe: Recipe) -> None:
        self._size, self._views = recipe.size, recipe.views
        self._steps = parse_steps(recipe.steps)
        self._augmentation = parse_augmentation(recipe.augment)

    @property
    def batch(self) -> int:
        """Images that a call of ``embed`` takes at best."""
        return max(1, self.images_a_call // self._views)

    def prepare(self, image: np.ndarray, sha256: str) -> np.ndarray:
        """Preprocess, resize and vary one (h, w, 3) uint8 image: (views, size, size, 3) uint8."""
        for step in self._steps:
            image = step(image)
        aspect = image.shape[1] / image.shape[0]
        square = resize(image, self._size)
        return make_views(square, self._views, sha256, self._augmentation, aspect)

    def embed(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        """Embed n prepared images: (n, width) float32, views and positions as further axes."""
        images = np.concatenate(prepared)
        step = self.network_batch
        found = [self._full(images[start : start + step]) for start in range(0, len(images), step)]
        embeddings = np.concatenate(found).astype(np.float32, copy=False)
        if self._views == 1:
            return embeddings
        return embeddings.reshape(len(prepared), self._views, *embeddings.shape[1:])

    def _full(self, images: np.ndarray) -> np.ndarray:
        short = self.network_batch - len(images)
        if short:
            images = np.concatenate([images, np.zeros((short, *images.shape[1:]), images.dtype)])
        return self._run(images)[: self.network_batch - short]

    @abstractmethod
    def _run(self, images: np.ndarray) -> np.ndarray:
        """Embed (network_batch, size, size, 3) uint8."""
