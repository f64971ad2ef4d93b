"""What makes a study readable on Optuna's dashboard: names, facts, a note and two pictures."""

import hashlib
import io
import json
import uuid
from collections import Counter
from pathlib import Path

import numpy as np
import optuna
from optuna.artifacts import FileSystemArtifactStore
from optuna.trial import FrozenTrial, TrialState

from classifiers.objectives import TITLES
from classifiers.study_pictures import confusion_matrix, importance_bars

ENOUGH = 5  # complete trials that tell which parameter matters
SHOWN = "blastline:shown"  # attribute of a study: digest of what its page shows


def describe_study(study: optuna.Study, facts: dict[str, str]) -> None:
    """Name the metric of a study and set its user attributes; what is set already costs nothing.

    Args:
        facts: what the study is about, in the order to be shown; "metric" is its metric.
    """
    metric = TITLES.get(facts.get("metric", ""), facts.get("metric", "score"))
    if study.metric_names != [metric]:
        study.set_metric_names([metric])
    known = study.user_attrs
    for key, value in facts.items():
        if known.get(key) != value:
            study.set_user_attr(key, value)


def show_study(
    study: optuna.Study, artifacts: Path, *, facts: dict[str, str], classes: tuple[str, ...],
    confusion: np.ndarray | None,
) -> None:  # fmt: skip
    """Describe a study, write its note and store its pictures in place of earlier ones.

    Does nothing if all this was shown before, so it may be called whenever a study is at rest.

    Args:
        artifacts: folder of an Optuna artifact store; made if it is not there.
        facts: as for ``describe_study``.
        classes: names of the k classes.
        confusion: (k, k) counts of the best trial's out-of-fold predictions, rows true.
    """
    trials = study.get_trials(deepcopy=False)
    states = [f"{trial.number} {trial.state.name}" for trial in trials]
    counts = None if confusion is None else confusion.tolist()
    text = json.dumps([facts, states, classes, counts, str(artifacts.absolute())])
    digest = hashlib.sha256(text.encode()).hexdigest()
    if study._storage.get_study_system_attrs(study._study_id).get(SHOWN) == digest:
        return
    describe_study(study, facts)
    importances, why = _importances(study, trials)
    pictures = {}
    if confusion is not None:
        pictures["confusion-matrix.svg"] = confusion_matrix(confusion, classes)
    if importances:
        pictures["parameter-importances.svg"] = importance_bars(importances)
    paths = [_store(study, artifacts, *each) for each in pictures.items()]
    from optuna_dashboard import save_note  # a web framework comes with it

    embedded = [f"![{name}]({path})" for name, path in zip(pictures, paths, strict=True)]
    save_note(study, "\n\n".join([*_note(study, trials, importances, why), *embedded]))
    study._storage.set_study_system_attr(study._study_id, SHOWN, digest)


def _note(
    study: optuna.Study, trials: list[FrozenTrial], importances: dict[str, float], why: str
) -> list[str]:
    """Paragraphs of the note, in Markdown."""
    by_state = {state: [each for each in trials if each.state == state] for state in TrialState}
    complete, pruned = by_state[TrialState.COMPLETE], by_state[TrialState.PRUNED]
    finished = complete + pruned
    if not complete:
        return [f"No trial is complete yet; {len(pruned)} pruned."]
    best = max(complete, key=lambda trial: trial.value or 0.0)
    folds = list(best.intermediate_values.values())
    mean = f", the mean of {len(folds)} inner folds ({_listed(folds)})" if folds else ""
    spent = sum(each.duration.total_seconds() for each in finished if each.duration)
    rows = [f"| {_plain(name)} | {_number(value)} |" for name, value in best.params.items()]
    failed = len(by_state[TrialState.FAIL])
    found = [
        f"**Best: {(study.metric_names or ['score'])[0]} {best.value:.3f}**{mean}, "
        f"in trial {best.number}.",
        "\n".join(["| best parameter | value |", "|---|---|", *rows]) if rows else "",
        f"**{len(finished)} trials** in {_duration(spent)} of work: {len(complete)} complete, "
        f"{len(pruned)} pruned since earlier trials did better on the same folds or time was up"
        + (f", {failed} broken off and not counted." if failed else "."),
        f"**What matters most:** {_plain(next(iter(importances)))}."
        if importances
        else f"There is no picture of parameter importances: {why}.",
        "The best of many flatters itself: how good the classifier is on cells that no trial has "
        "seen stands in the report.",
    ]
    return list(filter(None, found))


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


def _number(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else _plain(str(value))


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return "".join(f"\\{each}" if each in r"\`*_{}[]<>()#+!|~$" else each for each in text)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _importances(
    study: optuna.Study, trials: list[FrozenTrial]
) -> tuple[dict[str, float], str]:  # fmt: skip
    """Share of each parameter, the largest first; else none, and why."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if len(complete) < ENOUGH:
        return {}, f"{ENOUGH} complete trials are needed, found {len(complete)}"
    tried = {pair for trial in complete for pair in trial.params.items()}
    if sum(count > 1 for count in Counter(name for name, _ in tried).values()) < 2:
        return {}, "fewer than two parameters were varied"
    if len({trial.value for trial in complete}) < 2:
        return {}, "all trials scored alike"
    try:
        shares = optuna.importance.get_param_importances(study)
    except (ValueError, RuntimeError) as error:
        return {}, f"Optuna could not work them out ({error})"
    if not np.isfinite(list(shares.values())).all() or sum(shares.values()) <= 0:
        return {}, "no parameter made a difference"
    return shares, ""


def _store(study: optuna.Study, folder: Path, name: str, picture: str) -> str:
    """Keep a picture with a study; its path in a URL.

    Its number follows from its name, so that a newer picture takes the place of the older one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{study.study_name}/{name}"))
    FileSystemArtifactStore(folder).write(number, io.BytesIO(picture.encode()))
    meta = {"artifact_id": number, "filename": name, "mimetype": "image/svg+xml", "encoding": None}
    # As optuna.artifacts.upload_artifact does, whose numbers are random.
    key = f"artifacts:{number}"
    study._storage.set_study_system_attr(study._study_id, key, json.dumps(meta))
    return f"/artifacts/{study._study_id}/{number}"
