"""Stage extract: images of the manifest -> embedding stores."""

import csv
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from data.cards import Card
from data.errors import BlastlineError, describe_invalid
from data.files import atomic_path, write_text
from features.extract import DUPLICATE, EMBEDDED, Extraction, Job, extract
from features.gate import GateResult
from features.preprocess import AUDIT
from features.store import EmbeddingStore
from pipeline.audit import masks
from pipeline.config import RunConfig
from pipeline.console import progress, say, warn
from pipeline.disturbed import choose_sample, embed_disturbed
from pipeline.gate import pass_gate
from pipeline.recipes import BASELINE, Plan, control_plan, make_plan, read_recipe, store_path
from pipeline.scan import Scanned, run_scan, write_scan

LISTED = 20  # failed images told one by one; outcomes.csv has all


@dataclass(frozen=True)
class ExtractRecord:
    """What extraction did; extract.json in the run folder.

    Attributes:
        recipes: one a backbone, in the order asked for. baseline_recipe: of the mean colour.
        engines: backbone -> what ran; empty where nothing was missing.
        gates: backbone -> its reduced precision beside float32.
        outcomes: outcome -> number of images. failed: path -> why it has no embedding.
        control_recipe: of the network with random weights; None: there is none.
        sample: SHA-256 of the cells that were embedded under disturbances too.
    """

    recipes: list[dict[str, object]]
    baseline_recipe: dict[str, object]
    engines: dict[str, str]
    gates: dict[str, GateResult]
    outcomes: dict[str, int]
    failed: dict[str, str]
    seconds: float
    control_recipe: dict[str, object] | None = None
    sample: list[str] = field(default_factory=list)


def run_extract(config: RunConfig, *, rehash: bool = False) -> int:
    """Scan, embed what is missing, write extract.json; the number of images that failed.

    Args:
        rehash: hash every image again, also those whose size and times have not changed.

    Raises:
        BlastlineError: bad settings or weights, or not one image could be embedded.
    """
    card = config.card()
    _plans(config, card, ())  # what does not fit is refused before a single image is read
    with _begun(config):
        return _extract(config, card, run_scan(config, rehash=rehash))


@contextmanager
def _begun(config: RunConfig) -> Iterator[None]:
    """A run's first try leaves its settings where it is stopped, and nothing where it is refused.

    So the next command goes on with the same images, however little it says.
    """
    path = config.run_folder / "config.toml"
    first = not path.is_file()
    if first:
        config.write()
    try:
        yield
    except BlastlineError:
        if first:
            path.unlink(missing_ok=True)
            for folder in (config.run_folder, Path(config.work)):
                with suppress(OSError):  # other files lie there
                    folder.rmdir()
        raise


def _extract(config: RunConfig, card: Card, scanned: Scanned) -> int:
    *plans, baseline = _plans(config, card, _masks(config, card, scanned))
    manifest = scanned.manifest
    started = time.perf_counter()
    root = Path(scanned.record.images)
    images = list(zip(manifest.frame.sha256, manifest.frame.path, strict=True))
    control = control_plan(config, plans)
    controls = [control] if control else []
    gates = {}
    for plan in plans:
        say(f"extract: recipe {plan.recipe.name}: {plan.what}")
        if gate := pass_gate(config, plan, root, images):
            gates[plan.recipe.backbone] = gate
    for plan in controls:
        say(f"extract: recipe {plan.recipe.name}: {plan.what}")
    each = {plan.recipe.name: plan for plan in (*plans, *controls, baseline)}  # or a backbone too
    jobs = [
        Job(EmbeddingStore(store_path(config, plan.recipe), plan.recipe), plan.make_engine)
        for plan in each.values()
    ]
    with progress(f"extracting {config.backbone}", "image") as update:
        done = extract(root, images, jobs, update)
    failed = {path: each.detail for path, each in done.outcomes.items() if each.failed}
    _tell(config, [*plans, *controls], done)
    if len(failed) == len(manifest):
        path, reason = next(iter(failed.items()))
        raise BlastlineError(
            f"extract: none of {len(manifest)} images could be read; the first, {path}: {reason}; "
            "mend the images or check IMAGES"
        )
    sample = choose_sample(manifest, set(failed), config.robustness, config.seed)
    embed_disturbed(config, plans, root, [(key, where) for key, where in images if key in sample])
    seconds = time.perf_counter() - started
    write_scan(config, scanned)
    _write_outcomes(done, config.run_folder / "outcomes.csv")
    record = ExtractRecord(
        recipes=[asdict(plan.recipe) for plan in plans],
        baseline_recipe=asdict(baseline.recipe),
        engines={
            plan.recipe.backbone: done.engines[plan.recipe.name]
            for plan in plans
            if plan.recipe.name in done.engines
        },
        gates=gates,
        outcomes=_counts(done),
        failed=failed,
        seconds=seconds,
        control_recipe=asdict(control.recipe) if control else None,
        sample=sample,
    )
    write_text(config.run_folder / "extract.json", json.dumps(asdict(record), indent=1) + "\n")
    return len(failed)


