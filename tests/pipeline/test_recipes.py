"""From settings to recipes: steps and augmentations are complete in the recipe, and checked."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.cards import Card, load_card
from data.errors import BlastlineError
from data.files import sha256_file
from data.synthetic_cell import Stain, render_cell
from features.backbones import BACKBONES
from features.store import EmbeddingStore
from pipeline.config import RunConfig, resolve_config
from pipeline.recipes import bundle_plan, make_plan, read_recipe
from tests.pipeline.commands import Folders, Guarded, refused


def plan_steps(config: RunConfig, card: Card) -> tuple[str, ...]:
    return make_plan(config, card, "mean_colour", "").recipe.steps


def reference(path: Path, seed: int = 0) -> Path:
    image = render_cell("L1", Stain.draw(np.random.default_rng(seed)), np.random.default_rng(seed))
    cv2.imwrite(str(path), image[:, :, ::-1])
    return path


def test_steps_of_the_command_line_are_parted_by_semicolons(tmp_path: Path) -> None:
    config = resolve_config(
        None, {"work": str(tmp_path), "steps": "median:3; centre:0.5;", "augment": " flip ;blur:1"}
    )
    assert config.steps == ("median:3", "centre:0.5")
    assert config.augment == ("flip", "blur:1")
    assert resolve_config(None, {"work": str(tmp_path), "steps": ""}).steps == ()


def test_no_steps_said_are_those_of_the_card_and_none_said_are_none(tmp_path: Path) -> None:
    card = load_card("aria2021")
    where = {"work": str(tmp_path), "dataset": "aria2021"}
    assert plan_steps(resolve_config(None, where), card) == card.preprocess != ()
    assert plan_steps(resolve_config(None, where | {"steps": ""}), card) == ()


def test_a_reference_is_numbers_from_the_first_stage_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on from another folder, and after the file is gone."""
    monkeypatch.chdir(tmp_path)
    file = reference(tmp_path / "slide.png")
    said = {"work": str(tmp_path / "w"), "run": "r", "steps": "macenko:slide.png"}
    first = resolve_config(None, said)
    first.write()
    file.unlink()
    monkeypatch.chdir("/")
    again = resolve_config(None, {"work": str(tmp_path / "w"), "run": "r"})
    assert again.steps == first.steps
    recipe = make_plan(again, load_card("synthetic"), "mean_colour", "").recipe
    assert recipe.steps == first.steps
    assert "slide" not in recipe.to_json()


def test_a_reference_in_a_card_lies_beside_the_card(tmp_path: Path) -> None:
    reference(tmp_path / "slide.png")
    text = (Path(__file__).parents[2] / "data/cards/folders.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("preprocess")]
    at = next(number for number, line in enumerate(lines) if line.startswith("["))
    lines.insert(at, 'preprocess = ["reinhard:slide.png"]')
    (tmp_path / "mine.toml").write_text("\n".join(lines), encoding="utf-8")
    config = RunConfig(dataset=str(tmp_path / "mine.toml"))
    (step,) = plan_steps(config, config.card())
    assert step.startswith("reinhard:")
    assert len(step.split(",")) == 9


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"views": 9}, "8 flips and quarter turns"),
        ({"augment": "rotate:10"}, "only view is the image itself"),
        ({"augment": "rotate:10", "views": 33}, "views"),
        ({"augment": "rotate", "views": 8}, "rotate:180"),
        ({"augment": "turn:9", "views": 8}, "unknown"),
        ({"steps": "blurr"}, "unknown"),
        ({"steps": "centre:2"}, "centre:0.6"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    said: dict[str, object], why: str, tmp_path: Path
) -> None:
    with pytest.raises(BlastlineError, match=why):
        config = resolve_config(None, {"work": str(tmp_path), "weights": "random", **said})
        make_plan(config, load_card("synthetic"), "mobilenet_v2", "")


def test_an_augmented_recipe_says_so_and_a_plain_one_is_as_before(tmp_path: Path) -> None:
    plain = {"work": str(tmp_path), "weights": "random", "views": 8}
    augmented = plain | {"augment": "rotate:180;stain:0.1", "steps": "whitepatch"}
    one, two = (
        make_plan(resolve_config(None, said), load_card("synthetic"), "mobilenet_v2", "")
        for said in (plain, augmented)
    )
    assert "augment" not in json.loads(one.recipe.to_json())
    assert json.loads(two.recipe.to_json())["augment"] == ["rotate:180", "stain:0.1"]
    assert "after whitepatch, 8 views, augmented by rotate:180, stain:0.1" in two.what
    assert one.recipe.digest != two.recipe.digest


def test_steps_reach_descriptors(folders: Folders) -> None:
    """In a grey world the mean colour tells red images from blue ones no longer."""
    assert folders("extract", "--steps", "greyworld").code == 0
    fields = json.loads((folders.work / "r/extract.json").read_text(encoding="utf-8"))["recipes"][0]
    assert fields["steps"] == ["greyworld"]
    (path,) = (folders.work / "embeddings/folders").glob("*.h5")
    store = EmbeddingStore(path, read_recipe(fields, path))
    for image in folders.images.rglob("*.png"):
        (colour,) = store.embeddings([sha256_file(image)])
        assert np.ptp(colour) < 0.1 * colour.mean()


def test_a_step_that_does_not_exist_ends_before_anything_is_read(
    folders: Folders, guarded: Guarded
) -> None:
    refused(folders("extract", "--steps", "macenco"), "'macenco': unknown", "macenko")
    refused(folders("extract", "--steps", "macenko:none.png"), "none.png")
    assert not folders.work.exists()


def test_stores_made_before_keep_their_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default was called imagenet; whatever Keras downloads is still called so in a recipe."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    file = tmp_path / "models" / BACKBONES["vgg16"].cached_as
    file.parent.mkdir()
    file.write_text("weights")
    before, now = (
        make_plan(RunConfig(weights=weights), load_card("synthetic"), "vgg16", "").recipe
        for weights in ("imagenet", "pretrained")
    )
    assert before == now
    assert now.weights == "imagenet"


def test_a_bundle_finds_shipped_weights_again_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(work=str(tmp_path))
    recipe = make_plan(config, load_card("synthetic"), "smearnet", "").recipe
    assert (recipe.weights, recipe.size) == ("shipped", BACKBONES["smearnet"].size)
    for option in ("pretrained", "imagenet", str(tmp_path)):  # a folder without a file for it
        assert bundle_plan(recipe, option, tmp_path).weights.digest == recipe.weights_digest
    other = tmp_path / "other.weights.h5"
    other.write_bytes(b"of a later version")
    row = replace(BACKBONES["smearnet"], shipped=str(other), shipped_sha256=sha256_file(other))
    monkeypatch.setitem(BACKBONES, "smearnet", row)
    with pytest.raises(BlastlineError, match=r"embeddings were made with .*fit again"):
        bundle_plan(recipe, "pretrained", tmp_path)
