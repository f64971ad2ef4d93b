"""What a teacher's network says of the cells that SmearNet is trained on, asked once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from data.files import atomic_path
from features.smearnet.cells import Cells
from pipeline.console import progress, say
from pipeline.recipes import Plan


def teacher_embeddings(plan: Plan, cells: Cells, folder: Path) -> np.ndarray:
    """Embeddings (n, width) float32 of the n images of single cells, kept in ``folder``.

    Stopped half-way, what is embedded is kept, and the same call goes on from there. Cells of smear
    fields are not asked: they look different to an ImageNet network through their scale alone.
    """
    count = int((~cells.from_fields).sum())
    name = f"teacher-{plan.recipe.name}-{cells.digests['images'][:8]}-{count}"
    target, part = folder / f"{name}.npy", folder / f"{name}.part.npy"
    if (known := _kept(target, count)) is not None:
        return known
    say(f"pretrain: teacher {plan.recipe.backbone}: {plan.what}")
    engine = plan.make_engine()
    if _kept(part, count) is None:
        width = engine.embed([engine.prepare(np.array(cells.pixels[0]), "0")]).shape[1]
        # NaN: to do. Written whole, so that a full disk is an error now and not a crash later.
        with atomic_path(part) as temporary, temporary.open("wb") as stream:
            np.save(stream, np.full((count, width), np.nan, np.float32))
    found = np.load(part, mmap_mode="r+")
    left = np.flatnonzero(np.isnan(found).any(axis=1))
    chunks = [left[start : start + engine.batch] for start in range(0, len(left), engine.batch)]

    def ask(rows: np.ndarray) -> np.ndarray:
        return engine.embed([engine.prepare(np.array(cells.pixels[row]), "0") for row in rows])

    done = 0
    with (
        progress(f"teacher {plan.recipe.backbone}", "image") as update,
        ThreadPoolExecutor(engine.streams) as pool,
    ):
        try:
            for rows, given in zip(chunks, pool.map(ask, chunks), strict=True):
                found[rows] = given
                done += len(rows)
                update(done, len(left))
        finally:
            pool.shutdown(cancel_futures=True)
    found.flush()
    part.replace(target)
    return np.load(target, mmap_mode="r")


def _kept(path: Path, count: int) -> np.ndarray | None:
    """Embeddings of ``count`` cells in a file; None where it is not there, cut short or damaged."""
    try:
        found = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return found if found.ndim == 2 and len(found) == count else None
