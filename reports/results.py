"""Sections on how good the classifiers are: tables and figures."""

from classifiers.estimate import Estimate
from classifiers.result import Metrics, RunResult
from reports import confusion_figure, forest_figure, words

MOST_CONFUSED = 8  # pairs of classes in the table below the confusion matrix


def results(result: RunResult) -> dict[str, object]:
    """All classifiers on test and on validation cells, and the figure of their macro F1."""
    items = words.in_order(result)
    test = [(item, _overall(item.test)) for item in items]
    validation = [(item, _overall(item.validation)) for item in items if item.validation]
    return {
        "columns": ["Accuracy", "Balanced accuracy", "Macro F1", "Weighted F1", "AUROC"],
        "tables": [
            ("test", "Test cells: neither tuning nor fitting saw them.", test),
            (
                "validation",
                "Validation cells, the inner folds of tuning: they chose the parameters.",
                validation,
            ),
        ],
        "test": words.selected(result).test,
        "control": words.CONTROL in result.classifiers,
        "notes": [(item.title, note) for item in items for note in item.notes],
        "forest": forest_figure.forest(
            [(item.title, item.role, item.test.f1_macro) for item in items],
            "Macro F1 of all classifiers and baselines on the test cells",
        ),
    }


def _overall(metrics: Metrics) -> list[Estimate]:
    return [
        metrics.accuracy,
        metrics.balanced_accuracy,
        metrics.f1_macro,
        metrics.f1_weighted,
        metrics.auroc,
    ]


def per_class(result: RunResult) -> dict[str, object]:
    """The selected classifier's figures of every class on the test cells."""
    found = words.selected(result).test.per_class
    return {
        "columns": ["Precision", "Recall", "F1", "AUROC"],
        "rows": [
            (name, [each.precision, each.recall, each.f1, each.auroc], each.support)
            for name in result.dataset.classes
            if (each := found.get(name))
        ],
    }


def confusion(result: RunResult) -> dict[str, object]:
    """The selected classifier's confusion matrix and its most frequent confusions."""
    classes = result.dataset.classes
    matrix = words.selected(result).test.confusion
    pairs = sorted(
        (
            (-count, row, column)
            for row, counts in enumerate(matrix)
            for column, count in enumerate(counts)
            if row != column and count
        )
    )
    return {
        "numbers": len(classes) <= confusion_figure.MOST_WITH_NUMBERS,
        "matrix": confusion_figure.confusion(
            classes, matrix, "Confusion matrix of the selected classifier on the test cells"
        ),
        "pairs": [
            (classes[row], classes[column], -count, words.percent(-count, sum(matrix[row])))
            for count, row, column in pairs[:MOST_CONFUSED]
        ],
    }
