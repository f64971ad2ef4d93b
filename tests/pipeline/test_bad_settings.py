"""Settings of fitting that cannot be: one line each, and the run stays as it was."""

import pytest

from tests.pipeline.commands import Guarded, Run, refused

SHARED = ("--classifiers", "logistic", "--trials", 1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--threshold", "1"), ("--threshold", "-0.1"), ("--growth", "0"), ("--growth", "1.5"),
        ("--rounds", "-1"), ("--feedback-rounds", "-1"), ("--feedback-threshold", "1"),
        ("--feedback-weight", "1"), ("--sensitivity", "1.2"), ("--prevalences", "0.1,2"),
        ("--prevalences", "often"),
    ],
)  # fmt: skip
def test_settings_out_of_range(run: Run, guarded: Guarded, option: str, value: str) -> None:
    before = {path: path.read_bytes() for path in run.folder.iterdir() if path.is_file()}
    done = guarded("fit", "--work", run.work, "--run", run.name, *SHARED, f"{option}={value}")
    refused(done, option.removeprefix("--").replace("-", "_"))
    assert {path: path.read_bytes() for path in before} == before


def test_agreement_needs_somebody_to_agree(run: Run, guarded: Guarded) -> None:
    done = guarded("fit", "--work", run.work, "--run", run.name, *SHARED, "--agreement")
    refused(done, "--agreement", "several backbones")


def test_a_positive_class_that_is_none(run: Run, guarded: Guarded) -> None:
    command = ("fit", "--work", run.work, "--run", run.name, *SHARED)
    refused(guarded(*command, "--positive", "L9"), "L9", ", ".join(run.result().dataset.classes))
    every = ",".join(run.result().dataset.classes)
    refused(guarded(*command, "--positive", every), "all")


def test_positive_classes_have_an_operating_point(run: Run, guarded: Guarded) -> None:
    first, second = run.result().dataset.classes[:2]
    assert run.result().evaluation.positive == []
    assert not run.result().evaluation.named
    guarded(
        "fit", "--work", run.work, "--run", run.name, *SHARED, "--rounds", 0,
        "--positive", f"{first},{second}", "--sensitivity", 0.9, "--prevalences", 0.3,
    ).well()  # fmt: skip
    (point,) = run.result().evaluation.operating
    assert run.result().evaluation.named
    assert point.name == f"{first} or {second}"
    assert [each.prevalence for each in point.at_prevalence] == [0.3]
    assert point.threshold_low is not None
    of_class = run.result().dataset.images_per_class
    assert point.n_positive == of_class[first] + of_class[second]
