"""Tuning against scikit-learn's grid search, and what a study costs beside its fits."""

import time
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import BaseTrial
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from classifiers.fold import memory_for_sharing
from classifiers.preparation import Block, Preparation
from classifiers.registry import CLASSIFIERS
from classifiers.spec import ClassifierSpec, Params
from classifiers.studies import open_studies
from classifiers.training_part import TrainingPart
from classifiers.trials import TuningSettings, score_fold
from classifiers.tuning import tune
from data.splits import grouped_folds
from tests.bench.measure import table

SVM = CLASSIFIERS["svm"]
WIDTH, COMPONENTS, FOLDS, JOBS = 256, 128, 5, 2
LARGE = 12_067, 2048  # training rows and features of a network's embeddings


def made_up(rows: int, width: int) -> TrainingPart:
    """Two overlapping classes, each row a group of its own."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, rows)
    X = (rng.normal(size=(rows, width)) + 0.12 * y[:, None]).astype(np.float32)
    groups = np.arange(rows)
    folds = grouped_folds(y, groups, FOLDS, 0)
    return TrainingPart(X, y, groups, folds, (Block("made up", width),), memory_for_sharing())


def grid_study(folder: Path, rows: int) -> str:
    """The whole grid, ours and scikit-learn's; scores and best point must be the same."""
    part = made_up(rows, WIDTH)
    settings = TuningSettings(
        1, "accuracy", FOLDS, COMPONENTS, 0, sampler="grid", jobs=JOBS, shared=False
    )
    storage = open_studies(folder / f"{rows}.log")
    with threadpool_limits(1):
        started = time.perf_counter()
        tuned = tune(SVM, part, storage, "grid", settings)
        ours = time.perf_counter() - started
    study = optuna.load_study(study_name="grid", storage=storage)
    points = [SVM.suggest(optuna.trial.FixedTrial(t.params), COMPONENTS) for t in study.trials]
    steps = Preparation(True, (), COMPONENTS).steps()
    search = GridSearchCV(
        Pipeline([*steps, ("svc", SVC())]),
        [{f"svc__{key}": [p[key]] for key in ("C", "gamma", "class_weight")} for p in points],
        cv=PredefinedSplit(part.folds), scoring="accuracy", n_jobs=JOBS, refit=False,
    )  # fmt: skip
    with threadpool_limits(1):
        started = time.perf_counter()
        search.fit(part.X, part.y)
        theirs = time.perf_counter() - started
    found = search.cv_results_
    for number, trial in enumerate(study.trials):
        scores = [found[f"split{fold}_test_score"][number] for fold in range(FOLDS)]
        assert scores == list(trial.intermediate_values.values()), (number, scores)
    best = points[int(np.argmax(found["mean_test_score"]))]
    assert {key: tuned.params[key] for key in ("C", "gamma")} == {
        key: best[key] for key in ("C", "gamma")
    }
    return (
        f"| {len(points)} points x {FOLDS} folds, {rows:,} x {WIDTH}, PCA {COMPONENTS} | "
        f"{theirs:,.0f} | {ours:,.1f} | **{theirs / ours:.1f}** |"
    )


def one_point() -> str:
    """A further point of a study at a network's width, against fitting it from the features."""
    rows, width = LARGE
    part = made_up(round(rows * FOLDS / (FOLDS - 1)), width)
    preparation = Preparation(True)
    first, point = (
        SVM.suggest(optuna.trial.FixedTrial(SVM.first | {"C": c}), width) for c in (10.0, 3.0)
    )
    settings = TuningSettings(1, "accuracy", FOLDS, 0, 0)
    with threadpool_limits(1):
        score_fold(SVM, (preparation, first), part, 0, settings)
        started = time.perf_counter()
        score = score_fold(SVM, (preparation, point), part, 0, settings)
        ours = time.perf_counter() - started
        fold = part.fold(0, preparation)
        started = time.perf_counter()
        machine = SVC(**point).fit(fold.train, fold.y)
        theirs = machine.score(fold.held, part.y[part.held(0)])
        naive = time.perf_counter() - started
    assert score == theirs, (score, theirs)
    times = f"{naive:,.0f} | {ours:,.1f} | **{naive / ours:.1f}**"
    return f"| one point more, {len(fold.train):,} x {width:,} | {times} |"


def _suggest(trial: BaseTrial, n_features: int) -> Params:
    trial.suggest_float("nothing", 0, 1)
    trial.suggest_float("nothing else", 1e-3, 1, log=True)
    return {}


IDLE = ClassifierSpec(
    name="idle", title="Commonest class", build=lambda params, seed: DummyClassifier(),
    suggest=_suggest, first={"nothing": 0.5, "nothing else": 0.1}, grid={},
)  # fmt: skip


def overhead(folder: Path, trials: int) -> str:
    """Milliseconds that a trial of five folds costs beside preparation, fit and score."""
    part = made_up(200, 8)
    settings = TuningSettings(trials, "accuracy", FOLDS, 0, 0)
    point = (Preparation(True), {})
    score_fold(IDLE, point, part, 0, settings)
    started = time.perf_counter()
    for _ in range(20):
        for number in range(FOLDS):
            score_fold(IDLE, point, part, number, settings)
    fitting = (time.perf_counter() - started) / 20
    started = time.perf_counter()
    # As good as the first: nothing is pruned.
    tune(IDLE, part, open_studies(folder / "idle.log"), "idle", settings)
    each = (time.perf_counter() - started) / trials
    return f"| {trials} | {1e3 * (each - fitting):.1f} |"


def studies(folder: Path) -> list[str]:
    """Grids of two sizes, one point more, and the overhead of a trial."""
    rows = [grid_study(folder, rows) for rows in (4_000, 15_135)]
    rows.append(one_point())
    costs = [overhead(folder / f"{trials}", trials) for trials in (12, 100)]
    head = "what | scikit-learn, s | Blastline, s | ratio"
    return [
        f"RBF kernel, two classes, accuracy; scikit-learn is GridSearchCV(n_jobs={JOBS}) over the "
        "same pipeline and folds, or SVC for the single point. All fold scores are bit-equal and "
        "the best point is the same: the benchmark ends if they are not. One run each.",
        "", *table(head, rows), "",
        "Overhead of a study, everything but preparation, fit and score, five folds a trial, "
        "journal on disk, TPE:",
        "", *table("trials | ms a trial", costs),
    ]  # fmt: skip
