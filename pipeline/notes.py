"""How the fit of a model was unlike the usual one, in words."""

from sklearn.linear_model import LogisticRegression

from classifiers.calibration import Calibrated
from classifiers.fitting import DRAWN, Model
from classifiers.nystroem import NystroemSVM


def notes(model: Model | None, on_disk: bool) -> list[str]:
    """Lines for the log and the report; none for a usual fit, a committee or a baseline."""
    if not isinstance(model, Calibrated):
        return []
    found = []
    last = model.estimator_[-1]
    if on_disk:
        kinds = (LogisticRegression, NystroemSVM)
        streamed = isinstance(last, kinds) and not getattr(last, "l1_ratio", 0)
        found.append(
            f"embeddings on disk: tuned on whole groups of at most about {DRAWN:,} cells, "
            + ("fitted on all cells by streaming" if streamed else "and fitted on no more of them")
        )
    if model.method != "none" and not model.calibrated_:
        found.append("not calibrated: too few groups for folds of its own")
    elif model.method_ != model.method:
        found.append(f"calibrated by {model.method_}: too few cells for {model.method}")
    if getattr(last, "approximated_", isinstance(last, NystroemSVM)):
        found.append("more rows than an exact kernel machine takes: Nystroem map and linear SVM")
    if getattr(last, "converged_", True) is False:
        found.append("the solver did not converge")
    return found