def _counts(done: Extraction) -> dict[str, int]:
    return dict(Counter(each.name for each in done.outcomes.values()))


def _plans(config: RunConfig, card: Card, masks: tuple[str, ...]) -> list[Plan]:
    """A plan for each backbone, and one for the baseline."""
    named = [*config.backbones, (BASELINE, "")]
    return [make_plan(config, card, name, layer, masks) for name, layer in named]


def _masks(config: RunConfig, card: Card, scanned: Scanned) -> tuple[str, ...]:
    """The labels that the audit found, as steps, where the configuration asks for them."""
    if AUDIT not in (card.preprocess if config.steps is None else config.steps):
        return ()
    if scanned.audit is None:
        raise BlastlineError(
            f"preprocessing step '{AUDIT}': the audit is switched off; leave out --no-audit, or "
            "give the rectangle (mask:0.6,0.85,1,1)"
        )
    steps = masks(scanned.audit)
    say(f"extract: {AUDIT}: {', '.join(steps) or 'no label was found, nothing is masked'}")
    return steps


def _tell(config: RunConfig, plans: list[Plan], done: Extraction) -> None:
    for plan in plans:
        name, path = plan.recipe.name, store_path(config, plan.recipe)
        computed, reused = done.computed[name], done.reused[name]
        if name not in done.engines:
            say(f"extract: nothing to do: all {reused:,} images were dealt with before ({path})")
            continue
        say(
            f"extract: {computed:,} embedded now, {reused:,} dealt with before, "
            f"{computed / done.seconds:.1f} images/s ({path})"
        )
        say(f"      engine: {done.engines[name]}")
    failed = [(path, each) for path, each in done.outcomes.items() if each.failed]
    for image, each in failed[:LISTED]:
        what = each.detail if each.detail.startswith(each.name) else f"{each.name}: {each.detail}"
        warn(f"extract: {image}: {what}; left out: mend or remove the file")
    if len(failed) > LISTED:
        warn(f"extract: and {len(failed) - LISTED:,} more, listed in outcomes.csv of the run")
    for outcome, count in sorted(_counts(done).items(), key=lambda item: item[0] != EMBEDDED):
        what = " (byte-identical to another image; its embedding serves)"
        say(f"      {outcome:12}  {count:>9,}{what if outcome == DUPLICATE else ''}")


def _write_outcomes(done: Extraction, path: Path) -> None:
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["path", "outcome", "detail"])
        writer.writerows((path, each.name, each.detail) for path, each in done.outcomes.items())


def read_extract(
    config: RunConfig,
) -> tuple[ExtractRecord, list[EmbeddingStore], EmbeddingStore]:
    """What ``run_extract`` left: its record, a store for each backbone and the baseline's store.

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
    recipes = [read_recipe(fields, path) for fields in record.recipes]
    found = tuple((recipe.backbone, recipe.layer) for recipe in recipes)
    if found != config.backbones:
        said = [
            ", ".join(" ".join(pair).strip() for pair in each) for each in (found, config.backbones)
        ]
        raise BlastlineError(
            f"run {config.run_folder}: extracted with backbone {said[0]}, asked for {said[1]}; "
            "extract again or choose another RUN"
        )
    stores = []
    for recipe in (*recipes, read_recipe(record.baseline_recipe, path)):
        where = store_path(config, recipe)
        if not where.is_file():
            raise BlastlineError(f"{where}: the embeddings are gone; run 'blastline extract' again")
        stores.append(EmbeddingStore(where, recipe))
    return record, stores[:-1], stores[-1]
