"""Some cells embedded again after their images were disturbed: chosen, embedded, read."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers.cells import Disturbed
from classifiers.streaming import StoredRows
from data.errors import BlastlineError
from data.manifest import Manifest
from features.disturb import DISTURBANCES, STRENGTHS, disturbed
from features.engine_shared import SharedEngine
from features.extract import Job, extract
from features.recipe import Recipe
from features.store import EmbeddingStore
from pipeline.config import RunConfig
from pipeline.console import progress, say
from pipeline.recipes import Plan, store_path

FEWEST = 5  # of each class, if the sample allows

Kind = tuple[str, int]
KINDS: tuple[Kind, ...] = tuple((kind, number) for kind in DISTURBANCES for number in STRENGTHS)


def choose_sample(manifest: Manifest, failed: set[str], limit: int, seed: int) -> list[str]:
    """The SHA-256 of cells to disturb, of those that the run will test.

    Classes stand in it as in the set, though none with fewer than ``FEWEST`` cells, and its cells
    come from as many groups as there are. Which ones is drawn by content: adding images changes
    little, and naming them anew nothing.

    Args:
        failed: paths of images that have no embedding.
        limit: cells at most.
    """
    frame = manifest.frame
    side = "test" if (frame.split == "test").any() else "train"
    tested = frame[(frame.split == side) & ~frame.path.isin(failed)]
    tested = tested.drop_duplicates("sha256")
    if not limit or tested.empty:
        return []
    drawn = [hashlib.sha256(f"{seed} {key}".encode()).hexdigest() for key in tested.sha256]
    cells = pd.DataFrame({name: tested[name] for name in ("sha256", "label", "group")})
    cells = cells.assign(drawn=drawn).sort_values("drawn")
    cells["turn"] = cells.groupby(["label", "group"]).cumcount()  # each group once before any twice
    cells = cells.sort_values(["turn", "drawn"])
    place = cells.groupby("label").cumcount()
    cells["place"] = (place + 0.5) / cells.groupby("label").label.transform("size")
    cells["first"] = place.clip(upper=FEWEST)
    return sorted(cells.sort_values(["first", "place", "drawn"]).sha256[:limit])


def embed_disturbed(
    config: RunConfig, plans: Sequence[Plan], root: Path, images: Sequence[tuple[str, str]]
) -> None:
    """Embed images under every disturbance by every backbone, what is missing.

    Args:
        images: (sha256, path below root) of the sample.

    Raises:
        BlastlineError: a store is damaged or held by another process.
    """
    if not images:
        return
    started, computed, reused = time.perf_counter(), 0, 0
    engines = [
        SharedEngine(replace(plan, recipe=replace(plan.recipe, steps=())).make_engine)
        for plan in plans
    ]
    parts = [
        (plan, engine, kind)
        for plan, engine in zip(plans, engines, strict=True)
        for kind in DISTURBANCES
    ]
    with progress("extracting disturbed cells", "step") as update:
        for number, (plan, engine, kind) in enumerate(parts):
            # A kind at a time: with eighteen lanes Ctrl-C would have to wait for what is in them,
            # and to decode an image six times costs far less than one of its embeddings.
            recipes = [_recipe(plan.recipe, (kind, strength)) for strength in STRENGTHS]
            done = extract(
                root, images, [_job(config, recipe, engine) for recipe in recipes],
                partial(_onward, update, f"{plan.recipe.backbone}, {kind}", number, len(parts)),
            )  # fmt: skip
            computed += sum(done.computed.values())
            reused += sum(done.reused.values())
    now = f"{computed:,} embedded now" if computed else "nothing to do"
    seconds = f", {time.perf_counter() - started:.0f} s" if computed else ""
    say(
        f"extract: {len(dict(images)):,} cells under {len(KINDS)} disturbances, to see how the "
        f"classifier holds: {now}, {reused:,} dealt with before{seconds}"
    )


def _onward(
    update: Callable[..., None], what: str, part: int, parts: int, done: int, total: int
) -> None:
    update(part * total + done, parts * total, what)


def read_disturbed(
    config: RunConfig, recipes: Sequence[Recipe], sample: Sequence[str], sha256: np.ndarray
) -> tuple[Disturbed, ...]:
    """What ``embed_disturbed`` left, as far as it is there and sound.

    Args:
        sample: as ``choose_sample`` gave it. sha256: (n,) content of the rows of the run.
    """
    rows = {key: row for row, key in reversed(list(enumerate(sha256)))}
    keys = [key for key in sample if key in rows]
    return tuple(_read(config, recipes, keys, rows)) if keys else ()


def _read(
    config: RunConfig, recipes: Sequence[Recipe], keys: list[str], rows: dict[str, int]
) -> Iterator[Disturbed]:
    for kind, strength in KINDS:
        of_kind = [_recipe(recipe, (kind, strength)) for recipe in recipes]
        paths = [_path(config, recipe) for recipe in of_kind]
        if not all(path.is_file() for path in paths):
            continue
        try:
            stores = [EmbeddingStore(*each) for each in zip(paths, of_kind, strict=True)]
            there = [
                key
                for key in keys
                if all(key in store and not store.failure(key) for store in stores)
            ]
            if there:
                X = StoredRows(stores, there)[np.arange(len(there))]
                setting = DISTURBANCES[kind].told(strength)
                yield Disturbed(kind, strength, setting, np.array([rows[k] for k in there]), X)
        except BlastlineError:  # damaged: as if it had never been measured
            continue


def _job(config: RunConfig, recipe: Recipe, engine: SharedEngine) -> Job:
    return Job(EmbeddingStore(_path(config, recipe), recipe), lambda: engine.lend(recipe.steps))


def _recipe(recipe: Recipe, each: Kind) -> Recipe:
    return replace(recipe, steps=disturbed(recipe.steps, *each))


def _path(config: RunConfig, recipe: Recipe) -> Path:
    path = store_path(config, recipe)
    return path.parent / "disturbed" / path.name
