"""Stage predict: a bundle and images -> class and probabilities of each, as CSV."""

import csv
import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import binom

from classifiers.bundle import Bundle, read_bundle
from classifiers.novelty import ACCEPTED
from data.decode import MAX_BYTES, UnreadableImageError, decode
from data.errors import BlastlineError
from data.files import read_regular, write_text
from data.listing import SUFFIXES
from features.engine import Engine
from features.fuse import fuse
from pipeline.console import progress, say, warn
from pipeline.recipes import bundle_plan, networks_folder

SURPRISE = 0.01  # so seldom are as many cells of the kinds trained on flagged


def run_predict(
    bundle_folder: Path,
    images: Sequence[Path],
    weights: str | None,
    out: Path | None,
    work: Path | None = None,
) -> int:
    """Predict every image; write CSV to ``out`` or standard output; the number that failed.

    Beside class and probabilities, ``novelty`` says how unlike the training cells an image is, in
    units of the operating point, and ``familiar`` whether that is at most 1.

    Raises:
        BlastlineError: the bundle or its weights do not fit, no image was given, or none could be
            read.
    """
    if out is not None and out.is_dir():
        raise BlastlineError(f"predict: {out} is a folder; give the CSV file to write to (--out)")
    bundle = read_bundle(bundle_folder)
    paths = list(_expand(images))
    if not paths:
        raise BlastlineError(
            f"predict: no image in {', '.join(map(str, images))}; expected files or folders of "
            f"{', '.join(sorted(SUFFIXES))}"
        )
    warn(
        f"predict: bundle of run {bundle.run}: backbone "
        f"{', '.join(recipe.backbone for recipe in bundle.recipes)}, classes "
        f"{', '.join(bundle.classes)}"
    )
    beside = bundle_folder.resolve().parents[1]  # the work folder of the run that made it
    networks = networks_folder(work or (beside if networks_folder(beside).is_dir() else "runs"))
    engines = [
        bundle_plan(recipe, weights or bundle.weights, networks).make_engine()
        for recipe in bundle.recipes
    ]
    batch = max(16, *(engine.batch for engine in engines))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    columns = (f"p_{name}" for name in bundle.classes)
    writer.writerow(["image", "class", *columns, "novelty", "familiar"])
    failed = unfamiliar = 0
    with progress("predicting", "image") as update:
        for start in range(0, len(paths), batch):
            good, prepared = [], []
            for path in paths[start : start + batch]:
                try:
                    prepared.append(_prepare(path, engines))
                    good.append(path)
                except (UnreadableImageError, OSError) as error:
                    reason = getattr(error, "strerror", None) or str(error)
                    warn(f"predict: {path}: {reason}; left out: mend or remove the file")
                    failed += 1
            if good:
                embeddings = _embed(bundle, engines, prepared)
                names, proba = bundle.predict(embeddings)
                novelty = bundle.novelty.relative(embeddings)
                unfamiliar += int(np.count_nonzero(novelty > 1))
                for path, name, row, far in zip(good, names, proba, novelty, strict=True):
                    known = "no" if far > 1 else "yes"
                    figures = (f"{value:.6f}" for value in (*row, far))
                    writer.writerow([str(path), name, *figures, known])
            update(min(start + batch, len(paths)), len(paths))
    if failed == len(paths):
        raise BlastlineError(f"predict: none of {failed} images could be read")
    if out is None:
        sys.stdout.write(table.getvalue())
    else:
        write_text(out, table.getvalue())
        say(f"predict: {len(paths) - failed:,} images, written to {out}")
    if unfamiliar:
        warn(_unfamiliar(unfamiliar, len(paths) - failed))
    return failed


def _unfamiliar(count: int, of: int) -> str:
    """The closing line; among cells like those of the training about 1 in 20 is flagged."""
    expected = 1 - ACCEPTED
    found = f"predict: {count:,} of {of:,} cells unlike those it was trained on (column 'familiar')"
    if binom.sf(count - 1, of, expected) < SURPRISE:
        found += f", where {expected:.0%} are to be expected: do not trust the classes of these"
    return f"{found}; a familiar cell may still be of a kind that it was not trained on"


def _expand(images: Sequence[Path]) -> Iterator[Path]:
    for path in images:
        if path.is_dir():
            yield from sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in SUFFIXES and file.is_file()
            )
        else:
            yield path


def _prepare(path: Path, engines: Sequence[Engine]) -> list[np.ndarray]:
    """One image, prepared for each engine."""
    content = read_regular(path.resolve(), MAX_BYTES)  # a user may name a link here
    image, sha256 = decode(content), hashlib.sha256(content).hexdigest()
    return [engine.prepare(image, sha256) for engine in engines]


def _embed(
    bundle: Bundle, engines: Sequence[Engine], prepared: Sequence[list[np.ndarray]]
) -> np.ndarray:
    """(n, d) or (n, views, d) embeddings of n prepared images."""
    blocks = zip(engines, zip(*prepared, strict=True), strict=True)
    return fuse([engine.embed(each) for engine, each in blocks], bundle.recipes)
