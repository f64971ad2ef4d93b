"""Stage predict: a bundle and images -> class and probabilities of each, as CSV."""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from classifiers.bundle import Bundle, read_bundle
from data.errors import BlastlineError
from data.files import write_text
from data.scan import SUFFIXES
from features.backbones import find_backbone
from features.decode import UnreadableImageError, decode
from features.engines import BATCH, Engine, make_engine
from features.weights import resolve_weights
from pipeline.console import progress, say, warn


def run_predict(
    bundle_folder: Path, images: Sequence[Path], weights: str | None, out: Path | None
) -> int:
    """Predict every image; write CSV to ``out`` or standard output; the number that failed.

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
        f"predict: bundle of run {bundle.run}: backbone {bundle.recipe.backbone}, classes "
        f"{', '.join(bundle.classes)}"
    )
    engine = _engine(bundle, weights)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["image", "class", *(f"p_{name}" for name in bundle.classes)])
    failed = 0
    with progress("predicting", "image") as update:
        for start in range(0, len(paths), BATCH):
            good, prepared = [], []
            for path in paths[start : start + BATCH]:
                try:
                    prepared.append(engine.prepare(decode(path.read_bytes())))
                    good.append(path)
                except (UnreadableImageError, OSError) as error:
                    reason = getattr(error, "strerror", None) or str(error)
                    warn(f"predict: {path}: {reason}; left out: mend or remove the file")
                    failed += 1
            if good:
                for path, row in zip(
                    good, bundle.predict_proba(engine.embed(prepared)), strict=True
                ):
                    name = bundle.classes[int(row.argmax())]
                    writer.writerow([str(path), name, *(f"{value:.6f}" for value in row)])
            update(min(start + BATCH, len(paths)), len(paths))
    if failed == len(paths):
        raise BlastlineError(f"predict: none of {failed} images could be read")
    if out is None:
        sys.stdout.write(table.getvalue())
    else:
        write_text(out, table.getvalue())
        say(f"predict: {len(paths) - failed:,} images, written to {out}")
    return failed


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


def _engine(bundle: Bundle, option: str | None) -> Engine:
    recipe = bundle.recipe
    backbone = find_backbone(recipe.backbone)
    # The seed is part of what stands for the digest of random weights.
    said = recipe.weights_digest.rpartition(" ")[2]
    seed = int(said) if recipe.weights == "random" and said.isdecimal() else 0
    weights = resolve_weights(
        backbone, option or bundle.weights, alpha=recipe.alpha, layer=recipe.layer, seed=seed
    )
    if weights.digest != recipe.weights_digest:
        raise BlastlineError(
            f"weights {option or bundle.weights}: digest {weights.digest[:12] or 'none'}, but the "
            f"bundle was fitted with {recipe.weights_digest[:12]}; give the same weights "
            "(--weights), or fit again"
        )
    return make_engine(recipe, weights, seed)
