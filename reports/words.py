"""Numbers, counts and phrases as the report prints them: one form for each, everywhere."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from classifiers.estimate import Estimate
from classifiers.result import ClassifierResult, RunResult
from data.errors import BlastlineError
from features.backbones import BACKBONES

NOT_DEFINED = "not defined"
METRICS = {
    "f1_macro": "macro F1",
    "f1_weighted": "weighted F1",
    "balanced_accuracy": "balanced accuracy",
    "auroc": "AUROC",
    "log_loss": "log loss (with its sign turned)",
}
SAMPLERS = {
    "tpe": "tree-structured Parzen estimator, pruned below the median over folds",
    "random": "random, pruned below the median over folds",
    "grid": "every point of a grid",
}
CALIBRATIONS = {
    "temperature": "scaled by one temperature, learned on the inner folds",
    "sigmoid": "a sigmoid for each class, learned on the inner folds",
    "isotonic": "isotonic regression for each class, learned on the inner folds",
    "none": "as the classifiers give them, not calibrated",
}
ROLES = {
    "selected": "the headline",
    "classifier": "classifier",
    "self_training": "self-training",
    "feedback": "confidence feedback",
    "baseline": "baseline",
}


# As classifiers/baselines.py calls the network with random weights; importing that is slow.
CONTROL = "random_weights"
LEARNED = ("imagenet", "shipped")  # weights in a recipe of which the backbone's row says whence
DISTURBANCES = {"jpeg": "JPEG", "resize": "low resolution"}  # that are not called as they are


def disturbance(kind: str) -> str:
    """A kind of disturbance, as in a sentence."""
    return DISTURBANCES.get(kind, kind)


def selected(result: RunResult) -> ClassifierResult:
    """The classifier that is the headline.

    Raises:
        BlastlineError: the result names none.
    """
    if "selected" not in result.classifiers:
        raise BlastlineError(
            f"run '{result.run}': the result has no 'selected' classifier; fit again"
        )
    return result.classifiers["selected"]


def with_role(result: RunResult, role: str) -> list[ClassifierResult]:
    """All classifiers of one role, in the order of the run."""
    return [item for item in result.classifiers.values() if item.role == role]


def in_order(result: RunResult) -> list[ClassifierResult]:
    """All classifiers as tables and figures list them: the headline first, baselines last."""
    return [item for role in ROLES for item in with_role(result, role)]


def disease(result: RunResult) -> str:
    """The classes that were said to mean disease; empty where none was."""
    part = result.evaluation
    return listing(part.positive) if part.positive and part.named else ""


def task(result: RunResult) -> str:
    """What the classifier was trained for: ``telling L1 and L2 from the other classes``."""
    sick = disease(result)
    if sick:
        return f"telling {sick} from the other classes, cell by cell"
    which = "two classes" if len(result.dataset.classes) == 2 else "classes"
    return f"telling the {which} apart, cell by cell; no class is named as disease"


def wins(result: RunResult) -> str:
    """What was selected in how many folds: ``svm (4 of 5 folds) and logistic (1 of 5 folds)``."""
    names = Counter(result.tuning.selected_per_fold)
    if names.total() == 1:
        return listing(names)
    return listing(f"{name} ({n} of {names.total()} folds)" for name, n in names.most_common())


def group_name(result: RunResult) -> str:
    """What a split keeps whole: the patient, the block, the image, or several tied images."""
    split = result.split
    if split.unit == "image" and split.n_groups < sum(split.cells_per_fold):
        return "group"
    return split.unit


def sentence(text: str) -> str:
    """A phrase with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def features(result: RunResult) -> str:
    """What the classifiers were fitted on; not every backbone is a pretrained network."""
    text = " beside ".join(_features(recipe) for recipe in result.recipes.values())
    views = max(int(str(recipe.get("views", 1))) for recipe in result.recipes.values())
    return text if views == 1 else f"{text}, {views} views of each image"


def _features(recipe: Mapping[str, object]) -> str:
    backbone, weights = recipe.get("backbone", "a backbone"), recipe.get("weights")
    if weights == "none":
        return f"hand-made descriptors ({backbone})"
    kind = "with random weights" if weights == "random" else "pretrained"
    return f"the embeddings of a frozen network ({backbone}, {kind})"


