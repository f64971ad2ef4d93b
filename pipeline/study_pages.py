"""What makes the studies of a run readable on the dashboard."""

from pathlib import Path

import numpy as np
import optuna
from optuna.storages import BaseStorage

from classifiers.protocol import Part, out_of_fold
from classifiers.spec import ClassifierSpec
from classifiers.study_page import describe_study, show_study
from pipeline.config import RunConfig
from pipeline.inputs import FitInputs
from pipeline.studies import artifacts_folder


class StudyPages:
    """Writes facts, notes and pictures of the studies of one run.

    Args:
        recipe: name of the recipes that the embeddings follow.
    """

    def __init__(
        self, config: RunConfig, inputs: FitInputs, storage: BaseStorage, recipe: str
    ) -> None:
        self._config, self._cells, self._storage = config, inputs.cells, storage
        self._recipe = recipe

    def describe(self, study: optuna.Study, spec: ClassifierSpec, part: Part) -> None:
        """What the study is, before its first trial."""
        describe_study(study, self._facts(spec, part))

    def show(self, spec: ClassifierSpec, part: Part) -> None:
        """What came out, unless nothing has been added to it."""
        tuned = part.tuned[spec.name]
        if tuned.reused == tuned.trials:
            return
        study = optuna.load_study(study_name=tuned.study, storage=self._storage)
        show_study(
            study, artifacts_folder(self._config), facts=self._facts(spec, part),
            classes=self._cells.classes, confusion=self._confusion(spec, part),
        )  # fmt: skip

    def _facts(self, spec: ClassifierSpec, part: Part) -> dict[str, str]:
        rows, config = part.split.train, self._config
        return {
            "data set": Path(config.dataset).stem,
            "recipe": self._recipe,
            "classifier": spec.title,
            "part": part.name,
            "metric": config.metric,
            "inner folds": str(config.inner_folds),
            "seed": str(config.seed),
            "cells": f"{len(rows):,}",
            "groups": f"{len(np.unique(self._cells.groups[rows])):,}",
        }

    def _confusion(self, spec: ClassifierSpec, part: Part) -> np.ndarray | None:
        """(k, k) counts of out-of-fold predictions, rows true."""
        k, rows = len(self._cells.classes), part.split.train
        proba = out_of_fold(part.models[spec.name], len(rows), k)
        if proba is None:
            return None
        flat = self._cells.y[rows] * k + proba.argmax(axis=1)
        return np.bincount(flat, minlength=k * k).reshape(k, k)
