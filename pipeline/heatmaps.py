"""Heat maps of cells under test: class activation where the head is linear, else occlusion."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from classifiers.evidence import Contrast, LinearHead, linear_head
from classifiers.fitting import Model
from data.errors import BlastlineError
from features.activation import SpatialEngine, activation_map, averages_to, make_spatial_engine
from features.engine import Engine
from features.fuse import fuse
from features.occlusion import COUNT, ground_of, occluded, occlusion_map
from features.recipe import Recipe
from pipeline.overlay import SIDE
from pipeline.recipes import Plan, bundle_plan

# What engines of several libraries raise where they cannot be built or run here.
REFUSALS = (BlastlineError, ImportError, OSError, RuntimeError)


@dataclass(frozen=True)
class HeatMap:
    """What speaks for a prediction, and the picture in whose frame it lies.

    Attributes:
        relevance: (rows, columns) float64, in units of the contrast's score.
        image: (h, w, 3) uint8 RGB.
    """

    method: Literal["class activation", "occlusion"]
    relevance: np.ndarray
    image: np.ndarray


class HeatMaps:
    """Makes heat maps with the engines that a run's recipes ask for.

    Further views of a cell are left out: the picture itself is explained.

    Raises:
        BlastlineError: the weights of a recipe are gone or are other ones.
    """

    def __init__(self, recipes: Sequence[Recipe], weights: str, networks: Path) -> None:
        plans = [bundle_plan(recipe, weights, networks) for recipe in recipes]
        self._plans = [replace(plan, recipe=_alone(plan.recipe)) for plan in plans]
        self._heads: dict[int, LinearHead | None] = {}

    @cached_property
    def _engines(self) -> list[Engine]:
        return [plan.make_engine() for plan in self._plans]

    @cached_property
    def _spatial(self) -> list[SpatialEngine] | None:
        found = [_spatial_engine(plan) for plan in self._plans]
        return [each for each in found if each] if all(found) else None

    def of(self, image: np.ndarray, cell: np.ndarray, contrast: Contrast) -> HeatMap:
        """The heat map of one cell.

        Args:
            image: (h, w, 3) uint8 RGB. cell: (d,) its embedding, without further views.
        """
        head = self._head(contrast.model, cell)
        if head is not None and head.holds(cell[None]) and self._spatial is not None:
            found = self._by_activation(image, cell, head.rates(cell, contrast))
            if found is not None:
                return found
        return self._by_occlusion(image, contrast)

    def _head(self, model: Model, cell: np.ndarray) -> LinearHead | None:
        if id(model) not in self._heads:
            self._heads[id(model)] = linear_head(model, cell[None])
        return self._heads[id(model)]

    def _by_activation(
        self, image: np.ndarray, cell: np.ndarray, rates: np.ndarray
    ) -> HeatMap | None:
        """None where the maps are not those of the embedding that was stored."""
        spatial, parts, start = [], [], 0
        prepared = [engine.prepare(image, "0") for engine in self._spatial or []]
        for engine, plan, pixels in zip(self._spatial or [], self._plans, prepared, strict=True):
            found = engine.spatial(pixels)
            columns = slice(start, start + found.shape[-1])
            if not averages_to(found, cell[columns], plan.recipe.precision):
                return None
            spatial.append(found)
            parts.append(rates[columns])
            start = columns.stop
        total = sum(_spread(each) for each in activation_map(spatial, parts))
        return HeatMap("class activation", np.asarray(total), prepared[0][0])

    def _by_occlusion(self, image: np.ndarray, contrast: Contrast) -> HeatMap:
        ground = ground_of(image)

        def prepare(place: int) -> list[np.ndarray]:
            shown = image if place == COUNT else occluded(image, place, ground)
            return [engine.prepare(shown, "0") for engine in self._engines]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            prepared = list(pool.map(prepare, range(COUNT + 1)))
            blocks = []
            for engine, rows in zip(self._engines, zip(*prepared, strict=True), strict=True):
                apart = np.array_split(np.arange(COUNT + 1), engine.streams)
                batches = [[rows[place] for place in places] for places in apart if len(places)]
                blocks.append(np.concatenate(list(pool.map(engine.embed, batches))))
        scores = contrast.score(fuse(blocks, [plan.recipe for plan in self._plans]))
        return HeatMap("occlusion", occlusion_map(scores[-1] - scores[:-1]), image)


def _alone(recipe: Recipe) -> Recipe:
    return replace(recipe, views=1, augment=())


def _spatial_engine(plan: Plan) -> SpatialEngine | None:
    return make_spatial_engine(plan.recipe, plan.weights, plan.seed, plan.networks)


def _spread(relevance: np.ndarray) -> np.ndarray:
    """A map at the side of the picture, its sum unchanged, so that maps of all sizes add up."""
    large = cv2.resize(relevance, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return large * (relevance.size / large.size)
