"""The configuration of a run: command line over file over default, unknown keys refused."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from data.cards import Card, load_card
from data.errors import BlastlineError, describe_invalid
from data.files import write_text
from features.views import MAX_VIEWS
from features.weights import NAMED

Prevalence = Annotated[float, Field(gt=0, lt=1)]


class RunConfig(BaseModel):
    """Every setting of a run; one key each in a flat TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # which images
    dataset: str = "synthetic"  # name of a card, or the path of one
    images: str = ""  # folder of images; the synthetic set draws its own
    folds: int = Field(default=5, ge=2, le=50)
    split: Literal["grouped", "official"] = "grouped"  # official: the folds that the set names
    allow_overlap: bool = False  # go on although the split cuts groups; the report says so
    audit: bool = True  # look for copies, shared ground and shortcuts
    # image -> embedding
    backbone: str = "smearnet,morphology"  # with commas; NAME@LAYER pools an inner layer
    weights: str = "pretrained"  # pretrained, random, a weights file or a folder of them
    alpha: float = 1.0  # width of mobilenet_v2
    layer: str = ""  # inner layer to pool, of a single backbone; empty: the last
    size: int = Field(default=0, ge=0, le=2048)  # side of the input; 0: native
    steps: tuple[str, ...] | None = None  # preprocessing, in order; None: as the card says
    pooling: Literal["average", "tokens"] = "average"  # tokens: every position by itself
    views: int = Field(default=1, ge=1, le=MAX_VIEWS)  # varied copies of each image
    augment: tuple[str, ...] = ()  # what views vary in; none: flips and quarter turns, 8 at most
    engine: Literal["auto", "openvino", "keras"] = "auto"
    precision: Literal["float32", "bf16"] = "float32"
    gate: float = Field(default=0.98, ge=0, le=1)  # agreement that bf16 must reach with float32
    # embedding -> label
    classifiers: tuple[str, ...] = ("logistic", "svm", "dense", "committee")
    trials: int = Field(default=12, ge=1)
    metric: Literal[
        "f1_macro", "f1_weighted", "accuracy", "balanced_accuracy", "auroc", "log_loss"
    ] = "f1_macro"
    inner_folds: int = Field(default=3, ge=2, le=20)
    pca: int = Field(default=0, ge=0)
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    trial_seconds: float = Field(default=0, ge=0)  # limit of a trial, checked a fold; 0: none
    study_seconds: float = Field(default=0, ge=0)  # limit of a study; 0: none
    calibration: Literal["temperature", "sigmoid", "isotonic", "none"] = "temperature"
    decision: Literal["learned", "argmax"] = "learned"  # threshold between two classes
    # evaluation
    positive: tuple[str, ...] = ()  # classes that mean disease; none: as the card says
    sensitivity: float = Field(default=0, ge=0, le=1)  # wished for on validation data; 0: balanced
    prevalences: tuple[Prevalence, ...] = (0.01, 0.05, 0.2, 0.5)  # for predictive values
    control: bool = True  # the first network with random weights, as a baseline
    robustness: int = Field(default=240, ge=0)  # cells embedded again, disturbed; 0: none
    heatmaps: int = Field(default=24, ge=0)  # errors and doubtful cells that are explained
    # self-training on unlabelled cells
    rounds: int = Field(default=10, ge=0)  # 0: none
    threshold: float = Field(default=0.5, ge=0, lt=1)  # probability that a pseudo-label needs
    growth: float = Field(default=0.1, gt=0, le=1)  # share of the cells that a round adds
    balanced: bool = True  # as many of each class as among the labelled cells
    soft: bool = False  # weigh pseudo-labels by their probability
    agreement: bool = False  # only what every classifier and every backbone alone agrees on
    # confidence feedback: doubtful training cells weigh more
    feedback_rounds: int = Field(default=0, ge=0)  # 0: none
    feedback_threshold: float = Field(default=0.6, gt=0, lt=1)  # probability of the own label
    feedback_weight: float = Field(default=2.0, gt=1)  # of a cell below it, each round
    # where and how
    work: str = "runs"
    run: str = ""  # name of the run folder; empty: <data set>-<backbone>
    seed: int = Field(default=0, ge=0)
    storage: str = ""  # Optuna RDB URL of the studies; empty: a journal in the work folder
    workers: int = Field(default=1, ge=1, le=64)  # processes that share the studies

    @field_validator("backbone")
    @classmethod
    def _known_backbones(cls, text: str) -> str:
        names = [part.strip() for part in text.split(",")]
        if len(set(names)) < len(names):
            raise ValueError("the same backbone twice")
        return ",".join(names)

    @field_validator("run", "backbone")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if name.startswith(".") or "/" in name or "\\" in name:
            raise ValueError("expected a plain name, not a path")
        return name

    @field_validator("dataset", "images", "weights", "work")
    @classmethod
    def _expand_home(cls, path: str) -> str:
        return str(Path(path).expanduser()) if path.startswith("~") else path

    @field_validator("classifiers", "positive", "prevalences", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        if isinstance(value, str):  # as on the command line: logistic,svm
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("steps", "augment", mode="before")
    @classmethod
    def _split_texts(cls, value: Any) -> Any:
        if isinstance(value, str):  # as on the command line: macenko;centre:0.6
            return tuple(text.strip() for text in value.split(";") if text.strip())
        return value

    @field_validator("storage")
    @classmethod
    def _is_a_url(cls, storage: str) -> str:
        if storage and "://" not in storage:
            raise ValueError(
                "expected an Optuna database URL, such as postgresql+psycopg://me@host/studies"
            )
        return storage

    @property
    def backbones(self) -> tuple[tuple[str, str], ...]:
        """(name, layer) of each backbone, in order; an empty layer is the last one.

        Raises:
            BlastlineError: a layer is named for several backbones at once.
        """
        named = [part.partition("@")[::2] for part in self.backbone.split(",")]
        if not self.layer:
            return tuple(named)
        if len(named) > 1 or named[0][1]:
            raise BlastlineError(
                f"layer '{self.layer}': belongs to one backbone, and '{self.backbone}' was asked "
                "for; write NAME@LAYER for each backbone instead (BACKBONE=resnet50@"
                "conv4_block6_out,vgg16)"
            )
        return ((named[0][0], self.layer),)

    def card(self) -> Card:
        """The card of the data set."""
        return load_card(self.dataset)

    @property
    def run_name(self) -> str:
        """Name of the run folder."""
        return self.run or f"{Path(self.dataset).stem}-{self.backbone.replace(',', '+')}"

    @property
    def run_folder(self) -> Path:
        """Where everything of this run lies, the embeddings and studies apart."""
        return Path(self.work) / self.run_name

    def write(self) -> Path:
        """Write the resolved configuration into the run folder."""
        path = self.run_folder / "config.toml"
        # How many workers there are is a matter of the machine; a password is nobody's business.
        resolved = self.model_dump(exclude_none=True, exclude={"workers"}) | {
            "run": self.run_name,
            "storage": _without_password(self.storage),
        }
        write_text(path, tomli_w.dumps(resolved))
        return path


def positive_of(config: RunConfig) -> tuple[str, ...]:
    """The classes that mean disease, as the run or its card says; none where neither does."""
    card = config.card()
    return config.positive or ((card.positive,) if card.positive else ())


def resolve_config(file: Path | None, overrides: dict[str, Any]) -> RunConfig:
    """Lay the command line over a file over the defaults.

    The file is ``file`` if given, else the configuration that an earlier stage left in the run
    folder, so that each stage can be repeated alone.

    Args:
        overrides: key -> value from the command line; None means 'not said'.

    Raises:
        BlastlineError: unreadable file, unknown key, or a value out of range.
    """
    said = {key: value for key, value in overrides.items() if value is not None}
    # A relative path means the same thing when the run folder's copy is read somewhere else.
    for key in ("images", "weights", "work", "dataset"):
        if key in said and _is_path(key, said[key]) and Path(said[key]).exists():
            said[key] = str(Path(said[key]).resolve())
    if file is not None:
        return _validate(_read(file) | said, str(file))
    bare = _validate(said, "command line")
    earlier = bare.run_folder / "config.toml"
    if not earlier.is_file():
        return bare
    # Where it was found is where the run lies now, even if it was made elsewhere.
    return _validate(_read(earlier) | {"work": bare.work} | said, str(earlier))


def _without_password(storage: str) -> str:
    if "://" not in storage:
        return storage
    from classifiers.databases import without_password  # SQLAlchemy takes a while to import

    return without_password(storage).replace(":***@", "@")


def _is_path(key: str, value: str) -> bool:
    """Names that Blastline knows are no paths, even where a file is called so."""
    if key == "weights":
        return value not in NAMED
    return key != "dataset" or value.endswith(".toml")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BlastlineError(f"configuration {path}: {error.strerror}; give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BlastlineError(f"configuration {path}: not valid TOML ({error})") from None


def _validate(values: dict[str, Any], where: str) -> RunConfig:
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        known = ", ".join(RunConfig.model_fields)
        what = describe_invalid(error)
        hint = f"; known keys are {known}" if what.startswith("unknown key") else ""
        raise BlastlineError(f"configuration ({where}): {what}{hint}") from None
    if not config.steps:
        return config
    from features.preprocess import resolve_steps  # OpenCV and scikit-image take a while to import

    # A stain reference becomes numbers: the run folder's copy then needs no other file.
    return config.model_copy(update={"steps": resolve_steps(config.steps, Path.cwd())})