def pretraining(result: RunResult) -> list[str]:
    """What the weights of each network were learned from, a sentence each; none where random."""
    lines = []
    for recipe in result.recipes.values():
        backbone, weights = str(recipe.get("backbone")), recipe.get("weights")
        if weights in LEARNED and backbone in BACKBONES:
            row = BACKBONES[backbone]
            also = "; where such cells are among the images, figures flatter"
            lines.append(
                f"{backbone} was trained on {row.trained_on}{also if row.trained_sets else ''}."
            )
        elif weights == "file":
            lines.append(
                f"The weights of {backbone} were given as a file; what they were learned from is "
                "not recorded."
            )
    return lines


def knew_the_set(result: RunResult) -> list[str]:
    """Networks whose weights were learned from cells of the run's own set, among others."""
    return [
        str(recipe["backbone"])
        for recipe in result.recipes.values()
        if recipe.get("weights") in LEARNED
        and recipe.get("backbone") in BACKBONES
        and result.dataset.name in BACKBONES[str(recipe["backbone"])].trained_sets
    ]


def moment(created: str) -> str:
    """An ISO 8601 time to the minute, in UTC; anything else as it is."""
    try:
        return f"{datetime.fromisoformat(created).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return created


def number(value: float | None) -> str:
    """Three decimals, or the words for a figure that is not defined."""
    return NOT_DEFINED if value is None else f"{value:.3f}"


def interval(estimate: Estimate) -> str:
    """The bounds alone, as ``0.927–0.945``; empty where they are not defined."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{estimate.low:.3f}–{estimate.high:.3f}"


def figure(estimate: Estimate) -> str:
    """A figure with its interval: ``0.936 (0.927–0.945)``."""
    if estimate.value is None:
        return NOT_DEFINED
    return f"{number(estimate.value)} ({interval(estimate) or 'interval not defined'})"


def signed(value: float | None) -> str:
    """Three decimals with their sign, a true minus included; zero bears a plus."""
    if value is None:
        return NOT_DEFINED
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")


def signed_figure(estimate: Estimate) -> str:
    """A difference with its interval; "to" instead of a dash, which would look like a minus."""
    if estimate.value is None:
        return NOT_DEFINED
    if estimate.low is None or estimate.high is None:
        return f"{signed(estimate.value)} (interval not defined)"
    return f"{signed(estimate.value)} ({signed(estimate.low)} to {signed(estimate.high)})"


def percent(part: float, whole: float) -> str:
    """A share of a whole with one decimal; a dash where the whole is empty."""
    return f"{100 * part / whole:.1f}\u00a0%" if whole else "–"


def of_hundred(share: float) -> str:
    """About how many of 100; neither all nor none where the share is not quite that."""
    if 0.995 <= share < 1 or 0 < share < 0.005:
        return f"{min(max(100 * share, 0.1), 99.9):.1f}"
    return str(round(100 * share))


def at_least(found: Estimate, what: str = "found") -> str:
    """After a perfect figure what its interval warrants: ``; at least 97 of 100 with ...``."""
    if found.low is None:
        return ""
    return f" (at least {int(100 * found.low)} of 100 are {what}, with 95\u00a0% confidence)"


def count(value: int) -> str:
    """A whole number with its thousands set apart."""
    return f"{value:,}"


def plural(value: int, noun: str) -> str:
    """A count with its noun: ``1 cell``, ``2 cells``, ``3 classes``."""
    ending = "" if value == 1 else "es" if noun.endswith("s") else "s"
    return f"{count(value)} {noun}{ending}"


def listing(items: Iterable[str]) -> str:
    """Items as in a sentence: ``a, b and c``."""
    *first, last = list(items) or ["none"]
    return f"{', '.join(first)} and {last}" if first else last


def duration(seconds: float) -> str:
    """A time of at most two units: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def parameter(value: str | float | int | bool | None) -> str:
    """A setting: numbers with four figures at most, everything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def shorten(text: str, length: int) -> str:
    """At most ``length`` characters, cut in the middle, since long names differ at both ends."""
    if len(text) <= length:
        return text
    head = length // 2
    return f"{text[:head]}…{text[len(text) - (length - head - 1) :]}"
