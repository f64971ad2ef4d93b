"""Made-up figures on the split and on strange cells."""

from typing import Literal

import numpy as np

from classifiers.estimate import Estimate
from classifiers.evaluation.novelty_figures import POINTS
from classifiers.evaluation.stress_parts import NoveltyOf, NoveltyPart, PremiumPart, Wrong

Kind = Literal["tested", "unlabelled", "disturbed", "left out"]


def _near(value: float, width: float = 0.03) -> Estimate:
    return Estimate(value=value, low=value - width, high=value + width)


def premium(unit: str, groups: int, odd: str) -> PremiumPart:
    """Two points more under a random split; not measured where the unit is the image."""
    if unit == "image":
        return PremiumPart(
            unit=unit, classifier="", n=0, n_groups=0, folds=0, repeats=0, grouped={}, random={},
            premium={}, note="no groups are known, so every split is a random one" + odd,
        )  # fmt: skip
    names = ("accuracy", "f1_macro", "auroc")
    return PremiumPart(
        unit=unit,
        classifier="Support vector machine" + odd,
        n=576,
        n_groups=groups,
        folds=5,
        repeats=3,
        grouped={name: _near(0.92) for name in names},
        random={name: _near(0.94) for name in names},
        premium={name: _near(0.02, 0.01) for name in names},
        note="",
    )


def _spread(middle: float) -> list[float]:
    """Quantiles of scores around a middle."""
    shares = np.linspace(-1, 1, POINTS)
    return [float(each) for each in np.maximum(0.0, middle + 0.3 * np.sign(shares) * shares**2)]


def _set(
    name: str, kind: Kind, n: int, flagged: float, auroc: float | None, middle: float,
    setting: str = "",
) -> NoveltyOf:  # fmt: skip
    return NoveltyOf(
        name=name, kind=kind, strength=3 if setting else 0, setting=setting, n=n,
        flagged=_near(flagged), auroc=None if auroc is None else _near(auroc),
        quantiles=_spread(middle),
    )  # fmt: skip


def novelty(names: list[str], odd: str) -> NoveltyPart:
    """Test cells, unlabelled cells, and disturbed ones of which some are told."""
    return NoveltyPart(
        neighbours=5,
        components=64,
        references=570,
        accepted=0.95,
        limit_low=0.41,
        limit_high=0.44,
        training=_spread(0.78),
        sets=[
            _set("cells under test", "tested", 576, 35 / 576, None, 0.8),
            _set("unlabelled cells", "unlabelled", 192, 0.05, 0.52, 0.79),
            _set("blur" + odd, "disturbed", 240, 0.7, 0.91, 1.1, "3 px" + odd),
            _set("stain shift" + odd, "disturbed", 240, 0.08, 0.58, 0.84, "30 %" + odd),
            _set("noise" + odd, "disturbed", 240, 0.9, 0.97, 1.6, "20 of 255" + odd),
        ],
        left_out=[
            _set(name, "left out", 110, share, 0.9, 1.1)
            for name, share in zip(names, np.linspace(0.4, 0.9, len(names)), strict=True)
        ],
        by_class={name: _near(0.06) for name in names},
        error_familiar=Wrong(n=541, wrong=27, share=_near(27 / 541, 0.02)),
        error_flagged=Wrong(n=35, wrong=7, share=_near(0.2, 0.1)),
        auroc_errors=_near(0.72),
        note="",
    )
