"""A study on the dashboard: told in words, with one picture of each kind, whatever was found."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import TrialState, create_trial
from optuna_dashboard import get_note

from classifiers.studies import open_studies
from classifiers.study_page import show_study
from classifiers.study_pictures import confusion_matrix, importance_bars

FACTS = {"data set": "cells", "classifier": "SVM", "metric": "f1_macro", "seed": "0"}
CLASSES = ("blast", "normal")
CONFUSION = np.array([[41, 9], [3, 1234]])
WIDE = optuna.distributions.FloatDistribution(0.0, 1000.0)
SWITCH = optuna.distributions.CategoricalDistribution([True, False])


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    storage = open_studies(tmp_path / "studies.log")
    return optuna.create_study(storage=storage, study_name="a study", direction="maximize")


def add(study: optuna.Study, score: float | None, **params: float) -> None:
    """A trial that was complete with a score, or pruned without."""
    done = score is not None
    study.add_trial(
        create_trial(
            state=TrialState.COMPLETE if done else TrialState.PRUNED,
            value=score,
            params=params,
            distributions={
                name: SWITCH if isinstance(value, bool) else WIDE for name, value in params.items()
            },
            intermediate_values={0: score - 0.01, 1: score + 0.01} if done else {0: 0.1},
        )
    )


def show(
    study: optuna.Study, folder: Path, confusion: np.ndarray | None = CONFUSION, **more: str
) -> str:
    """Show it; the note."""
    show_study(study, folder, facts=FACTS | more, classes=CLASSES, confusion=confusion)
    return get_note(study)


def pictures(study: optuna.Study, folder: Path) -> dict[str, str]:
    """File name -> text of each picture."""
    kept = get_all_artifact_meta(study, storage=study._storage)
    assert len({meta.filename for meta in kept}) == len(kept)
    assert {path.name for path in folder.glob("*")} == {meta.artifact_id for meta in kept}
    assert {meta.mimetype for meta in kept} <= {"image/svg+xml"}
    return {meta.filename: (folder / meta.artifact_id).read_text("utf-8") for meta in kept}


def test_the_note_says_the_best_parameters_and_how_they_were_found(
    study: optuna.Study, tmp_path: Path
) -> None:
    for n in range(6):
        add(study, 0.5 + 0.06 * n, C=float(n + 1), root=n % 2 == 0)
    add(study, None, C=77.0, root=True)
    study.tell(study.ask(), state=TrialState.FAIL)
    note = show(study, tmp_path / "artifacts")
    assert "macro F1 0.800" in note
    assert "2 inner folds (0.790, 0.810)" in note
    assert "| C | 6 |" in note
    assert "| root | no |" in note
    assert "7 trials" in note
    assert "6 complete, 1 pruned" in note
    assert "1 broken off" in note
    assert "report" in note
    assert study.metric_names == ["macro F1"]
    assert study.user_attrs == FACTS
    for meta in get_all_artifact_meta(study, storage=study._storage):
        assert f"](/artifacts/0/{meta.artifact_id})" in note


def test_showing_again_replaces_and_showing_the_same_costs_nothing(
    study: optuna.Study, tmp_path: Path
) -> None:
    folder, journal = tmp_path / "artifacts", tmp_path / "studies.log"
    for n in range(6):
        add(study, 0.5 + 0.06 * n, C=float(n), gamma=float(n % 3))
    show(study, folder)
    before, written = pictures(study, folder), journal.read_bytes()
    assert set(before) == {"confusion-matrix.svg", "parameter-importances.svg"}
    assert "1,234" in before["confusion-matrix.svg"]
    show(study, folder)
    assert journal.read_bytes() == written
    other = optuna.load_study(study_name="a study", storage=open_studies(journal))
    for number, each in enumerate([study, other], start=1):  # two processes
        add(study, 0.9, C=900.0, gamma=2.0 * number)
        note = show(each, folder, CONFUSION * 2)
        assert f"{6 + number} trials" in note
        assert set(pictures(each, folder)) == set(before)
    assert "2,468" in pictures(study, folder)["confusion-matrix.svg"]


def test_changed_facts_are_shown(study: optuna.Study, tmp_path: Path) -> None:
    add(study, 0.5, C=1.0)
    show(study, tmp_path)
    show(study, tmp_path, cells="12")
    assert study.user_attrs["cells"] == "12"


@pytest.mark.parametrize(
    ("trials", "why"),
    [
        ([(0.1 * n, {"C": n, "gamma": n}) for n in range(4)], "5 complete trials are needed"),
        ([(0.1 * n, {"C": n}) for n in range(6)], "fewer than two parameters were varied"),
        ([(0.1 * n, {}) for n in range(6)], "fewer than two parameters were varied"),
        ([(0.5, {"C": n, "gamma": n}) for n in range(6)], "scored alike"),
        (
            [(0.1 * n, {"C": 1.0, "gamma": 2.0}) for n in range(6)],
            "fewer than two parameters were varied",
        ),
    ],
)
def test_where_importances_say_nothing_the_note_says_why(
    study: optuna.Study, tmp_path: Path, trials: list[tuple[float, dict[str, float]]], why: str
) -> None:
    for score, params in trials:
        add(study, score, **params)
    note = show(study, tmp_path / "artifacts", confusion=None)
    assert why in note
    assert "Best: macro F1" in note
    assert pictures(study, tmp_path / "artifacts") == {}


def test_a_parameter_that_not_every_trial_has_is_no_hindrance(
    study: optuna.Study, tmp_path: Path
) -> None:
    for n in range(12):
        add(study, 0.5 + 0.03 * n, C=float(n), **({"gamma": float(n)} if n % 2 else {}))
    show(study, tmp_path / "artifacts")
    assert "parameter-importances.svg" in pictures(study, tmp_path / "artifacts")


def test_a_study_without_a_complete_trial_says_so(study: optuna.Study, tmp_path: Path) -> None:
    add(study, None, C=1.0)
    assert "No trial is complete yet; 1 pruned" in show(study, tmp_path, confusion=None)


def test_names_are_never_markup(study: optuna.Study, tmp_path: Path) -> None:
    for n in range(6):
        add(study, 0.1 * n, **{"weight_a|b*": float(n), "<b>": float(-n % 3)})
    note = show(study, tmp_path)
    assert "| weight\\_a\\|b\\* | 5 |" in note
    assert "<b>" not in note.replace("\\<b\\>", "")


NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=40),
    min_size=1, max_size=5, unique=True,
)  # fmt: skip


def texts(svg: str) -> list[str]:
    tree = ElementTree.fromstring(svg)
    width, height = float(tree.attrib["width"]), float(tree.attrib["height"])
    found = []
    for each in tree.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 <= float(each.attrib["x"]) <= width
        assert 0 <= float(each.attrib["y"]) <= height
        found.append(each.text or "")
    return found


@given(NAMES, st.data())
def test_every_count_and_every_name_stands_in_the_picture(
    names: list[str], data: st.DataObject
) -> None:
    k = len(names)
    counts = data.draw(st.lists(st.integers(0, 10**6), min_size=k * k, max_size=k * k))
    found = texts(confusion_matrix(np.array(counts).reshape(k, k), tuple(names)))
    shown = [name if len(name) <= 26 else name[:25] + "…" for name in names]
    numbers = [f"{count:,}" for count in counts]
    assert sorted(found[1:]) == sorted([*shown, *shown, *numbers])
    bars = texts(importance_bars({name: (n + 1) / 20 for n, name in enumerate(names)}))
    assert sorted(bars[1:]) == sorted([*shown, *(f"{5 * (n + 1)}%" for n in range(k))])
