"""The evaluation in depth of one classifier: what a reviewer of a medical journal asks for."""

from collections.abc import Sequence

import numpy as np

from classifiers.evaluation.conformal import conformal_sets
from classifiers.evaluation.coverage import coverage_against_risk
from classifiers.evaluation.operating import operating_point
from classifiers.evaluation.parts import EvaluationPart, OperatingPoint
from classifiers.evaluation.patient_level import patient_level
from classifiers.evaluation.ranking import mean_of_defined, rank_figures
from classifiers.evaluation.reliability import calibration as reliability
from classifiers.evaluation.resamples import Resamples, figure
from data.errors import BlastlineError

PREVALENCES = (0.01, 0.05, 0.2, 0.5)


def evaluate_in_depth(
    y: np.ndarray, proba: np.ndarray, groups: np.ndarray, patients: np.ndarray,
    classes: tuple[str, ...], positive: tuple[str, ...], thresholds: np.ndarray | None, seed: int,
    uncalibrated: np.ndarray | None = None, calibration: str | None = None,
    prevalences: Sequence[float] = PREVALENCES,
) -> EvaluationPart:  # fmt: skip
    """All figures on cells that neither tuning nor fitting saw, intervals by one bootstrap.

    Args:
        y: (n,) class codes, none of them -1. proba: (n, k) probabilities, rows summing to 1.
        groups: (n,) what the bootstrap resamples. patients: (n,) names, "" where unknown.
        classes: k names. positive: those that mean disease; none: the second of two, or each of
            more against the rest.
        thresholds: (n,) on the probability of disease, each fixed on the validation data of the
            fold that tested the cell (``operating.choose_threshold``). None: 0.5. Not used for
            more than two classes none of which means disease.
        seed: of the bootstrap, as in ``metrics.evaluate``, and of the halves.
        uncalibrated: (n, k) probabilities before calibration, named ``calibration``.
        prevalences: shares of positive cells at which predictive values are given.

    Raises:
        BlastlineError: a positive class that is none of the classes, or all of them; a prevalence
            that is not between 0 and 1.
        ValueError: shapes that do not fit, no cells, codes outside the classes, probabilities that
            are not finite.
    """
    _check(y, proba, groups, patients, classes, thresholds, uncalibrated)
    disease = disease_codes(classes, positive)
    for each in prevalences:
        if not 0 < each < 1:
            raise BlastlineError(
                f"prevalence {each}; expected a share above 0 and below 1, such as 0.05"
            )
    resamples = Resamples.of(groups, seed)
    k = len(classes)
    ranked = [rank_figures(y == code, proba[:, code], resamples) for code in range(k)]
    operating: list[OperatingPoint] = []
    if len(disease):
        sick = np.isin(y, disease)
        p = disease_probability(proba, disease)
        limits = np.full(len(y), 0.5) if thresholds is None else thresholds
        of_sick = ranked[disease[0]] if len(disease) == 1 else rank_figures(sick, p, resamples)
        well_name, sick_name = _sides(classes, disease)
        operating.append(
            operating_point(sick_name, sick, p > limits, of_sick, resamples, prevalences, limits)
        )
        two_sided = np.column_stack([1 - p, p])
        by_patient = patient_level(
            sick.astype(np.int64), two_sided, limits, patients, (well_name, sick_name), seed
        )
    else:
        predicted = proba.argmax(axis=1)
        operating += [
            operating_point(
                name, y == code, predicted == code, ranked[code], resamples, prevalences, None
            )
            for code, name in enumerate(classes)
        ]
        by_patient = patient_level(y, proba, None, patients, classes, seed)
    precision = np.stack([each[1] for each in ranked], axis=1)
    return EvaluationPart(
        n=len(y),
        n_groups=len(resamples.draws),
        positive=[classes[code] for code in disease],
        operating=operating,
        average_precision={
            name: figure(values) for name, values in zip(classes, precision.T, strict=True)
        },
        average_precision_macro=figure(mean_of_defined(precision)),
        calibration=reliability(y, proba, uncalibrated, calibration or "none", resamples),
        coverage=coverage_against_risk(y, proba, resamples, seed),
        conformal=conformal_sets(y, proba, classes, resamples, seed),
        patients=by_patient,
    )


def disease_codes(classes: tuple[str, ...], positive: tuple[str, ...]) -> np.ndarray:
    """Codes of the classes that mean disease: those named, else the second of two, else none.

    Raises:
        BlastlineError: a name that is none of the classes, or all classes named.
    """
    unknown = [name for name in positive if name not in classes]
    if unknown:
        raise BlastlineError(
            f"positive class '{unknown[0]}' is none of the classes; choose from "
            f"{', '.join(classes)}"
        )
    if len(set(positive)) == len(classes):
        raise BlastlineError(
            f"all {len(classes)} classes are named positive; leave out those without disease"
        )
    if not positive and len(classes) == 2:
        return np.array([1])
    return np.flatnonzero(np.isin(classes, positive))


def disease_probability(proba: np.ndarray, disease: np.ndarray) -> np.ndarray:
    """(n,) probability of any class of disease, from (n, k) and codes of ``disease_codes``."""
    return np.minimum(proba[:, disease].sum(axis=1), 1.0)


def _sides(classes: tuple[str, ...], disease: np.ndarray) -> tuple[str, str]:
    """Names of the negative and of the positive cells."""
    names: tuple[list[str], list[str]] = ([], [])
    for code, name in enumerate(classes):
        names[int(code in disease)].append(name)
    return " or ".join(names[0]), " or ".join(names[1])


def _check(
    y: np.ndarray, proba: np.ndarray, groups: np.ndarray, patients: np.ndarray,
    classes: tuple[str, ...], thresholds: np.ndarray | None, uncalibrated: np.ndarray | None,
) -> None:  # fmt: skip
    n, k = len(y), len(classes)
    if n == 0 or k < 2:
        raise ValueError(f"{n} cells of {k} classes; expected at least one cell and two classes")
    for name, array, shape in (
        ("proba", proba, (n, k)), ("groups", groups, (n,)), ("patients", patients, (n,)),
        ("thresholds", thresholds, (n,)), ("uncalibrated", uncalibrated, (n, k)),
    ):  # fmt: skip
        if array is not None and array.shape != shape:
            raise ValueError(f"{name} {array.shape}; expected {shape}")
    if not all(np.isfinite(each).all() for each in (proba, uncalibrated) if each is not None):
        raise ValueError("probabilities that are not finite")
    if y.min() < 0 or y.max() >= k:
        raise ValueError(f"class codes {y.min()} to {y.max()}; expected 0 to {k - 1}")
