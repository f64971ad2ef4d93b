"""Of many cells whole groups are drawn for the leakage premium, and the report says so."""

import numpy as np
import pytest

from classifiers.evaluation.stress_parts import PremiumPart
from pipeline import premium
from pipeline.premium import _drawn, _to_know
from reports.premium import premium as section
from tests.reports.examples import EXAMPLES, build


def test_few_cells_are_all_taken() -> None:
    assert _drawn(np.arange(90) % 2, np.arange(90) // 9, 5, 0).tolist() == list(range(90))


def test_of_many_whole_groups_are_drawn_and_enough_of_each_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(premium, "MOST", 400)
    groups = np.repeat(np.arange(200), 20)
    y = np.where(groups < 4, 2, groups % 2)  # a class of four patients that a draw would miss
    for seed in range(5):
        rows = _drawn(y, groups, 5, seed)
        assert 400 <= len(rows) <= 500
        assert (np.diff(rows) > 0).all()
        drawn = np.unique(groups[rows])
        assert len(rows) == 20 * len(drawn)
        assert set(range(4)) <= set(drawn)
        assert min(len(np.unique(groups[rows][y[rows] == code])) for code in range(2)) >= 5
    assert _drawn(y, groups, 5, 0).tolist() != _drawn(y, groups, 5, 1).tolist()


def test_what_limits_the_figures_is_said_beside_them() -> None:
    assert _to_know("patient", 90, 90, []) == ""
    note = _to_know("patient", 4100, 12000, ["L3"])
    assert "4,100 of 12,000 cells, all those of patients drawn at random" in note
    assert "no cell of L3" in note
    result = build(EXAMPLES["five"])
    part: PremiumPart = result.premium.model_copy(update={"note": note})
    shown = section(result.model_copy(update={"premium": part}))
    assert shown["rows"] and shown["lead"]
