"""Reading back what a fit predicted."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from classifiers.protocol import SELECTED
from data.errors import BlastlineError


def read_selected(path: Path, classes: Sequence[str]) -> pd.DataFrame:
    """The selected classifier's rows of predictions.csv; all text but the probabilities.

    Returns:
        image_id, label, group, split, fold, and p_CLASS (float64, may be NaN) for each class.

    Raises:
        BlastlineError: no such file, or not the predictions of these classes.
    """
    columns = [f"p_{name}" for name in classes]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = table[table.classifier == SELECTED]
        table = table[["image_id", "label", "group", "split", "fold", *columns]]
        return table.astype(dict.fromkeys(columns, float))
    except FileNotFoundError:
        raise BlastlineError(f"{path}: no predictions there; run 'blastline fit' first") from None
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BlastlineError(
            f"{path}: not the predictions of {', '.join(classes)} ({error}); fit again"
        ) from None
