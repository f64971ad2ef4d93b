"""From a configuration to recipes, weights and engines, for extraction and prediction alike."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.cards import Card
from data.errors import BlastlineError
from features.augment import parse_augmentation
from features.backbones import Backbone, find_backbone
from features.engine import Engine
from features.engines import choose_engine, make_engine
from features.preprocess import AUDIT, resolve_steps
from features.recipe import Recipe
from features.views import MAX_VIEWS, SYMMETRIES
from features.weights import RANDOM, Weights, resolve_weights
from pipeline.config import RunConfig
from pipeline.console import say

BASELINE = "mean_colour"


@dataclass(frozen=True)
class Plan:
    """A recipe and what it takes to run it.

    Attributes:
        networks: folder of converted networks.
        what: engine, precision and whatever is not as usual, for people.
    """

    recipe: Recipe
    weights: Weights
    seed: int
    networks: Path
    what: str = ""

    def make_engine(self) -> Engine:
        """Build the engine; the first time it may have to convert the network."""
        return make_engine(self.recipe, self.weights, self.seed, self.networks)


def networks_folder(work: str | Path) -> Path:
    """Where networks lie that were converted for an engine."""
    return Path(work) / "networks"


def store_path(config: RunConfig, recipe: Recipe) -> Path:
    """Where the embeddings of a recipe lie, shared by all runs on the data set."""
    name = Path(config.dataset).stem
    return Path(config.work) / "embeddings" / name / f"{recipe.name}.h5"


def read_recipe(fields: Mapping[str, object], path: Path) -> Recipe:
    """A recipe from its fields in a JSON file at ``path``."""
    return Recipe.from_json(json.dumps(fields), str(path))


def make_plan(
    config: RunConfig, card: Card, name: str, layer: str, masks: tuple[str, ...] = ()
) -> Plan:
    """The plan for one backbone of a configuration.

    Args:
        masks: steps that ``mask:audit`` stands for.

    Raises:
        BlastlineError: unknown backbone or step, no such weights, or settings that do not fit.
    """
    backbone = find_backbone(name)
    weights = _weights(config, backbone, layer)
    steps = plan_steps(config, card, masks)
    networks = networks_folder(config.work)
    engine = choose_engine(config.engine, backbone)
    if not backbone.is_network:
        recipe = Recipe(
            name, weights.source, weights.digest, steps, engine=engine, pooling="none",
            resize="inside the descriptors",
        )  # fmt: skip
        return Plan(recipe, weights, config.seed, networks, "descriptors")
    _refuse_odd_views(config)
    recipe = Recipe(
        backbone=name,
        weights=weights.source,
        weights_digest=weights.digest,
        steps=steps,
        size=config.size or backbone.size,
        layer=layer,
        alpha=config.alpha if name == "mobilenet_v2" else 1.0,
        pooling=config.pooling,
        views=config.views,
        augment=config.augment,
        engine=engine,
        precision=config.precision,
    )
    why = " (auto: a GPU)" if engine != "openvino" else " (auto: no GPU)"
    parts = [f"engine {engine}{why if config.engine == 'auto' else ''}", recipe.precision]
    parts += [f"layer {layer}"] if layer else []
    parts += [recipe.pooling] if recipe.pooling != "average" else []
    parts += [f"after {', '.join(text.partition(':')[0] for text in steps)}"] if steps else []
    parts += [f"{recipe.views} views"] if recipe.views > 1 else []
    parts += [f"augmented by {', '.join(recipe.augment)}"] if recipe.augment else []
    what = ", ".join(parts)
    return Plan(recipe, weights, config.seed, networks, what)


def control_plan(config: RunConfig, plans: Sequence[Plan]) -> Plan | None:
    """The first network of a run with random weights; None without one, or where they are random.

    What its embeddings are worth is the worth of the architecture and of the pictures alone.
    """
    networks = [plan for plan in plans if find_backbone(plan.recipe.backbone).is_network]
    if not config.control or not networks or networks[0].recipe.weights == RANDOM:
        return None
    like = networks[0].recipe
    weights = resolve_weights(
        find_backbone(like.backbone), RANDOM, alpha=like.alpha, layer=like.layer, seed=config.seed
    )
    # Classifiers see the mean over positions in any case.
    recipe = replace(like, weights=weights.source, weights_digest=weights.digest, pooling="average")
    return Plan(recipe, weights, config.seed, networks[0].networks, "control: random weights")


def plan_steps(config: RunConfig, card: Card, masks: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The preprocessing steps of a configuration, else those that its card asks for.

    Args:
        masks: steps that ``mask:audit`` stands for.

    Raises:
        BlastlineError: an unknown step, unfit arguments, or a stain reference that is no use.
    """
    said, folder = config.steps, Path.cwd()
    if said is None:
        said = card.preprocess
        folder = Path(config.dataset).parent if config.dataset.endswith(".toml") else folder
    steps = resolve_steps(said, folder)
    return tuple(step for text in steps for step in (masks if text == AUDIT else (text,)))


def _refuse_odd_views(config: RunConfig) -> None:
    parse_augmentation(config.augment)
    if config.augment and config.views == 1:
        raise BlastlineError(
            f"augment {';'.join(config.augment)}: the only view is the image itself; expected 2 to "
            f"{MAX_VIEWS} views: add --views 8 (VIEWS=8), or leave augment out"
        )
    if config.views > SYMMETRIES and not config.augment:
        raise BlastlineError(
            f"views {config.views}: there are {SYMMETRIES} flips and quarter turns; for more say "
            "what they vary in, such as --augment 'rotate:180;zoom:0.15' (AUGMENT=...)"
        )


def _weights(config: RunConfig, backbone: Backbone, layer: str) -> Weights:
    """The weights that a configuration asks for; Keras' own are downloaded now if need be."""

    def resolve() -> Weights:
        return resolve_weights(
            backbone, config.weights, alpha=config.alpha, layer=layer, seed=config.seed
        )

    found = resolve()
    if found.digest:
        return found
    from features.networks import download_weights

    say(f"extract: {backbone.name}: Keras downloads its ImageNet weights (once)")
    download_weights(backbone, config.alpha)
    return resolve()


def bundle_plan(recipe: Recipe, option: str, networks: Path) -> Plan:
    """The plan for a recipe of a bundle, with the weights that ``option`` says.

    Raises:
        BlastlineError: there are no such weights, or they are other ones than the recipe's.
    """
    # The seed is part of what stands for the digest of random weights.
    said = recipe.weights_digest.rpartition(" ")[2]
    seed = int(said) if recipe.weights == "random" and said.isdecimal() else 0
    weights = resolve_weights(
        find_backbone(recipe.backbone), option, alpha=recipe.alpha, layer=recipe.layer, seed=seed
    )
    if weights.digest != recipe.weights_digest:
        raise BlastlineError(
            f"weights {option}: digest {weights.digest[:12] or 'none'}, but the embeddings were "
            f"made with {recipe.weights_digest[:12]}; give the same weights (--weights), or fit "
            "again"
        )
    return Plan(recipe, weights, seed, networks)
