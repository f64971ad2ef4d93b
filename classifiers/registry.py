"""The classifiers by name: one file and one entry here each."""

from collections.abc import Sequence

from classifiers import dense, logistic, svm
from classifiers.spec import ClassifierSpec
from data.errors import BlastlineError

CLASSIFIERS = {spec.name: spec for spec in (logistic.SPEC, svm.SPEC, dense.SPEC)}


def find_classifiers(names: Sequence[str]) -> list[ClassifierSpec]:
    """The classifiers of these names, in this order, each once.

    Raises:
        BlastlineError: an unknown name or none.
    """
    for name in names:
        if name not in CLASSIFIERS:
            raise BlastlineError(
                f"classifier '{name}': unknown; expected some of {', '.join(CLASSIFIERS)}"
            )
    if not names:
        raise BlastlineError(f"classifiers: none named; expected some of {', '.join(CLASSIFIERS)}")
    return [CLASSIFIERS[name] for name in dict.fromkeys(names)]
