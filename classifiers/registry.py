"""The classifiers by name: one file and one entry here each."""

from collections.abc import Sequence

from classifiers import dense, dense_svm, knn, logistic, svm
from classifiers.spec import ClassifierSpec
from data.errors import BlastlineError

CLASSIFIERS = {
    spec.name: spec for spec in (logistic.SPEC, svm.SPEC, dense.SPEC, dense_svm.SPEC, knn.SPEC)
}
COMMITTEE = "committee"  # the others together; nothing to tune
NAMES = (*CLASSIFIERS, COMMITTEE)


def find_classifiers(names: Sequence[str]) -> tuple[list[ClassifierSpec], bool]:
    """The classifiers of these names, in this order, each once; whether a committee is wanted.

    Raises:
        BlastlineError: an unknown name, none, or a committee of fewer than two.
    """
    for name in names:
        if name not in NAMES:
            raise BlastlineError(
                f"classifier '{name}': unknown; expected some of {', '.join(NAMES)}"
            )
    if not names:
        raise BlastlineError(f"classifiers: none named; expected some of {', '.join(NAMES)}")
    specs = [CLASSIFIERS[name] for name in dict.fromkeys(names) if name != COMMITTEE]
    if COMMITTEE in names and len(specs) < 2:
        raise BlastlineError(
            "classifiers: a committee needs at least two others beside it, such as "
            f"{', '.join(list(CLASSIFIERS)[:2])},{COMMITTEE}"
        )
    return specs, COMMITTEE in names
