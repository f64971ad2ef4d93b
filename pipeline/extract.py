"""Stage extract: images of the manifest -> embedding stores."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from data.cards import Card
from data.errors import BlastlineError, describe_invalid
from data.files import write_text
from data.manifest import Manifest
from features.backbones import Backbone, find_backbone
from features.engines import make_engine
from features.extract import Extraction, Job, extract
from features.preprocess import parse_steps
from features.recipe import Recipe
from features.store import EmbeddingStore
from features.weights import Weights, resolve_weights
from pipeline.config import RunConfig
from pipeline.console import progress, say, warn
from pipeline.scan import run_scan, write_scan

BASELINE = "mean_colour"


@dataclass(frozen=True)
class ExtractRecord:
    """What extraction did; extract.json in the run folder."""

    recipe: dict[str, object]
    baseline_recipe: dict[str, object]
    failed: dict[str, str]  # path -> why
    seconds: float


def make_recipe(config: RunConfig, card: Card, backbone: Backbone, weights: Weights) -> Recipe:
    """The recipe that a configuration asks for."""
    steps = card.preprocess if config.steps is None else config.steps
    parse_steps(steps)
    if not backbone.is_network:
        return Recipe(
            backbone.name, weights.source, weights.digest, steps, engine="opencv", pooling="none",
            resize="inside the descriptors",
        )  # fmt: skip
    return Recipe(
        backbone=backbone.name,
        weights=weights.source,
        weights_digest=weights.digest,
        steps=steps,
        size=config.size or backbone.size,
        layer=config.layer,
        alpha=config.alpha if backbone.name == "mobilenet_v2" else 1.0,
    )


def find_weights(config: RunConfig, backbone: Backbone) -> Weights:
    """The weights that a configuration asks for; Keras' own are downloaded now if need be."""
    found = resolve_weights(
        backbone, config.weights, alpha=config.alpha, layer=config.layer, seed=config.seed
    )
    if found.digest:
        return found
    from features.networks import download_weights

    say(f"extract: {backbone.name}: Keras downloads its ImageNet weights (once)")
    download_weights(backbone, config.alpha)
    return resolve_weights(
        backbone, config.weights, alpha=config.alpha, layer=config.layer, seed=config.seed
    )


def store_path(config: RunConfig, recipe: Recipe) -> Path:
    """Where the embeddings of a recipe lie, shared by all runs on the data set."""
    name = Path(config.dataset).stem
    return Path(config.work) / "embeddings" / name / f"{recipe.name}.h5"


def run_extract(config: RunConfig) -> int:
    """Scan, embed what is missing, write extract.json; the number of images that failed.

    Raises:
        BlastlineError: bad settings or weights, or not one image could be embedded.
    """
    card = config.card()
    backbone = find_backbone(config.backbone)
    weights = find_weights(config, backbone)
    recipe = make_recipe(config, card, backbone, weights)
    row = find_backbone(BASELINE)
    baseline_weights = find_weights(config, row)
    baseline = make_recipe(config, card, row, baseline_weights)
    manifest, record = run_scan(config)
    started = time.perf_counter()
    say(f"extract: recipe {recipe.name}")
    stores = {
        each.name: EmbeddingStore(store_path(config, each), each) for each in (recipe, baseline)
    }
    jobs = [
        Job(stores[recipe.name], lambda: make_engine(recipe, weights, config.seed)),
        Job(stores[baseline.name], lambda: make_engine(baseline, baseline_weights, config.seed)),
    ]
    jobs = jobs[: len(stores)]  # one job where the baseline itself is the backbone
    with progress(f"extracting {recipe.backbone}", "image") as update:
        done = extract(Path(record.images), _images(manifest), jobs, update)
    seconds = time.perf_counter() - started
    _tell(config, recipe, manifest, done, seconds)
    if len(done.failed) == len(manifest):
        path, reason = next(iter(done.failed.items()))
        raise BlastlineError(
            f"extract: none of {len(manifest)} images could be read; the first, {path}: {reason}; "
            "mend the images or check IMAGES"
        )
    write_scan(config, manifest, record)
    written = ExtractRecord(
        recipe=asdict(recipe),
        baseline_recipe=asdict(baseline),
        failed=done.failed,
        seconds=seconds,
    )
    text = json.dumps(asdict(written), indent=1)
    write_text(config.run_folder / "extract.json", text + "\n")
    return len(done.failed)


def _images(manifest: Manifest) -> list[tuple[str, str]]:
    return list(zip(manifest.frame.sha256, manifest.frame.path, strict=True))


def _tell(
    config: RunConfig, recipe: Recipe, manifest: Manifest, done: Extraction, seconds: float
) -> None:
    computed, reused = done.computed[recipe.name], done.reused[recipe.name]
    path = store_path(config, recipe)
    if computed == 0 and not done.failed:
        say(f"extract: nothing to do: all {reused:,} images are embedded already ({path})")
    else:
        rate = f", {computed / seconds:.1f} images/s" if computed else ""
        say(f"extract: {computed:,} embedded now, {reused:,} before{rate} ({path})")
    for image, reason in done.failed.items():
        warn(f"extract: {image}: {reason}; left out: mend or remove the file")


def read_extract(config: RunConfig) -> tuple[ExtractRecord, EmbeddingStore, EmbeddingStore]:
    """What ``run_extract`` left: its record, the store and the baseline's store.

    Raises:
        BlastlineError: nothing extracted, a damaged store, or one of another configuration.
    """
    path = config.run_folder / "extract.json"
    try:
        record = TypeAdapter(ExtractRecord).validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BlastlineError(
            f"run {config.run_folder}: nothing extracted yet; run 'blastline extract' first"
        ) from None
    except (ValidationError, UnicodeDecodeError) as error:
        what = describe_invalid(error) if isinstance(error, ValidationError) else str(error)
        raise BlastlineError(f"{path}: not readable ({what}); extract again") from None
    recipe = Recipe.from_json(json.dumps(record.recipe), str(path))
    asked = (config.backbone, config.layer)
    if (recipe.backbone, recipe.layer) != asked:
        raise BlastlineError(
            f"run {config.run_folder}: extracted with backbone {recipe.backbone} {recipe.layer}, "
            f"asked for {config.backbone} {config.layer}; extract again or choose another RUN"
        )
    stores = []
    for fields in (record.recipe, record.baseline_recipe):
        recipe = Recipe.from_json(json.dumps(fields), str(path))
        where = store_path(config, recipe)
        if not where.is_file():
            raise BlastlineError(f"{where}: the embeddings are gone; run 'blastline extract' again")
        stores.append(EmbeddingStore(where, recipe))
    return record, stores[0], stores[1]
